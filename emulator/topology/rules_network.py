"""VPC blocks, subnets and route tables (sections 1.1 to 1.5 of the AWS reference)."""

from bisect import bisect
from ipaddress import IPv4Address, IPv4Network

from emulator.topology.model import Route, RouteTable, Subnet, Vpc
from emulator.topology.report import Report
from emulator.topology.suggest import did_you_mean, listed

LONGEST, SHORTEST = 28, 16

REFUSED_BLOCKS = tuple(map(IPv4Network, ("0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4")))  # VPC-04
REFUSED_ROUTES = IPv4Network("169.254.168.0/22")  # RT-11

SUBNETS_PER_VPC = 200
TABLES_PER_VPC = 200
ROUTES_PER_TABLE, ROUTES_AT_MOST = 500, 1000


def check_block(vpc: Vpc, report: Report) -> None:
    """The VPC's own block."""
    if report.is_broken(vpc.where, "cidr_block"):
        return
    block = vpc.cidr_block
    refused = next((bad for bad in REFUSED_BLOCKS if block.overlaps(bad)), None)
    if not SHORTEST <= block.prefixlen <= LONGEST:
        # VPC-01, VPC-02
        what = f"the CIDR {block} is invalid: a VPC is /16 to /28"
        report.error(vpc.where, what, _size_hint(block), "InvalidVpc.Range", "cidr_block")
    elif refused:
        what = f"the CIDR {block} is invalid: AWS refuses blocks in {refused}"
        hint = "a private block such as 10.0.0.0/16, 172.16.0.0/16 or 192.168.0.0/16"
        report.error(vpc.where, what, hint, "InvalidVpc.Range", "cidr_block")


def check_subnets(vpc: Vpc, report: Report) -> None:
    """Ranges, overlaps, and the route table that each names."""
    accepted: list[Subnet] = []
    known_block = not report.is_broken(vpc.where, "cidr_block")
    for subnet in vpc.subnets:
        block = subnet.cidr_block
        if not SHORTEST <= block.prefixlen <= LONGEST:
            # SUB-01
            what = f"the CIDR {block} is invalid: a subnet is /16 to /28"
            report.error(subnet.where, what, _size_hint(block), "InvalidSubnet.Range", "cidr_block")
        elif known_block and not block.subnet_of(vpc.cidr_block):
            # SUB-02
            what = f"the CIDR {block} is invalid: it is not inside {vpc.cidr_block} of VPC {vpc.name}"
            report.error(subnet.where, what, _inside_hint(vpc.cidr_block), "InvalidSubnet.Range", "cidr_block")
        else:
            _check_overlap(subnet, accepted, report)
    _check_tables(vpc, report)
    if len(vpc.subnets) > SUBNETS_PER_VPC:
        what = f"{len(vpc.subnets)} subnets: an account's quota is {SUBNETS_PER_VPC} per VPC until AWS raises it"
        report.warn(vpc.where, what, code="SubnetLimitExceeded", key="subnets")  # SUB-24


def _check_overlap(subnet: Subnet, accepted: list[Subnet], report: Report) -> None:
    # SUB-03, in the order of the file as AWS would see it: a subnet that is refused is in nobody's way. The accepted
    # ones are disjoint, so only the neighbours on either side can overlap the next.
    block = subnet.cidr_block
    at = bisect(accepted, block.network_address, key=_first)
    near = (other for other in accepted[max(0, at - 1) : at + 1] if other.cidr_block.overlaps(block))
    if other := next(near, None):
        what = f"the CIDR {block} conflicts with subnet {other.name} ({other.cidr_block})"
        report.error(subnet.where, what, "subnets of a VPC do not overlap", "InvalidSubnet.Conflict", "cidr_block")
    else:
        accepted.insert(at, subnet)


def _first(subnet: Subnet) -> IPv4Address:
    return subnet.cidr_block.network_address


def _check_tables(vpc: Vpc, report: Report) -> None:
    names = [table.name for table in vpc.route_tables]
    wanted = [(vpc.where, "main_route_table", vpc.main_route_table)]
    wanted += [
        (subnet.where, "route_table", subnet.route_table)
        for subnet in vpc.subnets
        if subnet.route_table != vpc.main_route_table
    ]
    for where, key, name in wanted:
        if name not in names and not report.is_broken(vpc.where, "route_tables", name):
            # RT-28
            hint = did_you_mean(name, names, f"VPC {vpc.name} has {listed(names)}")
            report.error(where, f"no route table is called `{name}`", hint, "InvalidRouteTableID.NotFound", key)
    if len(vpc.route_tables) > TABLES_PER_VPC:
        what = (
            f"{len(vpc.route_tables)} route tables: an account's quota is {TABLES_PER_VPC} per VPC until AWS raises it"
        )
        report.warn(vpc.where, what, code="RouteTableLimitExceeded", key="route_tables")  # RT-37


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


def _check_destination(vpc: Vpc, route: Route, report: Report) -> None:
    destination = route.destination
    if destination.subnet_of(REFUSED_ROUTES):
        what = f"AWS keeps {REFUSED_ROUTES} to itself: a route for or inside it is refused"
        report.error(route.where, what, "", "InvalidParameterValue")  # RT-11
    if report.is_broken(vpc.where, "cidr_block") or not destination.subnet_of(vpc.cidr_block):
        return
    if destination == vpc.cidr_block:
        # RT-30
        what = f"the table already has a local route to {destination}, the VPC's own block"
        report.error(route.where, what, "remove it: traffic within the VPC is always local", "RouteAlreadyExists")
    elif destination not in {subnet.cidr_block for subnet in vpc.subnets}:
        # RT-05
        what = f"{destination} is more specific than the VPC's block {vpc.cidr_block}"
        hint = "such a route must be for the whole block of one of its subnets"
        report.error(route.where, what, hint, "InvalidParameterValue")
    elif route.target.kind == "internet_gateway":
        # RT-06
        what = f"{destination} is inside the VPC's block {vpc.cidr_block}: its target cannot be an internet gateway"
        report.error(route.where, what, "only a NAT gateway can be its target", "InvalidParameterValue")


def _check_count(table: RouteTable, report: Report) -> None:
    count = len(table.routes)
    if count > ROUTES_AT_MOST:
        what = f"{count} routes: AWS allows {ROUTES_AT_MOST:,} per table at most"
        report.error(table.where, what, "", "RouteLimitExceeded", "routes")  # RT-37
    elif count > ROUTES_PER_TABLE:
        what = f"{count} routes: an account's quota is {ROUTES_PER_TABLE} per table until AWS raises it"
        report.warn(table.where, what, code="RouteLimitExceeded", key="routes")


def _size_hint(block: IPv4Network) -> str:
    if block.prefixlen < SHORTEST:
        return f"{block.network_address}/{SHORTEST} is the largest block there"
    return f"{block.supernet(new_prefix=LONGEST)} is the smallest block there"


def _inside_hint(block: IPv4Network) -> str:
    inside = IPv4Network((block.network_address, min(LONGEST, max(24, block.prefixlen))))
    return f"such as {inside}"
