"""Faults of network ACLs: numbered, stateless, asked at the border of a subnet."""

from collections.abc import Iterator
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network
from typing import NamedTuple

from emulator.topology.acls import implied_acl
from emulator.topology.faults_edits import with_acl, with_subnet, with_vpc
from emulator.topology.faults_match import Direction, acl_entry, entry_matches
from emulator.topology.faults_nouns import Broken, Fault
from emulator.topology.faults_talks import Talk, best, table_of, talks
from emulator.topology.flows import Component
from emulator.topology.model import NetworkAcl, NetworkAclEntry, Subnet, Topology, Vpc
from emulator.topology.security import EVERY_PORT, EVERYWHERE
from emulator.topology.values import ALL_PROTOCOLS, TCP, UDP

_OTHER_PROTOCOL = {TCP: UDP, UDP: TCP}


class Crossing(NamedTuple):
    """A packet of a talk at the border of a subnet. peer: the address that the ACL compares."""

    talk: Talk
    vpc: Vpc
    subnet: Subnet
    acl: NetworkAcl
    direction: Direction
    answer: bool
    peer: IPv4Address

    @property
    def entries(self) -> tuple[NetworkAclEntry, ...]:
        return self.acl.egress if self.direction == "egress" else self.acl.ingress

    @property
    def entry(self) -> NetworkAclEntry | None:
        """The one that decides."""
        return acl_entry(self.acl, self.direction, self.talk, self.peer, answer=self.answer)

    @property
    def where(self) -> str:
        return f"{'outbound' if self.direction == 'egress' else 'inbound'} entries of network ACL {self.acl.name}"


def crossings(topology: Topology, *, answer: bool) -> Iterator[Crossing]:
    """Where the packets of the talks that pass meet an ACL; at the target first, where most people look last."""
    for talk in talks(topology):
        for end, other, is_target in ((talk.target, talk.source, True), (talk.source, talk.target, False)):
            if end.vpc is None or end.interface is None:
                continue
            subnet = end.vpc.subnet(end.interface.subnet)
            if other.called in subnet.cidr_block:
                continue  # ACL-02
            direction: Direction = "ingress" if is_target != answer else "egress"
            if direction == "ingress" and _from_gateway(end.vpc, subnet, other.called):
                continue  # ACL-20: of the attachment's own subnet nobody asks
            acl = next(acl for acl in end.vpc.network_acls if acl.name == subnet.network_acl)
            yield Crossing(talk, end.vpc, subnet, acl, direction, answer, other.called)


def _from_gateway(vpc: Vpc, subnet: Subnet, peer: IPv4Address) -> bool:
    """Whether what comes from there comes by a transit gateway that has its place in this very subnet."""
    route, _ = best(vpc, table_of(vpc, subnet), peer)
    by_gateway = route is not None and route.target.kind == "transit_gateway"
    return by_gateway and any(held.subnet == subnet.name for held in vpc.attached_subnets)


def _edited(topology: Topology, at: Crossing, entries: tuple[NetworkAclEntry, ...]) -> Topology:
    ordered = tuple(sorted(entries, key=lambda entry: entry.number))
    acl = replace(at.acl, egress=ordered) if at.direction == "egress" else replace(at.acl, ingress=ordered)
    return with_vpc(topology, with_acl(at.vpc, acl))


def _guilty(at: Crossing, name: str = "") -> Component:
    return Component("network_acl", name or at.acl.name, at.vpc.name, at.direction)


def _of_acl(topology: Topology, at: Crossing, entries: tuple[NetworkAclEntry, ...], sentence: str) -> Broken:
    return Broken(_edited(topology, at, entries), _guilty(at), sentence, at.vpc.name, at.acl.name)


def _denies_early(topology: Topology) -> Iterator[Broken]:
    for at in crossings(topology, answer=False):
        first = min((entry.number for entry in at.entries), default=0)
        if at.entry is None or first < 2:
            continue
        block = IPv4Network((at.peer, 24), strict=False)
        ports = (at.talk.port, at.talk.port) if at.talk.protocol in (TCP, UDP) else (-1, -1)
        deny = NetworkAclEntry(first - 1, "deny", at.talk.protocol, *ports, block)
        sentence = f"entry {deny.number} in the {at.where} denies {block}, before entry {at.entry.number} allows it"
        yield _of_acl(topology, at, (deny, *at.entries), sentence)


