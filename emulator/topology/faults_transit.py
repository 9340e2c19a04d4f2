"""Faults of transit gateways and of the routes to them."""

from collections.abc import Iterator
from dataclasses import replace

from emulator.topology.faults_edits import put, with_routes, with_vpc
from emulator.topology.faults_nouns import Broken, Fault
from emulator.topology.faults_talks import Leg, best, legs
from emulator.topology.flows import Component
from emulator.topology.model import Route, Topology
from emulator.topology.transit import (
    TransitGateway,
    TransitGatewayPeeringAttachment,
    TransitGatewayRoute,
    TransitGatewayRouteTable,
)


def _through(topology: Topology) -> Iterator[tuple[Leg, Route, TransitGateway, TransitGatewayRouteTable]]:
    """Legs that lead to a transit gateway, and which of its tables routes them on."""
    gateways = {held.name: held for held in topology.transit_gateways}
    for leg in legs(topology):
        if leg.route and leg.route.target.kind == "transit_gateway":
            gateway = gateways[leg.route.target.name]
            held = gateway.of_vpc(leg.vpc.name)
            if held and (table := gateway.table_of(held.name)):
                yield leg, leg.route, gateway, table


def _with_table(topology: Topology, gateway: TransitGateway, table: TransitGatewayRouteTable) -> Topology:
    edited = replace(gateway, route_tables=put(gateway.route_tables, table))
    return replace(topology, transit_gateways=put(topology.transit_gateways, edited))


def _route_missing(topology: Topology) -> Iterator[Broken]:
    for leg, route, gateway, _ in sorted(_through(topology), key=lambda found: not found[0].answer):
        left = with_routes(leg.vpc, leg.table, without=route)
        table = next(table for table in left.route_tables if table.name == leg.table.name)
        if best(left, table, leg.to) == (None, False):
            yield Broken(
                with_vpc(topology, left),
                Component("route_table", leg.table.name, leg.vpc.name),  # TGW-10
                f"route table {leg.table.name} of VPC {leg.vpc.name} has no route {route.destination} to "
                f"{gateway.name}",
                leg.vpc.name,
                leg.table.name,
            )


def _not_associated(topology: Topology) -> Iterator[Broken]:
    for leg, _, gateway, table in _through(topology):
        held = gateway.of_vpc(leg.vpc.name)
        assert held is not None
        without = tuple(name for name in table.associations if name != held.name)
        yield Broken(
            _with_table(topology, gateway, replace(table, associations=without)),
            Component("transit_gateway", gateway.name),  # TGW-20
            f"attachment {held.name} is associated with no route table of {gateway.name}",
            leg.vpc.name,
            held.name,
        )


def _not_propagated(topology: Topology) -> Iterator[Broken]:
    blocks = {vpc.name: vpc.cidr_blocks for vpc in topology.vpcs}
    for leg, _, gateway, table in _through(topology):
        if any(leg.to in route.destination for route in table.routes):
            continue
        for name in table.propagations:
            if any(leg.to in block for block in blocks[gateway.attachment(name).vpc]):
                without = tuple(other for other in table.propagations if other != name)
                yield Broken(
                    _with_table(topology, gateway, replace(table, propagations=without)),
                    Component("transit_gateway", gateway.name),  # TGW-21, TGW-30
                    f"attachment {name} does not propagate to route table {table.name} of {gateway.name}",
                    leg.vpc.name,
                    table.name,
                )


def _over_peerings(
    topology: Topology,
) -> Iterator[
    tuple[Leg, TransitGateway, TransitGatewayRouteTable, TransitGatewayRoute, TransitGatewayPeeringAttachment]
]:
    """Legs for which nothing but one static route of the gateway leads on, over a peering attachment (TGW-50)."""
    joined = {held.name: held for held in topology.transit_gateway_peering_attachments if held.available}
    blocks = {vpc.name: vpc.cidr_blocks for vpc in topology.vpcs}
    for leg, _, gateway, table in _through(topology):
        routes = [route for route in table.routes if leg.to in route.destination]
        propagated = (block for name in table.propagations for block in blocks[gateway.attachment(name).vpc])
        if len(routes) == 1 and routes[0].attachment in joined and not any(leg.to in block for block in propagated):
            yield leg, gateway, table, routes[0], joined[routes[0].attachment]


def _peering_not_accepted(topology: Topology) -> Iterator[Broken]:
    for leg, gateway, _, _, held in _over_peerings(topology):
        if leg.answer:
            continue
        pending = replace(held, state="pendingAcceptance")
        joined = put(topology.transit_gateway_peering_attachments, pending)
        yield Broken(
            replace(topology, transit_gateway_peering_attachments=joined),
            Component("transit_gateway", gateway.name),  # TGW-50, TGW-27
            f"nobody has accepted transit gateway peering attachment {held.name}: it is {pending.state}",
            leg.vpc.name,
            held.name,
        )


def _peering_route_missing(topology: Topology) -> Iterator[Broken]:
    for leg, gateway, table, route, held in sorted(_over_peerings(topology), key=lambda found: not found[0].answer):
        left = tuple(other for other in table.routes if other != route)
        yield Broken(
            _with_table(topology, gateway, replace(table, routes=left)),
            Component("transit_gateway", gateway.name),  # TGW-50, TGW-30
            f"route table {table.name} of {gateway.name} has no static route {route.destination} to {held.name}",
            leg.vpc.name,
            table.name,
        )


FAULTS = (
    Fault(
        "tgw-route-missing",
        "a subnet has no route to the transit gateway",
        "An attachment adds no route to the VPC: the route tables on both sides need one to the transit gateway. "
        "With one side only, questions arrive and the answers have no route back.",
        _route_missing,
    ),
    Fault(
        "tgw-not-associated",
        "an attachment is associated with no route table of the transit gateway",
        "A transit gateway routes what comes in by the table with which the attachment is associated. Without an "
        "association everything from that VPC is dropped.",
        _not_associated,
    ),
    Fault(
        "tgw-not-propagated",
        "a VPC does not propagate to the table that should know it",
        "Which VPCs a route table of a transit gateway knows is said by propagations, and by static routes. What it "
        "does not know it drops, in silence.",
        _not_propagated,
    ),
    Fault(
        "tgw-peering-not-accepted",
        "the peering of two transit gateways waits for acceptance",
        "Somebody has to accept a peering attachment, even within one account. Until then it carries nothing, and the "
        "routes to it are blackholes.",
        _peering_not_accepted,
    ),
    Fault(
        "tgw-peering-route-missing",
        "one of two peered transit gateways has no static route to the other",
        "Nothing is propagated over a peering of transit gateways: both need static routes. With one side only, "
        "questions arrive, and the gateway of the other side drops the answers.",
        _peering_route_missing,
    ),
)
