"""Warnings: AWS accepts it, and a learner probably meant something else. Each is said once, not once per instance."""

from ipaddress import IPv4Network

from emulator.topology import advice_acls
from emulator.topology.model import GroupReference, SecurityGroup, SecurityGroupRule, Topology, Vpc
from emulator.topology.report import Report
from emulator.topology.security import EVERYWHERE
from emulator.topology.values import ALL_PROTOCOLS, TCP
from emulator.topology.words import traffic_text

DISCOURAGED = IPv4Network("172.17.0.0/16")  # VPC-05
ADMIN_PORTS = {22: "SSH", 3389: "RDP"}
VPCS_PER_REGION = 5


def check(topology: Topology, report: Report) -> None:
    """All warnings."""
    for vpc in topology.vpcs:
        if not report.is_broken(vpc.where, "cidr_block") and vpc.cidr_block.overlaps(DISCOURAGED):
            what = f"some AWS services use {DISCOURAGED} inside"
            report.warn(vpc.where, what, "AWS accepts it and advises another block", key="cidr_block")
        if not report.errors:  # else a route may seem to be missing because it, or its table, is wrong
            _check_ways_out(vpc, report)
            for acl in vpc.network_acls:
                advice_acls.check(acl, report)
        for group in vpc.security_groups:
            _check_open(group, report)
    if len(topology.vpcs) > VPCS_PER_REGION:
        what = f"{len(topology.vpcs)} VPCs: an account's quota is {VPCS_PER_REGION} per region until AWS raises it"
        report.warn(topology.vpcs[VPCS_PER_REGION].where, what, code="VpcLimitExceeded")  # SUB-24


def _check_ways_out(vpc: Vpc, report: Report) -> None:
    """A public address is of use only where the subnet's route table leads to the internet gateway (IGW-05, NAT-02)."""
    public = {t.name for t in vpc.route_tables if any(route.target.kind == "internet_gateway" for route in t.routes)}
    table_of = {subnet.name: subnet.route_table for subnet in vpc.subnets}
    closed = {name for name, table in table_of.items() if table not in public}
    told: set[str] = set()
    for gateway in vpc.nat_gateways:
        name = gateway.subnet
        if name not in closed or name in told or gateway.connectivity_type == "private":
            continue
        told.add(name)
        what = f"NAT gateway {gateway.name} has no way out: {_closed(name, table_of[name])}"
        hint = f"put it into a public subnet, or add 0.0.0.0/0: {vpc.internet_gateway} to {table_of[name]}"
        report.warn(gateway.where, what, hint, key="subnet")
    told.clear()
    for instance in vpc.instances:
        name = instance.subnet
        if instance.public_ip is None or name not in closed or name in told:
            continue
        told.add(name)
        others = sum(other.public_ip is not None and other.subnet == name for other in vpc.instances) - 1
        who = f"{instance.name} and {others} more have" if others else f"{instance.name} has"
        what = f"{who} a public IP, but {_closed(name, table_of[name])}"
        report.warn(instance.where, what, "nobody can reach it from outside, and it reaches nobody", key="subnet")


def _closed(subnet: str, table: str) -> str:
    return f"route table {table} of subnet {subnet} has no route to an internet gateway"


def _check_open(group: SecurityGroup, report: Report) -> None:
    told: set[int] = set()
    for rule in group.ingress:
        if rule.number in told or isinstance(rule.peer, GroupReference) or rule.peer != EVERYWHERE:
            continue
        ports = [port for port in ADMIN_PORTS if _covers(rule, port)]
        if ports:
            told.add(rule.number)
            opened = " and ".join(f"{ADMIN_PORTS[port]} ({port})" for port in ports)
            what = f"{traffic_text(rule)} from {EVERYWHERE} opens {opened} to the world"
            report.warn(rule.where, what, "name the addresses or the group that need it")


def _covers(rule: SecurityGroupRule, port: int) -> bool:
    return rule.protocol == ALL_PROTOCOLS or (rule.protocol == TCP and rule.from_port <= port <= rule.to_port)
