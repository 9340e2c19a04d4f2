"""Faults of route tables and of what subnets are associated with."""

from collections.abc import Iterator
from dataclasses import replace
from ipaddress import IPv4Network

from emulator.topology.faults_edits import forsaken, owner_of, with_interface, with_routes, with_subnet, with_vpc
from emulator.topology.faults_match import Gate, admitted
from emulator.topology.faults_nouns import Broken, Fault
from emulator.topology.faults_talks import Leg, best, legs, table_of, talks
from emulator.topology.flows import Component
from emulator.topology.instances import Instance
from emulator.topology.model import Route, RouteTable, Subnet, Target, Topology, Vpc
from emulator.topology.security import EVERYWHERE


def _table(vpc: Vpc, table: RouteTable) -> Component:
    return Component("route_table", table.name, vpc.name)


def _defaults(topology: Topology, *kinds: str) -> Iterator[tuple[Leg, Route]]:
    """Legs that take the default route to a target of these kinds."""
    for leg in legs(topology):
        if leg.route and leg.route.destination == EVERYWHERE and leg.route.target.kind in kinds:
            yield leg, leg.route


def _rerouted(topology: Topology, leg: Leg, route: Route, target: Target) -> Topology:
    new = replace(route, target=target)
    return with_vpc(topology, with_routes(leg.vpc, leg.table, new, without=route))


def _default_missing(topology: Topology) -> Iterator[Broken]:
    for leg, route in _defaults(topology, "internet_gateway", "nat_gateway", "instance"):
        yield Broken(
            with_vpc(topology, with_routes(leg.vpc, leg.table, without=route)),
            _table(leg.vpc, leg.table),
            f"route table {leg.table.name} has no route {route.destination} (it led to {route.target.name})",
            leg.vpc.name,
            leg.table.name,
        )


def _default_to_internet_gateway(topology: Topology) -> Iterator[Broken]:
    for leg, route in _defaults(topology, "nat_gateway", "instance"):
        gateway = leg.vpc.internet_gateway
        if gateway is None or leg.end.interface is None or leg.end.interface.addresses[0].public_ip is not None:
            continue
        yield Broken(
            _rerouted(topology, leg, route, Target("internet_gateway", gateway)),
            Component("internet_gateway", gateway, leg.vpc.name, "egress"),  # IGW-03
            f"the default route of route table {leg.table.name} leads to {gateway} instead of {route.target.name}",
            leg.vpc.name,
            leg.table.name,
        )


def _default_to_nat_gateway(topology: Topology) -> Iterator[Broken]:
    for leg, route in _defaults(topology, "internet_gateway"):
        # A NAT gateway whose own subnet keeps its way out would serve the instance that calls; nobody could call it.
        nats = [
            gateway
            for gateway in leg.vpc.nat_gateways
            if not gateway.regional and (leg.answer or table_of(leg.vpc, leg.vpc.subnet(gateway.subnet)) == leg.table)
        ]
        if nats and leg.talk.source.vpc != leg.talk.target.vpc:
            itself = leg.end.interface is not None and leg.end.interface.subnet != leg.subnet.name
            yield Broken(
                _rerouted(topology, leg, route, Target("nat_gateway", nats[0].name)),
                # What a NAT gateway has translated is led back to it; or it is to translate an answer (NAT-23).
                _table(leg.vpc, leg.table) if itself else Component("nat_gateway", nats[0].name, leg.vpc.name),
                f"the default route of route table {leg.table.name} leads to {nats[0].name} "
                f"instead of {route.target.name}",
                leg.vpc.name,
                leg.table.name,
            )


def _default_to_instance(topology: Topology) -> Iterator[Broken]:
    seen = set()
    for leg, route in _defaults(topology, "nat_gateway", "instance"):
        if leg.answer or (leg.vpc.name, leg.table.name) in seen:
            continue
        for other in _bystanders(topology, leg):
            if other.name != route.target.name:
                seen.add((leg.vpc.name, leg.table.name))
                yield Broken(
                    _rerouted(topology, leg, route, Target("instance", other.name)),
                    Component("network_interface", other.name, leg.vpc.name, "ingress"),  # SDC-01
                    f"the default route of route table {leg.table.name} leads to instance {other.name} "
                    f"instead of {route.target.name}",
                    leg.vpc.name,
                    leg.table.name,
                )
                break


def _bystanders(topology: Topology, leg: Leg) -> Iterator[Instance]:
    """Instances that have no part in the talk, forward nothing, and whose groups would let the talk's packet in.

    First those in a third subnet: what stands in a subnet of the talk's is no place for a middlebox (RT-08).
    """
    near = {end.interface.subnet for end in (leg.talk.source, leg.talk.target) if end.interface}
    for instance in sorted(leg.vpc.instances, key=lambda instance: instance.subnet in near):
        if instance in (leg.talk.source.instance, leg.talk.target.instance):
            continue
        if instance.appliance or not instance.source_dest_check or len(instance.interfaces) > 1:
            continue
        # GEN-03: its groups are asked before the source/destination check is.
        gate = Gate(leg.vpc, instance.primary, "ingress", direct=True)
        if admitted(gate.groups(topology), topology, leg.talk, gate):
            yield instance


