"""What `status` says of load balancers: AWS's states and reasons of every target, from what the agent has found."""

from collections.abc import Iterator, Mapping
from typing import Any

from emulator.report import shapes
from emulator.topology.balancers import LoadBalancer, TargetGroup
from emulator.topology.given import Addresses
from emulator.topology.model import Topology, Vpc
from emulator.topology.targets import Registered, registered, usable

_Running = Mapping[str, list[dict[str, Any]]]
_WORST_FIRST = ("unhealthy", "initial", "healthy", "draining")
# LB-07, LB-08
UNUSED = {
    "Target.NotInUse": "Target group is not configured to receive traffic from the load balancer",
    "Target.InvalidState": "Target is in the stopped state",
    "Elb.InternalError": "No agent checks it",
}
_OTHER_ZONE = "Target is in an Availability Zone that is not enabled for the load balancer"


def load_balancers(vpc: Vpc, addresses: Addresses) -> list[shapes.LoadBalancerStatus]:
    """Those of a VPC, with their nodes and listeners."""
    return [
        shapes.LoadBalancerStatus(
            name=held.name,
            scheme="internal" if held.internal else "internet-facing",
            cross_zone=held.cross_zone,
            security_groups=list(held.security_groups),
            nodes=[
                shapes.LoadBalancerNodeStatus(
                    name=held.node(name),
                    subnet=name,
                    availability_zone=vpc.subnet(name).availability_zone,
                    private_ip=str(addresses.private.get(held.node(name), "")),
                    public_ip=str(addresses.public.get(held.node(name), "")),
                )
                for name in held.subnets
            ],
            listeners=[
                shapes.ListenerStatus(port=one.port, protocol=one.protocol, target_group=one.target_group)
                for one in held.listeners
            ],
        )
        for held in vpc.load_balancers
    ]


def target_groups(topology: Topology, vpc: Vpc, running: _Running) -> list[shapes.TargetGroupStatus]:
    """Those of a VPC, with the health of their targets."""
    found = []
    for group in vpc.target_groups:
        user = next(
            (held for held in vpc.load_balancers if any(one.target_group == group.name for one in held.listeners)), None
        )
        found.append(
            shapes.TargetGroupStatus(
                name=group.name,
                protocol=group.protocol,
                port=group.port,
                target_type=group.target_type,
                load_balancer=user.name if user else "",
                targets=list(_targets(topology, vpc, group, user, running)),
            )
        )
    return found


def _targets(
    topology: Topology, vpc: Vpc, group: TargetGroup, balancer: LoadBalancer | None, running: _Running
) -> Iterator[shapes.TargetStatus]:
    targets = registered(topology, vpc, group)
    seen: dict[str, list[tuple[str, str, str]]] = {}
    for node in balancer.nodes if balancer else ():
        for entry in running.get(node, ()):
            for name, target, *health in entry.get("health", ()):
                if name == group.name:
                    seen.setdefault(target, []).append((health[0], health[1], health[2]))
    used = {
        target.name
        for subnet in (balancer.subnets if balancer else ())
        for target in usable(vpc, balancer, subnet, group, targets)  # type: ignore[arg-type]
    }
    for target in targets:
        state, reason, words = _health(target, balancer, target.name in used, seen.pop(target.name, []))
        yield _status(target.name, target.zone, state, reason, words)
    for name, held in seen.items():
        yield _status(name, "", *_worst(held))


def _health(
    target: Registered, balancer: LoadBalancer | None, used: bool, seen: list[tuple[str, str, str]]
) -> tuple[str, str, str]:
    if not target.running:
        return "unused", "Target.InvalidState", UNUSED["Target.InvalidState"]
    if balancer is None:
        return "unused", "Target.NotInUse", UNUSED["Target.NotInUse"]
    if not used:
        return "unused", "Target.NotInUse", _OTHER_ZONE
    return _worst(seen) if seen else ("unavailable", "Elb.InternalError", UNUSED["Elb.InternalError"])


def _worst(seen: list[tuple[str, str, str]]) -> tuple[str, str, str]:
    """Nodes may differ: a target's groups may admit one of them only."""
    return min(seen, key=lambda held: _WORST_FIRST.index(held[0]))


def _status(name: str, zone: str, state: str, reason: str, description: str) -> shapes.TargetStatus:
    target, _, port = name.rpartition(":")
    return shapes.TargetStatus(
        id=target,
        port=int(port),
        availability_zone=zone or "all",
        state=state,
        reason=reason,
        description=description,
    )
