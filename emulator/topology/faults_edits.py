"""Edits of a Topology value: the same topology with one thing replaced."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Protocol, TypeVar

from emulator.topology.instances import Instance, NetworkInterface, PrivateAddress
from emulator.topology.model import NetworkAcl, Route, RouteTable, SecurityGroup, Subnet, Target, Topology, Vpc
from emulator.topology.nat import NatGateway


class _Named(Protocol):
    @property
    def name(self) -> str: ...


N = TypeVar("N", bound=_Named)


def with_vpc(topology: Topology, vpc: Vpc) -> Topology:
    return replace(topology, vpcs=put(topology.vpcs, vpc))


def put(held: tuple[N, ...], new: N) -> tuple[N, ...]:
    """The same with the one of that name replaced, or added at the end."""
    names = [item.name for item in held]
    replaced = tuple(new if item.name == new.name else item for item in held)
    return replaced if new.name in names else (*replaced, new)


def with_table(vpc: Vpc, table: RouteTable) -> Vpc:
    return replace(vpc, route_tables=put(vpc.route_tables, table))


def with_routes(vpc: Vpc, table: RouteTable, *new: Route, without: Route | None = None) -> Vpc:
    """The table less one route, and with others."""
    return with_table(vpc, replace(table, routes=(*(route for route in table.routes if route != without), *new)))


def with_subnet(vpc: Vpc, subnet: Subnet) -> Vpc:
    return replace(vpc, subnets=put(vpc.subnets, subnet))


def with_acl(vpc: Vpc, acl: NetworkAcl) -> Vpc:
    return replace(vpc, network_acls=put(vpc.network_acls, acl))


def with_nat_gateway(vpc: Vpc, gateway: NatGateway) -> Vpc:
    return replace(vpc, nat_gateways=put(vpc.nat_gateways, gateway))


def with_instance(vpc: Vpc, instance: Instance) -> Vpc:
    return replace(vpc, instances=put(vpc.instances, instance))


def with_interface(vpc: Vpc, instance: Instance, interface: NetworkInterface) -> Vpc:
    return with_instance(vpc, replace(instance, interfaces=put(instance.interfaces, interface)))


def with_groups(vpc: Vpc, groups: Iterable[SecurityGroup]) -> Vpc:
    for group in groups:
        vpc = replace(vpc, security_groups=put(vpc.security_groups, group))
    return vpc


def map_routes(vpc: Vpc, change: Callable[[Route], Route]) -> Vpc:
    """Every route of every table changed."""
    tables = tuple(replace(table, routes=tuple(map(change, table.routes))) for table in vpc.route_tables)
    return replace(vpc, route_tables=tables)


def forsaken(vpc: Vpc, name: str) -> Vpc:
    """RT-40: the target of that name is gone, and its routes stay as blackholes."""
    return map_routes(
        vpc, lambda route: replace(route, target=Target("blackhole", name)) if route.target.name == name else route
    )


def without_public(interface: NetworkInterface) -> NetworkInterface:
    """No public address on any of its private ones."""
    addresses = tuple(PrivateAddress(address.private_ip) for address in interface.addresses)
    return replace(interface, addresses=addresses)


def owner_of(vpc: Vpc, name: str) -> tuple[Instance, NetworkInterface] | None:
    """The ENI of that name, which is what a route to an instance names (RT-33), and whose it is."""
    for instance in vpc.instances:
        for interface in instance.interfaces:
            if interface.name == name:
                return instance, interface
    return None
