"""Security groups and network ACLs: which rule decides about a packet.

A packet whose port is not known carries a range of ports. So an answer is a list of pieces: for each part of the range
the rule that decides, or None where no rule does.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from emulator.analysis.packets import ICMP, NO_PORTS, TCP, UDP, Packet, Ports
from emulator.topology.model import (
    GroupReference,
    NetworkAcl,
    NetworkAclEntry,
    PrefixList,
    PrefixListReference,
    SecurityGroup,
    SecurityGroupRule,
)
from emulator.topology.values import ALL_PROTOCOLS

_EVERYTHING = (0, 0xFFFFFFFF)


class Match(NamedTuple):
    """A rule with its peer worked out: blocks of addresses, or the name of a group."""

    rule: SecurityGroupRule
    low: int
    high: int
    member: str  # "" for a block


class Piece(NamedTuple):
    """A part of the packet's ports, and the rule that decides about it. `group`: whose rule, "" for an ACL's."""

    ports: Ports
    rule: SecurityGroupRule | NetworkAclEntry | None
    group: str = ""

    @property
    def passes(self) -> bool:
        if isinstance(self.rule, NetworkAclEntry):
            return self.rule.action == "allow"
        return self.rule is not None


class Group:
    """A security group, ready to be asked."""

    def __init__(self, group: SecurityGroup, lists: Mapping[str, PrefixList]) -> None:
        self.group, self.name = group, group.name
        self.egress = tuple(match for rule in group.egress for match in _matches(rule, lists))
        self.ingress = tuple(match for rule in group.ingress for match in _matches(rule, lists))

    def rules(self, direction: str) -> tuple[Match, ...]:
        return self.egress if direction == "egress" else self.ingress


def _matches(rule: SecurityGroupRule, lists: Mapping[str, PrefixList]) -> Iterable[Match]:
    match rule.peer:
        case GroupReference():
            yield Match(rule, 0, 0, str(rule.peer))  # SG-32: "b/web" is a peer's
        case PrefixListReference(name):  # SG-22: each of its entries is meant
            for block in lists[name].cidrs():
                yield Match(rule, int(block.network_address), int(block.broadcast_address), "")
        case block:
            yield Match(rule, int(block.network_address), int(block.broadcast_address), "")


def covers(rule: SecurityGroupRule | NetworkAclEntry, packet: Packet) -> Ports | None:
    """The part of the packet's ports that the rule speaks of, None if it speaks of another protocol or message."""
    if rule.protocol == ALL_PROTOCOLS:
        return packet.ports
    if rule.protocol != packet.protocol:
        return None
    if rule.protocol == ICMP:  # SG-21: type and code, -1 for all
        kind, code = packet.icmp
        fits = rule.from_port in (-1, kind) and (rule.from_port == -1 or rule.to_port in (-1, code))
        return NO_PORTS if fits else None
    if rule.protocol not in (TCP, UDP):
        return packet.ports  # SG-20, ACL-11
    # ACL-10: the port is always the packet's destination port.
    low, high = max(rule.from_port, packet.ports[0]), min(rule.to_port, packet.ports[1])
    return (low, high) if low <= high else None


def ask_groups(groups: Iterable[Group], direction: str, packet: Packet, members: tuple[str, ...]) -> list[Piece]:
    """SG-02: the union of the rules of all groups of an ENI. No match drops.

    members: the groups of the ENI on the other side, if the packet comes straight from there, or goes straight there,
    with its private address (SG-30, SG-31, RT-09); else none. Those of a peer by `VPC/GROUP` (see `known_as`).
    """
    peer = packet.source if direction == "ingress" else packet.destination
    left = [packet.ports]
    pieces: list[Piece] = []
    for group in groups:
        for match in group.egress if direction == "egress" else group.ingress:
            if match.member:
                if match.member not in members:
                    continue
            elif not match.low <= peer <= match.high:
                continue
            covered = covers(match.rule, packet)
            if covered is not None:
                left = _take(left, covered, match.rule, group.name, pieces)
                if not left:
                    return pieces
    return [*pieces, *(Piece(ports, None) for ports in left)]


class Acl:
    """A network ACL, ready to be asked. None: there is none, and everything passes."""

    def __init__(self, acl: NetworkAcl | None) -> None:
        self.acl = acl
        self.name = acl.name if acl else ""
        self.egress = tuple((entry, *_span(entry)) for entry in acl.egress) if acl else ()
        self.ingress = tuple((entry, *_span(entry)) for entry in acl.ingress) if acl else ()

    def is_open(self, direction: str) -> bool:
        """Whether the entry that decides first lets everything pass, as in the default ACL (ACL-06)."""
        if self.acl is None:
            return True
        for entry, low, high in self.egress if direction == "egress" else self.ingress:
            return entry.action == "allow" and entry.protocol == ALL_PROTOCOLS and (low, high) == _EVERYTHING
        return False

    def ask(self, direction: str, packet: Packet) -> list[Piece]:
        """ACL-03: the entry with the lowest number that matches decides; ACL-04: none drops."""
        peer = packet.source if direction == "ingress" else packet.destination
        left = [packet.ports]
        pieces: list[Piece] = []
        for entry, low, high in self.egress if direction == "egress" else self.ingress:
            if low <= peer <= high:
                covered = covers(entry, packet)
                if covered is not None:
                    left = _take(left, covered, entry, "", pieces)
                    if not left:
                        return pieces
        return [*pieces, *(Piece(ports, None) for ports in left)]


def _span(entry: NetworkAclEntry) -> tuple[int, int]:
    return int(entry.peer.network_address), int(entry.peer.broadcast_address)


def _take(
    left: list[Ports],
    covered: Ports,
    rule: SecurityGroupRule | NetworkAclEntry,
    group: str,
    pieces: list[Piece],
) -> list[Ports]:
    """Give the covered part of what is left to the rule; return what is left then."""
    rest: list[Ports] = []
    for low, high in left:
        first, last = max(low, covered[0]), min(high, covered[1])
        if first > last:
            rest.append((low, high))
            continue
        pieces.append(Piece((first, last), rule, group))
        if low < first:
            rest.append((low, first - 1))
        if last < high:
            rest.append((last + 1, high))
    return rest
