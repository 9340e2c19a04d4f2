"""Why an interface endpoint does not carry a packet (RA-56)."""

from emulator.analysis.answer import Explanation
from emulator.analysis.packets import Packet, traffic
from emulator.analysis.world import Eni
from emulator.topology.endpoints import InterfaceEndpoint
from emulator.topology.flows import Component


def protocol(component: Component, eni: Eni, packet: Packet) -> Explanation:
    """PL-22, PL-28."""
    sentence = f"{component.name} takes connections of TCP and UDP from its own side: not {traffic(packet)}"
    return Explanation("PROTOCOL_RESTRICTION", component, sentence, eni.where, "", packet=packet)


def state(component: Component, held: InterfaceEndpoint, packet: Packet) -> Explanation:
    """RA-53, PL-03, PL-04."""
    sentence = f"endpoint {held.name} is {held.state}: it carries nothing"
    hint = f"vpc_endpoints: {{{held.name}: {{accepted: true}}}}"
    if held.state != "pendingAcceptance":
        hint = f"an endpoint that is {held.state} stays so: the consumer makes a new one"
    return Explanation("BAD_STATE", component, sentence, held.where, hint, packet=packet)


def not_served(component: Component, eni: Eni, packet: Packet) -> Explanation:
    """PL-07, PL-27."""
    assert eni.endpoint is not None
    if eni.endpoint.service_vpc == eni.vpc.name:
        sentence = f"{component.name} is in the VPC of its own service, {eni.endpoint.served_by}: nothing is carried"
        hint = f"call the load balancer of {eni.endpoint.service} itself"
        return Explanation("VPCE_INTRA_VPC_TRAFFIC", component, sentence, eni.where, hint, packet=packet)
    where = eni.subnet.subnet.availability_zone
    sentence = f"service {eni.endpoint.served_by} has no load balancer in zone {where}, where {component.name} is"
    hint = f"a subnet of zone {where} for the provider's load balancer, or another subnet for the endpoint"
    return Explanation("VPCE_SERVICE_NOT_INSTALLED_IN_AZ", component, sentence, eni.where, hint, packet=packet)
