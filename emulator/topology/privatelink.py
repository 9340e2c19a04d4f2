"""Which endpoint is carried to which node of which load balancer: what the wire and the model must agree on."""

from collections.abc import Iterator
from typing import NamedTuple
from zlib import crc32

from emulator.topology.balancers import LoadBalancer
from emulator.topology.endpoints import EndpointService, InterfaceEndpoint
from emulator.topology.model import Topology, Vpc


class Carrier(NamedTuple):
    """The way from an endpoint's ENI in one subnet to a node of a load balancer in the provider's VPC."""

    consumer: Vpc
    endpoint: InterfaceEndpoint
    subnet: str
    provider: Vpc
    balancer: LoadBalancer
    balancer_subnet: str

    @property
    def node(self) -> str:
        """The endpoint's node, which is its ENI."""
        return self.endpoint.node(self.subnet)

    @property
    def balancer_node(self) -> str:
        return self.balancer.node(self.balancer_subnet)


def service_of(topology: Topology, endpoint: InterfaceEndpoint) -> tuple[Vpc, EndpointService] | None:
    """The VPC that offers it, and the service; None only in a file that is wrong."""
    for vpc in topology.vpcs:
        if vpc.name == endpoint.service_vpc:
            for service in vpc.vpc_endpoint_services:
                if service.name == endpoint.service:
                    return vpc, service
    return None


def balancers_of(vpc: Vpc, service: EndpointService) -> list[LoadBalancer]:
    """The service's load balancers, in its order."""
    held = {balancer.name: balancer for balancer in vpc.load_balancers}
    return [held[name] for name in service.network_load_balancers if name in held]


def service_zones(vpc: Vpc, service: EndpointService) -> dict[str, list[tuple[LoadBalancer, str]]]:
    """PL-07: the zones of the service, each with the load balancers' subnets there."""
    zone_of = {subnet.name: subnet.availability_zone for subnet in vpc.subnets}
    found: dict[str, list[tuple[LoadBalancer, str]]] = {}
    for balancer in balancers_of(vpc, service):
        for subnet in balancer.subnets:
            if subnet in zone_of:
                found.setdefault(zone_of[subnet], []).append((balancer, subnet))
    return found


def carriers(topology: Topology) -> Iterator[Carrier]:
    """Of all endpoints that carry something, one for each subnet; in the order of the file.

    PL-06: an ENI sticks to one load balancer of its zone, here by a hash of its name. From another region any zone
    will do (PL-39): the one of the same letter where there is one. PL-27: within one VPC nothing is carried.
    """
    for vpc in topology.vpcs:
        zone_of = {subnet.name: subnet.availability_zone for subnet in vpc.subnets}
        for endpoint in vpc.vpc_endpoints:
            found = service_of(topology, endpoint) if endpoint.available and endpoint.service_vpc != vpc.name else None
            if found is None:
                continue
            provider, service = found
            zones = service_zones(provider, service)
            for subnet in endpoint.subnets:
                zone = zone_of[subnet]
                there = zones.get(zone) or _of_another_region(topology, zone, vpc, provider, zones)
                if there:
                    node = endpoint.node(subnet)
                    balancer, balancer_subnet = there[crc32(node.encode()) % len(there)]
                    yield Carrier(vpc, endpoint, subnet, provider, balancer, balancer_subnet)


def _of_another_region(
    topology: Topology, zone: str, vpc: Vpc, provider: Vpc, zones: dict[str, list[tuple[LoadBalancer, str]]]
) -> list[tuple[LoadBalancer, str]]:
    if topology.region_of(vpc) == topology.region_of(provider) or not zones:
        return []
    return zones.get(topology.region_of(provider) + zone[-1]) or zones[min(zones)]
