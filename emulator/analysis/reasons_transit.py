"""Why a transit gateway does not carry a packet (RA-57)."""

from collections.abc import Sequence

from emulator.analysis.account import Stranger
from emulator.analysis.answer import Explanation
from emulator.analysis.filters import Group, ask_groups
from emulator.analysis.packets import Packet, address
from emulator.analysis.world import Eni, TransitRoute, known_as
from emulator.errors import Where
from emulator.topology import gateways
from emulator.topology.flows import Component
from emulator.topology.model import Route, SecurityGroupRule
from emulator.topology.transit import (
    TransitGatewayPeeringAttachment,
    TransitGatewayRouteTable,
    TransitGatewayVpcAttachment,
)
from emulator.topology.words import route_text


def no_zone(component: Component, eni: Eni, route: Route, packet: Packet) -> Explanation:
    """TGW-05; or an attachment that nobody has accepted."""
    if state := gateways.unavailable(eni.vpc.topology, route.target.name, eni.vpc.name):
        sentence = f"route {route_text(route)} of route table {component.name} is a blackhole: {state}"
        hint = "accepted: true is what the owner of the transit gateway says"
        return Explanation("BAD_STATE_ROUTE", component, sentence, route.where, hint, packet=packet, rule=route)
    zone = eni.subnet.subnet.availability_zone
    if zone in eni.vpc.topology.dark_zones:
        sentence = (
            f"route {route_text(route)} of route table {component.name}: availability zone {zone} is down, and the "
        )
        sentence += f"place of {route.target.name} in it with it"
        return Explanation("TGW_ROUTE_AZ_RESTRICTION", component, sentence, route.where, packet=packet, rule=route)
    sentence = (
        f"route {route_text(route)} of route table {component.name}: VPC {eni.vpc.name} has no attachment subnet "
        f"in zone {zone}, so nobody in that zone can use the gateway"
    )
    hint = f"add a subnet of zone {zone} to the subnets of the attachment"
    return Explanation("TGW_ROUTE_AZ_RESTRICTION", component, sentence, route.where, hint, packet=packet, rule=route)


def no_association(component: Component, attachment: str, where: Where, packet: Packet) -> Explanation:
    """TGW-20."""
    sentence = (
        f"attachment {attachment} is associated with no route table of {component.name}: what it sends is dropped"
    )
    hint = f"transit_gateways: {{{component.name}: {{route_tables: {{NAME: {{associations: [{attachment}]}}}}}}}}"
    code = "TGW_ATTACH_MISSING_TGW_RTB_ASSOCIATION"
    return Explanation(code, component, sentence, where, hint, packet=packet)


def reference(
    component: Component, eni: Eni, groups: Sequence[Group], packet: Packet, stranger: Stranger | None
) -> Explanation | None:
    """SG-33, SG-34: a rule names a group that the other side carries, and it does not count over the gateway."""
    pieces = ask_groups(groups, component.direction, packet, known_as(eni.vpc, stranger.eni)) if stranger else []
    rule = next((piece.rule for piece in pieces if isinstance(piece.rule, SecurityGroupRule)), None)
    if stranger is None or rule is None or not all(piece.passes for piece in pieces):
        return None
    name = next(piece.group for piece in pieces if piece.rule is rule)
    sentence = f"{component.direction} rule {rule.number} of security group {name} names {rule.peer}, "
    if component.direction == "egress":
        sentence += f"and over transit gateway {stranger.gateway} only ingress rules may"
        hint = "name addresses, or let an ingress rule over there name the group"
    else:
        sentence += f"which is not known over transit gateway {stranger.gateway}"
        hint = "security_group_referencing_support: enable, of the gateway and of both attachments; no inspection VPC"
    where = rule.where
    return Explanation("SG_REFERENCING_SUPPORT", component, sentence, where, hint, packet=packet, rule=rule)


def loop(component: Component, held: TransitGatewayPeeringAttachment, packet: Packet) -> Explanation:
    sentence = f"the packet comes back by {held.name} for ever: the routes of both gateways lead in a circle"
    hint = "a static route over a peering attachment stands in one of the two gateways"
    return Explanation("NO_PATH", component, sentence, held.where, hint, packet=packet)


def nowhere(component: Component, held: TransitGatewayVpcAttachment, packet: Packet) -> Explanation:
    """TGW-27: not accepted; or all its zones are down."""
    if not held.available:
        sentence = f"attachment {held.name} of {component.name} is {held.state}: the route to it is a blackhole"
        hint = "accepted: true is what the owner of the transit gateway says"
        return Explanation("TGW_RTB_BAD_STATE_ROUTE", component, sentence, held.where, hint, packet=packet)
    sentence = f"all zones in which attachment {held.name} has a subnet are down"
    hint = "an attachment with a subnet in each of two zones survives the loss of one"
    return Explanation("TGW_ATTACH_VPC_AZ_RESTRICTION", component, sentence, held.where, hint, packet=packet)


def no_route(
    component: Component,
    table: TransitGatewayRouteTable,
    route: TransitRoute | None,
    peering: TransitGatewayPeeringAttachment | None,
    packet: Packet,
) -> Explanation:
    """TGW-30, TGW-26; or a peering attachment that is not accepted (TGW-50)."""
    there = address(packet.destination)
    of = f"route table {table.name} of transit gateway {component.name}"
    if route is None:
        sentence = f"{of} has no route to {there}"
        hint = (
            f"route_tables: {{{table.name}: {{propagations: [...]}}}} with the attachment of its VPC, or a static route"
        )
        code = "TGW_RTB_NO_ROUTE_TO_TGW_ATTACHMENT"
        return Explanation(code, component, sentence, table.where, hint, packet=packet)
    if peering is not None:
        sentence = f"route {route.block} of {of} is a blackhole: peering attachment {peering.name} is {peering.state}"
        hint = f"transit_gateway_peering_attachments: {{{peering.name}: {{accepted: true}}}}"
        return Explanation("TGW_RTB_BAD_STATE_ROUTE", component, sentence, route.where, hint, packet=packet)
    sentence = f"route {route.block} of {of} is a blackhole"
    hint = f"remove the route {route.block}, or let it lead to an attachment"
    return Explanation("TGW_RTB_BAD_STATE_ROUTE", component, sentence, route.where, hint, packet=packet)
