"""Faults of transit gateways and of the routes to them."""

from collections.abc import Iterator
from dataclasses import replace

from emulator.topology.faults_edits import put, with_routes, with_vpc
from emulator.topology.faults_nouns import Broken, Fault
from emulator.topology.faults_talks import Leg, best, legs
from emulator.topology.flows import Component
from emulator.topology.model import Route, Topology
from emulator.topology.transit import TransitGateway, TransitGatewayRouteTable


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
)
