"""Interface endpoints: whom they let in, and which node of the provider's load balancer serves them (section 7)."""

from typing import TYPE_CHECKING

from emulator.analysis import balancers, reasons_balancers, sentences
from emulator.analysis import reasons_privatelink as reasons
from emulator.analysis.packets import TCP, UDP, Packet
from emulator.analysis.world import Eni
from emulator.topology.flows import Component

if TYPE_CHECKING:
    from emulator.analysis.walk import Walk


def component_of(eni: Eni) -> Component:
    return Component("vpc_endpoint", eni.name, eni.vpc.name)


def node(walk: "Walk", eni: Eni, packet: Packet) -> None:
    """What comes to an endpoint's interface: only the consumer begins (PL-22), by TCP and UDP (PL-28)."""
    component, endpoint = component_of(eni), eni.endpoint
    assert endpoint is not None
    if packet.protocol not in (TCP, UDP) or (walk.back and packet.protocol != UDP):
        walk.answered = False
        walk.drop(component, lambda: reasons.protocol(component, eni, packet))
        return
    if not endpoint.available:  # PL-03, PL-04
        walk.answered = False
        walk.drop(component, lambda: reasons.state(component, endpoint, packet))
        return
    carrier = walk.world.carriers.get(eni.name)
    if carrier is None:
        walk.answered = False
        walk.drop(component, lambda: reasons.not_served(component, eni, packet))
        return
    server = walk.world.grounds[carrier.provider.name].enis[carrier.balancer_node]
    assert server.balancer is not None
    if balancers.listener_of(server.balancer, packet) is None:
        walk.answered = False
        walk.drop(component, lambda: reasons_balancers.no_listener(component, carrier.balancer, packet))
        return
    words = sentences.carries(endpoint.served_by, server.name)
    walk.passed(component, words, packet, where=endpoint.where)
    # PL-37, PL-31: with the consumer's own address, and without references.
    if server.groups and server.balancer.enforce_private_link and walk.judge(server, "ingress", packet, None):
        return
    if walk.dark(server, balancers.component_of(server), packet):
        return
    balancers.distribute(walk, server, packet, eni)