def _specific_blackhole(topology: Topology) -> Iterator[Broken]:
    for leg, route, block in _could_be_captured(topology):
        gone = Route(block, Target("blackhole"))
        yield Broken(
            with_vpc(topology, with_routes(leg.vpc, leg.table, gone)),
            _table(leg.vpc, leg.table),  # RT-41
            f"route table {leg.table.name} has a route {block} to something that is no longer there, "
            f"more specific than {route.destination} to {route.target.name}",
            leg.vpc.name,
            leg.table.name,
        )


def _specific_to_internet_gateway(topology: Topology) -> Iterator[Broken]:
    for leg, route, block in _could_be_captured(topology):
        gateway, interface = leg.vpc.internet_gateway, leg.end.interface
        private = interface is not None and interface.addresses[0].public_ip is None
        if gateway and private and leg.subnet.name == (interface and interface.subnet) and route.target.name != gateway:
            yield Broken(
                with_vpc(topology, with_routes(leg.vpc, leg.table, Route(block, Target("internet_gateway", gateway)))),
                Component("internet_gateway", gateway, leg.vpc.name, "egress"),  # RT-50, IGW-03
                f"route table {leg.table.name} has a route {block} to {gateway}, "
                f"more specific than {route.destination} to {route.target.name}",
                leg.vpc.name,
                leg.table.name,
            )


def _could_be_captured(topology: Topology) -> Iterator[tuple[Leg, Route, IPv4Network]]:
    """Legs to somewhere outside, and a block around their destination for which there is no route yet."""
    for leg in legs(topology):
        block = IPv4Network((leg.to, 24), strict=False)
        if leg.route is None or leg.route.target.kind == "blackhole":
            continue
        wider = isinstance(leg.route.destination, IPv4Network) and leg.route.destination.prefixlen < block.prefixlen
        if wider and not any(block.overlaps(own) for own in leg.vpc.cidr_blocks):
            yield leg, leg.route, block


def _subnet_on_main_table(topology: Topology) -> Iterator[Broken]:
    for leg in legs(topology):
        main = next(table for table in leg.vpc.route_tables if table.name == leg.vpc.main_route_table)
        route, local = best(leg.vpc, main, leg.to)
        if leg.route is None or local or (route and route.target.kind != "blackhole"):
            continue
        yield Broken(
            with_vpc(topology, with_subnet(leg.vpc, replace(leg.subnet, route_table=main.name))),
            _table(leg.vpc, main),  # RT-24
            f"subnet {leg.subnet.name} is not associated with route table {leg.table.name}, "
            f"so it uses the main one, {main.name}",
            leg.vpc.name,
            leg.subnet.name,
        )


def _subnet_route_to_instance(topology: Topology) -> Iterator[Broken]:
    for leg, other, broken in _detours(topology):
        yield Broken(
            broken,
            Component("network_interface", other.name, leg.vpc.name, "ingress"),  # SDC-01
            f"route table {leg.table.name} sends what is for subnet {_goal(leg).name} to instance {other.name}, "
            "which is no router and has its source/destination check on",
            leg.vpc.name,
            leg.table.name,
        )


def _subnet_route_to_idle_instance(topology: Topology) -> Iterator[Broken]:
    for leg, other, broken in _detours(topology):
        vpc = next(vpc for vpc in broken.vpcs if vpc.name == leg.vpc.name)
        unchecked = replace(other.primary, source_dest_check=False)
        yield Broken(
            with_vpc(broken, with_interface(vpc, other, unchecked)),
            Component("instance", other.name, leg.vpc.name),
            f"route table {leg.table.name} sends what is for subnet {_goal(leg).name} to instance {other.name}: "
            "its source/destination check is off, but its kernel forwards nothing",
            leg.vpc.name,
            leg.table.name,
        )


def _detours(topology: Topology) -> Iterator[tuple[Leg, Instance, Topology]]:
    """Questions between two subnets, sent to an instance that is no router by a route for the whole subnet (RT-05)."""
    for leg in legs(topology):
        if (
            leg.answer
            or not leg.talk.within
            or leg.end.interface is None
            or leg.subnet.name != leg.end.interface.subnet
        ):
            continue
        block = _goal(leg).cidr_block
        for other in _bystanders(topology, leg):
            if leg.route is None or leg.route.target.name != other.name:
                new = Route(block, Target("instance", other.name))
                old = leg.route if leg.route and leg.route.destination == block else None
                yield leg, other, with_vpc(topology, with_routes(leg.vpc, leg.table, new, without=old))
                break


