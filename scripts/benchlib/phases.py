"""Where the time of `up` goes: runs the command with a stopwatch at the border of each stage.

`python -m benchlib.phases OUT STARTED ARGUMENTS...` runs `vpcemu ARGUMENTS` and writes the phases to OUT as JSON;
STARTED is CLOCK_MONOTONIC of just before this process was started.
"""

import importlib
import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any, NoReturn

# phase, where its function is. Time in a phase inside another one counts for the inner one alone.
BORDERS = (
    ("YAML text to nodes", "emulator.topology.nodes:compose"),
    ("keys, names and rules of the file", "emulator.topology.load:load"),
    ("addresses", "emulator.topology.addresses:assign"),
    ("compile to kernel state", "emulator.compile.lab:compile_lab"),
    ("changes in AWS's words", "emulator.topology.changes:changes"),
    ("steps (diff)", "emulator.compile.diff:diff"),
    ("observe", "emulator.kernel.host:Host.observe"),
    ("observe, again", "emulator.kernel.host:Host.observe_again"),
    ("execute: namespaces, netlink, sysctls", "emulator.kernel.host:Host.execute"),
    ("execute: nft", "emulator.kernel.nftables:run"),
    ("memory of the file", "emulator.lab.memory:keep"),
    ("memory of the file", "emulator.lab.memory:_recall"),
    ("agent", "emulator.lab.doors:agent"),
    ("agent", "emulator.lab.doors:start_agent"),
    ("agent", "emulator.agent.client:Client.apply"),
    ("agent", "emulator.agent.client:Client.services"),
    ("record", "emulator.lab.record:write"),
    ("record", "emulator.lab.record:read"),
    ("record", "emulator.lab.nodes:write"),
)


class Stopwatch:
    """Time by phase; the innermost phase gets it. A phase named in `twice` is told apart by its turn."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self.spent: dict[str, float] = {}
        self.turns: dict[str, int] = {}
        self.stack: list[str] = []
        self.since = clock()

    def charge(self, phase: str) -> None:
        """Give the time since the last call to `phase`."""
        now = self.clock()
        self.spent[phase] = self.spent.get(phase, 0.0) + now - self.since
        self.since = now

    def wrap(self, phase: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*arguments: Any, **keywords: Any) -> Any:
            self.charge(self.stack[-1] if self.stack else "the rest")
            self.turns[phase] = turn = self.turns.get(phase, 0) + 1
            self.stack.append(f"{phase}, again" if phase == "observe" and turn > 1 else phase)
            try:
                return function(*arguments, **keywords)
            finally:
                self.charge(self.stack.pop())

        return timed


def install(watch: Stopwatch, phase: str, place: str) -> None:
    """Put the stopwatch around a function, wherever it has been imported to. What is not there is no phase."""
    module_name, _, path = place.partition(":")
    owner_name, _, name = path.rpartition(".")
    try:
        module = importlib.import_module(module_name)
        owner = getattr(module, owner_name) if owner_name else module
        function = getattr(owner, name)
    except (ImportError, AttributeError):
        print(f"no such border: {place}", file=sys.stderr)
        return
    timed = watch.wrap(phase, function)
    setattr(owner, name, timed)
    if not owner_name:
        for other in list(sys.modules.values()):
            if getattr(other, "__name__", "").startswith("emulator") and vars(other).get(name) is function:
                setattr(other, name, timed)


def main(out: str, started: float, arguments: list[str]) -> NoReturn:
    watch = Stopwatch()
    watch.spent["start of Python"] = watch.since - started
    from emulator import cli

    for module in dict.fromkeys(place.partition(":")[0] for _, place in BORDERS):
        importlib.import_module(module)
    watch.charge("imports")
    for phase, place in BORDERS:
        install(watch, phase, place)
    watch.charge("imports")
    sys.argv = ["vpcemu", *arguments]
    os._exit, leave = _end, os._exit  # how the command leaves
    code: Any = 0
    try:
        cli.console()
    except SystemExit as end:
        code = end.code
    watch.charge("the rest")
    with open(out, "w") as file:
        json.dump({"phases": watch.spent, "end": watch.since}, file)
    leave(int(code or 0))


def _end(status: int) -> NoReturn:
    raise SystemExit(status)


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]), sys.argv[3:])
