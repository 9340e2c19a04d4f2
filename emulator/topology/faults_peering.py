"""Faults of VPC peering connections and of the routes to them."""

from collections.abc import Iterator
from dataclasses import replace

from emulator.topology.faults_edits import put, with_routes, with_vpc
from emulator.topology.faults_nouns import Broken, Fault
from emulator.topology.faults_talks import Leg, best, legs
from emulator.topology.flows import Component
from emulator.topology.model import Route, Target, Topology
from emulator.topology.peering import VpcPeeringConnection


def _across(topology: Topology) -> Iterator[tuple[Leg, Route, VpcPeeringConnection]]:
    """Legs that lead to an active VPC peering connection."""
    connections = {held.name: held for held in topology.vpc_peering_connections if held.active}
    for leg in legs(topology):
        if leg.route and leg.route.target.kind == "vpc_peering_connection" and leg.route.target.name in connections:
            yield leg, leg.route, connections[leg.route.target.name]


def _route_missing(topology: Topology) -> Iterator[Broken]:
    for leg, route, held in sorted(_across(topology), key=lambda found: not found[0].answer):
        left = with_routes(leg.vpc, leg.table, without=route)
        table = next(table for table in left.route_tables if table.name == leg.table.name)
        if best(left, table, leg.to) != (None, False):
            continue
        yield Broken(
            with_vpc(topology, left),
            Component("route_table", leg.table.name, leg.vpc.name),  # PCX-10
            f"route table {leg.table.name} of VPC {leg.vpc.name} has no route {route.destination} to {held.name}",
            leg.vpc.name,
            leg.table.name,
        )


def _not_accepted(topology: Topology) -> Iterator[Broken]:
    for leg, _, held in _across(topology):
        if leg.answer:
            continue
        pending = replace(held, state="pending-acceptance")
        yield Broken(
            replace(topology, vpc_peering_connections=put(topology.vpc_peering_connections, pending)),
            Component("route_table", leg.table.name, leg.vpc.name),  # PCX-03, RT-40
            f"nobody has accepted VPC peering connection {held.name}: it is {pending.state}",
            leg.vpc.name,
            held.name,
        )


def _transitive(topology: Topology) -> Iterator[Broken]:
    for leg, route, held in _across(topology):
        other = next((one for one in topology.peerings_of(leg.vpc.name) if one.pair != held.pair), None)
        if other is None or leg.answer:
            continue
        led = replace(route, target=Target("vpc_peering_connection", other.name))
        yield Broken(
            with_vpc(topology, with_routes(leg.vpc, leg.table, led, without=route)),
            Component("vpc_peering_connection", other.name),  # PCX-12, PCX-13
            f"route table {leg.table.name} leads {route.destination} to {other.name} instead of {held.name}, "
            f"as if VPC {other.other(leg.vpc.name)} passed it on",
            leg.vpc.name,
            leg.table.name,
        )


FAULTS = (
    Fault(
        "peering-route-missing",
        "one side of a VPC peering connection has no route to it",
        "Accepting a peering connection adds no route: both VPCs need one. With one side only, questions arrive and "
        "the answers have no route back.",
        _route_missing,
    ),
    Fault(
        "peering-not-accepted",
        "the VPC peering connection waits for acceptance",
        "Even within one account somebody has to accept a peering connection. Until then it carries nothing, and the "
        "routes to it are blackholes.",
        _not_accepted,
    ),
    Fault(
        "peering-transitive",
        "a route expects the peer to pass on what is for a third VPC",
        "A peering connection carries only what goes from one of its two VPCs to the other. There is no way through a "
        "peer to a third VPC, to its internet gateway or to its NAT gateway.",
        _transitive,
    ),
)
