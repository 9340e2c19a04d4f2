"""NAT gateways, internet gateways, and the internet between them."""

from typing import TYPE_CHECKING

from emulator.analysis import public_access, reasons, reasons_gateways, sentences
from emulator.analysis.account import Translation
from emulator.analysis.answer import Rule
from emulator.analysis.packets import ICMP, NAT_GATEWAY_PORTS, NO_PORTS, UDP, Packet, answer
from emulator.analysis.world import Eni, Ground, unroutable
from emulator.topology.addresses import INTERNET_ADDRESS
from emulator.topology.flows import ECHO_REQUEST, Component
from emulator.topology.model import INTERNET
from emulator.topology.place import NOWHERE

if TYPE_CHECKING:
    from emulator.analysis.walk import Walk

INTERNET_COMPONENT = Component("internet", INTERNET)


def nat_gateway(walk: "Walk", eni: Eni, packet: Packet) -> None:
    component = Component("nat_gateway", eni.node, eni.vpc.name)
    gateway = eni.gateway
    assert gateway is not None
    if walk.back and (restored := walk.memory.original(eni.node, packet)) is not None:
        walk.passed(component, sentences.forwards(packet, restored), packet, restored, where=gateway.where)
        walk.leave(eni, restored)
        return
    # An answer out of the blue opens no TCP connection and is no query; a datagram could be the first of a flow.
    if packet.destination in eni.addresses or (walk.back and packet.protocol != UDP):
        walk.drop(component, lambda: reasons_gateways.unsolicited(component, eni, packet, back=walk.back))  # NAT-23
        walk.answered = False
        return
    if answer(packet) is None and walk.drop(
        component, lambda: reasons_gateways.protocol(component, eni, packet)
    ):  # NAT-20
        return
    if packet.source in eni.addresses:  # as no guest does, it takes no packet from outside that carries its own address
        walk.answered = False
        if any(held.node == eni.node for held in walk.memory.translated[walk.memory.asked or 0 :]):
            table = Component("route_table", eni.subnet.table.name, eni.vpc.name)
            walk.drop(table, lambda: reasons.loop(table, eni, packet))
        else:
            walk.drop(component, lambda: reasons_gateways.namesake(component, eni, packet))
        return
    if not eni.vpc.holds(packet.source) and not walk.through_transit:  # NAT-22: it serves whom routes lead to it
        walk.notes.append(sentences.source_outside(component.name, packet))
    chosen = walk.memory.choose(eni.node, packet, len(eni.addresses))  # NAT-26
    own = eni.addresses[chosen]
    if len(eni.addresses) > 1:
        walk.notes.append(sentences.one_of_its_addresses(component.name, eni, chosen))
    ports = NO_PORTS if packet.protocol == ICMP else NAT_GATEWAY_PORTS  # NAT-21
    onward = packet._replace(source=own, source_ports=ports)
    walk.memory.translated.append(Translation(eni.node, packet.source, packet.source_ports, own, packet.destination))
    walk.passed(component, sentences.forwards(packet, onward), packet, onward, where=gateway.where)
    walk.leave(eni, onward)


def leave_vpc(walk: "Walk", eni: Eni, packet: Packet) -> None:
    """IGW-01: the private source becomes its public address. eni: by which interface the packet came to the router."""
    ground = eni.vpc
    if public_access.asked(walk, eni, "egress", packet):
        return
    name = ground.vpc.internet_gateway or ""
    component = Component("internet_gateway", name, ground.name, "egress")
    public = ground.public_of.get(packet.source)
    if public is None:  # IGW-03, IGW-17, SDC-03
        if walk.drop(component, lambda: reasons_gateways.no_public_source(component, ground, packet)):
            return
        walk.answered = False
    if reserved := unroutable(packet.destination):  # IGW-08
        walk.drop(component, lambda: reasons_gateways.unroutable_destination(component, ground, packet, reserved))
        walk.answered = False
        return
    onward = packet if public is None else packet._replace(source=public)
    if public is not None:
        walk.passed(component, sentences.forwards(packet, onward), packet, onward)
    ahead = walk.world.mapped.get(onward.destination)
    if ahead is not None and ahead[0] is ground:  # IGW-10: it turns back
        enter_vpc(walk, ground, onward, hairpin=True)
    else:
        internet(walk, onward)


