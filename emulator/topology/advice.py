"""Warnings: AWS accepts it, and a learner probably meant something else. Each is said once, not once per instance."""

from emulator.topology import advice_acls, advice_groups, advice_nat, advice_routes, quotas
from emulator.topology.instances import NetworkInterface
from emulator.topology.model import Topology, Vpc
from emulator.topology.report import Report


def check(topology: Topology, report: Report) -> None:
    """All warnings."""
    for vpc in topology.vpcs:
        if not report.errors:  # else a route may seem to be missing because it, or its table, is wrong
            _check_ways_out(vpc, report)
            advice_nat.check(vpc, report)
            for acl in vpc.network_acls:
                advice_acls.check(acl, report)
            _check_appliances(vpc, report)
            _check_stopped(vpc, report)
        advice_routes.check(topology, vpc, report)
        advice_groups.check(topology, vpc, report)
    quotas.check(topology, report)


def _check_ways_out(vpc: Vpc, report: Report) -> None:
    """A public address is of use only where the subnet's route table leads to the internet gateway (IGW-05, NAT-02)."""
    ways = ("internet_gateway", "instance")  # an instance may stand before the gateway: a firewall
    public = {t.name for t in vpc.route_tables if any(route.target.kind in ways for route in t.routes)}
    table_of = {subnet.name: subnet.route_table for subnet in vpc.subnets}
    closed = {name for name, table in table_of.items() if table not in public}
    told: set[str] = set()
    for gateway in vpc.nat_gateways:
        name = gateway.subnet
        if gateway.regional or name not in closed or name in told or gateway.connectivity_type == "private":
            continue
        told.add(name)
        what = f"NAT gateway {gateway.name} has no way out: {_closed(name, table_of[name])}"
        hint = f"put it into a public subnet, or add 0.0.0.0/0: {vpc.internet_gateway} to {table_of[name]}"
        report.warn(gateway.where, what, hint, key="subnet")
    told.clear()
    interfaces = [held for instance in vpc.instances for held in instance.interfaces if _is_public(held)]
    for interface in interfaces:
        name = interface.subnet
        if name not in closed or name in told:
            continue
        told.add(name)
        others = sum(other.subnet == name for other in interfaces) - 1
        who = f"{interface.name} and {others} more have" if others else f"{interface.name} has"
        what = f"{who} a public IP, but {_closed(name, table_of[name])}"
        report.warn(interface.where, what, "nobody can reach it from outside, and it reaches nobody", key="subnet")


def _check_appliances(vpc: Vpc, report: Report) -> None:
    """RT-10, NATI-03: an instance that should forward and may not, or is sent packets that it may not have."""
    targets = {route.target.name for table in vpc.route_tables for route in table.routes}
    for instance in vpc.instances:
        forwards = instance.appliance is not None and all(held.source_dest_check for held in instance.interfaces)
        for held in instance.interfaces:
            if held.source_dest_check and (held.name in targets or (forwards and held is instance.primary)):
                why = "is a router" if forwards and held is instance.primary else "is the target of a route"
                what = f"{held.name} {why}, and its source/destination check is on: it gets only its own packets"
                report.warn(held.where, what, "source_dest_check: false", key="source_dest_check")


def _is_public(interface: NetworkInterface) -> bool:
    return any(address.public_ip is not None for address in interface.addresses)


def _check_stopped(vpc: Vpc, report: Report) -> None:
    """RT-42: a route to a stopped instance drops what it holds; no other route is used instead."""
    asleep = (instance for instance in vpc.instances if instance.state == "stopped")
    stopped = {held.name: instance.name for instance in asleep for held in instance.interfaces}
    for table in vpc.route_tables:
        for route in table.routes:
            if route.target.name in stopped:
                what = f"{stopped[route.target.name]} is stopped: what this route leads to it is dropped"
                report.warn(report.value_of(route.where), what)


def _closed(subnet: str, table: str) -> str:
    return f"route table {table} of subnet {subnet} has no route to an internet gateway"
