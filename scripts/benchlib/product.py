"""vpcemu under test: its commands, run as a user would, and its kernel part alone."""

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from emulator import names
from emulator.compile.diff import diff
from emulator.compile.lab import compile_lab
from emulator.compile.state import State, Step
from emulator.kernel.host import Host
from emulator.topology.addresses import assign
from emulator.topology.given import Addresses
from emulator.topology.load import load
from emulator.topology.model import Topology

from . import generate, reach
from .plan import kernel_steps, plan
from .sandbox import compiled, scratch

_HERE = os.path.dirname(os.path.abspath(__file__))
REPOSITORY = os.path.dirname(os.path.dirname(_HERE))
VPCEMU = os.path.join(REPOSITORY, "scripts", "vpcemu")


@dataclass(frozen=True)
class Lab:
    """A topology to measure with: its text, and what vpcemu makes of it."""

    name: str
    text: str

    @cached_property
    def path(self) -> str:
        """The YAML file."""
        path = scratch(f"{self.name}.yaml")
        with open(path, "w") as file:
            file.write(self.text)
        return path

    @cached_property
    def compiled(self) -> tuple[Topology, Addresses, State]:
        topology, problems = load(self.text, f"{self.name}.yaml")
        if topology is None:
            raise SystemExit("\n".join(problem.render(self.name) for problem in problems))
        addresses, problems = assign(topology, None)
        if wrong := [problem for problem in problems if not problem.warning]:
            raise SystemExit("\n".join(problem.render(self.name) for problem in wrong))
        return topology, addresses, compile_lab(topology, addresses)

    @property
    def steps(self) -> list[Step]:
        """The kernel's part of a first `up`."""
        return kernel_steps(diff(State(self.name, {}, frozenset()), self.compiled[2]))

    @cached_property
    def plan_path(self) -> str:
        """The same for the C program."""
        path = scratch(f"{self.name}.plan")
        with open(path, "wb") as file:
            file.write(plan(self.steps, self.name))
        return path

    @property
    def members(self) -> list[tuple[str, str]]:
        """(name in /run/netns, private address) of every instance."""
        topology, addresses, _ = self.compiled
        return [
            (names.netns(self.name, instance.name), str(addresses.private[instance.name]))
            for vpc in topology.vpcs
            for instance in vpc.instances
        ]

    def address(self, node: str) -> str:
        return str(self.compiled[1].private[node])


def lab(name: str, instances: int, **choices: Any) -> Lab:
    """A lab of so many instances (see generate.topology)."""
    return Lab(name, generate.topology(name, instances, **choices))


def run(*arguments: str) -> float:
    """Seconds of one vpcemu command, from its start to its end, the start of Python included."""
    start = time.monotonic()
    done = subprocess.run([VPCEMU, *arguments], check=False, capture_output=True, text=True)
    seconds = time.monotonic() - start
    if done.returncode:
        raise RuntimeError(f"vpcemu {' '.join(arguments)} failed ({done.returncode}):\n{done.stdout}{done.stderr}")
    return seconds


def timed(command: Sequence[str]) -> float:
    """Seconds of any other command."""
    start = time.monotonic()
    subprocess.run(command, check=True, capture_output=True)
    return time.monotonic() - start


def up(held: Lab) -> float:
    return run("up", held.path)


def down(held: Lab) -> float:
    return run("down", held.name)


def verify(held: Lab) -> float:
    """Seconds until every instance has sent and has been reached; raises if one never is."""
    return reach.ring(held.members, generate.PROBE_PORT)


def kernel_part(held: Lab) -> float:
    """Seconds that vpcemu's execution of the steps takes, in a process of its own that has compiled them before."""
    return float(_output([sys.executable, "-m", "benchlib.kernel_part", held.path])) / 1000


def difference(held: Lab) -> int:
    """How many steps lie between what is there and what vpcemu wants there."""
    wanted = held.compiled[2]
    return len(kernel_steps(diff(Host().observe(held.name, wanted), wanted)))


def reference_up(held: Lab) -> float:
    """Seconds the C program takes for the same."""
    with open(held.plan_path, "rb") as file:
        return float(_output([compiled(f"{_HERE}/reference.c"), "up"], file.fileno())) / 1000


def reference_down(held: Lab) -> float:
    """Seconds the C program takes to remove it, whoever has made it."""
    with open(held.plan_path, "rb") as file:
        return float(_output([compiled(f"{_HERE}/reference.c"), "down"], file.fileno())) / 1000


def traffic(
    kind: str, held: Lab, source: str, target: str, address: str, port: int, seconds: float
) -> tuple[float, float]:
    """Bits (tcp) or packets (udp) of one flow between two nodes: per second, and per second of processor time."""
    ends = names.netns(held.name, source), names.netns(held.name, target)
    output = _output([compiled(f"{_HERE}/traffic.c"), kind, *ends, address, str(port), str(seconds)])
    rate, per_processor = output.split()
    return float(rate), float(per_processor)


def _output(command: Sequence[str], stdin: int | None = None) -> str:
    done = subprocess.run(command, check=False, stdin=stdin, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed ({done.returncode}):\n{done.stdout}{done.stderr}")
    return done.stdout
