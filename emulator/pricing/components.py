"""What of a topology AWS charges for: each component, and by which items of the table of prices."""

from collections.abc import Iterator
from typing import NamedTuple

from emulator.topology.gateways import region_of
from emulator.topology.model import Topology, Vpc
from emulator.topology.nat_nodes import nat_nodes


class Component(NamedTuple):
    """A thing that costs, or that one would expect to.

    owner: the VPC that pays for it, "" for none of them. hourly, many: item charged by the hour, and how many of it.
    data: item charged by the GB, "" for none. named: only data that is named for it
    counts, since one can only guess whether it is charged at all.
    """

    kind: str
    name: str
    owner: str
    region: str
    hourly: str = ""
    many: int = 1
    data: str = ""
    named: bool = False


def components(topology: Topology) -> Iterator[Component]:
    """Every component, VPC by VPC, then those between VPCs."""
    for vpc in topology.vpcs:
        region = topology.region_of(vpc)
        if vpc.internet_gateway:
            # Data out is charged for, the gateway is not.
            yield Component(
                "internet_gateway", vpc.internet_gateway, vpc.name, region, data="internet_out_data", named=True
            )
        for name, count in _public_addresses(vpc):
            yield Component("public_ipv4_address", name, vpc.name, region, "public_ipv4_address", count)
        for gateway in vpc.nat_gateways:
            zones = len(vpc.nodes_of(gateway))
            yield Component("nat_gateway", gateway.name, vpc.name, region, "nat_gateway", zones, "nat_gateway_data")
        for balancer in vpc.load_balancers:  # by the hour for all of its zones; PRICE-05: an NLCU is a GB an hour
            kind = "network_load_balancer"
            yield Component(kind, balancer.name, vpc.name, region, kind, 1, f"{kind}_data")
        for endpoint in vpc.vpc_endpoints:  # PRICE-06: for each zone, accepted or not
            kind = "interface_endpoint"
            yield Component(kind, endpoint.name, vpc.name, region, kind, len(endpoint.subnets), f"{kind}_data")
    vpcs = {vpc.name: vpc for vpc in topology.vpcs}
    for through in topology.transit_gateways:
        for attached in through.vpc_attachments:  # PRICE-03: each pays its hours, and what it sends
            if not attached.available:
                continue
            kind, region = "transit_gateway_attachment", topology.region_of(vpcs[attached.vpc])
            name = f"{through.name}/{attached.name}"  # unique at its gateway only
            yield Component(kind, name, attached.vpc, region, kind, 1, "transit_gateway_data")
        for joined in topology.transit_gateway_peering_attachments:  # each gateway has one; by the GB the VPCs pay
            if joined.available and through.name in joined.pair:
                kind, region = "transit_gateway_peering_attachment", region_of(topology, through)
                name = f"{through.name}/{joined.name}"
                yield Component(kind, name, "", region, "transit_gateway_attachment")
    for held in topology.vpc_peering_connections:
        if held.active:
            region = topology.region_of(vpcs[held.vpc])
            yield Component("vpc_peering_connection", held.name, "", region, "vpc_peering_connection")


def _public_addresses(vpc: Vpc) -> Iterator[tuple[str, int]]:
    """(whose, how many): of instances, stopped ones with an Elastic IP too, of public NAT gateways (PRICE-09), and of
    the nodes of load balancers that face the internet (EIP-06).
    """
    for instance in vpc.instances:
        count = sum(1 for held in instance.interfaces for address in held.addresses if address.public_ip)
        if count:
            yield instance.name, count
    for gateway in vpc.nat_gateways:
        if gateway.connectivity_type == "public":
            yield gateway.name, sum(len(node.addresses) for node in nat_nodes(vpc) if node.gateway is gateway)
    for balancer in vpc.load_balancers:
        if not balancer.internal:
            yield balancer.name, len(balancer.subnets)
