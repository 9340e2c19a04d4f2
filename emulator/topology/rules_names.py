"""Names: one per node of the lab, because `vpcemu exec NAME` and the namespace `<lab>.<node>` must know which."""

from collections.abc import Iterator
from typing import NamedTuple

from emulator.errors import Where
from emulator.names import guest_link
from emulator.topology.model import INTERNET, Topology, router_of
from emulator.topology.report import Report

IN_WORDS: dict[str, str] = {
    "vpc_peering_connection": "a VPC peering connection",
    "transit_gateway": "a transit gateway",
    "vpc_endpoint": "a VPC endpoint",
    "instance": "an instance",
    "nat_gateway": "a NAT gateway",
    "network_load_balancer": "a load balancer",
    "internet_gateway": "the internet gateway",
    "outside_host": "an outside host",
}

_TARGETS = ("nat_gateway", "internet_gateway", "vpc_peering_connection", "transit_gateway")
TARGET_WORDS = ("local", "blackhole")  # what a route may point at besides a gateway


class _Named(NamedTuple):
    name: str
    kind: str
    vpc: str
    where: Where


def check(topology: Topology, report: Report) -> None:
    """Names that are taken, or that mean something else."""
    routers = {router_of(vpc.name): vpc.name for vpc in topology.vpcs}
    interfaces = {
        f"{instance.name}.{guest_link(held.device_index)}": instance.name
        for vpc in topology.vpcs
        for instance in vpc.instances
        for held in instance.interfaces
    }
    first: dict[str, _Named] = {}
    for node in sorted(_named(topology, report), key=lambda node: (node.where.line, node.where.column)):
        if node.name == INTERNET:
            report.error(
                node.where, f"the name `{INTERNET}` belongs to the internet's own router", "choose another name"
            )
        elif node.name in routers:
            report.error(
                node.where,
                f"the name `{node.name}` belongs to the router of VPC {routers[node.name]}",
                "choose another name",
            )
        elif node.name in interfaces:
            what = f"the name `{node.name}` belongs to a network interface of instance {interfaces[node.name]}"
            report.error(node.where, what, "choose another name")
        elif node.name in TARGET_WORDS and node.kind in _TARGETS:
            what = "connection" if node.kind == "vpc_peering_connection" else "gateway"
            report.error(
                node.where, f"in a route, `{node.name}` means something else", f"choose another name for the {what}"
            )
        elif node.name in first:
            _taken(node, first[node.name], report)
        else:
            first[node.name] = node


def _taken(node: _Named, other: _Named, report: Report) -> None:
    if node.kind == other.kind == "internet_gateway":
        # IGW-12: one gateway is attached to one VPC.
        what = f"internet gateway {node.name} is already attached to VPC {other.vpc}"
        report.error(node.where, what, "each VPC has an internet gateway of its own", "Resource.AlreadyAssociated")
        return
    if node.kind == other.kind == "network_load_balancer":
        if "." in node.name:
            return  # the names of nodes follow from that of their load balancer
        what = f"load balancer {node.name} exists already, in VPC {other.vpc} (line {other.where.line})"
        report.error(node.where, what, "another name", "DuplicateLoadBalancerName")  # LBE-01
        return
    of_vpc = f" of VPC {other.vpc}" if other.vpc and other.vpc != node.vpc else ""
    what = f"the name `{node.name}` is already that of {IN_WORDS[other.kind]}{of_vpc} (line {other.where.line})"
    hint = "instances, gateways, connections, endpoints and outside hosts share one set of names"
    report.error(node.where, what, hint)


def _named(topology: Topology, report: Report) -> Iterator[_Named]:
    for host in topology.internet.hosts:
        yield _Named(host.name, "outside_host", "", host.where)
    for held in topology.vpc_peering_connections:
        yield _Named(held.name, "vpc_peering_connection", "", held.where)
    for gateway in topology.transit_gateways:
        yield _Named(gateway.name, "transit_gateway", "", gateway.where)
    for vpc in topology.vpcs:
        if vpc.internet_gateway:
            yield _Named(vpc.internet_gateway, "internet_gateway", vpc.name, report.at(vpc.where, "internet_gateway"))
        for nat in vpc.nat_gateways:
            for name in dict.fromkeys((nat.name, *vpc.nodes_of(nat))):
                yield _Named(name, "nat_gateway", vpc.name, nat.where)
        for balancer in vpc.load_balancers:
            yield _Named(balancer.name, "network_load_balancer", vpc.name, balancer.where)
            for name in balancer.nodes:
                yield _Named(name, "network_load_balancer", vpc.name, balancer.where)
        for instance in vpc.instances:
            yield _Named(instance.name, "instance", vpc.name, instance.where)
        for endpoint in vpc.vpc_endpoints:
            for name in (endpoint.name, *dict.fromkeys(endpoint.nodes)):
                yield _Named(name, "vpc_endpoint", vpc.name, endpoint.where)
