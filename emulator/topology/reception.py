"""Who may receive a flow: the owner of its destination, or any target that a load balancer there may choose. Pure.

More may be named than a packet could reach (zones, health and rules are not asked): these are the places to look at.
"""

from collections.abc import Iterator
from ipaddress import IPv4Address
from typing import NamedTuple

from emulator.topology.balancers import LoadBalancer, TargetGroup
from emulator.topology.endpoints import InterfaceEndpoint
from emulator.topology.flows import Flow, owners
from emulator.topology.given import Addresses
from emulator.topology.model import Topology, Vpc


class Place(NamedTuple):
    """A guest, the address of its own at which the flow arrives there (a private one in a VPC), and the port."""

    node: str
    address: IPv4Address
    port: int


class Reception:
    """Answers for one lab, for many flows."""

    def __init__(self, topology: Topology, addresses: Addresses) -> None:
        guests = {node.name for node in topology.nodes() if node.kind in ("instance", "outside_host")}
        self._held: dict[IPv4Address, list[tuple[str, IPv4Address]]] = {}
        self._vpcs = {node.name: node.vpc for node in topology.nodes()}
        self._by_name: dict[str, tuple[str, IPv4Address]] = {}
        self._balanced: dict[IPv4Address, list[tuple[Vpc, LoadBalancer]]] = {}
        for node, name, private, public in owners(topology, addresses):
            if node in guests:
                self._by_name[name] = node, private
                for address in {private, public} - {None}:
                    assert address is not None
                    self._held.setdefault(address, []).append((node, private))
        for vpc in topology.vpcs:
            for balancer in vpc.load_balancers:
                for node in balancer.nodes:
                    for address in (addresses.private[node], addresses.public.get(node)):
                        if address is not None:
                            self._balanced.setdefault(address, []).append((vpc, balancer))

        for vpc in topology.vpcs:
            for endpoint in vpc.vpc_endpoints:
                behind = list(_serving(topology, endpoint))
                for node in endpoint.nodes:
                    self._balanced.setdefault(addresses.private[node], []).extend(behind)

    def of(self, flow: Flow) -> list[Place]:
        """Every place where the flow may arrive; none at a gateway, or at nobody's address."""
        found = [Place(node, own, flow.port) for node, own in self._held.get(flow.to, ())]
        for vpc, balancer in self._balanced.get(flow.to, ()):
            found += self._targets(vpc, balancer, flow)
        return list(dict.fromkeys(found))

    def _targets(self, vpc: Vpc, balancer: LoadBalancer, flow: Flow) -> Iterator[Place]:
        groups = {group.name: group for group in vpc.target_groups}
        for listener in balancer.listeners:
            if listener.port == flow.port and flow.protocol.upper() in listener.protocol.split("_"):
                yield from self._registered(vpc, groups[listener.target_group])

    def _registered(self, vpc: Vpc, group: TargetGroup) -> Iterator[Place]:
        for target in group.targets:
            if isinstance(target.id, str):
                held = [self._by_name[target.id]] if target.id in self._by_name else []
                if held and self._vpcs[held[0][0]] != vpc.name:
                    held = self._held[held[0][1]]  # of another VPC: an address, which somebody here may have, too
            else:
                held = self._held.get(target.id, [])
                held = [each for each in held if self._vpcs[each[0]] == vpc.name] or held
            for node, own in held:
                yield Place(node, own, target.port)


def _serving(topology: Topology, endpoint: InterfaceEndpoint) -> Iterator[tuple[Vpc, LoadBalancer]]:
    """PL-01: the load balancers of its service."""
    for vpc in topology.vpcs:
        for service in vpc.vpc_endpoint_services:
            if (vpc.name, service.name) == (endpoint.service_vpc, endpoint.service):
                for balancer in vpc.load_balancers:
                    if balancer.name in service.network_load_balancers:
                        yield vpc, balancer
