"""Who calls a load balancer, straight or by an endpoint: what a fault of either must hit to be noticed.

As `faults_talks`, a plain look at what the file expects to pass, enough to choose a victim.
"""

from collections.abc import Iterator
from functools import lru_cache
from ipaddress import IPv4Address
from typing import NamedTuple

from emulator.topology.addresses import assign
from emulator.topology.balancers import EVERY_ZONE, Listener, LoadBalancer, TargetDescription, TargetGroup
from emulator.topology.endpoints import InterfaceEndpoint
from emulator.topology.expand import expand
from emulator.topology.faults_edits import owner_of
from emulator.topology.flows import Flow
from emulator.topology.given import Addresses
from emulator.topology.instances import NetworkInterface
from emulator.topology.model import Topology, Vpc

_TAKES = {"tcp": ("TCP", "TCP_UDP"), "udp": ("UDP", "TCP_UDP")}


class Call(NamedTuple):
    """A flow that passes a node of a load balancer.

    vpc, node: the load balancer's VPC and the name of the node; zone: the node's. client: the caller's ENI, None for an
    outside host. endpoint, place, consumer: by which endpoint it comes, the node of that one, and its VPC.
    """

    flow: Flow
    vpc: Vpc
    balancer: LoadBalancer
    node: str
    zone: str
    address: IPv4Address
    listener: Listener
    group: TargetGroup
    client: NetworkInterface | None = None
    endpoint: InterfaceEndpoint | None = None
    place: str = ""
    consumer: Vpc | None = None

    @property
    def cross_zone(self) -> bool:
        """LB-20."""
        return self.balancer.cross_zone if self.group.cross_zone is None else self.group.cross_zone

    def targets(self, *, cross_zone: bool | None = None) -> list[TargetDescription]:
        """Those that the node may choose, as it is or with another setting."""
        across = self.cross_zone if cross_zone is None else cross_zone
        enabled = {self.vpc.subnet(name).availability_zone for name in self.balancer.subnets}
        wanted = {EVERY_ZONE, self.zone, *(enabled if across else ())}
        return [held for held in self.group.targets if _zone(self.vpc, held) in wanted]

    @property
    def only_target(self) -> NetworkInterface | None:
        """The primary ENI of the instance that every such flow goes to; None if there is a choice."""
        found = self.targets()
        owner = owner_of(self.vpc, found[0].id) if len(found) == 1 and isinstance(found[0].id, str) else None
        return owner[1] if owner else None


@lru_cache(maxsize=1)  # every fault asks for the same
def calls(topology: Topology) -> tuple[Call, ...]:
    """Those that the file expects to pass, in its order."""
    addresses, problems = assign(topology)
    if problems or not any(vpc.load_balancers for vpc in topology.vpcs):
        return ()
    expected, _ = expand(topology, addresses)
    flows = [each.flow for each in expected if each.expectation.result == "pass"]
    return tuple(call for flow in flows for call in _of(topology, addresses, flow))


def _of(topology: Topology, addresses: Addresses, flow: Flow) -> Iterator[Call]:
    """At most one: a VPC's own load balancer before one of the same address elsewhere."""
    home = next((vpc for vpc in topology.vpcs if any(held.name == flow.source for held in vpc.instances)), None)
    client = next((one for one in _interfaces(home) if addresses.private[one.name] == flow.source_ip), None)
    for vpc in sorted(topology.vpcs, key=lambda vpc: vpc is not home):
        for balancer in vpc.load_balancers:
            for subnet in balancer.subnets:
                node = balancer.node(subnet)
                if flow.to in (addresses.private[node], addresses.public.get(node)):
                    yield from _at(addresses, flow, vpc, balancer, subnet, client)
                    return
        for endpoint in vpc.vpc_endpoints:
            for subnet in endpoint.subnets:
                if endpoint.available and flow.to == addresses.private[endpoint.node(subnet)]:
                    for found in _served(topology, addresses, flow, vpc, endpoint, subnet):
                        yield found._replace(client=client)
                    return


def _served(
    topology: Topology, addresses: Addresses, flow: Flow, consumer: Vpc, endpoint: InterfaceEndpoint, subnet: str
) -> Iterator[Call]:
    """PL-06, PL-07: by the load balancer's node of the same zone, if there is no choice of load balancers."""
    provider = next(vpc for vpc in topology.vpcs if vpc.name == endpoint.service_vpc)
    service = next(held for held in provider.vpc_endpoint_services if held.name == endpoint.service)
    balancers = [held for held in provider.load_balancers if held.name in service.network_load_balancers]
    zone = consumer.subnet(subnet).availability_zone
    for balancer in balancers if len(balancers) == 1 else ():
        for own in balancer.subnets:
            if provider.subnet(own).availability_zone == zone:
                for found in _at(addresses, flow, provider, balancer, own, None):
                    yield found._replace(endpoint=endpoint, place=endpoint.node(subnet), consumer=consumer)


def _at(
    addresses: Addresses, flow: Flow, vpc: Vpc, balancer: LoadBalancer, subnet: str, client: NetworkInterface | None
) -> Iterator[Call]:
    node = balancer.node(subnet)
    for listener in balancer.listeners:
        if listener.port == flow.port and listener.protocol in _TAKES.get(flow.protocol, ()):
            group = next(held for held in vpc.target_groups if held.name == listener.target_group)
            zone, address = vpc.subnet(subnet).availability_zone, addresses.private[node]
            yield Call(flow, vpc, balancer, node, zone, address, listener, group, client)
            return


def _interfaces(vpc: Vpc | None) -> Iterator[NetworkInterface]:
    for instance in vpc.instances if vpc else ():
        yield from instance.interfaces


def _zone(vpc: Vpc, target: TargetDescription) -> str:
    if target.availability_zone:
        return target.availability_zone
    if isinstance(target.id, str):
        owner = owner_of(vpc, target.id)
        return vpc.subnet(owner[1].subnet).availability_zone if owner else EVERY_ZONE
    lands = (held for held in vpc.subnets if target.id in held.cidr_block)
    return next((held.availability_zone for held in lands), EVERY_ZONE)
