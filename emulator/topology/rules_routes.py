"""Routes: what a route table can hold, and what an edge route table can (sections 1.3 to 1.7 of the AWS reference)."""

from collections.abc import Mapping
from ipaddress import IPv4Network

from emulator.topology.addresses import slots
from emulator.topology.elsewhere import cidr_hint
from emulator.topology.model import Destination, PrefixListReference, Route, RouteTable, Topology, Vpc
from emulator.topology.prefix_lists import RESERVED_ROUTES
from emulator.topology.report import Report
from emulator.topology.routes import listed_blocks
from emulator.topology.rules_network import blocks_are_known
from emulator.topology.rules_prefix_lists import unknown_list

_KIND = {
    "internet_gateway": "an internet gateway",
    "vpc_peering_connection": "a VPC peering connection",
    "transit_gateway": "a transit gateway",
}
ROUTES_PER_TABLE, ROUTES_AT_MOST = 500, 1000


def check_routes(topology: Topology, vpc: Vpc, report: Report) -> None:
    """Every static route of every table."""
    sizes = {held.name: held.max_entries for held in topology.prefix_lists}
    for table in vpc.route_tables:
        seen: dict[Destination, Route] = {}
        for route in table.routes:
            other = seen.setdefault(route.destination, route)
            if other is not route:
                # RT-30, and VPC-03: 10.1.0.0/16 and 10.1.2.3/16 are one destination.
                what = f"the table already has a route to {route.destination} (line {other.where.line})"
                report.error(route.where, what, "one destination has one route", "RouteAlreadyExists")
            if isinstance(route.destination, PrefixListReference):
                name = route.destination.prefix_list
                unknown_list(topology, name, route.where, report, _other_noun(vpc, name))
            else:
                edge = vpc.internet_gateway is not None and table.name == vpc.gateway_route_table
                _check_destination(vpc, route, route.destination, edge, report)
        _check_count(table, sizes, report)
    _check_edge(vpc, report)


def _check_destination(vpc: Vpc, route: Route, destination: IPv4Network, edge: bool, report: Report) -> None:
    """edge: the table serves the internet gateway, and which targets it takes is told by `_check_edge`."""
    if destination.subnet_of(RESERVED_ROUTES):
        what = f"AWS keeps {RESERVED_ROUTES} to itself: a route for or inside it is refused"
        report.error(route.where, what, "", "InvalidParameterValue")  # RT-11
    block = next((block for block in vpc.cidr_blocks if destination.subnet_of(block)), None)
    if block is None or not blocks_are_known(vpc, report):
        return
    target = route.target
    # RT-06. A detached internet gateway is still one; the word blackhole is nothing that one could have had before.
    fits = target.kind in ("instance", "nat_gateway") or (
        target.kind == "blackhole" and target.name not in ("", vpc.detached_gateway)
    )
    if destination == block:
        # RT-30; RT-04: another target replaces local.
        if not fits and not (edge and target.kind in _KIND):
            what = f"the table already has a local route to {destination}, the VPC's own block"
            hint = "remove it: only an instance or a NAT gateway can take the place of local"
            report.error(route.where, what, hint, "RouteAlreadyExists")
    elif destination not in {subnet.cidr_block for subnet in vpc.subnets}:
        # RT-05
        what = f"{destination} is more specific than the VPC's block {block}"
        hint = "such a route must be for the whole block of one of its subnets"
        report.error(route.where, what, hint, "InvalidParameterValue")
    elif not fits and target.kind != "blackhole" and not edge:
        # RT-06
        kind = _KIND.get(target.kind, target.name)
        what = f"{destination} is inside the VPC's block {block}: its target cannot be {kind}"
        report.error(route.where, what, "only an instance or a NAT gateway can be its target", "InvalidParameterValue")


