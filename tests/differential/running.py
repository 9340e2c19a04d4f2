"""What an edit does to connections that are running: the model of it, which the product does not need.

A connection that an ENI tracks lives on without its rule; one that it does not track is asked again, packet by packet
(CT-07). Network ACLs and routes decide about every packet (CT-08). Its first packet decided whether it is tracked.
"""

from collections.abc import Mapping
from typing import NamedTuple

from emulator.analysis import Analyzer, packets, reasons
from emulator.analysis.account import Memory
from emulator.analysis.filters import ask_groups, covers
from emulator.analysis.packets import TCP, UDP, Packet
from emulator.analysis.routing import Table
from emulator.analysis.walk import Walk, Way
from emulator.analysis.world import Eni, World, known_as
from emulator.topology.flows import Component, Flow
from emulator.topology.values import ALL_PROTOCOLS

_ALL = (0, 0xFFFFFFFF)
_OTHER = {"egress": "ingress", "ingress": "egress"}

Place = tuple[str, str, int, int]  # ENI, direction, source, destination: of a question, or of an answer by another way
Tracked = Mapping[Place, bool | None]  # None: by an appliance that need not by its rules, and does here as a rule


class Fate(NamedTuple):
    """How far a question of a running connection gets now. at: who drops it, or the answer."""

    arrives: bool
    answered: bool
    at: Component | None = None


def begin(analyzer: Analyzer, flow: Flow) -> Tracked:
    """Who tracks a flow that passes, once its first question has been answered."""
    there = _First(analyzer.world, Memory())
    there.send(flow.source, packets.first(flow))
    back = _First(analyzer.world, there.memory, back=True)
    _answer(there, back)
    return {**back.tracked, **there.tracked}


def fate(analyzer: Analyzer, flow: Flow, tracked: Tracked) -> Fate | None:
    """What becomes of the next question and its answer; None: it depends on a port that somebody chooses."""
    if any(not eni.running for eni in analyzer.world.enis_of.get(flow.source, ())):
        return Fate(False, False)
    there = _Next(analyzer.world, Memory(), tracked)
    there.send(flow.source, packets.first(flow))
    if there.dropped_at is not None:
        return None if there.partial_only else Fate(False, False, there.dropped_at)
    back = _Next(analyzer.world, there.memory, tracked, back=True)
    _answer(there, back)
    if back.dropped_at is not None:
        return None if back.partial_only else Fate(True, False, back.dropped_at)
    return Fate(True, True)


def _answer(there: Walk, back: Walk) -> None:
    assert there.arrival is not None
    reply = packets.answer(there.arrival)
    assert reply is not None
    there.memory.asked = len(there.memory.translated)
    back.send(there.receiver, reply)


class _First(Walk):
    """The first question of a flow, or its answer, and who tracks it."""

    def __init__(self, world: World, memory: Memory, *, back: bool = False) -> None:
        super().__init__(world, memory, explain=False, back=back)
        self.tracked: dict[Place, bool | None] = {}
        self._caller: Place | None = None  # of this pass of a router
        self._from: Eni | None = None

    def take(self, eni: Eni, table: Table, way: Way, packet: Packet) -> None:
        if self._caller is not None and way.eni is not None and _always(way.eni):
            self.tracked[self._caller] = True
        self._caller = None
        super().take(eni, table, way, packet)

    def enter(self, eni: Eni, packet: Packet, sender: Eni | None) -> None:
        self._from = sender if sender is not None and sender.vpc is eni.vpc else None
        super().enter(eni, packet, sender)

    def judge(self, eni: Eni, direction: str, packet: Packet, other: Eni | None) -> bool:
        place = (eni.name, direction, packet.source, packet.destination)
        if self.back and (eni.name, _OTHER[direction], packet.destination, packet.source) in self.memory.seen:
            return super().judge(eni, direction, packet, other)  # it knows the question
        beside = direction == "ingress" and self._from is not None and _always(self._from)
        open_to_all = _open(eni, direction, packet)
        self.tracked[place] = None if _appliance(eni) and open_to_all else _always(eni) or beside or not open_to_all
        if direction == "egress":
            self._caller = place
        return super().judge(eni, direction, packet, other)


def _always(eni: Eni) -> bool:
    """CT-04; and appliances, where one flow passes the router twice."""
    return bool(eni.gateway or eni.balancer or eni.endpoint) or _appliance(eni)


def _appliance(eni: Eni) -> bool:
    return bool(eni.groups) and not eni.check  # a transit gateway's attachment has no groups


def _open(eni: Eni, direction: str, packet: Packet) -> bool:
    """CT-01, CT-03: TCP or UDP that a rule for everybody allows, and the other direction allows everything to all."""
    if packet.protocol not in (TCP, UDP):
        return False
    groups = [eni.vpc.groups[name] for name in eni.groups]
    everybody = [
        (way, match.rule)
        for group in groups
        for way in ("egress", "ingress")
        for match in group.rules(way)
        if not match.member and (match.low, match.high) == _ALL  # in a prefix list, too (SG-22)
    ]
    allowed = any(way == direction and covers(rule, packet) == packet.ports for way, rule in everybody)
    return allowed and any(way != direction and rule.protocol == ALL_PROTOCOLS for way, rule in everybody)


class _Next(Walk):
    """A later question, or its answer."""

    def __init__(self, world: World, memory: Memory, tracked: Tracked, *, back: bool = False) -> None:
        super().__init__(world, memory, explain=False, back=back)
        self._tracked = tracked

    def judge(self, eni: Eni, direction: str, packet: Packet, other: Eni | None) -> bool:
        place = (eni.name, direction, packet.source, packet.destination)
        question = (eni.name, _OTHER[direction], packet.destination, packet.source)
        tracked = self._tracked[question if self.back and question in self._tracked else place]
        if tracked:
            return False
        held = [eni.vpc.groups[name] for name in eni.groups]
        pieces = ask_groups(held, direction, packet, known_as(eni.vpc, other))
        if all(piece.passes for piece in pieces):
            return False
        component = Component("security_group", eni.name, eni.vpc.name, direction)  # type: ignore[arg-type]
        partial = tracked is None or any(piece.passes for piece in pieces)
        why = reasons.groups
        return self.drop(component, lambda: why(component, eni, packet, pieces, other, None), partial=partial)
