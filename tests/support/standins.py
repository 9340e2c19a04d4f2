"""Stand-ins for the two doors of `emulator.lab`, so that verbs and use-cases are tested without root.

The kernel believes every step at once: after `execute` it holds what was wanted, unless `refuses` is set. It is no
model of Linux: that is what the tests below tests/kernel and tests/lifecycle are for.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from emulator.compile.state import Service, State, Step
from emulator.errors import KernelError
from emulator.lab import doors, places


class Kernel:
    """What `doors.kernel` returns: one machine for all labs."""

    def __init__(self) -> None:
        self.held: dict[str, State] = {}
        self.executed: list[Step] = []
        self.refuses = ""  # the sentence with which the next `execute` fails
        self.forgets = False  # `execute` has no effect
        self._wanted: dict[str, State] = {}

    def observe(self, lab: str, wanted: State | None) -> State:
        if wanted:
            self._wanted[lab] = wanted
        return self.held.get(lab, State(lab, {}, frozenset()))

    def observe_again(self, lab: str, wanted: State, nodes: Collection[str]) -> State:
        return self.observe(lab, wanted)

    def execute(self, steps: Sequence[Step], lab: str, progress: Callable[[int, int], None] | None = None) -> None:
        if self.refuses:
            raise KernelError(self.refuses)
        self.executed += steps
        if not self.forgets:
            wanted = self._wanted[lab]
            bare = {node: held._replace(services=frozenset()) for node, held in wanted.namespaces.items()}
            self.held[lab] = wanted._replace(namespaces=bare)
        for node in self._wanted[lab].namespaces:
            Path(places.NETNS, f"{lab}.{node}").touch()

    def destroy(self, lab: str, names: Collection[str] = ()) -> list[str]:
        state = self.held.pop(lab, None)
        for path in Path(places.NETNS).glob(f"{lab}.*"):
            path.unlink()
        return [f"the namespace {lab}.{node}" for node in state.namespaces] if state else []

    def labs(self) -> dict[str, list[str]]:
        return {lab: sorted(state.namespaces) for lab, state in self.held.items()}


class Agent:
    """What `doors.agent` returns while it is alive."""

    def __init__(self) -> None:
        self.running: dict[tuple[str, str], Service] = {}
        self.refuses: set[str] = set()  # names of services that cannot be started
        self.zones: list[Mapping[str, str]] = []
        self.hosts: dict[str, str] = {}
        self.alive = True

    def services(self) -> dict[str, list[dict[str, Any]]]:
        found: dict[str, list[dict[str, Any]]] = {}
        for (node, _), service in self.running.items():
            facts = {"state": "running", "detail": "", "pid": 0, "restarts": 0}
            found.setdefault(node, []).append(service._asdict() | facts)
        return found

    def apply(
        self,
        add: Sequence[tuple[str, Service]],
        remove: Sequence[tuple[str, str]],
        hosts: Mapping[str, str] | None = None,
        resolv: Mapping[str, str] | None = None,
    ) -> list[str]:
        for key in remove:
            self.running.pop(key, None)
        self.hosts |= hosts or {}
        good = [(node, service) for node, service in add if service.name not in self.refuses]
        self.running |= {(node, service.name): service for node, service in good}
        return [f"{node}: {service.name}: in use" for node, service in add if service.name in self.refuses]

    def zone(self, names: Mapping[str, str]) -> list[str]:
        self.zones.append(names)
        return []

    def stop(self) -> None:
        self.alive = False

    def close(self) -> None: ...


class Machine:
    """A kernel and the agents of its labs."""

    def __init__(self) -> None:
        self.kernel = Kernel()
        self.agents: dict[str, Agent] = {}

    def agent(self, lab: str) -> Agent | None:
        found = self.agents.get(lab)
        return found if found and found.alive else None

    def start_agent(self, lab: str, hold: int) -> Agent:
        self.agents[lab] = Agent()
        return self.agents[lab]


@contextmanager
def machine(directory: Path) -> Iterator[Machine]:
    """Put a stand-in at every door, files below `directory`, and call us root."""
    made = Machine()
    (directory / "netns").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(places, "RUN", str(directory / "run"))
        patch.setattr(places, "NETNS", str(directory / "netns"))
        patch.setattr(doors, "kernel", lambda checkpoint=doors.quiet: made.kernel)
        patch.setattr(doors, "agent", made.agent)
        patch.setattr(doors, "agent_or_killed", lambda lab, checkpoint: made.agent(lab))
        patch.setattr(doors, "start_agent", made.start_agent)
        patch.setattr("os.geteuid", lambda: 0)
        for name in ("SUDO_USER", "VPCEMU_PROG"):  # how the tests were started changes no hint
            patch.delenv(name, raising=False)
        yield made
