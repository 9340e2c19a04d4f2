"""The route table that a regional NAT gateway brings along (RNAT-02)."""

from ipaddress import IPv4Network

from emulator.topology.model import Route, RouteTable, Target
from emulator.topology.nat import NatGateway
from emulator.topology.read import Record
from emulator.topology.report import Report
from emulator.topology.routes import Owners, build_route_table

_EVERYWHERE = IPv4Network("0.0.0.0/0")


def own_table(
    record: Record,
    gateway: NatGateway,
    vpc: Record,
    internet_gateway: str | None,
    blocks: tuple[IPv4Network, ...],
    owners: Owners,
    report: Report,
) -> RouteTable:
    """RNAT-02: the table that comes with a regional one: out to the internet gateway, and what the file adds.

    blocks: the VPC's own; none if they are wrong.
    """
    written = build_route_table(record, vpc, blocks, owners, report)
    routes = [route for route in written.routes if _fits(route, gateway, report)]
    if internet_gateway and not any(route.destination == _EVERYWHERE for route in routes):
        default = Route(_EVERYWHERE, Target("internet_gateway", internet_gateway), gateway.where)
        routes.insert(0, default)
    return RouteTable(gateway.route_table, tuple(routes), gateway.where)


def _fits(route: Route, gateway: NatGateway, report: Report) -> bool:
    kind = route.target.kind
    if kind in ("internet_gateway", "transit_gateway", "instance", "blackhole"):
        return True
    what = f"{route.target.name} is no target for what regional NAT gateway {gateway.name} sends"
    hint = "the internet gateway, a transit gateway, an instance that forwards, or blackhole"
    if kind == "vpc_peering_connection":
        # PCX-12: only addresses of the two VPCs cross it, and AWS shows none of a regional NAT gateway.
        hint = "it has no address in the VPC that could cross a peering connection: use a zonal NAT gateway"
    report.error(report.value_of(route.where), what, hint, "InvalidParameterValue")
    return False
