"""Transit gateways: routers between VPCs, with route tables of their own (section 8 of the AWS reference).

Everything is resolved: which table an attachment is associated with, and which tables it propagates to.
"""

from dataclasses import dataclass
from ipaddress import IPv4Network
from typing import NamedTuple

from emulator.errors import Where
from emulator.topology.place import written

DEFAULT_TABLE = "default"  # TGW-03


@dataclass(frozen=True, slots=True)
class TransitGatewayVpcAttachment:
    """A VPC's place at the gateway: one address in one subnet of each zone that shall use it (TGW-04).

    Names are unique at the gateway. appliance_mode: a flow stays in one zone, both ways (TGW-42).
    """

    name: str
    vpc: str
    subnets: tuple[str, ...]
    appliance_mode: bool = False
    where: Where = written()


@dataclass(frozen=True, slots=True)
class TransitGatewayRoute:
    """A static route; `attachment` "" is a blackhole (TGW-26)."""

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
    """A gateway; its name is unique in the lab."""

    name: str
    vpc_attachments: tuple[TransitGatewayVpcAttachment, ...]
    route_tables: tuple[TransitGatewayRouteTable, ...]
    where: Where = written()

    def attachment(self, name: str) -> TransitGatewayVpcAttachment:
        return next(held for held in self.vpc_attachments if held.name == name)

    def of_vpc(self, vpc: str) -> TransitGatewayVpcAttachment | None:
        """TGW-08: a VPC has one."""
        return next((held for held in self.vpc_attachments if held.vpc == vpc), None)

    def table_of(self, attachment: str) -> TransitGatewayRouteTable | None:
        """With which table it is associated; None: with none, and what comes in from it is dropped (TGW-20)."""
        return next((table for table in self.route_tables if attachment in table.associations), None)


class AttachedSubnet(NamedTuple):
    """The address that an attachment takes in a subnet (TGW-04). name: of its slot in Addresses."""

    name: str
    subnet: str
    where: Where
