"""VPC peering connections: what they carry, and how far a packet gets in the other VPC (PCX-12 to PCX-17)."""

from typing import TYPE_CHECKING

from emulator.analysis import reasons_peering, sentences
from emulator.analysis.packets import Packet
from emulator.analysis.world import Eni, Ground
from emulator.topology.flows import Component

if TYPE_CHECKING:
    from emulator.analysis.walk import Walk, Way


def cross(walk: "Walk", ground: Ground, name: str, packet: Packet) -> None:
    """From one VPC into the other, where only its own interfaces are known."""
    peer = walk.world.beyond(name, ground)
    connection = walk.world.peerings[name]
    component = Component("vpc_peering_connection", name)
    if peer is None:  # a guess: as if it were active
        peer = walk.world.grounds[connection.other(ground.name)]
    strange = next(
        (end for end, held in (("source", ground), ("destination", peer)) if not _lies(held, end, packet)), ""
    )
    if strange:  # PCX-12, PCX-13, PCX-14, NAT-40
        walk.answered = False
        walk.drop(component, lambda: reasons_peering.outside(component, connection, ground, peer, strange, packet))
        return
    walk.passed(component, sentences.crosses(ground.name, peer.name), packet, where=connection.where)
    sender = ground.by_address.get(packet.source)
    if not walk.back and sender is not None and sender.gateway and not sender.gateway.regional:
        walk.memory.by_peering[peer.name, packet.source, packet.destination] = name
    held = peer.by_address.get(packet.destination)
    if held is None:  # PCX-32: the resolver is for the VPC's own instances
        vpc = Component("vpc", peer.name, peer.name)
        walk.answered = False
        walk.drop(vpc, lambda: reasons_peering.nobody(vpc, connection, packet))
        return
    walk.enter(held, packet, ground.by_address.get(packet.source) if walk.world.same_region(ground, peer) else None)


def _lies(ground: Ground, end: str, packet: Packet) -> bool:
    return ground.holds(packet.source if end == "source" else packet.destination)


def member(walk: "Walk", ground: Ground, way: "Way", destination: int) -> Eni | None:
    """SG-33: whose groups a rule may name for what goes there. SG-35: of the same region."""
    peer = walk.world.beyond(way.connection, ground)
    return peer.by_address.get(destination) if peer and walk.world.same_region(ground, peer) else None


def towards(walk: "Walk", ground: Ground, destination: int) -> str:
    """The connection that a missing route would name, "" if there is none."""
    for held in walk.world.topology.peerings_of(ground.name):
        if walk.world.grounds[held.other(ground.name)].holds(destination):
            return held.name
    return ""


def returns(walk: "Walk", ground: Ground, packet: Packet) -> "Way | None":
    """NAT-42: what answers a NAT gateway of a peer goes back by the connection by which it has asked."""
    from emulator.analysis.walk import Way

    connection = walk.memory.by_peering.get((ground.name, packet.destination, packet.source))
    return Way("peering", None, (), connection) if connection else None