def _other_noun(vpc: Vpc, name: str) -> str:
    """What to write instead, where the destination is the name of something else; "" if it is nothing else's."""
    subnet = next((subnet for subnet in vpc.subnets if subnet.name == name), None)
    if subnet:
        return f"`{name}` is a subnet: its block is {subnet.cidr_block}"
    if name == vpc.name:
        return f"`{name}` is the VPC: its block is {vpc.cidr_block}"
    targets = {vpc.internet_gateway, *(gateway.name for gateway in vpc.nat_gateways)}
    targets |= {instance.name for instance in vpc.instances}
    if name in targets:
        return f"`{name}` is a target: write the destination first, such as 0.0.0.0/0: {name}"
    return cidr_hint(name)


def _check_count(table: RouteTable, sizes: Mapping[str, int], report: Report) -> None:
    lists = [route.destination for route in table.routes if isinstance(route.destination, PrefixListReference)]
    # RT-56: a prefix list counts for as many as it may ever hold.
    count = len(table.routes) - len(lists) + sum(sizes.get(held.prefix_list, 1) for held in lists)
    hint = "a prefix list counts as its max_entries" if lists else ""
    if count > ROUTES_AT_MOST:
        what = f"{count} routes: AWS allows {ROUTES_AT_MOST:,} per table at most"
        report.error(table.where, what, hint, "RouteLimitExceeded", "routes")  # RT-37
    elif count > ROUTES_PER_TABLE:
        what = f"{count} routes: an account's quota is {ROUTES_PER_TABLE} per table until AWS raises it"
        report.warn(table.where, what, hint, "RouteLimitExceeded", "routes")


def _check_edge(vpc: Vpc, report: Report) -> None:
    """The internet gateway's own table (GRT-01)."""
    table = next((table for table in vpc.route_tables if table.name == vpc.gateway_route_table), None)
    if table is None or vpc.internet_gateway is None:
        return
    at = report.at(vpc.where, "internet_gateway")
    if table.name == vpc.main_route_table:
        # RT-25
        what = f"route table {table.name} is the main one: it cannot be associated with a gateway"
        report.error(at, what, "give the internet gateway a table of its own", "InvalidParameterValue", "route_table")
    whole = {*vpc.cidr_blocks, *(subnet.cidr_block for subnet in vpc.subnets)}
    public = {
        interface.name
        for instance in vpc.instances
        for interface in instance.interfaces
        if any(address.public_ip is not None for address in interface.addresses)
    }
    for route in table.routes:
        gateway = f"route table {table.name} serves internet gateway {vpc.internet_gateway}"
        if isinstance(route.destination, PrefixListReference):
            # GRT-04
            what = f"{gateway}: a prefix list cannot be a destination there"
            hint = "a route for the whole block of a subnet, or for the VPC's own block"
            report.error(route.where, what, hint, "InvalidParameterValue")
        elif route.destination not in whole:
            # A part of a subnet is refused in every table, and told already.
            if not any(route.destination.subnet_of(block) for block in vpc.cidr_blocks):
                # GRT-02, T-19
                what = f"{gateway}: a route to {route.destination} is not allowed there"
                hint = f"the whole block of a subnet, or the VPC's own block{listed_blocks(vpc.cidr_blocks)}"
                report.error(route.where, what, hint, "InvalidParameterValue")
        elif route.target.kind in ("nat_gateway", *_KIND):
            # GRT-03
            what = f"{gateway}: {route.target.name} cannot be a target there"
            report.error(report.value_of(route.where), what, "local or an instance can", "InvalidParameterValue")
        elif route.target.kind == "instance" and route.target.name not in public:
            # GRT-05
            what = f"{gateway}: {route.target.name} has no public IP, so what is routed to it is dropped"
            report.warn(report.value_of(route.where), what, "give it an elastic_ip")


def check_detached(vpc: Vpc, report: Report) -> None:
    """IGW-13, T-25: an internet gateway cannot leave a VPC that has public addresses."""
    if vpc.detached_gateway is None:
        return
    mapped = list(dict.fromkeys(held.name.partition("+")[0] for held in slots(vpc) if held.public_ip is not None))
    if mapped:
        who = ", ".join(mapped[:3]) + (f" and {len(mapped) - 3} more" if len(mapped) > 3 else "")
        what = f"network {vpc.name} has some mapped public address(es): {who}"
        at = report.at(vpc.where, "internet_gateway")
        report.error(at, what, "take the public addresses away first", "DependencyViolation", "attached")
