"""Why a VPC peering connection does not carry a packet, or the other VPC has nobody for it."""

from emulator.analysis.answer import Explanation
from emulator.analysis.packets import Packet, address
from emulator.analysis.world import Ground
from emulator.topology.flows import Component
from emulator.topology.peering import VpcPeeringConnection


def outside(
    component: Component, held: VpcPeeringConnection, ground: Ground, peer: Ground, end: str, packet: Packet
) -> Explanation:
    """PCX-12."""
    strange, whose = (packet.source, ground) if end == "source" else (packet.destination, peer)
    sentence = (
        f"VPC peering connection {held.name} carries only what goes from {ground.name} to {peer.name}: "
        f"the {end} {address(strange)} is in no block of {whose.name}"
    )
    hint = "peering is not transitive, and lends nobody the other VPC's gateways: each pair of VPCs needs its own"
    return Explanation("PCX_REQUIRES_ADDRESS_IN_VPC_CIDR", component, sentence, held.where, hint, packet=packet)


def nobody(component: Component, held: VpcPeeringConnection, packet: Packet) -> Explanation:
    sentence = f"no network interface in VPC {component.name} has the address {address(packet.destination)}"
    hint = "`vpcemu status` lists the addresses"
    return Explanation("UNKNOWN_DESTINATION", component, sentence, held.where, hint, packet=packet)


def remedy(connection: str, state: str) -> str:
    """What to write where a connection is not active. state: a sentence that ends with it."""
    if state.endswith("pending-acceptance"):
        return f"vpc_peering_connections: {{{connection}: {{accepted: true}}}}"
    if state.endswith("failed"):
        return "two VPCs whose blocks overlap cannot be peered: give one of them another cidr_block"
    return f"remove `state` from {connection}, as if the VPCs were peered anew, or remove the route"
