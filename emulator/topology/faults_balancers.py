"""Faults of Network Load Balancers: listeners, target groups, and the groups on both sides of them.

A health check that fails everywhere is none of them: the load balancer then uses all targets (LB-16).
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from ipaddress import IPv4Network

from emulator.topology.balancers import LoadBalancer, TargetGroup
from emulator.topology.faults_calls import Call, calls
from emulator.topology.faults_edits import owner_of, put, with_instance, with_vpc
from emulator.topology.faults_nouns import Broken, Fault
from emulator.topology.flows import Component
from emulator.topology.model import GroupReference, Topology, Vpc
from emulator.topology.values import ALL_PROTOCOLS, TCP

_SLIP = {80: 8080, 443: 8443, 8080: 80, 8443: 443}


def _node(call: Call) -> Component:
    return Component("network_load_balancer", call.node, call.vpc.name)


def _group_of(call: Call, interface: str) -> Component:
    return Component("security_group", interface, call.vpc.name, "ingress")


def _with_balancer(topology: Topology, vpc: Vpc, balancer: LoadBalancer) -> Topology:
    return with_vpc(topology, replace(vpc, load_balancers=put(vpc.load_balancers, balancer)))


def _with_targets(topology: Topology, vpc: Vpc, group: TargetGroup) -> Topology:
    return with_vpc(topology, replace(vpc, target_groups=put(vpc.target_groups, group)))


def closed(vpc: Vpc, names: Iterable[str]) -> Vpc:
    """The VPC with these groups letting nobody in."""
    groups = tuple(replace(held, ingress=()) if held.name in names else held for held in vpc.security_groups)
    return replace(vpc, security_groups=groups)


def closable(names: Iterable[str]) -> bool:
    """Not where one of them is another VPC's (SG-12), where the edit would be felt as well."""
    return not any("/" in name for name in names)


def _admits_nodes(call: Call, names: Iterable[str]) -> bool:
    """NLB-04: whether these groups let in what comes from the node's own address."""
    port = call.targets()[0].port
    for group in call.vpc.security_groups:
        for rule in group.ingress if group.name in names else ():
            if rule.protocol not in (ALL_PROTOCOLS, TCP) or not rule.from_port <= port <= rule.to_port:
                continue
            if isinstance(rule.peer, GroupReference):
                if rule.peer.group in call.balancer.security_groups:
                    return True
            elif (
                not isinstance(rule.peer, IPv4Network) or call.address in rule.peer
            ):  # of a prefix list nothing is known
                return True
    return False


def _listener_port_wrong(topology: Topology) -> Iterator[Broken]:
    for call in calls(topology):
        meant, taken = call.listener.port, {held.port for held in call.balancer.listeners}
        port = next(held for held in (_SLIP.get(meant, 1), *range(meant + 1, 65536), 1) if held not in taken)
        listeners = tuple(
            replace(held, port=port) if held is call.listener else held for held in call.balancer.listeners
        )
        beyond = Component("vpc_endpoint", call.place, call.consumer.name) if call.consumer else None
        yield Broken(
            _with_balancer(topology, call.vpc, replace(call.balancer, listeners=listeners)),
            beyond or _node(call),  # NLB-19
            f"the listener of {call.balancer.name} is on port {port} instead of {meant}",
            call.vpc.name,
            call.balancer.name,
        )


def _target_not_registered(topology: Topology) -> Iterator[Broken]:
    for call in calls(topology):
        yield Broken(
            _with_targets(topology, call.vpc, replace(call.group, targets=())),
            _node(call),
            f"target group {call.group.name} of {call.balancer.name} has no target registered",
            call.vpc.name,
            call.group.name,
        )


def _target_stopped(topology: Topology) -> Iterator[Broken]:
    for call in calls(topology):
        owner = owner_of(call.vpc, call.only_target.name) if call.only_target else None
        if owner is None or call.flow.source == owner[0].name:
            continue
        yield Broken(
            with_vpc(topology, with_instance(call.vpc, replace(owner[0], state="stopped"))),
            _node(call),  # LB-08
            f"target {owner[0].name} is stopped, and {call.node} has no other",
            call.vpc.name,
            owner[0].name,
        )


