"""What a lab lets through altogether, and what an edit opens and closes: flows, grouped to be read."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from emulator.analysis.endpoints import Endpoint, alike, endpoints, strangers
from emulator.analysis.matrix import Matrix, bits
from emulator.analysis.packets import ICMP, NO_PORTS, TCP, UDP, Ports, address
from emulator.analysis.world import World
from emulator.topology.flows import NUMBERS, Protocol
from emulator.topology.given import Addresses
from emulator.topology.model import Topology

_PROTOCOLS: dict[int, Protocol] = {number: word for word, number in NUMBERS.items()}


class Party(NamedTuple):
    """Who sends or is called: an address of an instance, or a part of the internet.

    name: of the instance's address ("web", "fw.eth1+1"), or a host's that stands for a part of the internet, or "".
    sends: not the node of a load balancer or an endpoint, which is only called.
    subnet, vpc: "" out there. address: how it is called from elsewhere, "" if it cannot be. blocks: the part of the
    internet; empty for an instance.
    """

    name: str
    subnet: str = ""
    vpc: str = ""
    address: str = ""
    blocks: tuple[str, ...] = ()
    sends: bool = True


class Traffic(NamedTuple):
    """Ranges of ports of one protocol. For icmp, which has none: a ping."""

    protocol: Protocol
    ranges: tuple[Ports, ...]


class Flows(NamedTuple):
    """From each of the sources to each of the targets, on all these ports."""

    sources: tuple[Party, ...]
    targets: tuple[Party, ...]
    traffic: tuple[Traffic, ...]


class Survey(NamedTuple):
    """All flows that get through. exposed: those from the internet, with the same sources for all traffic of one.

    inside: those that instances begin. internet: every part of it, so that a reader can tell "anywhere". parties: all
    instances' addresses.
    """

    exposed: tuple[Flows, ...]
    inside: tuple[Flows, ...]
    internet: tuple[Party, ...]
    parties: tuple[Party, ...]


class Difference(NamedTuple):
    """What an edit changes. internet, parties: as in Survey, of the old lab and the new one together."""

    opened: tuple[Flows, ...]
    closed: tuple[Flows, ...]
    internet: tuple[Party, ...]
    parties: tuple[Party, ...]


Slice = tuple[int, tuple[Ports, ...]]  # of the traffic: a protocol and some of its ports
_Rows = Mapping[Slice, Sequence[int]]


def survey(topology: Topology, addresses: Addresses, wanted: Iterable[tuple[Protocol, int]] = ()) -> Survey:
    """Who reaches whom. wanted: only these protocols and ports (0 for icmp); left out, all there are."""
    world = World(topology, addresses)
    side = _Side(world, strangers((world,)))
    chosen: list[Slice] = [(NUMBERS[word], ((port, port),)) for word, port in wanted]
    rows = _together({each: side.reach(each) for each in chosen or _slices(side)})
    groups = [tuple(side.party(member) for member in held.members) for held in side.matrix.classes]
    outside = [number for number, held in enumerate(side.matrix.classes) if held.one.eni is None]
    inside = [number for number in range(len(groups)) if number not in set(outside)]
    parties = tuple(party for party in side.parties.values() if not party.blocks)
    exposed = tuple(_exposed(rows, groups, outside, inside))
    return Survey(exposed, tuple(_flows(rows, groups, inside)), side.internet, parties)


def difference(old: tuple[Topology, Addresses], new: tuple[Topology, Addresses]) -> Difference:
    """The flows that are possible in one of two labs only. Who is in one of them only has no flows in the other."""
    found = quick_difference(old, new, 0)
    assert found is not None
    return found


def quick_difference(
    old: tuple[Topology, Addresses], new: tuple[Topology, Addresses], budget: int
) -> Difference | None:
    """`difference`; None if it would take more than so many classes times parts of the traffic. 0: however many."""
    worlds = (World(*old), World(*new))
    outside = strangers(worlds)
    before, after = (_Side(world, outside) for world in worlds)
    slices = _slices(before, after)
    if budget and len(slices) * max(len(before.matrix.classes), len(after.matrix.classes)) > budget:
        return None
    # Classes of both, cut along each other.
    both: dict[tuple[int, int], list[str]] = {}
    for name in dict.fromkeys((*before.class_of, *after.class_of)):
        both.setdefault((before.class_of.get(name, -1), after.class_of.get(name, -1)), []).append(name)
    keys = list(both)
    then, now = _Translation([key[0] for key in keys]), _Translation([key[1] for key in keys])
    opened: dict[Slice, list[int]] = {}
    closed: dict[Slice, list[int]] = {}
    for each in slices:
        was, will = before.reach(each), after.reach(each)
        for number, (one, other) in enumerate(keys):
            earlier, later = then.row(was, one), now.row(will, other)
            if len(both[keys[number]]) == 1:
                earlier, later = earlier & ~(1 << number), later & ~(1 << number)
            opened.setdefault(each, []).append(later & ~earlier)
            closed.setdefault(each, []).append(earlier & ~later)
    gone = [tuple(before.parties.get(name) or after.parties[name] for name in both[key]) for key in keys]
    here = [tuple(after.parties.get(name) or before.parties[name] for name in both[key]) for key in keys]
    parties = tuple(party for party in (before.parties | after.parties).values() if not party.blocks)
    everybody = range(len(keys))
    made, lost = (tuple(_flows(_together(rows), who, everybody)) for rows, who in ((opened, here), (closed, gone)))
    return Difference(made, lost, after.internet, parties)


class _Side:
    """One lab of a comparison."""

    def __init__(self, world: World, outside: Sequence[tuple[Endpoint, tuple[str, ...]]]) -> None:
        blocks = {each.name: held for each, held in outside}
        known = [each for each, _ in outside]
        self.world = world
        self.matrix = Matrix(world, [*endpoints(world, hosts=False), *known])
        self.class_of: dict[str, int] = {}
        self.parties: dict[str, Party] = {}
        for number, held in enumerate(self.matrix.classes):
            for member in held.members:
                self.class_of[member.name] = number
                eni = member.eni
                name = member.name if eni or member.name in world.hosts else ""
                there = "" if member.public is None else address(member.public)
                land, parts = eni.subnet.name if eni else "", blocks.get(member.name, ())
                party = Party(name, land, member.vpc, there, parts, member.sends)
                self.parties[member.name] = party
        self.internet = tuple(self.parties[each.name] for each in known)

    def party(self, member: Endpoint) -> Party:
        return self.parties[member.name]

    def reach(self, each: Slice) -> list[int]:
        protocol, ranges = each
        return self.matrix.reach(protocol, ranges[0][0])


def _slices(*sides: _Side) -> list[Slice]:
    """All traffic there is, in parts within which nothing differs."""
    found: list[Slice] = []
    for protocol in (TCP, UDP):
        found += [(protocol, ranges) for ranges in alike([side.matrix.ports(protocol) for side in sides])]
    return [*found, (ICMP, (NO_PORTS,))]


def _together(rows: _Rows) -> dict[Slice, Sequence[int]]:
    """Parts of a protocol's traffic that pass alike are one part."""
    found: dict[tuple[int, tuple[int, ...]], list[Ports]] = {}
    for (protocol, ranges), held in rows.items():
        found.setdefault((protocol, tuple(held)), []).extend(ranges)
    return {(protocol, tuple(sorted(ranges))): held for (protocol, held), ranges in found.items()}


