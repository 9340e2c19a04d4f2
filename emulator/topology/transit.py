"""Transit gateways: routers between VPCs, with route tables of their own (section 8 of the AWS reference).

Everything is resolved: which table an attachment is associated with, and which tables it propagates to.
"""

from dataclasses import dataclass
from ipaddress import IPv4Network
from typing import Literal, NamedTuple

from emulator.errors import Where
from emulator.topology.place import written

DEFAULT_TABLE = "default"  # TGW-03
AttachmentState = Literal["available", "pendingAcceptance", "rejected", "deleted", "failed"]  # TGW-09


@dataclass(frozen=True, slots=True)
class TransitGatewayVpcAttachment:
    """A VPC's place at the gateway: one address in one subnet of each zone that shall use it (TGW-04).

    Names are unique at the gateway. appliance_mode: a flow stays in one zone, both ways (TGW-42).
    state: only "available" carries anything. dns_support: TGW-51. security_group_referencing: SG-34.
    """

    name: str
    vpc: str
    subnets: tuple[str, ...]
    appliance_mode: bool = False
    where: Where = written()
    state: AttachmentState = "available"
    dns_support: bool = True
    security_group_referencing: bool = True

    @property
    def available(self) -> bool:
        return self.state == "available"


@dataclass(frozen=True, slots=True)
class TransitGatewayPeeringAttachment:
    """Two gateways joined, of one region or of two (TGW-50). It has one name, at both; names are unique in the lab.

    state: only "available" carries anything; a route to one in any other state is a blackhole.
    """

    name: str
    transit_gateway: str
    peer_transit_gateway: str
    state: AttachmentState
    where: Where = written()

    @property
    def available(self) -> bool:
        return self.state == "available"

    @property
    def pair(self) -> frozenset[str]:
        """The two gateways, whoever has asked."""
        return frozenset((self.transit_gateway, self.peer_transit_gateway))

    def other(self, gateway: str) -> str:
        """The gateway on the other side."""
        return self.peer_transit_gateway if gateway == self.transit_gateway else self.transit_gateway


@dataclass(frozen=True, slots=True)
class TransitGatewayRoute:
    """A static route to an attachment of a VPC or to a peering attachment; "" is a blackhole (TGW-26)."""

    destination: IPv4Network
    attachment: str
    where: Where = written()


@dataclass(frozen=True, slots=True)
class TransitGatewayRouteTable:
    """Routes what comes from the attachments associated with it (TGW-20), to those that propagate to it (TGW-21)."""

    name: str
    associations: tuple[str, ...]
    propagations: tuple[str, ...]
    routes: tuple[TransitGatewayRoute, ...]
    where: Where = written()


@dataclass(frozen=True, slots=True)
class TransitGateway:
    """A gateway; its name is unique in the lab.

    region: "" for that of the first VPC at it; ask gateways.region_of. owner_id: "" for the lab's own account.
    security_group_referencing: groups of one VPC may be named by rules of another one (SG-34).
    """

    name: str
    vpc_attachments: tuple[TransitGatewayVpcAttachment, ...]
    route_tables: tuple[TransitGatewayRouteTable, ...]
    where: Where = written()
    region: str = ""
    owner_id: str = ""
    dns_support: bool = True
    security_group_referencing: bool = False

    def attachment(self, name: str) -> TransitGatewayVpcAttachment:
        return next(held for held in self.vpc_attachments if held.name == name)

    def of_vpc(self, vpc: str) -> TransitGatewayVpcAttachment | None:
        """TGW-08: a VPC has one."""
        return next((held for held in self.vpc_attachments if held.vpc == vpc), None)

    def names_groups(self, own: str, other: str) -> bool:
        """SG-34: whether rules of one VPC may name groups of the other: all three switches say so."""
        if not self.security_group_referencing:
            return False
        ends = [self.of_vpc(vpc) for vpc in (own, other)]
        return all(held is not None and held.available and held.security_group_referencing for held in ends)

    def near_of(self, vpc: str) -> list[str]:
        """TGW-51: the VPCs whose instances go by their private addresses in this one."""
        own, others = self.of_vpc(vpc), (held for held in self.vpc_attachments if held.vpc != vpc)
        if not (self.dns_support and own and own.available and own.dns_support):
            return []
        return [held.vpc for held in others if held.available and held.dns_support]

    def table_of(self, attachment: str) -> TransitGatewayRouteTable | None:
        """With which table it is associated; None: with none, and what comes in from it is dropped (TGW-20)."""
        return next((table for table in self.route_tables if attachment in table.associations), None)


class AttachedSubnet(NamedTuple):
    """The address that an attachment takes in a subnet (TGW-04). name: of its slot in Addresses."""

    name: str
    subnet: str
    where: Where