def _rule_order(topology: Topology) -> Iterator[Broken]:
    for at in crossings(topology, answer=False):
        entry = at.entry
        if entry is None or entry.action != "allow" or entry.number < 2:
            continue
        taken = {held.number for held in at.entries}
        number = next((number for number in range(entry.number - 1, 0, -1) if number not in taken), 0)
        if number:
            deny = NetworkAclEntry(number, "deny", ALL_PROTOCOLS, *EVERY_PORT, EVERYWHERE)
            sentence = (
                f"entry {number} in the {at.where} denies everything, before entry {entry.number} allows something"
            )
            yield _of_acl(topology, at, (deny, *at.entries), sentence)


def _ephemeral_closed(topology: Topology, direction: Direction) -> Iterator[Broken]:
    for at in crossings(topology, answer=True):
        entry, talk = at.entry, at.talk
        if at.direction != direction or talk.protocol not in (TCP, UDP) or entry is None or entry.action != "allow":
            continue
        one = NetworkAclEntry(entry.number, "allow", talk.protocol, talk.port, talk.port, entry.peer)
        way = "out" if direction == "egress" else "in"
        sentence = f"the {{}} let port {talk.port} {way}, but not the ephemeral ports that the answers go to"
        if entry.protocol != ALL_PROTOCOLS:
            kept = tuple(one if held is entry else held for held in at.entries)
            yield _of_acl(topology, at, kept, sentence.format(at.where))
            continue
        # The default ACL is left to the other subnets: this one was given an ACL of its own, by somebody in a hurry.
        name = f"{at.subnet.name}-acl"
        if any(acl.name == name for acl in at.vpc.network_acls):
            continue
        implied = implied_acl("default")
        acl = NetworkAcl(
            name,
            implied.ingress if direction == "egress" else (one,),
            (one,) if direction == "egress" else implied.egress,
        )
        made = with_subnet(with_acl(at.vpc, acl), replace(at.subnet, network_acl=name))
        yield Broken(
            with_vpc(topology, made),
            _guilty(at, name),
            sentence.format(at._replace(acl=acl).where),
            at.vpc.name,
            at.subnet.name,
        )


def _ephemeral_out_closed(topology: Topology) -> Iterator[Broken]:
    return _ephemeral_closed(topology, "egress")


def _ephemeral_in_closed(topology: Topology) -> Iterator[Broken]:
    return _ephemeral_closed(topology, "ingress")


def _changed_entries(topology: Topology) -> Iterator[tuple[Crossing, NetworkAclEntry]]:
    """Questions, and the allow entry of a custom ACL without which they do not pass."""
    for at in crossings(topology, answer=False):
        entry = at.entry
        if entry is None or entry.action != "allow" or entry.protocol == ALL_PROTOCOLS:
            continue
        others = tuple(held for held in at.entries if held is not entry)
        spare = next((held for held in others if entry_matches(held, at.talk, at.peer, answer=False)), None)
        if spare is None or spare.action == "deny":
            yield at, entry


def _put(at: Crossing, old: NetworkAclEntry, *new: NetworkAclEntry) -> tuple[NetworkAclEntry, ...]:
    return (*(entry for entry in at.entries if entry is not old), *new)


def _wrong_cidr(topology: Topology) -> Iterator[Broken]:
    for at, entry in _changed_entries(topology):
        block = beside(entry.peer, at.peer)
        if block:
            sentence = f"entry {entry.number} in the {at.where} is for {block} instead of {entry.peer}"
            yield _of_acl(topology, at, _put(at, entry, replace(entry, peer=block)), sentence)


def beside(block: IPv4Network, address: IPv4Address) -> IPv4Network | None:
    """A block of the same size that looks like a slip of the finger, and does not hold the address."""
    if block.prefixlen == 0:
        return IPv4Network("192.168.0.0/16") if address not in IPv4Network("192.168.0.0/16") else None
    first = int(block.network_address) ^ (10 << (32 - block.prefixlen))  # 10.0.1.0/24 becomes 10.0.11.0/24
    if not 0 < first < 1 << 32:
        return None
    found = IPv4Network((first, block.prefixlen))
    return found if address not in found else None


def _wrong_protocol(topology: Topology) -> Iterator[Broken]:
    for at, entry in _changed_entries(topology):
        if other := _OTHER_PROTOCOL.get(entry.protocol):
            word = "UDP" if other == UDP else "TCP"
            sentence = f"entry {entry.number} in the {at.where} allows {word}, which is not what is spoken there"
            yield _of_acl(topology, at, _put(at, entry, replace(entry, protocol=other)), sentence)


