"""What several transit gateways have to do with each other."""

from emulator.topology.model import Topology
from emulator.topology.transit import TransitGateway, TransitGatewayPeeringAttachment


def region_of(topology: Topology, gateway: TransitGateway) -> str:
    """TGW-01: a transit gateway is regional; where the file does not say so, it is where its first VPC is."""
    homes = {vpc.name: topology.region_of(vpc) for vpc in topology.vpcs}
    first = next((homes[held.vpc] for held in gateway.vpc_attachments if held.vpc in homes), topology.region)
    return gateway.region or first


def peerings_of(topology: Topology, gateway: str) -> tuple[TransitGatewayPeeringAttachment, ...]:
    """The peering attachments of a transit gateway, in any state."""
    return tuple(held for held in topology.transit_gateway_peering_attachments if gateway in held.pair)


def unavailable(topology: Topology, gateway: str, vpc: str) -> str:
    """Why the attachment of the VPC carries nothing, "" if it does: "attachment a is pendingAcceptance"."""
    held = next((held.of_vpc(vpc) for held in topology.transit_gateways if held.name == gateway), None)
    return f"attachment {held.name} is {held.state}" if held and not held.available else ""


def shared(topology: Topology, one: str, other: str) -> tuple[TransitGateway, ...]:
    """The gateways at which both VPCs have an attachment."""
    return tuple(held for held in topology.transit_gateways if held.of_vpc(one) and held.of_vpc(other))
