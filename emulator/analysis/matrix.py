"""Everybody with everybody, by what is equivalent: who reaches whom on a port.

Endpoints that routes and gateways treat alike are one *place*; a packet is walked once from place to place, with the
questions to security groups and ACLs put off. Endpoints of a place that these treat alike too are one *class*, and the
questions are answered for all classes at once: sets of classes are the bits of a number.

So work grows with places squared, plus classes times (rules and groups), not with endpoints squared.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from typing import Literal, NamedTuple

from emulator.analysis.account import Memory, Question
from emulator.analysis.endpoints import Cells, Endpoint, PortCells, all_cells, border_cells, single
from emulator.analysis.filters import Acl, Group, ask_groups, covers
from emulator.analysis.packets import ECHO_REQUEST, ICMP, LINUX_EPHEMERAL, NO_PORTS, Packet, Ports, answer
from emulator.analysis.walk import Walk
from emulator.analysis.world import Eni, Ground, World, known_as
from emulator.topology.model import INTERNET

Side = Literal["source", "target", ""]


class Class(NamedTuple):
    """Endpoints that nothing in the file tells apart. `place`: its number."""

    place: int
    members: tuple[Endpoint, ...]

    @property
    def one(self) -> Endpoint:
        return self.members[0]


class _Condition(NamedTuple):
    """A question put off, without the names of those who were walked for it.

    whose: which end's groups are asked; "" for those of `asked`, or the ACL that it is.
    peer: which end's address they see; "" for `address`. public: its public address.
    straight: from ENI to ENI, so that rules with a group may match. ports: None for the port that is asked about.
    """

    whose: Side
    asked: Eni | Acl | None
    direction: str
    peer: Side
    public: bool
    address: int
    straight: bool
    members: tuple[str, ...]
    ports: Ports | None
    icmp: tuple[int, int]


_Way = tuple[_Condition, ...] | None  # None: dropped by something else than a group


class _Answer(NamedTuple):
    """To a question put off. allowed: by VPC and groups of the source. rows: by source, the last one for everybody."""

    whose: Side
    peer: Side
    seen: int
    allowed: dict[tuple[str, tuple[str, ...]], int]
    rows: list[int]


class _Asked:
    """One protocol and port, and the answers that are known already."""

    def __init__(self, protocol: int, port: int) -> None:
        self.protocol, self.port = protocol, port
        self.ports = NO_PORTS if protocol == ICMP else (port, port)
        self.answers: dict[_Condition, _Answer] = {}


class Matrix:
    """The classes of some endpoints of a lab, and who of them reaches whom. walks: how many packets were walked."""

    def __init__(self, world: World, endpoints: Sequence[Endpoint]) -> None:
        self.world = world
        self.walks = 0
        self.world.strangers.update(each.private for each in endpoints if each.node == INTERNET)
        self._border, cells = border_cells(world), all_cells(world)
        self.places: list[list[Endpoint]] = []
        self.classes = self._sort(endpoints, cells)
        self.everybody = (1 << len(self.classes)) - 1
        self._addresses = [held.one.private for held in self.classes]
        self._in_place = [0] * len(self.places)
        self._carrying: dict[tuple[str, tuple[str, ...]], int] = {}  # by VPC and groups
        self._members: dict[tuple[str, str], int] = {}  # by VPC and group
        for number, held in enumerate(self.classes):
            bit = 1 << number
            self._in_place[held.place] |= bit
            if (eni := held.one.eni) is not None:
                key = (eni.vpc.name, eni.groups)
                self._carrying[key] = self._carrying.get(key, 0) | bit
                for group in eni.groups:
                    self._members[key[0], group] = self._members.get((key[0], group), 0) | bit
        self._ways: dict[tuple[int, int, int, int], _Way] = {}
        self._ports: dict[int, PortCells] = {}
        self._border_ports: dict[int, PortCells] = {}
        self._blocks: dict[tuple[int, int, bool], int] = {}

    def _sort(self, endpoints: Sequence[Endpoint], cells: Cells) -> list[Class]:
        places: dict[tuple[object, ...], int] = {}
        classes: dict[tuple[object, ...], list[Endpoint]] = {}
        for each in sorted(endpoints, key=lambda held: (held.private, held.vpc)):
            eni = each.eni
            key: tuple[object, ...] = (
                each.vpc,
                eni.subnet.name if eni else each.node == INTERNET,
                self._border.of(each.private),
                self._border.of(each.public),
                each.name if single(self.world, each) else "",
            )
            place = places.setdefault(key, len(places))
            if place == len(self.places):
                self.places.append([])
            self.places[place].append(each)
            alike = (place, eni.groups if eni else (), cells.of(each.private), cells.of(each.public))
            classes.setdefault(alike, []).append(each)
        return [Class(key[0], tuple(members)) for key, members in classes.items()]  # type: ignore[arg-type]

    # --- the question -----------------------------------------------------------------------------------------

    def reach(self, protocol: int, port: int) -> list[int]:
        """By class, the classes that it reaches on the port, as bits. A class of one does not count as its own."""
        asked = _Asked(protocol, port)
        by_place = [self._ways_from(place, asked) for place in range(len(self.places))]
        rows = []
        for number, held in enumerate(self.classes):
            row = 0
            for way, targets in by_place[held.place]:
                if left := targets & ~row:
                    row |= self._open(way, number, left)
            if len(held.members) == 1:
                row &= ~(1 << number)
            rows.append(row)
        return rows

    def pairs(self, rows: Sequence[int]) -> int:
        """How many pairs of endpoints the rows of `reach` stand for."""
        sizes = [len(held.members) for held in self.classes]
        total = 0
        for number, row in enumerate(rows):
            for other in bits(row):
                total += sizes[number] * (sizes[other] - (number == other))
        return total

    def ports(self, protocol: int) -> PortCells:
        """Where the answer may change from port to port."""
        if protocol not in self._ports:
            self._ports[protocol] = PortCells(self.world, protocol, rules=True)
        return self._ports[protocol]

    # --- from place to place ----------------------------------------------------------------------------------

    def _ways_from(self, place: int, asked: _Asked) -> list[tuple[list[_Answer], int]]:
        """What the groups say on the way to which classes."""
        found: dict[tuple[_Condition, ...], int] = {}
        for other in range(len(self.places)):
            way = self._way(place, other, asked.protocol, asked.port)
            if way is not None:
                found[way] = found.get(way, 0) | self._in_place[other]
        return [([self._answer(each, asked) for each in way], targets) for way, targets in found.items()]

    def _way(self, place: int, other: int, protocol: int, port: int) -> _Way:
        if protocol not in self._border_ports:
            self._border_ports[protocol] = PortCells(self.world, protocol, rules=False)
        key = (place, other, protocol, self._border_ports[protocol].of(port))
        if key not in self._ways:
            self._ways[key] = self._walk(place, other, protocol, port)
        return self._ways[key]

    def _walk(self, place: int, other: int, protocol: int, port: int) -> _Way:
        source = self.places[place][0]
        target = next((each for each in self.places[other] if each is not source), None)
        if target is None or not source.sends or (source.node == target.node and source.eni):
            return None
        if source.eni is None and target.eni is None and INTERNET in (source.node, target.node):
            return None  # strangers among themselves
        self.walks += 1
        near = self.world.near(source.vpc, target.vpc)
        there = target.private if near or target.public is None else target.public
        ports = (NO_PORTS, NO_PORTS) if protocol == ICMP else (LINUX_EPHEMERAL, (port, port))
        packet = Packet(source.private, there, protocol, *ports, (ECHO_REQUEST if protocol == ICMP else 0, 0))
        asked: list[Question] = []
        plan: list[int] | None = []
        while plan is not None:  # each target has to answer, whatever address a NAT gateway chooses
            memory = Memory(plan)
            if not self._there_and_back(source, target, packet, memory, asked):
                return None
            plan = memory.next_plan
        return tuple(dict.fromkeys(_condition(each, source, target, packet.ports) for each in asked))

    def _there_and_back(
        self, source: Endpoint, target: Endpoint, packet: Packet, memory: Memory, asked: list[Question]
    ) -> bool:
        """Whether the packet is answered, if all groups and ACLs that are `asked` let it through."""
        going = Walk(self.world, memory, explain=False, put_off=asked)
        going.send(source.node, packet)
        if going.dropped_at is not None or going.arrival is None:
            return False
        met = {going.receiver} if target.sends else {name for held in memory.balanced for name in held.by}
        if target.node not in met:  # somebody else has the address there
            return False
        reply = answer(going.arrival)
        if reply is None:
            return True
        coming = Walk(self.world, memory, explain=False, back=True, put_off=asked)
        coming.send(going.receiver, reply)
        if coming.dropped_at is not None or coming.arrival is None:
            return False
        return (coming.arrival.source, coming.receiver) == (packet.destination, source.node)

    # --- from class to class ----------------------------------------------------------------------------------

    def _open(self, way: list[_Answer], number: int, targets: int) -> int:
        """To which of the targets the groups on the way let this class through."""
        own = self.classes[number].one.eni
        groups = (own.vpc.name, own.groups) if own else None
        for each in way:
            if each.rows:
                targets &= each.rows[number] | each.rows[-1]
            else:
                seen = each.allowed[groups] if each.whose == "source" and groups else each.seen
                if each.peer == "source":
                    seen = self.everybody if seen >> number & 1 else 0
                targets &= seen
            if not targets:
                return 0
        return targets

    def _answer(self, each: _Condition, asked: _Asked) -> _Answer:
        """What all groups that it may concern say to a question, for all classes at once."""
        if each not in asked.answers:
            asked.answers[each] = self._ask(each, asked)
        return asked.answers[each]

    def _ask(self, each: _Condition, asked: _Asked) -> _Answer:
        packet = Packet(each.address, each.address, asked.protocol, NO_PORTS, each.ports or asked.ports, each.icmp)
        by_group: dict[tuple[str, str], int] = {}
        if isinstance(each.asked, Acl):
            return _Answer(each.whose, each.peer, self._pass(each.asked, each, packet), {}, [])
        if each.asked is not None:
            seen = self._allow((each.asked.vpc.name, each.asked.groups), each, packet, by_group)
            return _Answer(each.whose, each.peer, seen, {}, [])
        allowed = {key: self._allow(key, each, packet, by_group) for key in self._carrying}
        if each.whose == "source":
            return _Answer(each.whose, each.peer, 0, allowed, [])
        rows = [0] * (len(self.classes) + 1)  # who is let in by whom; the last: by everybody
        by_seen: dict[int, int] = {}
        for key, seen in allowed.items():
            by_seen[seen] = by_seen.get(seen, 0) | self._carrying[key]
        for seen, carrying in by_seen.items():
            if each.peer == "target":
                rows[-1] |= carrying & seen
            elif seen == self.everybody:
                rows[-1] |= carrying
            else:
                for source in bits(seen):
                    rows[source] |= carrying
        return _Answer(each.whose, each.peer, 0, {}, rows)

    def _allow(
        self, key: tuple[str, tuple[str, ...]], each: _Condition, packet: Packet, by_group: dict[tuple[str, str], int]
    ) -> int:
        """The classes whose address the groups let through; all or nothing if the address is nobody's of both."""
        ground = self.world.grounds[key[0]]
        if each.peer == "":
            pieces = ask_groups([ground.groups[name] for name in key[1]], each.direction, packet, each.members)
            return self.everybody if all(piece.passes for piece in pieces) else 0
        if packet.ports[0] != packet.ports[1]:
            return self._allow_range(ground, [ground.groups[name] for name in key[1]], each, packet)
        result = 0
        for name in key[1]:
            seen = by_group.get((ground.name, name))
            if seen is None:
                seen = by_group[ground.name, name] = self._allow_one(ground, ground.groups[name], each, packet)
            result |= seen
        return result

    def _allow_one(self, ground: Ground, group: Group, each: _Condition, packet: Packet) -> int:
        result = 0
        for match in group.rules(each.direction):
            if covers(match.rule, packet) is None:
                continue
            if match.member:
                vpc, _, name = match.member.rpartition("/")  # SG-32: of a peer
                if each.straight:
                    result |= self._members.get((vpc or ground.name, name), 0)
                elif match.member in each.members:  # NLB-04: of the load balancer in between
                    result = self.everybody
            else:
                result |= self._within(match.low, match.high, each.public)
        return result

    def _pass(self, acl: Acl, each: _Condition, packet: Packet) -> int:
        """The classes whose address an ACL lets through, all ports of the packet; all or nothing as in `_allow`."""
        if each.peer == "":
            passes = all(piece.passes for piece in acl.ask(each.direction, packet))
            return self.everybody if passes else 0
        entries = acl.egress if each.direction == "egress" else acl.ingress
        ports = packet.ports
        edges = {ports[0]} | {
            edge
            for entry, _, _ in entries
            for edge in (entry.from_port, entry.to_port + 1)
            if entry.protocol == packet.protocol != ICMP and ports[0] < edge <= ports[1]
        }
        result = self.everybody
        for port in edges:  # ACL-03, for every part of the ports that entries distinguish
            asked, passing, left = packet._replace(ports=(port, port)), 0, self.everybody
            for entry, low, high in entries:
                if covers(entry, asked) is not None:
                    within = self._within(low, high, each.public) & left
                    left &= ~within
                    passing |= within if entry.action == "allow" else 0
            result &= passing
        return result

    def _allow_range(self, ground: Ground, held: Sequence[Group], each: _Condition, packet: Packet) -> int:
        """For an answer that is judged like a question: all its possible ports have to pass."""
        result = 0
        for number, other in enumerate(self.classes):
            address = (other.one.public if each.public else other.one.private) or 0
            carried = known_as(ground, other.one.eni) if each.straight else each.members
            asked = packet._replace(source=address, destination=address)
            if all(piece.passes for piece in ask_groups(held, each.direction, asked, carried)):
                result |= 1 << number
        return result

    def _within(self, low: int, high: int, public: bool) -> int:
        """The classes whose address lies in the block."""
        key = (low, high, public)
        if key not in self._blocks:
            if public:
                found = sum(
                    1 << number
                    for number, held in enumerate(self.classes)
                    if held.one.public is not None and low <= held.one.public <= high
                )
            else:
                first, after = bisect_left(self._addresses, low), bisect_right(self._addresses, high)
                found = (1 << after) - (1 << first) if after > first else 0
            self._blocks[key] = found
        return self._blocks[key]


