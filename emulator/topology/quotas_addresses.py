"""Quotas of what has addresses: NAT gateways, interfaces, units of Network Address Usage (section 1.9).

The first two are an account's, in an availability zone; the units are a VPC's. Warnings, since AWS raises them.
"""

from collections.abc import Iterator

from emulator.errors import Where
from emulator.topology.model import Topology, Vpc
from emulator.topology.nat import NatGateway
from emulator.topology.report import Report

GATEWAYS_PER_ZONE = 5
INTERFACES_PER_ZONE = 5000
UNITS_PER_VPC, UNITS_OF_PEERS = 64_000, 128_000
UNITS_OF_A_SERVICE = 6  # what is AWS's own has six times the units of an address

_UNTIL = "until AWS raises it"


def check_account(vpcs: list[Vpc], report: Report) -> None:
    """VPCs of one account in one region."""
    gateways: dict[str, list[NatGateway]] = {}
    interfaces: dict[str, list[Where]] = {}
    for vpc in vpcs:
        zone_of = {subnet.name: subnet.availability_zone for subnet in vpc.subnets}
        for gateway in vpc.nat_gateways:  # one that is deleted does not get here
            gateways.setdefault(zone_of.get(gateway.subnet, ""), []).append(gateway)
        for subnet, where in _interfaces(vpc):
            interfaces.setdefault(zone_of.get(subnet, ""), []).append(where)
    for zone, held in gateways.items():
        if zone and len(held) > GATEWAYS_PER_ZONE:
            what = f"{len(held)} NAT gateways in {zone}: an account's quota is {GATEWAYS_PER_ZONE} {_UNTIL}"
            report.warn(held[GATEWAYS_PER_ZONE].where, what, code="NatGatewayLimitExceeded")  # NAT-09
    for zone, found in interfaces.items():
        if zone and len(found) > INTERFACES_PER_ZONE:
            what = (
                f"{len(found):,} network interfaces in {zone}: an account's quota is {INTERFACES_PER_ZONE:,} {_UNTIL}"
            )
            report.warn(found[INTERFACES_PER_ZONE], what, code="NetworkInterfaceLimitExceeded")  # ENI-04


def _interfaces(vpc: Vpc) -> Iterator[tuple[str, Where]]:
    """The subnet of every ENI."""
    for instance in vpc.instances:
        for interface in instance.interfaces:
            yield interface.subnet, interface.where
    for gateway in vpc.nat_gateways:
        yield gateway.subnet, gateway.where
    for held in vpc.zonal:
        for subnet in held.subnets:
            yield subnet, held.where
    for attached in vpc.attached_subnets:
        yield attached.subnet, attached.where


# ---- Network Address Usage -----------------------------------------------------------------------------------------


def units(topology: Topology, vpc: Vpc) -> int:
    """Q-11: a unit for each private and each public address of an instance, and for each further interface; six for
    what is AWS's own: a NAT gateway, a load balancer or an endpoint in a zone, an attachment of a transit gateway.
    """
    addresses = [
        held for instance in vpc.instances for interface in instance.interfaces for held in interface.addresses
    ]
    found = len(addresses) + sum(held.public_ip is not None for held in addresses)
    found += sum(len(instance.interfaces) - 1 for instance in vpc.instances)
    served = len(vpc.nat_gateways) + sum(len(held.nodes) for held in vpc.zonal)
    served += sum(held.vpc == vpc.name for gateway in topology.transit_gateways for held in gateway.vpc_attachments)
    return found + UNITS_OF_A_SERVICE * served


def check_units(topology: Topology, report: Report) -> None:
    """Each VPC, and with its peers of the same region."""
    own = {vpc.name: units(topology, vpc) for vpc in topology.vpcs}
    regions = {vpc.name: topology.region_of(vpc) for vpc in topology.vpcs}
    for vpc in topology.vpcs:
        if own[vpc.name] > UNITS_PER_VPC:
            what = f"{own[vpc.name]:,} units of Network Address Usage: the quota of a VPC is {UNITS_PER_VPC:,} {_UNTIL}"
            report.warn(vpc.where, what, code="NetworkAddressUsageLimitExceeded")
        peers = {held.other(vpc.name) for held in topology.peerings_of(vpc.name)}
        count = own[vpc.name] + sum(own[peer] for peer in peers if regions.get(peer) == regions[vpc.name])
        if peers and count > UNITS_OF_PEERS:
            what = f"{count:,} units of Network Address Usage with its peers: the quota is {UNITS_OF_PEERS:,} {_UNTIL}"
            report.warn(vpc.where, what, code="NetworkAddressUsagePeeredLimitExceeded")
