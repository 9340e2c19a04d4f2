"""An ENI, with all that several components need to know of it, worked out once."""

from typing import NamedTuple

from emulator import names
from emulator.compile.state import MAIN_TABLE, Address, Namespace, Neighbour, Route, Veth
from emulator.compile.tables import number_for
from emulator.topology.instances import Instance
from emulator.topology.model import Addresses, NatGateway, Subnet, Vpc, router_of, slot

ENI_MTU = 9001  # MTU-01


class Eni(NamedTuple):
    """One ENI of a VPC. `link` is the router's end; the other end is `eth0` of `node`. `table` is its subnet's.

    `secondary`: its further private addresses (see `model.slot`), in order; the router sends all of them to it.
    """

    node: str
    link: str
    mac: str
    ip: str
    prefixlen: int
    gateway: str
    router_mac: str
    table: int
    subnet: str
    secondary: tuple[str, ...] = ()

    @property
    def ips(self) -> tuple[str, ...]:
        return self.ip, *self.secondary


def router_mac(vpc: Vpc) -> str:
    """All of the router's ends share one MAC, so `ip neigh` in an instance shows the router's for everybody."""
    return names.mac(vpc.name, "router")


def gateway_address(subnet: Subnet) -> str:
    """RT-01: the router is base+1 of every subnet."""
    return str(subnet.cidr_block.network_address + 1)


def service_addresses(vpc: Vpc) -> tuple[str, ...]:
    """Where AWS's own services answer in this VPC. SUB-07: the resolver is base+2 of the VPC, not of each subnet."""
    return (str(vpc.cidr_block.network_address + 2), *map(str, names.LINK_LOCAL_SERVICES))


def enis(vpc: Vpc, addresses: Addresses) -> dict[str, Eni]:
    """By node name: instances, then NAT gateways.

    The MAC follows the private address and the subnet's block: with another one it is a new ENI, as in AWS, and `up`
    replaces the veth. (An owner's address is never taken from a guest, so the old one would stay.)
    """
    mac = router_mac(vpc)
    subnets = {
        subnet.name: (subnet.cidr_block.prefixlen, gateway_address(subnet), number_for(vpc, subnet))
        for subnet in vpc.subnets
    }
    found: dict[str, Eni] = {}
    owners: tuple[Instance | NatGateway, ...] = (*vpc.instances, *vpc.nat_gateways)
    for held in owners:
        node = held.name
        ip = str(addresses.private[node])
        prefixlen, gateway, table = subnets[held.subnet]
        own_mac = names.mac(vpc.name, node, ip, f"{gateway}/{prefixlen}")
        further = range(1, len(held.secondary) + 1) if isinstance(held, NatGateway) else ()
        secondary = tuple(str(addresses.private[slot(node, number)]) for number in further)
        found[node] = Eni(node, names.eni(node), own_mac, ip, prefixlen, gateway, mac, table, held.subnet, secondary)
    return found


def veth(vpc: Vpc, eni: Eni) -> Veth:
    return Veth(router_of(vpc.name), eni.link, eni.router_mac, eni.node, names.GUEST_LINK, eni.mac, ENI_MTU)


def namespace(eni: Eni) -> Namespace:
    """What every node with one ENI has: eth0, its address, the default route, the router as a permanent neighbour."""
    return Namespace(
        kind="nat_gateway",
        up=_UP,
        addresses=frozenset((Address(names.GUEST_LINK, eni.ip, eni.prefixlen),)),
        neighbours=frozenset((Neighbour(names.GUEST_LINK, eni.gateway, eni.router_mac),)),
        routes=frozenset((Route(MAIN_TABLE, "0.0.0.0/0", "unicast", names.GUEST_LINK, eni.gateway),)),
    )


_UP = frozenset({"lo", names.GUEST_LINK})
