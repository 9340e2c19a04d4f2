"""An ENI, with all that several components need to know of it, worked out once."""

from typing import NamedTuple

from emulator import names
from emulator.compile.state import MAIN_TABLE, Address, Namespace, Neighbour, Route, Veth
from emulator.compile.tables import number_for
from emulator.topology.given import Addresses, slot
from emulator.topology.instances import ConnectionTracking, Instance
from emulator.topology.model import Subnet, Vpc, router_of
from emulator.topology.nat_nodes import nat_nodes, places

ENI_MTU = 9001  # MTU-01


class Eni(NamedTuple):
    """One ENI of a VPC. `link` is the router's end; the other end is `guest_link` of `node`. `table` is its subnet's.

    name: the instance's or NAT gateway's, or that of a further ENI: "fw.eth1" (see `instances.NetworkInterface`).
    secondary: its further private addresses (see `given.slot`), in order; the router sends all of them to it.
    groups: its security groups; none at a NAT gateway's ENI (NAT-34).
    source_dest_check: false for one that may send as anybody (SDC-01); so may a NAT gateway.
    always_tracked: whatever its groups say, all its flows are tracked (CT-04).
    balancer: whose node it is, "" for what is no node of a load balancer.
    tracking: how long it remembers idle flows (CT-05).
    dark_zone: the zone that it is in, while that is down (see `topology.zones`); its link stays, and carries nothing.
    """

    name: str
    node: str
    link: str
    guest_link: str
    mac: str
    ip: str
    prefixlen: int
    gateway: str
    router_mac: str
    table: int
    subnet: str
    secondary: tuple[str, ...]
    groups: tuple[str, ...]
    source_dest_check: bool
    dark_zone: str = ""
    tracking: ConnectionTracking = ConnectionTracking()
    always_tracked: bool = False
    balancer: str = ""

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
    """By the ENI's name: of instances by device index, then of NAT gateways, of endpoints and of load balancers.

    The MAC follows the private address and the subnet's block: with another one it is a new ENI, as in AWS, and `up`
    replaces the veth. (An owner's address is never taken from a guest, so the old one would stay.) Secondary addresses
    come and go without that: SUB-18 binds only the primary one to its ENI.
    """
    mac = router_mac(vpc)
    subnets = {
        subnet.name: (subnet.cidr_block.prefixlen, gateway_address(subnet), number_for(vpc, subnet))
        for subnet in places(vpc)
    }

    def made(
        name: str, node: str, index: int, subnet: str, addresses_held: int, groups: tuple[str, ...], checked: bool
    ) -> Eni:
        ip, *secondary = (str(addresses.private[slot(name, number)]) for number in range(addresses_held))
        prefixlen, gateway, table = subnets[subnet]
        own_mac = names.mac(vpc.name, name, ip, f"{gateway}/{prefixlen}")
        return Eni(
            name, node, names.eni(name), names.guest_link(index), own_mac, ip, prefixlen, gateway, mac, table,
            subnet, tuple(secondary), groups, checked,
        )  # fmt: skip

    found = [
        made(
            held.name, instance.name, held.device_index, held.subnet,
            len(held.addresses), held.security_groups, held.source_dest_check,
        )._replace(tracking=held.tracking)
        for instance in vpc.instances for held in instance.interfaces
    ]  # fmt: skip
    found += [made(node.name, node.name, 0, node.subnet, len(node.addresses), (), False) for node in nat_nodes(vpc)]
    found += [
        made(name, name, 0, place.subnet, 1, endpoint.security_groups, True)._replace(always_tracked=True)
        for endpoint in vpc.vpc_endpoints for place in endpoint.subnet_configurations
        for name in (endpoint.node(place.subnet),)
    ]  # fmt: skip
    found += [
        made(held.node(name), held.node(name), 0, name, 1, held.security_groups, False)._replace(balancer=held.name)
        for held in vpc.load_balancers
        for name in held.subnets
    ]
    return {eni.name: eni for eni in found}


def of_instance(enis: dict[str, Eni], instance: Instance) -> tuple[Eni, ...]:
    """An instance's ENIs, the primary one first."""
    return tuple(enis[held.name] for held in instance.interfaces)


def veth(vpc: Vpc, eni: Eni) -> Veth:
    return Veth(router_of(vpc.name), eni.link, eni.router_mac, eni.node, eni.guest_link, eni.mac, ENI_MTU)


def namespace(eni: Eni) -> Namespace:
    """What every node with an ENI has: eth0, its address, the default route, the router as a permanent neighbour."""
    return Namespace(
        kind="nat_gateway",
        up=_UP,
        addresses=frozenset((Address(names.GUEST_LINK, eni.ip, eni.prefixlen),)),
        neighbours=frozenset((Neighbour(names.GUEST_LINK, eni.gateway, eni.router_mac),)),
        routes=frozenset((Route(MAIN_TABLE, "0.0.0.0/0", "unicast", names.GUEST_LINK, eni.gateway),)),
    )


_UP = frozenset({"lo", names.GUEST_LINK})
