"""Network Load Balancers: which listener takes a packet, to which target, and how the answer comes back (10.3)."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from emulator.analysis import reasons_balancers as reasons
from emulator.analysis import sentences
from emulator.analysis.account import Balanced
from emulator.analysis.packets import NAT_GATEWAY_PORTS, TCP, UDP, Packet, address, answer
from emulator.analysis.world import Eni, Ground, World
from emulator.topology.balancers import EVERY_ZONE, Listener, LoadBalancer, TargetDescription, TargetGroup
from emulator.topology.flows import Component

if TYPE_CHECKING:
    from emulator.analysis.walk import Walk

_TAKES = {TCP: ("TCP", "TCP_UDP"), UDP: ("UDP", "TCP_UDP")}


class Target(NamedTuple):
    """One that a node may choose. key: as it is registered. name: whose it is. within: in the load balancer's VPC.

    dark: in a zone that is down, so that its health checks fail.
    """

    key: str
    name: str
    address: int
    port: int
    zone: str
    within: bool
    dark: bool = False


def node(walk: "Walk", eni: Eni, packet: Packet) -> None:
    """What comes to a node by its interface: an answer of a target, or a client."""
    component = component_of(eni)
    if walk.back:
        held = next((one for one in walk.memory.balanced if one.node == eni.name and one.answered_by(packet)), None)
        if held is not None:
            restored = answer(held.before)
            assert restored is not None
            assert eni.balancer is not None
            walk.passed(component, sentences.forwards(packet, restored), packet, restored, where=eni.balancer.where)
            if held.consumer is not None:  # PL-24: back by the carrier
                where = held.consumer.where
                consumer = Component("vpc_endpoint", held.consumer.name, held.consumer.vpc.name)
                walk.passed(consumer, sentences.forwards(restored, restored), restored, where=where)
            walk.leave(held.consumer or eni, restored)
            return
        if packet.protocol != UDP:  # NLB-19: in the middle of nothing that it knows
            walk.answered = False
            walk.drop(component, lambda: reasons.unknown_answer(component, eni, packet))
            return
    distribute(walk, eni, packet, None)


def component_of(eni: Eni) -> Component:
    return Component("network_load_balancer", eni.name, eni.vpc.name)


def distribute(walk: "Walk", eni: Eni, packet: Packet, consumer: Eni | None) -> None:
    """To a target. consumer: the interface of the endpoint by which it came; None: straight from a client."""
    component, balancer = component_of(eni), eni.balancer
    assert balancer is not None
    listener = listener_of(balancer, packet)
    if listener is None:  # NLB-19
        walk.answered = False
        walk.drop(component, lambda: reasons.no_listener(component, balancer, packet))
        return
    group = eni.vpc.target_groups[listener.target_group]
    targets = in_reach(walk.world, eni, group)
    judged = (eni.name, group.name) in walk.world.serving
    if not targets:  # LB-08, LB-22
        walk.answered = False
        walk.drop(component, lambda: reasons.no_targets(component, eni, group, packet, unhealthy=judged))
        return
    chosen = targets[walk.memory.choose(eni.name, packet, len(targets))]
    # NLB-07, PL-24. With proxy protocol it is the lab's agent that calls the target, from the node.
    preserves = group.preserve_client_ip and consumer is None and not _proxied(group, packet)
    onward = packet._replace(destination=chosen.address, ports=(chosen.port, chosen.port))
    if not preserves:  # NLB-10
        onward = onward._replace(source=eni.addresses[0], source_ports=NAT_GATEWAY_PORTS)
    walk.memory.balanced.append(Balanced(eni.name, packet, onward, preserves, consumer))
    words = sentences.distributes(listener.port, group.name, chosen.name, packet, onward)
    walk.passed(component, words, packet, onward, where=listener.where)
    if _proxied(group, packet):
        walk.notes.append(
            f"{chosen.name} is told the client's address by proxy protocol v2; its packets are {eni.name}'s"
        )
    if len(targets) > 1:
        others = ", ".join(sorted(one.name for one in targets if one is not chosen))
        walk.notes.append(f"{eni.name} chooses one of {len(targets)} targets: {chosen.name} here, or {others}")
    if preserves and not chosen.within:  # NLB-08
        walk.answered = False
        walk.drop(component, lambda: reasons.outside(component, group, chosen.name, eni.vpc.name, onward))
        return
    walk.leave(eni, onward)


def returns(walk: "Walk", ground: Ground, packet: Packet) -> Eni | None:
    """NLB-07: what answers a client whose address was preserved goes back through the node, whatever routes say."""
    for held in walk.memory.balanced:
        if held.preserved and held.answered_by(packet) and held.node in ground.enis:
            return ground.enis[held.node]
    return None


def _proxied(group: TargetGroup, packet: Packet) -> bool:
    return group.proxy_protocol_v2 and packet.protocol == TCP


def listener_of(balancer: LoadBalancer, packet: Packet) -> Listener | None:
    """Who takes the packet. TCP_UDP takes both."""
    known = _TAKES.get(packet.protocol, ())
    return next((one for one in balancer.listeners if one.protocol in known and packet.ports == (one.port,) * 2), None)


def in_reach(world: World, eni: Eni, group: TargetGroup) -> Sequence[Target]:
    """The targets that a node may choose: of its own zone, or LB-20 of all zones of the load balancer.

    In a lab that is up, those that its health checks have left. LB-16: those that are dark only where all are.
    """
    balancer = eni.balancer
    assert balancer is not None
    cross_zone = balancer.cross_zone if group.cross_zone is None else group.cross_zone
    own = eni.subnet.subnet.availability_zone
    enabled = {eni.vpc.lands[name].subnet.availability_zone for name in balancer.subnets}
    found = [
        target
        for each in group.targets
        if (target := _target(world, eni.vpc, each)) is not None
        and (target.zone in (EVERY_ZONE, own) or (cross_zone and target.zone in enabled))  # LB-08
    ]
    healthy = world.serving.get((eni.name, group.name))
    if healthy is not None:
        return [target for target in found if target.key in healthy]
    return [target for target in found if not target.dark] or found


def _target(world: World, ground: Ground, held: TargetDescription) -> Target | None:
    """None: not in use. LB-08: a stopped instance."""
    own: Eni | None
    if isinstance(held.id, str):
        eni = next((eni for other in world.grounds.values() if (eni := other.enis.get(held.id))), None)
        if eni is None or not eni.running:
            return None
        name, at, within, own = eni.node, eni.addresses[0], eni.vpc is ground, eni
        land = eni.subnet if within else None
    else:
        at = int(held.id)
        land, within = ground.land_of(at), ground.holds(at)
        own = ground.by_address.get(at)
        name = own.node if own else address(at)
    zone = held.availability_zone or (land.subnet.availability_zone if land else EVERY_ZONE)
    return Target(str(held), name, at, held.port, zone, within, own is not None and bool(own.dark_zone))
