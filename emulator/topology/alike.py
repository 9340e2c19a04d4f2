"""Endpoints that no rule of the file can tell apart: what one of them reaches, the others reach. Pure.

Two ENIs are alike if everything that decides about packets treats them as one: subnet (so route table and network ACL),
security groups, a public address or none, and on the same side of every CIDR block that any rule or route names.
"""

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Network
from typing import NamedTuple

from emulator.topology.given import Addresses
from emulator.topology.instances import Instance
from emulator.topology.model import PrefixListReference, Topology, Vpc


class Endpoint(NamedTuple):
    """Somebody who sends and receives: an outside host or an ENI, by the name that `flow` knows."""

    name: str
    node: str


def classes(topology: Topology, addresses: Addresses) -> list[tuple[Endpoint, ...]]:
    """All endpoints of running nodes, those that are alike together; in the order of the file."""
    blocks = sorted(set(_blocks(topology)))
    found: dict[object, list[Endpoint]] = {}

    def sides(*of: IPv4Address | None) -> tuple[bool, ...]:
        return tuple(address is not None and address in block for address in of for block in blocks)

    for vpc in topology.vpcs:
        targets = {route.target.name for table in vpc.route_tables for route in table.routes}
        for instance in vpc.awake.instances:
            for interface in instance.interfaces:
                private, public = addresses.private[interface.name], addresses.public.get(interface.name)
                key = (
                    vpc.name,
                    interface.subnet,
                    tuple(sorted(interface.security_groups)),
                    public is not None,
                    sides(private, public),
                    _registered(vpc, interface.name, private),
                    interface.name if _is_one_of_a_kind(instance, targets) else "",
                )
                found.setdefault(key, []).append(Endpoint(interface.name, instance.name))
    for host in topology.internet.hosts:
        found.setdefault(("", sides(host.ip)), []).append(Endpoint(host.name, host.name))
    return [tuple(alike) for alike in found.values()]


def destinations(topology: Topology) -> list[Endpoint]:
    """What is only called: each node of load balancers and interface endpoints."""
    return [Endpoint(name, name) for vpc in topology.vpcs for held in vpc.zonal for name in held.nodes]


def _registered(vpc: Vpc, interface: str, private: IPv4Address) -> tuple[str, ...]:
    """NLB-09: a target of a load balancer is another client of it than others are."""
    groups = vpc.target_groups
    return tuple(group.name for group in groups if any(held.id in (interface, private) for held in group.targets))


def _is_one_of_a_kind(instance: Instance, targets: set[str]) -> bool:
    """What a guest does with packets is its owner's business where it forwards, or has several ways out."""
    return (
        instance.appliance is not None
        or len(instance.interfaces) > 1
        or any(interface.name in targets for interface in instance.interfaces)
    )


def _blocks(topology: Topology) -> Iterator[IPv4Network]:
    """Every block that something in the file distinguishes."""
    lists = {held.name: held.cidrs() for held in topology.prefix_lists}
    for vpc in topology.vpcs:
        for peer in _peers(vpc):
            if isinstance(peer, IPv4Network):
                yield peer
            elif isinstance(peer, PrefixListReference):
                yield from lists[peer.prefix_list]
    for gateway in topology.transit_gateways:
        for table in gateway.route_tables:
            for route in table.routes:
                yield route.destination


def _peers(vpc: Vpc) -> Iterator[object]:
    for group in vpc.security_groups:
        for rule in (*group.ingress, *group.egress):
            yield rule.peer
    for acl in vpc.network_acls:
        for entry in (*acl.ingress, *acl.egress):
            yield entry.peer
    for table in vpc.route_tables:
        for route in table.routes:
            yield route.destination
