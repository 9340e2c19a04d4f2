"""Whether groups and ACLs let a packet through: just enough to see that an edit of them is felt."""

from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address, IPv4Network
from typing import Literal, NamedTuple

from emulator.topology.associations import renamed_for, with_associated
from emulator.topology.faults_edits import owner_of
from emulator.topology.faults_talks import Talk, best, way
from emulator.topology.flows import Component
from emulator.topology.instances import Instance, NetworkInterface
from emulator.topology.model import (
    GroupReference,
    NetworkAcl,
    NetworkAclEntry,
    PrefixListReference,
    SecurityGroup,
    SecurityGroupRule,
    Topology,
    Vpc,
)
from emulator.topology.values import ALL_PROTOCOLS, ICMP_PROTOCOL, TCP, UDP

Direction = Literal["egress", "ingress"]
EPHEMERAL = (32768, 60999)  # ACL-13: what Linux asks from, so where answers go
_ECHO = {"question": 8, "answer": 0}


class Gate(NamedTuple):
    """The groups of an ENI that a talk's question passes, out of it or into it.

    direct: it comes straight from the talk's source (egress: goes straight to its target), so references match.
    """

    vpc: Vpc
    interface: NetworkInterface
    direction: Direction
    direct: bool

    def groups(self, topology: Topology) -> list[SecurityGroup]:
        known = with_associated(topology, self.vpc).security_groups
        return [group for group in known if group.name in self.interface.security_groups]

    @property
    def component(self) -> Component:
        return Component("security_group", self.interface.name, self.vpc.name, self.direction)


def gates(talk: Talk) -> Iterator[Gate]:
    """Every ENI whose groups are asked about the talk's question, in order (GEN-03, GEN-04)."""
    source, target = talk.source, talk.target
    if source.vpc and source.interface:
        yield Gate(source.vpc, source.interface, "egress", direct=True)
    first = True
    for leg in way(talk, source, target.called):
        hop = leg.route.target.name if leg.route and leg.route.target.kind == "instance" else ""
        if owner := owner_of(leg.vpc, hop):
            yield Gate(leg.vpc, owner[1], "ingress", direct=first)
            yield Gate(leg.vpc, owner[0].primary, "egress", direct=True)
            first = False
    if target.vpc and target.interface:
        edge = _edge_hop(talk)
        if edge:
            yield Gate(target.vpc, edge[1], "ingress", direct=True)
            yield Gate(target.vpc, edge[0].primary, "egress", direct=True)
        yield Gate(target.vpc, target.interface, "ingress", direct=first and not edge)


def _edge_hop(talk: Talk) -> tuple[Instance, NetworkInterface] | None:
    """GRT-01: the instance to which an edge route table leads what comes from the internet."""
    vpc = talk.target.vpc
    if vpc is None or vpc.gateway_route_table is None or talk.within:
        return None
    table = next(table for table in vpc.route_tables if table.name == vpc.gateway_route_table)
    route, _ = best(vpc, table, talk.target.ip)
    return owner_of(vpc, route.target.name) if route and route.target.kind == "instance" else None


def admits(rule: SecurityGroupRule, topology: Topology, talk: Talk, gate: Gate) -> bool:
    """Whether the rule lets the talk's question through the gate."""
    if not _covers(rule, talk.protocol, talk.port, "question"):
        return False
    other = talk.target if gate.direction == "egress" else talk.source
    if isinstance(rule.peer, GroupReference):
        # SG-31, RT-09: nobody is known as a member by a public address, or from behind an appliance.
        known = gate.direct and other.interface is not None and other.ip == other.called
        if not known or other.vpc is None or other.interface is None:
            return False
        carried = other.interface.security_groups
        return str(rule.peer) in (renamed_for(gate.vpc.name, other.vpc.name, name) for name in carried)  # SG-12, SG-32
    blocks = [rule.peer]
    if isinstance(rule.peer, PrefixListReference):
        name = rule.peer.prefix_list
        blocks = [block for held in topology.prefix_lists if held.name == name for block in held.cidrs()]
    return any(isinstance(block, IPv4Network) and other.called in block for block in blocks)


def admitted(groups: Iterable[SecurityGroup], topology: Topology, talk: Talk, gate: Gate) -> bool:
    """SG-02: any rule of any group."""
    return any(admits(rule, topology, talk, gate) for group in groups for rule in rules_of(group, gate.direction))


def rules_of(group: SecurityGroup, direction: Direction) -> tuple[SecurityGroupRule, ...]:
    return group.egress if direction == "egress" else group.ingress


def stopped_at(topology: Topology, talk: Talk) -> Component | None:
    """Whose groups stop the talk of this very topology, if any do."""
    for gate in gates(talk):
        if not admitted(gate.groups(topology), topology, talk, gate):
            return gate.component
    return None


def acl_entry(
    acl: NetworkAcl, direction: Direction, talk: Talk, peer: IPv4Address, *, answer: bool
) -> NetworkAclEntry | None:
    """ACL-03: the entry that decides about the talk's question or answer; None if that is `*`."""
    entries = acl.egress if direction == "egress" else acl.ingress
    return next((entry for entry in entries if entry_matches(entry, talk, peer, answer=answer)), None)


def entry_matches(entry: NetworkAclEntry, talk: Talk, peer: IPv4Address, *, answer: bool) -> bool:
    part: Literal["question", "answer"] = "answer" if answer else "question"
    if peer not in entry.peer:
        return False
    if answer and talk.protocol in (TCP, UDP):
        if entry.protocol == ALL_PROTOCOLS:
            return True
        return entry.protocol == talk.protocol and entry.from_port <= EPHEMERAL[0] and entry.to_port >= EPHEMERAL[1]
    return _covers(entry, talk.protocol, talk.port, part)


def _covers(rule: SecurityGroupRule | NetworkAclEntry, protocol: int, port: int, part: str) -> bool:
    if rule.protocol == ALL_PROTOCOLS:
        return True
    if rule.protocol != protocol:
        return False
    if protocol == ICMP_PROTOCOL:
        return rule.from_port in (-1, _ECHO[part]) and rule.to_port in (-1, 0)
    return rule.from_port <= port <= rule.to_port