def _one_side_only(topology: Topology) -> Iterator[Broken]:
    for at, entry in _changed_entries(topology):
        if at.talk.within:
            sentence = (
                f"port {at.talk.port} was opened on one side only: the {at.where} have no entry {entry.number} any more"
            )
            yield _of_acl(topology, at, _put(at, entry), sentence)


def _custom_without_entries(topology: Topology) -> Iterator[Broken]:
    for at in crossings(topology, answer=False):
        name = f"{at.subnet.name}-acl"
        if any(acl.name == name for acl in at.vpc.network_acls):
            continue
        made = with_subnet(with_acl(at.vpc, NetworkAcl(name, (), ())), replace(at.subnet, network_acl=name))
        caller = at.talk.source.interface
        if caller and at.talk.source.vpc == at.vpc and caller.subnet == at.subnet.name:
            at = at._replace(
                direction="egress"
            )  # IGW-10: by a public address it leaves the subnet before it comes back
        yield Broken(
            with_vpc(topology, made),
            _guilty(at, name),  # ACL-07
            f"subnet {at.subnet.name} is associated with a new network ACL, {name}, that has no entries yet",
            at.vpc.name,
            at.subnet.name,
        )


def _wrong_association(topology: Topology) -> Iterator[Broken]:
    for at in crossings(topology, answer=False):
        for acl in at.vpc.network_acls:
            entry = acl_entry(acl, at.direction, at.talk, at.peer, answer=False)
            if acl == at.acl or (entry and entry.action == "allow"):
                continue
            yield Broken(
                with_vpc(topology, with_subnet(at.vpc, replace(at.subnet, network_acl=acl.name))),
                _guilty(at, acl.name),  # ACL-09
                f"subnet {at.subnet.name} is associated with network ACL {acl.name} instead of {at.acl.name}",
                at.vpc.name,
                at.subnet.name,
            )


FAULTS = (
    Fault(
        "acl-denies-early",
        "a network ACL denies before it allows",
        "Entries are asked in the order of their numbers and the first that matches decides: a deny with a lower "
        "number wins over the allow behind it.",
        _denies_early,
    ),
    Fault(
        "acl-rule-order",
        "a network ACL's deny-all has a lower number than its allow",
        "The order is that of the numbers, not that of the file: what stands behind a deny for "
        "everything is never asked.",
        _rule_order,
    ),
    Fault(
        "acl-ephemeral-out-closed",
        "a network ACL lets the question in, and not the answer out",
        "A network ACL is stateless. The answer leaves from the service's port to an ephemeral port of the caller "
        "(1024-65535): the outbound entries must allow that, not the service's port.",
        _ephemeral_out_closed,
    ),
    Fault(
        "acl-ephemeral-in-closed",
        "a network ACL lets the question out, and not the answer in",
        "A network ACL is stateless. Who calls out is answered at an ephemeral port: the inbound entries must allow "
        "1024-65535 from where the answers come.",
        _ephemeral_in_closed,
    ),
    Fault(
        "acl-wrong-cidr",
        "an entry of a network ACL is for another block",
        "An entry is compared with the addresses on the packet: the source of what comes in, the destination of what "
        "goes out. What no entry matches is denied by the last one, `*`.",
        _wrong_cidr,
    ),
    Fault(
        "acl-wrong-protocol",
        "an entry of a network ACL is for another protocol",
        "UDP and TCP have ports of their own: an entry for one says nothing about the other.",
        _wrong_protocol,
    ),
    Fault(
        "acl-one-side-only",
        "only one of the two subnets' network ACLs was opened",
        "Between two subnets each packet leaves one and enters the other: both ACLs have to allow it, "
        "and both the answer.",
        _one_side_only,
    ),
    Fault(
        "acl-without-entries",
        "a subnet is associated with a new network ACL, which denies everything",
        "The default network ACL allows everything, a custom one starts with nothing but `*`: deny all, both ways.",
        _custom_without_entries,
    ),
    Fault(
        "acl-wrong-association",
        "a subnet is associated with another subnet's network ACL",
        "A subnet has exactly one network ACL, and a new association replaces the old one at once.",
        _wrong_association,
    ),
)
