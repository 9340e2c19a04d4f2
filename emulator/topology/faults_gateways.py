"""Faults of internet gateways, NAT gateways and public addresses."""

from collections.abc import Iterator
from dataclasses import replace

from emulator.topology.faults_edits import (
    forsaken,
    with_interface,
    with_nat_gateway,
    with_vpc,
    without_public,
)
from emulator.topology.faults_nouns import Broken, Fault
from emulator.topology.faults_talks import Leg, best, legs, table_of, talks
from emulator.topology.flows import Component
from emulator.topology.instances import Instance, PrivateAddress
from emulator.topology.model import INTERNET, Target, Topology, Vpc
from emulator.topology.nat import NatGateway, SecondaryAddress
from emulator.topology.public_access import PublicAccess


def _internet_gateway_detached(topology: Topology) -> Iterator[Broken]:
    for leg in sorted(legs(topology), key=lambda leg: leg.answer):
        gateway = leg.vpc.internet_gateway
        if leg.route is None or leg.route.target.kind != "internet_gateway" or gateway is None:
            continue
        if any(nat.connectivity_type == "public" for nat in leg.vpc.nat_gateways):
            continue  # IGW-13: a NAT gateway's address cannot be taken away, so it would have to go as well
        instances = tuple(
            replace(instance, interfaces=tuple(map(without_public, instance.interfaces)))
            for instance in leg.vpc.instances
        )
        left = forsaken(leg.vpc, gateway)
        detached = replace(
            left, internet_gateway=None, detached_gateway=gateway, gateway_route_table=None, instances=instances
        )
        yield Broken(
            with_vpc(topology, detached),
            # IGW-15; and nobody out there can send to an address that is not there.
            Component("internet", INTERNET) if leg.answer else Component("route_table", leg.table.name, leg.vpc.name),
            f"internet gateway {gateway} is detached from VPC {leg.vpc.name}, and the public addresses are released, "
            "which AWS demands first",
            leg.vpc.name,
            gateway,
        )


def _through_nat_gateways(topology: Topology) -> Iterator[tuple[Leg, NatGateway]]:
    for leg in legs(topology):
        for gateway in leg.vpc.nat_gateways:
            if leg.route and leg.route.target == Target("nat_gateway", gateway.name):
                yield leg, gateway


def _nat_gateway_deleted(topology: Topology) -> Iterator[Broken]:
    for leg, gateway in _through_nat_gateways(topology):
        gateways = tuple(other for other in leg.vpc.nat_gateways if other is not gateway)
        tables = tuple(
            table for table in leg.vpc.route_tables if table.name != gateway.route_table or table is leg.table
        )
        left = replace(leg.vpc, nat_gateways=gateways, route_tables=tables)
        yield Broken(
            with_vpc(topology, forsaken(left, gateway.name)),
            Component("route_table", leg.table.name, leg.vpc.name),  # NAT-08
            f"NAT gateway {gateway.name} is deleted: the routes to it are blackholes",
            leg.vpc.name,
            gateway.name,
        )


def _nat_gateway_in_private_subnet(topology: Topology) -> Iterator[Broken]:
    for leg, gateway in _through_nat_gateways(topology):
        if gateway.regional or leg.subnet.name == gateway.subnet:
            continue
        addresses = tuple(SecondaryAddress(None, further.elastic_ip) for further in gateway.secondary)
        moved = replace(gateway, subnet=leg.subnet.name, private_ip=None, secondary=addresses)
        yield Broken(
            with_vpc(topology, with_nat_gateway(leg.vpc, moved)),
            Component("route_table", leg.table.name, leg.vpc.name),
            f"NAT gateway {gateway.name} stands in subnet {leg.subnet.name}, whose default route leads back to it, "
            f"and not in {gateway.subnet}",
            leg.vpc.name,
            gateway.name,
        )


def _nat_gateway_zone_missing(topology: Topology) -> Iterator[Broken]:
    for leg, gateway in _through_nat_gateways(topology):
        left = tuple(held for held in gateway.zone_addresses if held.availability_zone != leg.subnet.availability_zone)
        if not left or left == gateway.zone_addresses:
            continue
        yield Broken(
            with_vpc(topology, with_nat_gateway(leg.vpc, replace(gateway, zone_addresses=left))),
            Component("route_table", leg.table.name, leg.vpc.name),  # RNAT-07
            f"regional NAT gateway {gateway.name} has no address in zone {leg.subnet.availability_zone}",
            leg.vpc.name,
            gateway.name,
        )


def _nat_gateway_private(topology: Topology) -> Iterator[Broken]:
    for leg, gateway in _through_nat_gateways(topology):
        if gateway.regional or gateway.connectivity_type == "private" or leg.vpc.internet_gateway is None:
            continue
        addresses = tuple(SecondaryAddress(further.private_ip) for further in gateway.secondary)
        private = replace(gateway, connectivity_type="private", elastic_ip=None, secondary=addresses)
        yield Broken(
            with_vpc(topology, with_nat_gateway(leg.vpc, private)),
            Component("internet_gateway", leg.vpc.internet_gateway, leg.vpc.name, "egress"),  # IGW-17
            f"NAT gateway {gateway.name} was made a private one: it has no Elastic IP",
            leg.vpc.name,
            gateway.name,
        )


def _public_ip_missing(topology: Topology) -> Iterator[Broken]:
    """First what calls out or carries others' calls, then what is called."""
    for vpc, instance, called in _with_public(topology):
        gateway = vpc.internet_gateway
        if gateway is None:
            continue
        bare = without_public(instance.primary)
        yield Broken(
            with_vpc(topology, with_interface(vpc, instance, bare)),
            # IGW-03; and nobody out there can send to an address that is not there.
            Component("internet", INTERNET) if called else Component("internet_gateway", gateway, vpc.name, "egress"),
            f"instance {instance.name} has no public address",
            vpc.name,
            instance.name,
        )


