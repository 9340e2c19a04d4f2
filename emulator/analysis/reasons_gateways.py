"""Why gateways drop: internet gateways, NAT gateways, and the internet beyond them. In AWS's codes."""

from emulator.analysis.answer import Explanation
from emulator.analysis.packets import Packet, address, traffic
from emulator.analysis.reasons import place
from emulator.analysis.world import Eni, Ground
from emulator.topology.flows import Component
from emulator.topology.model import Route
from emulator.topology.place import NOWHERE
from emulator.topology.words import route_text


def edge_without_public(component: Component, eni: Eni, held: Route) -> Explanation:
    """GRT-05."""
    sentence = f"route {route_text(held)} leads to {eni.name}, which has no public IP"
    hint = f"instances: {{{eni.node}: {{elastic_ip: ...}}}}"
    return Explanation("INGRESS_RTB_NO_PUBLIC_IP", component, sentence, held.where, hint, rule=held)


# --- gateways and the internet --------------------------------------------------------------------------------------


def unsolicited(component: Component, eni: Eni, packet: Packet, *, back: bool) -> Explanation:
    """NAT-23."""
    assert eni.gateway is not None
    if back:
        sentence = f"the answer reaches NAT gateway {component.name}, which knows nothing of the question"
        hint = "the answer has to take the way of the question: compare the route tables of both subnets"
        where = place(eni.gateway.where)
        return Explanation("NGW_SOURCE_ADDRESS_REASSIGN", component, sentence, where, hint, packet=packet)
    sentence = f"NAT gateway {component.name} lets nothing in that nobody inside has asked for, and answers no ping"
    hint = "call an instance with a public address of its own (elastic_ip)"
    return Explanation("NGW_DEST_ADDRESS_PRESERVATION", component, sentence, eni.gateway.where, hint, packet=packet)


def namesake(component: Component, eni: Eni, packet: Packet) -> Explanation:
    """Two VPCs with one block, and a route from one to a NAT gateway of the other: no answer could be told apart."""
    assert eni.gateway is not None
    sentence = f"NAT gateway {component.name} takes nobody else for {address(packet.source)}, which is its own address"
    hint = "two networks that meet need blocks that do not overlap"
    return Explanation("NGW_SOURCE_ADDRESS_REASSIGN", component, sentence, eni.gateway.where, hint, packet=packet)


def protocol(component: Component, eni: Eni, packet: Packet) -> Explanation:
    """NAT-20, NAT-21: what has no port and no query id cannot be told apart afterwards."""
    sentence = f"NAT gateway {component.name} does not translate {traffic(packet)}"
    return Explanation("PROTOCOL_RESTRICTION", component, sentence, eni.where, "", packet=packet)


def no_public_source(component: Component, ground: Ground, packet: Packet) -> Explanation:
    """IGW-03, IGW-17; SDC-03 for a source that is none of the VPC's."""
    source = address(packet.source)
    held = ground.by_address.get(packet.source)
    if held is None:
        sentence = f"internet gateway {component.name} refuses {source}, which is no address of VPC {ground.name}"
        return Explanation(
            "GATEWAY_REJECTS_SPOOFED_TRAFFIC", component, sentence, ground.vpc.where,
            _closer_route(packet) or "an instance that forwards has to translate (services: [nat])", packet=packet,
        )  # fmt: skip
    sentence = f"{source} of {held.node} has no public IP: internet gateway {component.name} drops what it sends"
    if held.gateway is not None:
        hint = f"nat_gateways: {{{held.node}: {{connectivity_type: public}}}}"
    else:
        table = held.subnet.table.table.name
        hint = f"instances: {{{held.node}: {{elastic_ip: ...}}}}, or a route to {_nat(ground, table)} in table {table}"
    return Explanation("IGW_PUBLIC_IP_ASSOCIATION_FOR_EGRESS", component, sentence, held.where, hint, packet=packet)


def _closer_route(packet: Packet) -> str:
    """What to do about a private address that has followed a default route to an internet gateway; else ""."""
    from emulator.analysis.world import unroutable

    if not unroutable(packet.destination).startswith("RFC"):
        return ""
    wanted = f"the route table that leads here needs a closer route for {address(packet.destination)}"
    return f"{wanted}, to a transit gateway or a peering connection"


def _nat(ground: Ground, table: str) -> str:
    """A public NAT gateway that the route table may lead to: one whose own subnet uses another. Else words for one."""
    gateways = (eni for eni in ground.enis.values() if eni.gateway and any(eni.public))
    return next((eni.name for eni in gateways if eni.subnet.table.table.name != table), "a NAT gateway")


def unroutable_destination(component: Component, ground: Ground, packet: Packet, reserved: str) -> Explanation:
    """IGW-08."""
    sentence = f"the internet does not carry {address(packet.destination)} ({reserved})"
    code = "UNKNOWN_DESTINATION"
    if reserved.startswith("RFC"):
        code = f"IGW_DESTINATION_ADDRESS_NOT_IN_{reserved}_EGRESS"
    hint = _closer_route(packet) or "a private address is reached within its VPC; from elsewhere by its public one"
    return Explanation(code, component, sentence, ground.vpc.where, hint, packet=packet)


def private_source(component: Component, ground: Ground, packet: Packet) -> Explanation:
    """IGW-08; VPC-06 and SDC-03 for a source that would pass for one of the VPC's own."""
    from emulator.analysis.world import unroutable

    reserved = unroutable(packet.source)
    code = f"IGW_SOURCE_ADDRESS_NOT_IN_{reserved}_INGRESS" if reserved.startswith("RFC") else ""
    sentence = f"internet gateway {component.name} lets nobody in who calls himself {address(packet.source)}"
    return Explanation(
        code or "GATEWAY_REJECTS_SPOOFED_TRAFFIC", component, sentence, ground.vpc.where, "", packet=packet
    )


def unknown_address(component: Component, ground: Ground | None, packet: Packet) -> Explanation:
    """IGW-06: an address that the internet leads nowhere."""
    there = address(packet.destination)
    held = ground.by_address.get(packet.destination) if ground else None
    if ground is None or held is None:
        sentence = f"no host of the internet and no gateway has the address {there}"
        hint = (
            f"an instance that had it has no public IP now, or internet: {{hosts: {{name.example: {{ip: {there}}}}}}}"
        )
        return Explanation("UNKNOWN_DESTINATION", component, sentence, NOWHERE, hint, packet=packet)
    public = ground.public_of.get(packet.destination)
    if ground.vpc.internet_gateway is None:
        sentence = f"VPC {ground.name} has no internet gateway: nobody outside reaches {held.node}"
        hint, where = f"vpcs: {{{ground.name}: {{internet_gateway: igw}}}}", ground.vpc.where
    elif public is not None:
        sentence = f"{there} is private: outside, {held.node} is {address(public)}"
        hint, where = f"call {address(public)}", held.where
    else:
        sentence = f"{held.node} has no public IP: nobody outside reaches {there}"
        hint, where = f"instances: {{{held.node}: {{elastic_ip: ...}}}}", held.where
    return Explanation("IGW_PRIVATE_IP_ASSOCIATION_FOR_INGRESS", component, sentence, where, hint, packet=packet)
