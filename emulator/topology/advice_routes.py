"""Warnings about blocks and routes: what AWS accepts and what then leads nowhere."""

from collections.abc import Mapping
from ipaddress import IPv4Network

from emulator.errors import Where
from emulator.topology.addresses import is_public
from emulator.topology.model import PrefixList, PrefixListReference, Route, Topology, Vpc
from emulator.topology.prefix_lists import destinations
from emulator.topology.report import Report
from emulator.topology.rules_network import blocks_are_known
from emulator.topology.suggest import listed

DISCOURAGED = IPv4Network("172.17.0.0/16")  # VPC-05
PRIVATE = tuple(map(IPv4Network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")))  # RFC 1918
SHARED = IPv4Network("100.64.0.0/10")  # RFC 6598
# Nobody's on the internet, though no private range either: benchmarks and documentation.
EVERYWHERE = IPv4Network("0.0.0.0/0")
NOBODYS = tuple(map(IPv4Network, ("198.18.0.0/15", "192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "240.0.0.0/4")))


def check(topology: Topology, vpc: Vpc, report: Report) -> None:
    """The VPC's blocks and its tables."""
    if not report.is_broken(vpc.where, "cidr_block"):
        _check_block(vpc, vpc.cidr_block, "cidr_block", report)
    for index, block in enumerate(vpc.secondary_cidr_blocks):
        _check_block(vpc, block, f"secondary_cidr_blocks[{index}]", report)
    if not report.errors:  # else what uses a table may be missing because it is wrong
        _check_unused(vpc, report)
        _check_symmetry(vpc, report)
    lists = {held.name: held for held in topology.prefix_lists}
    _check_private(vpc, lists, report)
    if blocks_are_known(vpc, report):
        _check_lists(vpc, lists, report)


def _check_block(vpc: Vpc, block: IPv4Network, key: str, report: Report) -> None:
    if block.overlaps(DISCOURAGED):
        what = f"some AWS services use {DISCOURAGED} inside"
        report.warn(vpc.where, what, "AWS accepts it and advises another block", key=key)
    elif is_public(block.network_address) and not any(block.overlaps(known) for known in NOBODYS):
        # VPC-06
        what = f"{block} are public addresses of others: this VPC can never reach them"
        hint = "traffic to the VPC's own block stays inside; a private one such as 10.0.0.0/16 hides nobody"
        report.warn(vpc.where, what, hint, key=key)


def _check_unused(vpc: Vpc, report: Report) -> None:
    """RT-20: a subnet uses the table that it names, else the main one."""
    used = {subnet.route_table for subnet in vpc.subnets} | {vpc.main_route_table}
    used |= {held.route_table for held in vpc.nat_gateways if held.regional}  # RNAT-02
    gateway = Where(path=f"{vpc.where.path}.internet_gateway")
    for table in vpc.route_tables:
        edge = report.item(gateway, ("route_table",), table.name)
        if table.name not in used and not edge and vpc.subnets:
            what = f"no subnet uses route table {table.name}"
            hint = f"route_table: {table.name} in a subnet, or main_route_table: {table.name} for all that name none"
            report.warn(table.where, what, hint)


def _check_symmetry(vpc: Vpc, report: Report) -> None:
    """GRT-08: an appliance between the internet and a subnet sees both directions, or AWS supports it not."""
    owners = {held.name: instance for instance in vpc.instances for held in instance.interfaces}
    tables = {table.name: table for table in vpc.route_tables}
    public = {
        held.subnet
        for instance in vpc.instances
        for held in instance.interfaces
        if any(address.public_ip is not None for address in held.addresses)
    }
    edge = tables[vpc.gateway_route_table].routes if vpc.gateway_route_table else ()
    inward = {route.destination: route for route in edge if route.target.name in owners}
    for subnet in vpc.subnets:
        if subnet.name not in public:
            continue
        before = inward.get(subnet.cidr_block) or next((inward[own] for own in vpc.cidr_blocks if own in inward), None)
        after = next((held for held in tables[subnet.route_table].routes if held.destination == EVERYWHERE), None)
        through = owners[before.target.name] if before else None
        back = owners.get(after.target.name) if after else None
        if before and through and through is not back and subnet.name not in {e.subnet for e in through.interfaces}:
            what = f"what comes in to subnet {subnet.name} passes {through.name}, and its answers do not"
            hint = f"{EVERYWHERE}: {before.target.name} in route table {subnet.route_table}: both directions or none"
            report.warn(report.value_of(before.where), what, hint)
        elif after and back and not before and back.appliance is not None and not back.appliance.translates:
            what = f"what subnet {subnet.name} sends out passes {back.name}, and the answers do not"
            hint = f"a route table of the internet gateway with {subnet.cidr_block}: {after.target.name}"
            report.warn(report.value_of(after.where), what, hint)


def _check_private(vpc: Vpc, lists: Mapping[str, PrefixList], report: Report) -> None:
    """IGW-08: an internet gateway drops what is meant for a private address."""
    leading_out = [
        route for table in vpc.route_tables for route in table.routes if route.target.kind == "internet_gateway"
    ]
    for route in leading_out:
        for destination in _blocks(route, vpc, lists):
            inside = next((block for block in (*PRIVATE, SHARED) if destination.subnet_of(block)), None)
            if inside and not any(destination.subnet_of(block) for block in vpc.cidr_blocks):
                what = f"{destination} is not public: an internet gateway drops what goes there"
                report.warn(route.where, what, f"{inside} is used inside networks, not on the internet")


def _blocks(route: Route, vpc: Vpc, lists: Mapping[str, PrefixList]) -> tuple[IPv4Network, ...]:
    if not isinstance(route.destination, PrefixListReference):
        return (route.destination,)
    held = lists.get(route.destination.prefix_list)
    return destinations(held, vpc) if held else ()


def _check_lists(vpc: Vpc, lists: Mapping[str, PrefixList], report: Report) -> None:
    """Entries that do nothing in a table, and those that AWS would toss a coin about."""
    for table in vpc.route_tables:
        if table.name == vpc.gateway_route_table:
            continue  # GRT-04: refused there
        first: dict[IPv4Network, tuple[Route, str]] = {}
        for route in table.routes:
            if not isinstance(route.destination, PrefixListReference) or route.destination.prefix_list not in lists:
                continue
            held = lists[route.destination.prefix_list]
            used = destinations(held, vpc)
            if idle := [str(cidr) for cidr in held.cidrs() if cidr not in used]:
                # RT-05, RT-11
                what = f"prefix list {held.name}: a route from a list cannot be for {listed(idle)}: passed over"
                report.warn(route.where, what, "inside the VPC decide local, and routes for whole subnets")
            for cidr in used:
                other, name = first.setdefault(cidr, (route, held.name))
                if other.target != route.target:
                    # RT-55
                    what = f"prefix lists {name} and {held.name} both hold {cidr}, with different targets"
                    hint = f"AWS takes one of them at random, and stays with it; this lab takes {name}"
                    report.warn(route.where, what, hint)
