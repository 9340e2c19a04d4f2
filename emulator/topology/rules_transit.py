"""Transit gateways: what AWS refuses (section 8 of the AWS reference)."""

from collections.abc import Iterable
from ipaddress import IPv4Network

from emulator.errors import Where
from emulator.topology import gateways
from emulator.topology.model import GroupReference, Topology, Vpc
from emulator.topology.place import NOWHERE
from emulator.topology.report import Report
from emulator.topology.rules_zones import one_per_zone
from emulator.topology.suggest import did_you_mean, listed
from emulator.topology.transit import (
    TransitGateway,
    TransitGatewayPeeringAttachment,
    TransitGatewayRoute,
    TransitGatewayVpcAttachment,
)


def check(topology: Topology, report: Report) -> None:
    """Every gateway."""
    vpcs = {vpc.name: vpc for vpc in topology.vpcs}
    for gateway in topology.transit_gateways:
        first: dict[str, TransitGatewayVpcAttachment] = {}
        for held in gateway.vpc_attachments:
            vpc = vpcs.get(held.vpc)
            if vpc is None:
                if not report.is_broken(NOWHERE, "vpcs", held.vpc):
                    hint = did_you_mean(held.vpc, list(vpcs), f"the file has {listed(vpcs)}")
                    report.error(held.where, f"no VPC is called `{held.vpc}`", hint, "InvalidVpcID.NotFound", "vpc")
                continue
            other = first.setdefault(held.vpc, held)
            if other is not held:
                # TGW-08
                what = (
                    f"VPC {held.vpc} is attached to {gateway.name} already, by {other.name} (line {other.where.line})"
                )
                report.error(held.where, what, "a VPC has one attachment", "DuplicateTransitGatewayAttachment")
            one_per_zone(vpc, held.subnets, held.where, "attachment", held.name, report)
            if not held.available:
                what = f"attachment {held.name} waits for acceptance by {gateway.owner_id or 'the other account'}, "
                what += f"which owns {gateway.name}: it carries nothing"
                report.warn(held.where, what, "accepted: true accepts it")
        _check_regions(topology, gateway, vpcs, report)
        _check_tables(topology, gateway, vpcs, report)
    _check_peerings(topology, report)


def _check_regions(topology: Topology, gateway: TransitGateway, vpcs: dict[str, Vpc], report: Report) -> None:
    """TGW-01: it is regional, and the key or the first attachment says where it is."""
    home = gateway.region
    for held in gateway.vpc_attachments:
        if held.vpc in vpcs:
            region = topology.region_of(vpcs[held.vpc])
            home = home or region
            if region != home:
                what = f"VPC {held.vpc} is in {region}, and {gateway.name} is in {home}"
                hint = "a transit gateway serves the VPCs of one region"
                report.error(held.where, what, hint, "InvalidVpcID.NotFound", "vpc")


def _check_peerings(topology: Topology, report: Report) -> None:
    """TGW-50."""
    known = {held.name: held for held in topology.transit_gateways}
    first: dict[frozenset[str], TransitGatewayPeeringAttachment] = {}
    for held in topology.transit_gateway_peering_attachments:
        ends = (("transit_gateway", held.transit_gateway), ("peer_transit_gateway", held.peer_transit_gateway))
        missing = [(key, name) for key, name in ends if name not in known]
        for key, name in missing:
            if not report.is_broken(NOWHERE, "transit_gateways", name):
                hint = did_you_mean(name, list(known), f"the file has {listed(known, 'none')}")
                what = f"no transit gateway is called `{name}`"
                report.error(held.where, what, hint, "InvalidTransitGatewayID.NotFound", key)
        if missing:
            continue
        if held.transit_gateway == held.peer_transit_gateway:
            what = f"transit gateway {held.transit_gateway} cannot be peered with itself"
            hint = "peer_transit_gateway is another one"
            report.error(held.where, what, hint, "InvalidParameterValue", "peer_transit_gateway")
            continue
        if held.state in ("available", "pendingAcceptance"):
            other = first.setdefault(held.pair, held)
            if other is not held:
                # TGW-55
                what = f"{held.transit_gateway} and {held.peer_transit_gateway} are peered already, by {other.name} "
                what += f"(line {other.where.line})"
                hint = "two gateways have one peering attachment"
                report.error(held.where, what, hint, "DuplicateTransitGatewayAttachment")
        if held.state == "pendingAcceptance":
            what = f"transit gateway peering attachment {held.name} waits for acceptance: it carries nothing"
            report.warn(held.where, what, "accepted: true accepts it; within an account somebody has to, too")
        elif held.state != "available" and report.given(held.where, "accepted"):
            what = f"a peering attachment that is {held.state} cannot be accepted"
            report.error(held.where, what, "remove accepted, or state", "IncorrectState", "accepted")
        for name in (held.transit_gateway, held.peer_transit_gateway):
            for own in known[name].vpc_attachments:
                if own.name == held.name:
                    what = f"the name `{held.name}` is already that of a VPC attachment of {name} "
                    what += f"(line {own.where.line})"
                    report.error(held.where, what, "a route table tells attachments apart by their names")