def _condition(asked: Question, source: Endpoint, target: Endpoint, ports: Ports) -> _Condition:
    """ports: at which the target was called; a load balancer may have changed them."""
    packet = asked.packet
    address = packet.source if asked.direction == "ingress" else packet.destination
    # Forward, the source is the one who began; on the way back, the destination is.
    begun = (asked.direction == "ingress") != asked.back
    end, side = (source, "source") if begun else (target, "target")
    peer: Side = side if address in (end.private, end.public) else ""  # type: ignore[assignment]
    straight = peer != "" and asked.other is not None and asked.other is end.eni
    whose: Side = ""
    if isinstance(asked.asked, Eni):
        whose = "source" if asked.asked is source.eni else "target" if asked.asked is target.eni else ""
    return _Condition(
        whose,
        asked.asked if whose == "" else None,
        asked.direction,
        peer,
        peer != "" and address != end.private,
        0 if peer else address,
        straight,
        known_as(asked.asked.vpc, asked.other) if isinstance(asked.asked, Eni) and not straight else (),
        packet.ports if asked.back or packet.ports != ports else None,
        packet.icmp,
    )


def bits(number: int) -> list[int]:
    """The places of the ones in a number, the lowest first."""
    found = []
    while number:
        low = number & -number
        found.append(low.bit_length() - 1)
        number ^= low
    return found