def _goal(leg: Leg) -> Subnet:
    target = leg.talk.target.interface
    assert target is not None
    return leg.vpc.subnet(target.subnet)


def _edge_blackhole(topology: Topology) -> Iterator[Broken]:
    for talk in talks(topology):
        vpc = talk.target.vpc
        if vpc is None or vpc.gateway_route_table is None or talk.source.vpc is not None:
            continue
        table = next(table for table in vpc.route_tables if table.name == vpc.gateway_route_table)
        route, _ = best(vpc, table, talk.target.ip)
        if route and route.target.kind != "blackhole":
            gone = replace(route, target=Target("blackhole"))
            yield Broken(
                with_vpc(topology, with_routes(vpc, table, gone, without=route)),
                _table(vpc, table),  # GRT-01, RT-41
                f"in edge route table {table.name} the target of {route.destination} is a network interface "
                f"that is no longer there (it was {route.target.name})",
                vpc.name,
                table.name,
            )


def _appliance_terminated(topology: Topology) -> Iterator[Broken]:
    named = {end for each in topology.expect for end in (*each.sources, *each.targets)}
    for leg in legs(topology):
        owner = owner_of(leg.vpc, leg.route.target.name) if leg.route and leg.route.target.kind == "instance" else None
        if owner is None or named & {owner[0].name, *(interface.name for interface in owner[0].interfaces)}:
            continue  # who is asked about by name has to be there
        instance = owner[0]
        left = replace(leg.vpc, instances=tuple(other for other in leg.vpc.instances if other is not instance))
        for interface in instance.interfaces:
            left = forsaken(left, interface.name)
        yield Broken(
            with_vpc(topology, left),
            _table(leg.vpc, leg.table),  # RT-40
            f"instance {instance.name} is terminated: the routes to it are blackholes",
            leg.vpc.name,
            instance.name,
        )


FAULTS = (
    Fault(
        "default-route-missing",
        "a route table without its default route",
        "A packet for which a route table has no route is dropped in silence (time-out, never an error). A subnet is "
        "public or private only by what the route table says that it is associated with.",
        _default_missing,
    ),
    Fault(
        "default-route-to-internet-gateway",
        "a private subnet's default route leads to the internet gateway",
        "An internet gateway translates between a private and its public IPv4 address. An instance without a public "
        "one has nothing to be translated to, so its packets are dropped there: private subnets need a NAT gateway.",
        _default_to_internet_gateway,
    ),
    Fault(
        "default-route-to-nat-gateway",
        "a public subnet's default route leads to the NAT gateway",
        "A NAT gateway lets only answers to its own translations through. The answers of a public instance leave by a "
        "NAT gateway that has never seen the question, and a NAT gateway behind itself reaches nobody.",
        _default_to_nat_gateway,
    ),
    Fault(
        "default-route-to-instance",
        "the default route leads to an instance that is no NAT instance",
        "A route may point at any instance, but what is not addressed to the instance itself is dropped by its "
        "source/destination check.",
        _default_to_instance,
    ),
    Fault(
        "specific-route-blackhole",
        "a forgotten, more specific route whose target is gone",
        "The longest prefix wins, whatever its state: a blackhole route drops, and nothing falls through to the "
        "default route.",
        _specific_blackhole,
    ),
    Fault(
        "specific-route-to-internet-gateway",
        "a more specific route captures what should use the NAT gateway",
        "The longest prefix wins. Packets to that block go to the internet gateway, which has no public address for "
        "the sender; everything else still uses the NAT gateway.",
        _specific_to_internet_gateway,
    ),
    Fault(
        "subnet-on-main-table",
        "a subnet without an explicit association uses the main route table",
        "A subnet that is associated with no route table uses the VPC's main one, and that has no route but local.",
        _subnet_on_main_table,
    ),
    Fault(
        "subnet-route-to-instance",
        "a route for a whole subnet leads to an instance with its source/destination check on",
        "A route for the whole block of a subnet is more specific than local and wins. The instance it points at drops "
        "what is not addressed to itself, until its source/destination check is turned off.",
        _subnet_route_to_instance,
    ),
    Fault(
        "subnet-route-to-idle-instance",
        "a route for a whole subnet leads to an instance that does not forward",
        "With the source/destination check off the packets arrive, but forwarding is a setting of the instance's own "
        "operating system: without it they end there.",
        _subnet_route_to_idle_instance,
    ),
    Fault(
        "edge-route-blackhole",
        "the internet gateway's route table leads to an interface that is gone",
        "An edge route table decides where packets from the internet enter the VPC. Its route to a deleted middlebox "
        "is a blackhole, and still wins over local.",
        _edge_blackhole,
    ),
    Fault(
        "appliance-terminated",
        "the instance that routes lead to is terminated",
        "Terminating an instance leaves the routes to it behind, in state blackhole. They still win, and drop.",
        _appliance_terminated,
    ),
)
