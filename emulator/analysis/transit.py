"""Transit gateways: which of their tables routes a packet, and how it goes on in the other VPC."""

from typing import TYPE_CHECKING

from emulator.analysis import reasons, reasons_transit, sentences
from emulator.analysis.account import Stranger
from emulator.analysis.packets import Packet
from emulator.analysis.world import Eni, Ground, Land, TransitRoute
from emulator.topology.flows import Component
from emulator.topology.transit import (
    TransitGateway,
    TransitGatewayPeeringAttachment,
    TransitGatewayVpcAttachment,
)

if TYPE_CHECKING:
    from emulator.analysis.walk import Walk


def place(walk: "Walk", ground: Ground, land: Land, gateway: str) -> Land | None:
    """The attachment's subnet in the zone of the packet's subnet; None: TGW-05."""
    held = walk.world.transits[gateway].of_vpc(ground.name)
    zone = land.subnet.availability_zone
    return _places(ground, held).get(zone) if held else None


def _places(ground: Ground, held: TransitGatewayVpcAttachment) -> dict[str, Land]:
    if not held.available:
        return {}
    lands = (ground.lands[name] for name in held.subnets)
    found = {land.subnet.availability_zone: land for land in lands}
    return {zone: land for zone, land in found.items() if zone not in ground.topology.dark_zones}


def cross(walk: "Walk", eni: Eni, name: str, packet: Packet) -> None:
    """From the subnet of an interface through the gateway, and into the VPC that its route leads to."""
    ground, gateway = eni.vpc, walk.world.transits[name]
    here = place(walk, ground, eni.subnet, name)
    source = gateway.of_vpc(ground.name)
    assert here is not None
    assert source is not None
    component = Component("transit_gateway", name)
    if (f"{name} {source.name} {here.name}", packet) in walk.visited:
        walk.answered = False
        walk.drop(component, lambda: reasons.loop(component, eni, packet))
        return
    walk.visited.add((f"{name} {source.name} {here.name}", packet))
    # ACL-19, ACL-20: towards the gateway, its subnet's inbound rules are asked in any case.
    if walk.ask_acl(here, eni, "ingress", packet):
        return
    _through(walk, gateway, source.name, here.subnet.availability_zone, packet)


def _through(walk: "Walk", gateway: TransitGateway, source: str, zone: str, packet: Packet) -> None:
    """By the table of the attachment where the packet came in. zone: where that was, "" for a peering attachment."""
    component = Component("transit_gateway", gateway.name)
    table = gateway.table_of(source)
    if table is None:  # TGW-20
        joined = walk.world.joined.get(source)
        where = joined.where if joined else gateway.attachment(source).where
        walk.answered = False
        walk.drop(component, lambda: reasons_transit.no_association(component, source, where, packet))
        return
    routes = walk.world.tables[gateway.name, table.name]
    chosen = next((route for route in routes if packet.destination_ip in route.block), None)
    peering = walk.world.joined.get(chosen.attachment) if chosen else None
    if chosen is None or not chosen.attachment or (peering and not peering.available):  # TGW-30, TGW-26
        walk.answered = False
        walk.drop(component, lambda: reasons_transit.no_route(component, table, chosen, peering, packet))
        return
    # What has become another flow on the way, behind a NAT gateway say, has begun anew.
    began = walk.memory.began.setdefault((gateway.name, frozenset((packet.source, packet.destination))), zone)
    walk.through_transit = True
    if peering is not None:
        _beyond(walk, gateway, table.name, chosen, peering, packet)
        return
    target = gateway.attachment(chosen.attachment)
    there = walk.world.grounds[target.vpc]
    places = _places(there, target)
    if not places:
        walk.answered = False
        walk.drop(component, lambda: reasons_transit.nowhere(component, target, packet))
        return
    wanted = began if target.appliance_mode else zone  # TGW-42, TGW-40
    land = places.get(wanted) or places[min(places)]
    words = sentences.through(chosen.block, target.name, table.name, land.subnet.availability_zone)
    walk.passed(component, words, packet, where=chosen.where)
    walk.across = _sender(walk, gateway, source, target, packet)
    _enter(walk, there, land, target, packet)


def _beyond(
    walk: "Walk",
    gateway: TransitGateway,
    table: str,
    chosen: TransitRoute,
    peering: TransitGatewayPeeringAttachment,
    packet: Packet,
) -> None:
    """TGW-50: into the other gateway, where what comes by a peering attachment is of no zone."""
    component = Component("transit_gateway", gateway.name)
    words = sentences.through_peering(chosen.block, peering.name, table, peering.other(gateway.name))
    walk.passed(component, words, packet, where=chosen.where)
    other = walk.world.transits[peering.other(gateway.name)]
    if (f"{other.name} {peering.name}", packet) in walk.visited:
        walk.answered = False
        there = Component("transit_gateway", other.name)
        walk.drop(there, lambda: reasons_transit.loop(there, peering, packet))
        return
    walk.visited.add((f"{other.name} {peering.name}", packet))
    _through(walk, other, peering.name, "", packet)


def beyond(walk: "Walk", ground: Ground, gateway: str, packet: Packet) -> Stranger | None:
    """SG-33: to whom a packet goes; no egress rule may name his groups over a transit gateway. For reasons only."""
    if not walk.explain:
        return None
    for held in walk.world.transits[gateway].vpc_attachments:
        there = walk.world.grounds[held.vpc]
        if there is not ground and (found := there.by_address.get(packet.destination)):
            return Stranger(found, gateway, named=False)
    return None


def _named(
    walk: "Walk", gateway: TransitGateway, source: TransitGatewayVpcAttachment, target: TransitGatewayVpcAttachment
) -> bool:
    """SG-34: all three switches are on, and no inspection VPC stands between any of the two VPCs' addresses."""
    if not gateway.names_groups(source.vpc, target.vpc):
        return False
    table = gateway.table_of(source.name)
    assert table is not None  # it has routed the packet
    routes = walk.world.tables[gateway.name, table.name]
    for block in walk.world.grounds[target.vpc].vpc.cidr_blocks:
        around = next((route for route in routes if block.subnet_of(route.block)), None)
        within = [route for route in routes if route.block.subnet_of(block)]
        if around is None or any(route.attachment != target.name for route in (around, *within)):
            return False
    return True


def _sender(
    walk: "Walk", gateway: TransitGateway, source: str, target: TransitGatewayVpcAttachment, packet: Packet
) -> Stranger | None:
    """Whose packet it is, if it comes straight from the interface."""
    held = next((one for one in gateway.vpc_attachments if one.name == source), None)
    eni = walk.world.grounds[held.vpc].by_address.get(packet.source) if held else None
    return Stranger(eni, gateway.name, _named(walk, gateway, held, target)) if held and eni else None


def _enter(walk: "Walk", ground: Ground, land: Land, held: TransitGatewayVpcAttachment, packet: Packet) -> None:
    """TGW-07: by the route table of the attachment's subnet."""
    own = Eni(held.name, held.name, ground, land, (), False, held.where)
    if packet.destination in ground.services or packet.destination in ground.routers:
        walk.nobody(ground, land, packet)
        return
    way = walk.way(ground, land, land.table, packet.destination)
    there = way.eni.subnet if way.eni else ground.land_of(packet.destination) if way.kind == "nobody" else None
    if there is not land and walk.ask_acl(land, own, "egress", packet):  # ACL-19, ACL-20
        return
    walk.take(own, land.table, way, packet)