class _Translation:
    """From the classes of one lab to those of both. `classes`: of each common class, the lab's; -1 for none."""

    def __init__(self, classes: Sequence[int]) -> None:
        self._common: dict[int, int] = {}
        for number, held in enumerate(classes):
            self._common[held] = self._common.get(held, 0) | 1 << number
        self._known: dict[int, int] = {}

    def row(self, rows: Sequence[int], number: int) -> int:
        if number < 0:
            return 0
        row = rows[number]
        if row not in self._known:
            found = 0
            for held in bits(row):
                found |= self._common.get(held, 0)
            self._known[row] = found
        return self._known[row]


def _exposed(
    rows: _Rows, groups: Sequence[tuple[Party, ...]], outside: Iterable[int], inside: Iterable[int]
) -> Iterable[Flows]:
    """By target: which part of the internet reaches it on what. Targets that are alike are one flow."""
    found: dict[tuple[int, tuple[Slice, ...]], int] = {}
    senders = list(outside)
    for target in inside:
        by_sources: dict[int, list[Slice]] = {}
        for each, row in rows.items():
            if sources := sum(1 << number for number in senders if row[number] >> target & 1):
                by_sources.setdefault(sources, []).append(each)
        for sources, through in by_sources.items():
            key = (sources, tuple(through))
            found[key] = found.get(key, 0) | 1 << target
    for (sources, slices), targets in found.items():
        yield Flows(_members(sources, groups), _members(targets, groups), _traffic(slices))


def _flows(rows: _Rows, groups: Sequence[tuple[Party, ...]], senders: Iterable[int]) -> Iterable[Flows]:
    """Rows of bits by slice of traffic, as few flows as possible: first by source, then sources that are alike."""
    slices = list(rows)
    found: dict[tuple[int, tuple[Slice, ...]], int] = {}
    for number in senders:
        for targets, through in _by_traffic([(each, rows[each][number]) for each in slices]):
            found[targets, through] = found.get((targets, through), 0) | 1 << number
    merged: dict[tuple[int, tuple[Slice, ...]], int] = {}
    for (targets, through), sources in found.items():
        merged[sources, through] = merged.get((sources, through), 0) | targets
    for (sources, through), targets in merged.items():
        yield Flows(_members(sources, groups), _members(targets, groups), _traffic(through))


def _by_traffic(rows: Iterable[tuple[Slice, int]]) -> Iterable[tuple[int, tuple[Slice, ...]]]:
    """The targets of one source, sorted by what passes to them."""
    parts: dict[tuple[Slice, ...], int] = {}
    for each, row in rows:
        if not row:
            continue
        after: dict[tuple[Slice, ...], int] = {}
        left = row
        for through, targets in parts.items():
            both = targets & row
            left &= ~targets
            if both:
                after[*through, each] = both
            if targets & ~row:
                after[through] = targets & ~row
        if left:
            after[(each,)] = left
        parts = after
    return [(targets, through) for through, targets in parts.items()]


def _members(mask: int, groups: Sequence[tuple[Party, ...]]) -> tuple[Party, ...]:
    return tuple(party for number in bits(mask) for party in groups[number])


def _traffic(slices: Iterable[Slice]) -> tuple[Traffic, ...]:
    """Slices that touch are one range."""
    found: dict[int, list[Ports]] = {}
    for protocol, ports in sorted((protocol, ports) for protocol, ranges in slices for ports in ranges):
        held = found.setdefault(protocol, [])
        if held and held[-1][1] + 1 == ports[0]:
            held[-1] = (held[-1][0], ports[1])
        else:
            held.append(ports)
    return tuple(Traffic(_PROTOCOLS[number], tuple(found[number])) for number in (TCP, UDP, ICMP) if number in found)
