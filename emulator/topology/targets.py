"""Which targets a target group has, and which of them a node of a load balancer may use. Pure."""

from collections.abc import Mapping, Sequence
from ipaddress import IPv4Address
from typing import NamedTuple

from emulator.topology.balancers import EVERY_ZONE, LoadBalancer, TargetGroup
from emulator.topology.given import Addresses
from emulator.topology.model import Topology, Vpc

# By a load balancer's node and target group, the targets that get new flows, by their names (`web1:80`).
Serving = Mapping[tuple[str, str], Sequence[str]]


class Registered(NamedTuple):
    """A target of a group.

    id: as the file has it. interface: the name of the ENI that it is; "" for an address that nobody of the lab's VPCs
    is named for. zone: its availability zone; "" for a target outside the VPC, which all nodes may use.
    running: false for an instance that is stopped (LB-08).
    """

    id: str | IPv4Address
    port: int
    interface: str
    zone: str
    running: bool = True

    @property
    def name(self) -> str:
        """`web1:80`."""
        return f"{self.id}:{self.port}"

    def address(self, addresses: Addresses) -> IPv4Address:
        return self.id if isinstance(self.id, IPv4Address) else addresses.private[self.interface]


def registered(topology: Topology, vpc: Vpc, group: TargetGroup) -> tuple[Registered, ...]:
    """A group's targets, in the order of the file."""
    interfaces = {
        held.name: (owner, instance, held)
        for owner in topology.vpcs
        for instance in owner.instances
        for held in instance.interfaces
    }
    found = []
    for target in group.targets:
        if isinstance(target.id, IPv4Address):
            zone = next((held.availability_zone for held in vpc.subnets if target.id in held.cidr_block), "")
            found.append(Registered(target.id, target.port, "", "" if target.availability_zone == EVERY_ZONE else zone))
        elif target.id in interfaces:
            owner, instance, held = interfaces[target.id]
            zone = vpc.subnet(held.subnet).availability_zone if owner is vpc else ""
            found.append(Registered(target.id, target.port, held.name, zone, instance.state == "running"))
    return tuple(found)


def crosses(balancer: LoadBalancer, group: TargetGroup) -> bool:
    """LB-20: whether a node also uses the targets of the load balancer's other zones."""
    return balancer.cross_zone if group.cross_zone is None else group.cross_zone


def usable(
    vpc: Vpc, balancer: LoadBalancer, subnet: str, group: TargetGroup, targets: tuple[Registered, ...]
) -> tuple[Registered, ...]:
    """Those of a group's targets that the node in this subnet forwards to, whatever their health (LB-08, LB-20)."""
    own = vpc.subnet(subnet).availability_zone
    enabled = {vpc.subnet(name).availability_zone for name in balancer.subnets}
    zones = enabled if crosses(balancer, group) else {own}
    return tuple(target for target in targets if target.running and (not target.zone or target.zone in zones))