def _zone_without_target(topology: Topology) -> Iterator[Broken]:
    """LB-20, LB-22: cross-zone balancing is switched off, or where it is off, the zone's own targets go."""
    for call in calls(topology):
        own = call.targets(cross_zone=False)
        off = f"cross-zone load balancing of {call.balancer.name} is off, and there is no target in zone {call.zone}"
        if call.cross_zone and call.targets() and not own:
            if call.group.cross_zone is None:
                edited = _with_balancer(topology, call.vpc, replace(call.balancer, cross_zone=False))
            else:
                edited = _with_targets(topology, call.vpc, replace(call.group, cross_zone=False))
            yield Broken(edited, _node(call), off, call.vpc.name, call.balancer.name)
        left = tuple(held for held in call.group.targets if held not in own)
        if not call.cross_zone and own and left:
            edited = _with_targets(topology, call.vpc, replace(call.group, targets=left))
            yield Broken(edited, _node(call), off, call.vpc.name, call.group.name)


def _group_closed(topology: Topology) -> Iterator[Broken]:
    for call in calls(topology):
        names = call.balancer.security_groups
        if not names or not closable(names) or (call.endpoint and not call.balancer.enforce_private_link):
            continue
        yield Broken(
            with_vpc(topology, closed(call.vpc, names)),
            _group_of(call, call.node),  # NLB-03, PL-37
            f"security group {', '.join(names)} of {call.balancer.name} lets nobody in",
            call.vpc.name,
            call.balancer.name,
        )


def _target_closed(topology: Topology) -> Iterator[Broken]:
    for call in calls(topology):
        target = call.only_target
        if target is None or {*target.security_groups} & {*call.balancer.security_groups}:
            continue
        names = target.security_groups
        if not closable(names):
            continue
        yield Broken(
            with_vpc(topology, closed(call.vpc, names)),
            _group_of(call, target.name),  # NLB-04, LB-14
            f"security group {', '.join(names)} of target {target.name} does not let {call.balancer.name} in",
            call.vpc.name,
            target.name,
        )


def _address_not_preserved(topology: Topology) -> Iterator[Broken]:
    for call in calls(topology):
        target = call.only_target
        preserves = call.group.preserve_client_ip and call.group.protocol == "TCP" and call.endpoint is None  # NLB-07
        if target is None or not preserves or _admits_nodes(call, target.security_groups):
            continue
        yield Broken(
            _with_targets(topology, call.vpc, replace(call.group, preserve_client_ip=False)),
            _group_of(call, target.name),  # NLB-04, NLB-10
            f"target group {call.group.name} does not preserve client addresses, and the group of {target.name} admits "
            "clients only",
            call.vpc.name,
            call.group.name,
        )


FAULTS = (
    Fault(
        "nlb-listener-port-wrong",
        "a load balancer listens on another port",
        "A Network Load Balancer is silent on every port without a listener: no reset, no refusal. From outside that "
        "looks like a closed security group.",
        _listener_port_wrong,
    ),
    Fault(
        "nlb-target-not-registered",
        "a target group has no targets",
        "A load balancer sends to what is registered in the target group, and to nobody else. An instance that is up, "
        "and in the right subnet and group, is no target until it is registered.",
        _target_not_registered,
    ),
    Fault(
        "nlb-target-stopped",
        "the only target that a load balancer's node has is stopped",
        "A stopped instance stays registered and is unused (Target.InvalidState). A node that has no other target "
        "gives no answer: it neither refuses nor resets.",
        _target_stopped,
    ),
    Fault(
        "nlb-zone-without-target",
        "cross-zone load balancing is off and a zone has no target",
        "A node of a Network Load Balancer uses the targets of its own zone only, unless cross-zone load balancing is "
        "on, which it is not by default. In a zone without targets its address leads nowhere.",
        _zone_without_target,
    ),
    Fault(
        "nlb-group-closed",
        "a load balancer's security group lets nobody in",
        "A load balancer that was made with security groups filters its clients by their inbound rules, by default "
        "those that come by PrivateLink, too. What its targets admit is another question, asked later.",
        _group_closed,
    ),
    Fault(
        "nlb-target-group-closed",
        "a target's security group does not let the load balancer in",
        "The target's own group has to admit what the load balancer passes on, and the health checks: clients' "
        "addresses where they are preserved, the nodes' where they are not, or the load balancer's group.",
        _target_closed,
    ),
    Fault(
        "nlb-client-ip-not-preserved",
        "a load balancer no longer shows its clients' addresses",
        "Without preservation every packet has the address of the load balancer's node. A group of the target that "
        "names clients matches nothing any more.",
        _address_not_preserved,
    ),
)
