"""Why a Network Load Balancer does not carry a packet (RA-58)."""

from emulator.analysis.answer import Explanation
from emulator.analysis.packets import ICMP, Packet, address, traffic
from emulator.analysis.world import Eni
from emulator.topology.balancers import LoadBalancer, TargetGroup
from emulator.topology.flows import Component


def no_listener(component: Component, held: LoadBalancer, packet: Packet) -> Explanation:
    """NLB-19: dropped in silence."""
    there = ", ".join(f"{one.protocol} {one.port}" for one in held.listeners) or "nothing"
    sentence = f"no listener of {held.name} takes {traffic(packet)}: it listens on {there}, and is silent otherwise"
    if packet.protocol == ICMP:
        return Explanation("ELBV2_LISTENERS_MISMATCH", component, sentence, held.where, "", packet=packet)
    protocol = "UDP" if traffic(packet).startswith("udp") else "TCP"
    alike = [one for one in held.listeners if protocol in one.protocol]
    code = "ELBV2_LISTENER_PORT_RESTRICTION" if alike else "ELBV2_LISTENERS_MISMATCH"
    listener = f"{{port: {packet.ports[0]}, protocol: {protocol}, target_group: ...}}"
    hint = f"load_balancers: {{{held.name}: {{listeners: [{listener}]}}}}"
    return Explanation(code, component, sentence, held.where, hint, packet=packet)


def no_targets(component: Component, eni: Eni, group: TargetGroup, packet: Packet, *, unhealthy: bool) -> Explanation:
    """LB-08, LB-22. unhealthy: there are some, and the running lab has found none of them healthy."""
    zone, balancer = eni.subnet.subnet.availability_zone, eni.balancer
    assert balancer is not None
    if not group.targets:
        sentence = f"target group {group.name} has no targets"
        hint = f"target_groups: {{{group.name}: {{targets: [...]}}}}"
        return Explanation("ELBV2_NO_TARGETS_IN_AZ", component, sentence, group.where, hint, packet=packet)
    what = "no healthy target, and other nodes have" if unhealthy else "no target in use"
    sentence = f"{eni.name} is in zone {zone}, where target group {group.name} has {what}"
    hint = (
        f"a target in zone {zone}, or load_balancers: {{{balancer.name}: {{enable_cross_zone_load_balancing: true}}}}"
    )
    return Explanation("ELBV2_NO_TARGETS_IN_AZ", component, sentence, group.where, hint, packet=packet)


def outside(component: Component, group: TargetGroup, target: str, vpc: str, packet: Packet) -> Explanation:
    """NLB-08."""
    sentence = (
        f"target group {group.name} preserves the client's address {address(packet.source)}, which only targets in "
        f"VPC {vpc} can answer: {target} is outside"
    )
    hint = f"target_groups: {{{group.name}: {{preserve_client_ip: false}}}}"
    return Explanation("ELBV2_SOURCE_ADDRESS_PRESERVATION", component, sentence, group.where, hint, packet=packet)


def own_client(component: Component, eni: Eni, packet: Packet) -> Explanation:
    """NLB-09."""
    sentence = (
        f"{eni.node} is the target of its own connection: {address(packet.source)} is preserved, so source and "
        "destination are the same, and its kernel drops that"
    )
    hint = "preserve_client_ip: false on the target group, or call the target itself"
    return Explanation("ELBV2_SOURCE_ADDRESS_PRESERVATION", component, sentence, eni.where, hint, packet=packet)


def unknown_answer(component: Component, eni: Eni, packet: Packet) -> Explanation:
    """NLB-19."""
    sentence = f"the answer reaches {component.name}, which knows nothing of the question"
    hint = "the answer has to take the way of the question: compare the route tables of both subnets"
    return Explanation("ELBV2_SOURCE_ADDRESS_PRESERVATION", component, sentence, eni.where, hint, packet=packet)
