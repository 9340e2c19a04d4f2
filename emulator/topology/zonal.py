"""Load balancers, endpoints, regional NAT gateways: their nodes, one in each zone, and which of these a name stands
for. Pure.
"""

from collections.abc import Iterator

from emulator.topology.balancers import LoadBalancer
from emulator.topology.model import Topology, Vpc
from emulator.topology.targets import registered, usable


def aliases(topology: Topology) -> dict[str, tuple[str, ...]]:
    """What has several nodes, by its name: those nodes. Who calls it is answered by any of them (LB-02, PL-32)."""
    found = {held.name: held.nodes for vpc in topology.vpcs for held in vpc.zonal}
    return found | {
        held.name: vpc.nodes_of(held) for vpc in topology.vpcs for held in vpc.nat_gateways if held.regional
    }


def answering(topology: Topology, name: str) -> tuple[str, ...]:
    """The nodes that such a name stands for; none if it is no such name.

    LB-03, LB-22: a load balancer's node that has no target to use is out of DNS, as long as another one has some.
    """
    for vpc in topology.vpcs:
        for balancer in vpc.load_balancers:
            if balancer.name == name:
                return tuple(balancer.node(held) for held in _with_targets(topology, vpc, balancer)) or balancer.nodes
        for endpoint in vpc.vpc_endpoints:
            if endpoint.name == name:
                return endpoint.nodes
        for gateway in vpc.nat_gateways:
            if gateway.regional and gateway.name == name:
                return vpc.nodes_of(gateway)
    return ()


def _with_targets(topology: Topology, vpc: Vpc, balancer: LoadBalancer) -> Iterator[str]:
    """The subnets in which a listener has somebody to forward to."""
    groups = {group.name: registered(topology, vpc, group) for group in vpc.target_groups}
    nouns = {group.name: group for group in vpc.target_groups}
    used = dict.fromkeys(listener.target_group for listener in balancer.listeners)
    for subnet in balancer.subnets:
        if any(usable(vpc, balancer, subnet, nouns[name], groups[name]) for name in used):
            yield subnet
