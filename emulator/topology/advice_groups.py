"""Warnings about security groups: what is open to the world, and what filters nothing."""

from ipaddress import IPv4Network

from emulator.topology.associations import renamed_for
from emulator.topology.model import GroupReference, SecurityGroup, SecurityGroupRule, Topology, Vpc
from emulator.topology.report import Report
from emulator.topology.security import DEFAULT_GROUP
from emulator.topology.values import ALL_PROTOCOLS, TCP, UDP
from emulator.topology.words import traffic_text

ADMIN_PORTS = {22: "SSH", 3389: "RDP"}
DATABASE_PORTS = {1433: "SQL Server", 3306: "MySQL", 5432: "PostgreSQL", 6379: "Redis", 27017: "MongoDB"}
WORLDWIDE = 8  # a shorter prefix is no organisation's: the whole of 0.0.0.0/0, or half of it

_Opened = dict[tuple[int, IPv4Network], list[SecurityGroupRule]]


def check(topology: Topology, vpc: Vpc, report: Report) -> None:
    """Every group of the VPC."""
    for group in vpc.security_groups:
        _check_open(group, report)
        _check_port_zero(group, report)
    if not report.errors:  # else who carries it may be missing because it is wrong
        _check_unused(topology, vpc, report)


def _check_open(group: SecurityGroup, report: Report) -> None:
    opened: _Opened = {}  # the rules that a rule of the file has become, by the block that they let in
    for rule in group.ingress:
        if isinstance(rule.peer, IPv4Network) and rule.peer.prefixlen < WORLDWIDE:
            opened.setdefault((rule.number, rule.peer), []).append(rule)
    for (_, block), rules in opened.items():
        admin = [port for port in ADMIN_PORTS if any(_covers(rule, port) for rule in rules)]
        databases = [port for port in DATABASE_PORTS if any(_covers(rule, port) for rule in rules)]
        names = [f"{ADMIN_PORTS[port]} ({port})" for port in admin]
        names += [f"{DATABASE_PORTS[port]} ({port})" for port in databases]
        if not names:
            continue
        if len(names) > 3:
            names = [*names[: len(admin)], f"{len(databases)} database ports"]
        whom = "the world" if block.prefixlen == 0 else f"{block.num_addresses:,} addresses"
        traffic = ", ".join(
            traffic_text(rule) for rule in rules if any(_covers(rule, port) for port in admin + databases)
        )
        what = f"{traffic} from {block} opens {_enumerated(names)} to {whom}"
        hint = "name the addresses or the group that need it"
        if not admin:
            hint = "a database is for the group of the instances that use it: from: GROUP"
        report.warn(rules[0].where, what, hint)


def _covers(rule: SecurityGroupRule, port: int) -> bool:
    return rule.protocol == ALL_PROTOCOLS or (rule.protocol == TCP and rule.from_port <= port <= rule.to_port)


def _enumerated(names: list[str]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def _check_port_zero(group: SecurityGroup, report: Report) -> None:
    """Terraform's 0 and 0 mean everything only where the protocol is -1."""
    for rule in (*group.ingress, *group.egress):
        if rule.protocol in (TCP, UDP) and (rule.from_port, rule.to_port) == (0, 0):
            what = f"{traffic_text(rule)} is port 0 alone, which nothing listens on"
            report.warn(rule.where, what, "0 and 65535 are all ports; protocol -1 with 0 and 0 is all traffic")


def _check_unused(topology: Topology, vpc: Vpc, report: Report) -> None:
    used: set[str] = set()
    for other in topology.vpcs:  # SG-12: those of other VPCs may carry it, too
        carried = [held.security_groups for instance in other.instances for held in instance.interfaces]
        carried += [held.security_groups for held in other.zonal]
        used |= {renamed_for(vpc.name, other.name, name) for groups in carried for name in groups}
    used |= {
        rule.peer.group
        for group in vpc.security_groups
        for rule in (*group.ingress, *group.egress)
        if isinstance(rule.peer, GroupReference) and not rule.peer.vpc and rule.peer.group != group.name
    }
    used |= {  # SG-32
        rule.peer.group
        for other in topology.vpcs
        for group in other.security_groups
        for rule in (*group.ingress, *group.egress)
        if isinstance(rule.peer, GroupReference) and rule.peer.vpc == vpc.name
    }
    for group in vpc.security_groups:
        if group.name not in used and group.name != DEFAULT_GROUP and vpc.instances:
            # SG-01: a group is attached to interfaces; one that is only written down filters nothing.
            what = f"no instance carries security group {group.name}, and no other group's rule names it"
            report.warn(group.where, what, f"security_groups: [{group.name}] in an instance, or remove it")
