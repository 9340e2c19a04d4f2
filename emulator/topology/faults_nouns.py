"""The nouns of the catalogue of faults: a Fault is a misconfiguration, Broken is a topology that has it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from emulator.topology.flows import Component
from emulator.topology.model import Topology


class Broken(NamedTuple):
    """A topology with one thing wrong in it.

    component: who will be found guilty of the first flow that fails. sentence: what was done, in AWS's words.
    vpc, victim: what was edited, by its name in the file (a route table, a subnet, a group, an instance, ...).
    """

    topology: Topology
    component: Component
    sentence: str
    vpc: str
    victim: str


@dataclass(frozen=True, slots=True)
class Fault:
    """A realistic mistake.

    name: what one types. title: what is wrong, in a few words. lesson: why that breaks something, as AWS has it.
    ways: every way to make the mistake in a topology, those that carry traffic of its `expect:` list first.
    """

    name: str
    title: str
    lesson: str
    ways: Callable[[Topology], Iterator[Broken]]

    def victims(self, topology: Topology) -> Iterator[Broken]:
        """One way for each thing that the fault can break here, the first one first."""
        seen = set()
        for broken in self.ways(topology):
            if (broken.vpc, broken.victim) not in seen and broken.topology != topology:
                seen.add((broken.vpc, broken.victim))
                yield broken

    def apply(self, topology: Topology, on: str = "") -> Broken | None:
        """The topology with the fault; None if there is nothing (or nothing called `on`, or `VPC.on`) to break."""
        for broken in self.victims(topology):
            if not on or on in (broken.victim, f"{broken.vpc}.{broken.victim}"):
                return broken
        return None
