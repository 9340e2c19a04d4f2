"""Faults of security groups: stateful, allow-only, on network interfaces."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from ipaddress import IPv4Address, IPv4Network
from typing import NamedTuple

from emulator.topology.faults_acls import beside
from emulator.topology.faults_edits import with_groups, with_interface, with_vpc
from emulator.topology.faults_match import Direction, Gate, admits, admitted, gates, rules_of, stopped_at
from emulator.topology.faults_nouns import Broken, Fault
from emulator.topology.faults_talks import End, Talk, talks
from emulator.topology.model import GroupReference, SecurityGroup, SecurityGroupRule, Topology, Vpc
from emulator.topology.security import EVERY_PORT, EVERYWHERE
from emulator.topology.values import ALL_PROTOCOLS, TCP, UDP

_TYPICAL_SLIP = {22: 2222, 53: 5353, 80: 8080, 443: 8443, 3306: 5432, 5432: 3306, 8080: 80, 8443: 443}
_OTHER_PROTOCOL = {TCP: UDP, UDP: TCP}


class Judged(NamedTuple):
    """A talk that passes, and a gate at one of its ends."""

    talk: Talk
    end: End
    gate: Gate
    groups: tuple[SecurityGroup, ...]  # those with a rule that lets it through

    @property
    def vpc(self) -> Vpc:
        return self.gate.vpc


Change = Callable[[SecurityGroupRule], SecurityGroupRule | None]


def judged(topology: Topology, direction: Direction) -> Iterator[Judged]:
    """Every talk that the groups of its source (egress) or of its target (ingress) let through."""
    for talk in talks(topology):
        end = talk.source if direction == "egress" else talk.target
        for gate in gates(talk):
            if gate.interface == end.interface and gate.direction == direction:
                worn = tuple(group for group in gate.groups(topology) if admitted((group,), topology, talk, gate))
                # SG-12: an edit of another VPC's group would be felt there as well.
                if worn and not any("/" in group.name for group in worn):
                    yield Judged(talk, end, gate, worn)


def _names(at: Judged) -> str:
    return ", ".join(group.name for group in at.groups)


def _with_rules(group: SecurityGroup, direction: Direction, rules: tuple[SecurityGroupRule, ...]) -> SecurityGroup:
    return replace(group, egress=rules) if direction == "egress" else replace(group, ingress=rules)


def _broken(topology: Topology, at: Judged, vpc: Vpc, sentence: str, victim: str) -> Iterator[Broken]:
    """Nothing if the talk passes all the same."""
    guilty = stopped_at(topology, at.talk.after(vpc)) if vpc != at.vpc else None
    if guilty:
        yield Broken(with_vpc(topology, vpc), guilty, sentence, at.vpc.name, victim)


def _each_rule(topology: Topology, at: Judged, change: Change, sentence: str) -> Iterator[Broken]:
    """Every rule that lets the talk through is changed. None from `change`: it goes away."""
    groups = []
    for group in at.groups:
        rules: list[SecurityGroupRule] = []
        for rule in rules_of(group, at.gate.direction):
            new = change(rule) if admits(rule, topology, at.talk, at.gate) else rule
            if new is not None and new not in rules:
                rules.append(new)
        groups.append(_with_rules(group, at.gate.direction, tuple(rules)))
    yield from _broken(topology, at, with_groups(at.vpc, groups), sentence, at.groups[0].name)


# --- egress ------------------------------------------------------------------------------------------------------


def _egress(topology: Topology, rules: Callable[[Vpc], tuple[SecurityGroupRule, ...]], what: str) -> Iterator[Broken]:
    for at in judged(topology, "egress"):
        groups = [_with_rules(group, "egress", rules(at.vpc)) for group in at.groups]
        sentence = what.format(group=_names(at), vpc=at.vpc.cidr_block)
        yield from _broken(topology, at, with_groups(at.vpc, groups), sentence, at.groups[0].name)


def _egress_removed(topology: Topology) -> Iterator[Broken]:
    return _egress(topology, lambda vpc: (), "security group {group} has no egress rules")


def _egress_https_only(topology: Topology) -> Iterator[Broken]:
    https = SecurityGroupRule(TCP, 443, 443, EVERYWHERE, 1)
    return _egress(topology, lambda vpc: (https,), "the only egress rule of security group {group} is tcp 443")


def _egress_vpc_only(topology: Topology) -> Iterator[Broken]:
    def within(vpc: Vpc) -> tuple[SecurityGroupRule, ...]:
        return (SecurityGroupRule(ALL_PROTOCOLS, *EVERY_PORT, vpc.cidr_block, 1),)

    return _egress(topology, within, "the only egress rule of security group {group} is for the VPC's own block, {vpc}")


# --- ingress -----------------------------------------------------------------------------------------------------


def _rule_missing(topology: Topology) -> Iterator[Broken]:
    for at in judged(topology, "ingress"):
        sentence = f"security group {_names(at)} has lost the rule that let {at.talk.source.name} in"
        yield from _each_rule(topology, at, lambda rule: None, sentence)


def _wrong_port(topology: Topology) -> Iterator[Broken]:
    for at in judged(topology, "ingress"):
        protocol, meant = at.talk.protocol, at.talk.port
        if protocol not in _OTHER_PROTOCOL:
            continue
        port = _TYPICAL_SLIP.get(meant, meant + 1 if meant < 65535 else 1)
        change = partial(replace, protocol=protocol, from_port=port, to_port=port)
        sentence = f"security group {_names(at)} opens port {port} instead of {meant}"
        yield from _each_rule(topology, at, change, sentence)


def _wrong_protocol(topology: Topology) -> Iterator[Broken]:
    for at in judged(topology, "ingress"):
        other = _OTHER_PROTOCOL.get(at.talk.protocol)
        if other is None:
            continue
        change = partial(replace, protocol=other, from_port=at.talk.port, to_port=at.talk.port)
        word = "udp instead of tcp" if other == UDP else "tcp instead of udp"
        sentence = f"security group {_names(at)} allows {word} on port {at.talk.port}"
        yield from _each_rule(topology, at, change, sentence)


def _wrong_cidr(topology: Topology) -> Iterator[Broken]:
    for at in judged(topology, "ingress"):
        sentence = f"the rule of security group {_names(at)} is for a block that {at.talk.source.called} is not in"
        yield from _each_rule(topology, at, partial(_moved, at.talk.source.called), sentence)


def _moved(address: IPv4Address, rule: SecurityGroupRule) -> SecurityGroupRule:
    block = beside(rule.peer, address) if isinstance(rule.peer, IPv4Network) else None
    return replace(rule, peer=block) if block else rule


def _wrong_reference(topology: Topology) -> Iterator[Broken]:
    for at in judged(topology, "ingress"):
        source = at.talk.source
        worn = source.interface.security_groups if source.interface else ()
        for other in at.vpc.security_groups:
            if other.name not in worn:
                sentence = (
                    f"the rule of security group {_names(at)} names group {other.name}, which {source.name} is not in"
                )
                yield from _each_rule(topology, at, partial(_renamed, other.name), sentence)


def _renamed(group: str, rule: SecurityGroupRule) -> SecurityGroupRule:
    return replace(rule, peer=rule.peer._replace(group=group)) if isinstance(rule.peer, GroupReference) else rule


def _public_ip_as_source(topology: Topology) -> Iterator[Broken]:
    for at in judged(topology, "ingress"):
        held = at.talk.source.interface.addresses[0].public_ip if at.talk.source.interface else None
        if not at.talk.within or held is None or held == "auto":
            continue  # only an Elastic IP: an assigned one might be another when the lab comes up
        sentence = f"the rule of security group {_names(at)} names {held}, the public address of {at.talk.source.name}"
        yield from _each_rule(topology, at, partial(replace, peer=IPv4Network(held)), sentence)


def _reference_through_appliance(topology: Topology) -> Iterator[Broken]:
    for at in judged(topology, "ingress"):
        source = at.talk.source
        if at.gate.direct or not at.talk.within or source.interface is None:
            continue
        group = source.interface.security_groups[0]
        sentence = (
            f"the rule of security group {_names(at)} names group {group} instead of a block: {source.name} is in it, "
            "but a firewall stands in between"
        )  # RT-09, SG-31
        yield from _each_rule(topology, at, partial(replace, peer=GroupReference(group)), sentence)


def _group_replaced(topology: Topology) -> Iterator[Broken]:
    for at in judged(topology, "ingress"):
        instance = at.end.instance
        assert instance is not None
        for other in at.vpc.security_groups:
            if other not in at.groups:
                swapped = replace(at.gate.interface, security_groups=(other.name,))
                worn = ", ".join(at.gate.interface.security_groups)
                sentence = f"instance {instance.name} is in security group {other.name} instead of {worn}"
                vpc = with_interface(at.vpc, instance, swapped)
                yield from _broken(topology, at, vpc, sentence, instance.name)


FAULTS = (
    Fault(
        "group-egress-removed",
        "a security group without egress rules",
        "A new security group allows everything out. Take that rule away and its members may only answer: they can "
        "call nobody.",
        _egress_removed,
    ),
    Fault(
        "group-egress-https-only",
        "a security group lets out nothing but HTTPS",
        "Egress to tcp 443 alone looks safe and breaks the rest: HTTP, databases, and DNS at servers other than "
        "Amazon's, which is udp 53.",
        _egress_https_only,
    ),
    Fault(
        "group-egress-vpc-only",
        "a security group lets nothing out of the VPC",
        "Egress to the VPC's own block is enough for neighbours, and for nothing behind a NAT or internet gateway: "
        "what counts is the address that the packet is for.",
        _egress_vpc_only,
    ),
    Fault(
        "group-rule-missing",
        "a security group's ingress rule is missing",
        "A security group allows what its rules name and drops the rest in silence: the caller sees a time-out.",
        _rule_missing,
    ),
    Fault(
        "group-wrong-port",
        "a security group opens another port",
        "A rule is about the destination port, and about no other. A closed port of an instance refuses; a port that "
        "the group does not open is silent.",
        _wrong_port,
    ),
    Fault(
        "group-wrong-protocol",
        "a security group opens the port for the other protocol",
        "tcp 53 and udp 53 are two ports. A rule is for one protocol, or for all of them with -1.",
        _wrong_protocol,
    ),
    Fault(
        "group-wrong-cidr",
        "a security group's rule is for another block",
        "A rule is compared with the source address as it is on the wire at the instance.",
        _wrong_cidr,
    ),
    Fault(
        "group-wrong-reference",
        "a security group's rule references the wrong group",
        "A rule that names a group admits the members of that group, whatever their addresses. Who is not in it is "
        "dropped, in the right subnet or not.",
        _wrong_reference,
    ),
    Fault(
        "group-public-ip-as-source",
        "a security group's rule names a neighbour by its public address",
        "Within a VPC neighbours talk by private addresses, and that is what the rule is compared with. The public "
        "address is seen only by who is called by public address, through the internet gateway.",
        _public_ip_as_source,
    ),
    Fault(
        "group-reference-through-appliance",
        "a security group's rule references a group across a firewall",
        "A reference matches what comes from the member's own network interface. What a middlebox passes on comes from "
        "the middlebox: name blocks behind one.",
        _reference_through_appliance,
    ),
    Fault(
        "group-replaced",
        "an instance is in the wrong security group",
        "Groups belong to a network interface. Put into another group, the instance loses every rule of the old one "
        "at once; the default group lets only its own members in.",
        _group_replaced,
    ),
)