def _with_public(topology: Topology) -> Iterator[tuple[Vpc, Instance, bool]]:
    for leg in legs(topology):
        if leg.route and leg.route.target.kind == "internet_gateway" and not leg.answer:
            for instance in leg.vpc.instances:
                if instance.public_ip is not None and _sends(instance, leg):
                    yield leg.vpc, instance, False
    for talk in talks(topology):
        end = talk.target
        if end.vpc and end.instance and end.instance.public_ip is not None and end.vpc != talk.source.vpc:
            yield end.vpc, end.instance, True


def _sends(instance: Instance, leg: Leg) -> bool:
    """Whether it is this instance's address that leaves the VPC on this leg."""
    if instance.appliance and instance.appliance.translates:
        return instance.subnet == leg.subnet.name and instance is not leg.end.instance
    return instance is leg.end.instance


def _instance_in_wrong_subnet(topology: Topology) -> Iterator[Broken]:
    for leg in legs(topology):
        instance = leg.end.instance
        if leg.route is None or instance is None or len(instance.interfaces) > 1 or instance.subnet != leg.subnet.name:
            continue
        for subnet in leg.vpc.subnets:
            route, local = best(leg.vpc, table_of(leg.vpc, subnet), leg.to)
            if subnet == leg.subnet or local or (route and route.target.kind != "blackhole"):
                continue
            addresses = tuple(PrivateAddress(None, address.public_ip) for address in instance.primary.addresses)
            moved = replace(instance.primary, subnet=subnet.name, addresses=addresses)
            yield Broken(
                with_vpc(topology, with_interface(leg.vpc, instance, moved)),
                Component("route_table", subnet.route_table, leg.vpc.name),  # IGW-04
                f"instance {instance.name} was launched in subnet {subnet.name} instead of {instance.subnet}",
                leg.vpc.name,
                instance.name,
            )


def _block_public_access_on(topology: Topology) -> Iterator[Broken]:
    if topology.block_public_access != PublicAccess():
        return
    blocked = replace(topology, block_public_access=PublicAccess("block-bidirectional"))
    for leg in sorted(legs(topology), key=lambda leg: leg.answer):
        gateway, kind = leg.vpc.internet_gateway, leg.route.target.kind if leg.route else ""
        if gateway is None or kind not in (
            ("internet_gateway",) if leg.answer else ("internet_gateway", "nat_gateway")
        ):
            continue
        if kind == "nat_gateway" and (leg.route is None or not _is_public(leg.vpc, leg.route.target.name)):
            continue
        yield Broken(
            blocked,
            # BPA-03: a question from outside does not even come in.
            Component("internet_gateway", gateway, leg.vpc.name, "ingress" if leg.answer else "egress"),
            "the account has turned on VPC Block Public Access, block-bidirectional, without any exclusion",
            leg.vpc.name,
            gateway,
        )


def _is_public(vpc: Vpc, gateway: str) -> bool:
    return any(held.name == gateway and held.connectivity_type == "public" for held in vpc.nat_gateways)


FAULTS = (
    Fault(
        "block-public-access-on",
        "VPC Block Public Access is on",
        "An account can block its internet gateways in a region with one setting, whatever route tables, security "
        "groups and network ACLs say. Nothing in the VPC shows it; an exclusion for the VPC or the subnet lets it out "
        "again.",
        _block_public_access_on,
    ),
    Fault(
        "internet-gateway-detached",
        "the internet gateway is detached from the VPC",
        "A detached internet gateway leaves its routes behind, in state blackhole: they look right at first sight, and "
        "drop. AWS lets nobody detach it while public addresses are mapped, so these are gone as well.",
        _internet_gateway_detached,
    ),
    Fault(
        "nat-gateway-deleted",
        "the NAT gateway is deleted",
        "Deleting a NAT gateway leaves the routes to it behind, in state blackhole.",
        _nat_gateway_deleted,
    ),
    Fault(
        "nat-gateway-in-private-subnet",
        "the NAT gateway stands in a private subnet",
        "A NAT gateway uses the route table of its own subnet. In a private one that leads to the NAT gateway itself "
        "(or nowhere), so what it has translated never leaves: a NAT gateway belongs into a public subnet.",
        _nat_gateway_in_private_subnet,
    ),
    Fault(
        "nat-gateway-zone-missing",
        "a regional NAT gateway in manual mode is not registered in a zone",
        "In manual mode a regional NAT gateway serves the zones that somebody has listed, with Elastic IPs. From any "
        "other zone the route to it drops.",
        _nat_gateway_zone_missing,
    ),
    Fault(
        "nat-gateway-private",
        "the NAT gateway is a private one, without an Elastic IP",
        "A private NAT gateway translates to its private address only. The internet gateway has no public address for "
        "it and drops what it sends.",
        _nat_gateway_private,
    ),
    Fault(
        "public-ip-missing",
        "an instance in a public subnet has no public address",
        "A route to the internet gateway is not enough: the gateway translates one to one, and drops what comes from "
        "an address that has no public one. Nobody outside can call it, either.",
        _public_ip_missing,
    ),
    Fault(
        "instance-in-wrong-subnet",
        "an instance was launched in a subnet that has no way out",
        "Its subnet's route table decides for an instance, public address or not. Callers' packets may still come in, "
        "but the answers have no route.",
        _instance_in_wrong_subnet,
    ),
)
