"""Where NAT gateways are: a zonal one in its subnet, a regional one in each of its zones and in no subnet. Pure.

AWS shows no private address and no subnet of a regional NAT gateway. Here it has, in each zone, a node with an ENI in
a *place* of its own: a subnet that is in no file, of link-local addresses, with the gateway's own route table (RNAT-02)
and without a network ACL. Only a trace ever shows these addresses.
"""

from collections.abc import Iterator
from ipaddress import IPv4Network
from typing import NamedTuple

from emulator.names import REGIONAL_NAT_BLOCK, numbered
from emulator.topology.model import Subnet, Vpc
from emulator.topology.nat import NatGateway, SecondaryAddress

_LETTERS = 26  # of zones
_PLACE = 26  # prefix length: room for 32 addresses (RNAT-04)
REGIONAL_AT_MOST = 2 ** (_PLACE - REGIONAL_NAT_BLOCK.prefixlen) // _LETTERS  # in a VPC
NO_ACL = ""


class NatNode(NamedTuple):
    """A node of a NAT gateway. subnet: of a zonal one its subnet's name, of a regional one its place's.

    addresses: all of them, the first one too. zone: of a regional one; "" for a zonal one.
    """

    name: str
    gateway: NatGateway
    subnet: str
    addresses: tuple[SecondaryAddress, ...]
    zone: str = ""


def nat_nodes(vpc: Vpc) -> Iterator[NatNode]:
    """Of all NAT gateways of the VPC, in the order of the file."""
    for gateway in vpc.nat_gateways:
        if not gateway.regional:
            first = SecondaryAddress(gateway.private_ip, gateway.elastic_ip)
            yield NatNode(gateway.name, gateway, gateway.subnet, (first, *gateway.secondary))
            continue
        fixed = {held.availability_zone: held.elastic_ips for held in gateway.zone_addresses}
        for zone in fixed or vpc.zones_in_use:
            addresses = tuple(SecondaryAddress(None, ip) for ip in fixed.get(zone, (None,)))
            yield NatNode(gateway.node(zone), gateway, gateway.node(zone), addresses, zone)


def regional_places(vpc: Vpc) -> tuple[Subnet, ...]:
    """Where the regional NAT gateways stand."""
    held = [node for node in nat_nodes(vpc) if node.zone]
    if not held:
        return ()
    numbers = _numbers(sorted(gateway.name for gateway in vpc.nat_gateways if gateway.regional))
    return tuple(
        Subnet(
            node.subnet,
            _block(numbers[node.gateway.name], node.zone),
            node.zone,
            node.gateway.route_table,
            network_acl=NO_ACL,
            where=node.gateway.where,
        )
        for node in held
    )


def places(vpc: Vpc) -> tuple[Subnet, ...]:
    """Its subnets, and where its regional NAT gateways stand: wherever an ENI may be."""
    return (*vpc.subnets, *regional_places(vpc))


def serving(vpc: Vpc, gateway: str, zone: str) -> str:
    """The node of the NAT gateway that has the packets of a zone; "": it is not registered there (RNAT-07)."""
    found = next(held for held in vpc.nat_gateways if held.name == gateway)
    if not found.regional:
        return found.name
    return found.node(zone) if zone and found.node(zone) in vpc.nodes_of(found) else ""


def _block(number: int, zone: str) -> IPv4Network:
    index = number * _LETTERS + ord(zone[-1]) - ord("a")
    size = 2 ** (32 - _PLACE)
    return IPv4Network((int(REGIONAL_NAT_BLOCK.network_address) + index * size, _PLACE))


def _numbers(gateways: list[str]) -> dict[str, int]:
    return dict.fromkeys(gateways, 0) | numbered(gateways[:REGIONAL_AT_MOST], REGIONAL_AT_MOST)  # more are refused