def _check_tables(topology: Topology, gateway: TransitGateway, vpcs: dict[str, Vpc], report: Report) -> None:
    peerings = [held.name for held in gateways.peerings_of(topology, gateway.name)]
    known = [*(held.name for held in gateway.vpc_attachments), *peerings]
    associated: dict[str, str] = {}
    for table in gateway.route_tables:
        for key, names in (("associations", table.associations), ("propagations", table.propagations)):
            for name in names:
                at = report.item(table.where, (key,), name)
                _known(gateway, known, name, table.where, at, report)
                if key == "propagations" and known.count(name) == 1 and name in peerings:
                    what = f"peering attachment {name} propagates no routes: over a peering they are static ones"
                    hint = f"routes: {{10.0.0.0/16: {name}}}"
                    report.error(table.where, what, hint, "InvalidParameterValue", at)  # TGW-50
        for name in table.associations:
            other = associated.setdefault(name, table.name)
            if other != table.name:
                # TGW-20
                what = f"attachment {name} is associated with route table {other} already"
                key = report.item(table.where, ("associations",), name)
                report.error(table.where, what, "an attachment has one", "Resource.AlreadyAssociated", key)
        seen: dict[IPv4Network, TransitGatewayRoute] = {}
        for route in table.routes:
            twin = seen.setdefault(route.destination, route)
            if twin is not route:
                # TGW-31
                what = f"the table already has a route to {route.destination} (line {twin.where.line})"
                report.error(route.where, what, "one destination has one static route", "RouteAlreadyExists")
            if route.attachment:
                _known(gateway, known, route.attachment, report.value_of(route.where), "", report)
        _check_twins(gateway, table.propagations, vpcs, table.where, report)


def _known(gateway: TransitGateway, known: Iterable[str], name: str, where: Where, key: str, report: Report) -> None:
    path = f"transit_gateways.{gateway.name}"
    if name in known or report.is_broken(Where(path=path), "vpc_attachments", name):
        return
    if report.is_broken(NOWHERE, "transit_gateway_peering_attachments", name):
        return
    hint = did_you_mean(name, list(known), f"it has {listed(known, 'none')}")
    what = f"transit gateway {gateway.name} has no attachment called `{name}`"
    report.error(where, what, hint, "InvalidTransitGatewayAttachmentID.NotFound", key)


def _check_twins(
    gateway: TransitGateway, names: Iterable[str], vpcs: dict[str, Vpc], where: Where, report: Report
) -> None:
    """TGW-28."""
    owner: dict[IPv4Network, TransitGatewayVpcAttachment] = {}
    for held in gateway.vpc_attachments:
        if held.name not in names or held.vpc not in vpcs:
            continue
        for block in vpcs[held.vpc].cidr_blocks:
            other = owner.setdefault(block, held)
            if other.vpc != held.vpc:
                what = f"{block} of attachment {held.name} is not propagated: it is that of {other.name} already"
                report.warn(where, what, "of two VPCs with one block, AWS propagates the first")


def check_reference(
    shared: Iterable[TransitGateway],
    vpc: Vpc,
    peer: GroupReference,
    direction: str,
    where: Where,
    key: str,
    report: Report,
) -> None:
    """SG-34: a rule that names a group of another VPC, and both are at some gateways. It is accepted in any case."""
    gateway = next(iter(shared))
    if direction == "egress":  # SG-33
        what = f"over transit gateway {gateway.name} only ingress rules may name groups: this one matches nothing"
        report.warn(where, what, "name addresses, or let an ingress rule over there name the group", key=key)
    elif not any(held.names_groups(vpc.name, peer.vpc) for held in shared):
        off = gateway.name
        for held in filter(None, (gateway.of_vpc(vpc.name), gateway.of_vpc(peer.vpc))):
            if gateway.security_group_referencing and not held.security_group_referencing:
                off = f"its attachment {held.name}"
        what = f"{peer} matches nothing over transit gateway {gateway.name}: security groups are not referenced over it"
        report.warn(where, what, f"security_group_referencing_support: enable of {off}", key=key)
