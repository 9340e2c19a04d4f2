"""Routes: what a route table can hold, and what an edge route table can (sections 1.3 to 1.7 of the AWS reference)."""

from ipaddress import IPv4Network

from emulator.topology.model import Route, RouteTable, Vpc
from emulator.topology.report import Report
from emulator.topology.routes import listed_blocks
from emulator.topology.rules_network import blocks_are_known

REFUSED_ROUTES = IPv4Network("169.254.168.0/22")  # RT-11
ROUTES_PER_TABLE, ROUTES_AT_MOST = 500, 1000


def check_routes(vpc: Vpc, report: Report) -> None:
    """Every static route of every table."""
    for table in vpc.route_tables:
        seen: dict[IPv4Network, Route] = {}
        for route in table.routes:
            other = seen.setdefault(route.destination, route)
            if other is not route:
                # RT-30, and VPC-03: 10.1.0.0/16 and 10.1.2.3/16 are one destination.
                what = f"the table already has a route to {route.destination} (line {other.where.line})"
                report.error(route.where, what, "one destination has one route", "RouteAlreadyExists")
            _check_destination(vpc, route, report)
        _check_count(table, report)
    _check_edge(vpc, report)


def _check_destination(vpc: Vpc, route: Route, report: Report) -> None:
    destination = route.destination
    if destination.subnet_of(REFUSED_ROUTES):
        what = f"AWS keeps {REFUSED_ROUTES} to itself: a route for or inside it is refused"
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
        if not fits:
            what = f"the table already has a local route to {destination}, the VPC's own block"
            hint = "remove it: only an instance or a NAT gateway can take the place of local"
            report.error(route.where, what, hint, "RouteAlreadyExists")
    elif destination not in {subnet.cidr_block for subnet in vpc.subnets}:
        # RT-05
        what = f"{destination} is more specific than the VPC's block {block}"
        hint = "such a route must be for the whole block of one of its subnets"
        report.error(route.where, what, hint, "InvalidParameterValue")
    elif not fits and target.kind != "blackhole":
        # RT-06
        what = f"{destination} is inside the VPC's block {block}: its target cannot be an internet gateway"
        report.error(route.where, what, "only an instance or a NAT gateway can be its target", "InvalidParameterValue")


def _check_count(table: RouteTable, report: Report) -> None:
    count = len(table.routes)
    if count > ROUTES_AT_MOST:
        what = f"{count} routes: AWS allows {ROUTES_AT_MOST:,} per table at most"
        report.error(table.where, what, "", "RouteLimitExceeded", "routes")  # RT-37
    elif count > ROUTES_PER_TABLE:
        what = f"{count} routes: an account's quota is {ROUTES_PER_TABLE} per table until AWS raises it"
        report.warn(table.where, what, code="RouteLimitExceeded", key="routes")


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
    addresses = {instance.name: instance.public_ip for instance in vpc.instances}
    for route in table.routes:
        gateway = f"route table {table.name} serves internet gateway {vpc.internet_gateway}"
        if route.destination not in whole:
            # A part of a subnet is refused in every table, and told already.
            if not any(route.destination.subnet_of(block) for block in vpc.cidr_blocks):
                # GRT-02, T-19
                what = f"{gateway}: a route to {route.destination} is not allowed there"
                hint = f"the whole block of a subnet, or the VPC's own block{listed_blocks(vpc.cidr_blocks)}"
                report.error(route.where, what, hint, "InvalidParameterValue")
        elif route.target.kind in ("nat_gateway", "internet_gateway"):
            # GRT-03
            what = f"{gateway}: {route.target.name} cannot be a target there"
            report.error(report.value_of(route.where), what, "local or an instance can", "InvalidParameterValue")
        elif route.target.kind == "instance" and addresses.get(route.target.name) is None:
            # GRT-05
            what = f"{gateway}: {route.target.name} has no public IP, so what is routed to it is dropped"
            report.warn(report.value_of(route.where), what, "give it an elastic_ip")


def check_detached(vpc: Vpc, report: Report) -> None:
    """IGW-13, T-25: an internet gateway cannot leave a VPC that has public addresses."""
    if vpc.detached_gateway is None:
        return
    mapped = [gateway.name for gateway in vpc.nat_gateways if gateway.connectivity_type == "public"]
    mapped += [instance.name for instance in vpc.instances if instance.public_ip is not None]
    if mapped:
        who = ", ".join(mapped[:3]) + (f" and {len(mapped) - 3} more" if len(mapped) > 3 else "")
        what = f"network {vpc.name} has some mapped public address(es): {who}"
        at = report.at(vpc.where, "internet_gateway")
        report.error(at, what, "take the public addresses away first", "DependencyViolation", "attached")