def internet(walk: "Walk", packet: Packet) -> None:
    destination = packet.destination
    if host := walk.world.host_at.get(destination):
        walk.arrive(host.name, packet)
        return
    if ahead := walk.world.mapped.get(destination):
        enter_vpc(walk, ahead[0], packet)
        return
    if destination in walk.world.strangers:
        walk.arrive(INTERNET, packet)
        return
    if destination == int(INTERNET_ADDRESS) and packet.icmp[0] == ECHO_REQUEST and packet.protocol == ICMP:
        walk.arrive(INTERNET, packet)
        return
    if walk.world.topology.internet.uplink and not unroutable(destination):
        walk.notes.append(f"{packet.destination_ip} is beyond the uplink: what is there, the file does not say")
        walk.arrive(INTERNET, packet)
        return
    held = next((ground for ground in walk.world.grounds.values() if destination in ground.by_address), None)
    if walk.drop(INTERNET_COMPONENT, lambda: reasons_gateways.unknown_address(INTERNET_COMPONENT, held, packet)):
        return
    walk.answered = False
    if held is not None and held.vpc.internet_gateway and destination not in held.public_of:
        from_gateway(walk, held, packet)


def enter_vpc(walk: "Walk", ground: Ground, packet: Packet, *, hairpin: bool = False) -> None:
    """IGW-01: the public destination becomes its private address."""
    component = Component("internet_gateway", ground.vpc.internet_gateway or "", ground.name, "ingress")
    if not hairpin and (unroutable(packet.source) or ground.holds(packet.source)):  # IGW-08, SDC-03
        if walk.drop(component, lambda: reasons_gateways.private_source(component, ground, packet)):
            return
        walk.answered = False
    onward = packet._replace(destination=walk.world.mapped[packet.destination][1])
    walk.passed(component, sentences.forwards(packet, onward), packet, onward)
    if hairpin and not walk.back:
        walk.notes.append(sentences.hairpin(component.name))
    from_gateway(walk, ground, onward)


def from_gateway(walk: "Walk", ground: Ground, packet: Packet) -> None:
    """GRT-01: the edge route table, if there is one, then the ENI."""
    held = ground.by_address[packet.destination]
    if ground.edge is None or (held.gateway and held.gateway.regional):  # an edge table is about the VPC's blocks
        _in(walk, held, packet)
        return
    component = Component("route_table", ground.edge.name, ground.name)
    way = walk.way(ground, None, ground.edge, packet.destination)
    chosen = way.choices[0]
    if way.kind == "blackhole":
        if not walk.drop(component, lambda: reasons.route(component, held, way.choices, way.kind, packet)):
            _in(walk, held, packet)
        return
    target, route = way.eni, chosen.route
    assert target is not None
    if route is not None and not any(target.public):  # GRT-05
        if walk.drop(component, lambda: reasons_gateways.edge_without_public(component, target, route)):
            return
    elif walk.explain:
        rule: Rule = route or sentences.local(chosen)
        walk.passed(component, sentences.route(chosen), packet, rule=rule, where=route.where if route else NOWHERE)
    _in(walk, target, packet)


def _in(walk: "Walk", eni: Eni, packet: Packet) -> None:
    """What is at rest has no link that could be blocked: its own component has the last word."""
    at_rest = not eni.running or bool(eni.dark_zone)
    if not at_rest and public_access.asked(walk, eni, "ingress", packet):
        return
    walk.enter(eni, packet, None)
