"""A node of a Network Load Balancer: a namespace with one ENI in its subnet (LB-02, NLB-01).

It rewrites the destination of a new flow to a target of the listener's group, and remembers by the flow's mark which
one that is. With client address preservation the source stays (NLB-08), and the router leads the target's answers back
to the node (`compile/returning`); without, the node puts its own address there. What comes by a carrier, a link that
is no ENI, is always given the node's address (PL-24).
"""

import json
from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address
from typing import NamedTuple
from zlib import crc32

from emulator import names
from emulator.compile import nft, remarks, spread
from emulator.compile.eni import Eni, namespace
from emulator.compile.proxied import proxied, relay
from emulator.compile.state import MAIN_TABLE, Address, Namespace, Route, Ruleset, Service
from emulator.compile.tracking import forgetful, tracking
from emulator.compile.vpc import FORWARDING
from emulator.topology.balancers import Listener, LoadBalancer, TargetGroup
from emulator.topology.given import Addresses
from emulator.topology.model import Topology, Vpc
from emulator.topology.settings import Settings
from emulator.topology.targets import registered, usable

TCP_IDLE, UDP_IDLE = 350, 120  # NLB-05
HEALTH = "health"  # the kind, and name, of what the agent does in a node
_TRANSLATED = 1 << 31  # of a flow's mark: its source becomes the node's address
_TARGET = _TRANSLATED - 1  # of a flow's mark: which target it has
_TARGETS = 65536  # how many different ones are counted at a time
_NUMBERS = {"tcp": nft.TCP, "udp": nft.UDP}


class Carrier(NamedTuple):
    """A link of the node that is no ENI: what comes by it is for the listeners, too.

    ip: the node's address there.
    """

    link: str
    ip: str


class Balanced(NamedTuple):
    """A target as one node sees it."""

    name: str
    ip: str
    port: int
    mark: int


def protocols(listener: Listener) -> tuple[str, ...]:
    return tuple(listener.protocol.lower().split("_"))


def balanced(
    topology: Topology, vpc: Vpc, balancer: LoadBalancer, subnet: str, addresses: Addresses
) -> dict[str, tuple[Balanced, ...]]:
    """By target group, what the node in this subnet forwards to, whatever its health."""
    groups = {group.name: group for group in vpc.target_groups}
    taken: set[int] = set()
    found: dict[str, tuple[Balanced, ...]] = {}
    for name in sorted({listener.target_group for listener in balancer.listeners}):
        group, targets = groups[name], []
        for target in usable(vpc, balancer, subnet, group, registered(topology, vpc, group)):
            ip = str(target.address(addresses))
            mark = 1 + crc32(f"{name} {ip} {target.port}".encode()) % (_TARGET - 1)
            while mark in taken:
                mark = 1 + mark % (_TARGET - 1)
            taken.add(mark)
            targets.append(Balanced(target.name, ip, target.port, mark))
        found[name] = tuple(targets)
    return found


def node(
    topology: Topology,
    vpc: Vpc,
    balancer: LoadBalancer,
    eni: Eni,
    addresses: Addresses,
    carriers: tuple[Carrier, ...] = (),
) -> Namespace:
    """The node's namespace; not a guest: nobody logs in to a load balancer."""
    targets = balanced(topology, vpc, balancer, eni.subnet, addresses)
    settings = topology.settings
    way_out = Route(MAIN_TABLE, "0.0.0.0/0", "unicast", names.GUEST_LINK, eni.gateway, onlink=True)
    ruleset = _ruleset(vpc, balancer, eni, targets, settings, carriers)
    return namespace(eni)._replace(
        kind="network_load_balancer",
        sysctls=FORWARDING | tracking(settings, UDP_IDLE, UDP_IDLE) | forgetful(settings, TCP_IDLE),  # NLB-05, NLB-06
        addresses=frozenset((Address(names.GUEST_LINK, eni.ip, 32),)),
        routes=frozenset((way_out,)),
        ruleset=ruleset,
        services=frozenset(
            (
                *_health(vpc, balancer, eni, targets, settings, ruleset),
                *(relay(listener, eni.node, settings) for listener in proxied(vpc, balancer)),
            )
        ),
    )


def _ruleset(
    vpc: Vpc,
    balancer: LoadBalancer,
    eni: Eni,
    targets: dict[str, tuple[Balanced, ...]],
    settings: Settings,
    carriers: tuple[Carrier, ...],
) -> Ruleset:
    groups = {group.name: group for group in vpc.target_groups}
    own = (eni.ip, *(carrier.ip for carrier in carriers))
    by_carrier = nft.either(nft.link(carrier.link) for carrier in carriers) if carriers else ""
    served = [(listener, protocol) for listener in balancer.listeners for protocol in protocols(listener)]
    by_agent = proxied(vpc, balancer)
    rewritten = [(held, protocol) for held, protocol in served if held not in by_agent]
    listeners: list[nft.Chain] = []
    verdicts: list[nft.Element] = []
    for listener, protocol in rewritten:
        group = groups[listener.target_group]
        listen = f"listen.{protocol}.{listener.port}"
        listeners += _listener(eni.name, listener, protocol, group, targets[group.name], by_carrier, listen)
        verdicts.append(nft.Element(_service(listener, protocol), f"goto {listen}"))
    every = {target.mark: target for held in targets.values() for target in held}
    beyond = _beyond(vpc, groups.values(), targets)
    return nft.render(
        nft.Table(
            sets=(
                nft.Set("node_address", "ipv4_addr", tuple(map(nft.Element, own))),
                nft.Set(
                    "service",
                    "inet_proto . inet_service",
                    tuple(nft.Element(_service(*held)) for held in served),
                ),
                nft.Set("listener", "inet_proto . inet_service : verdict", tuple(verdicts)),
                nft.Set(
                    "targets",
                    "mark : ipv4_addr . inet_service",
                    tuple(
                        nft.Element(f"{mark:#x}", nft.together(held.ip, str(held.port)), f"target {held.name}")
                        for mark, held in every.items()
                    ),
                ),
                nft.Set("flows", "ipv4_addr . inet_proto . inet_service", (), size=_TARGETS),
                nft.Set("beyond", "mark", tuple(nft.Element(f"{mark:#x}") for mark in beyond)),
            ),
            timeouts=tuple(_timeouts(balancer, settings)),
            chains=(
                *listeners,
                nft.Chain(
                    "listeners",
                    (nft.Rule("ip daddr @node_address meta l4proto . th dport vmap @listener"),),
                    nft.Hook("nat", "prerouting", "dstnat", "accept"),
                ),
                nft.Chain(
                    "idle",
                    tuple(
                        nft.Rule(
                            f"ip daddr @node_address tcp dport {held.port} ct state new ct timeout set "
                            f'"{_timeout(held)}"'
                        )
                        for held in balancer.listeners
                        if held.tcp_idle_timeout != TCP_IDLE
                    ),
                    nft.Hook("filter", "prerouting", "mangle", "accept"),
                ),
                nft.Chain(
                    "to_node",
                    (
                        nft.Rule(
                            "ct direction reply ct state established,related accept",
                            remarks.balancer(eni.name, "an answer to a health check"),
                        ),
                        # NLB-14: the agent answers.
                        *(
                            nft.Rule(
                                f"iifname {nft.link(names.GUEST_LINK)} tcp dport {held.port} "
                                "ct state new,established accept",
                                remarks.balancer(eni.name, "a listener with proxy protocol"),
                            )
                            for held in by_agent
                        ),
                        # NLB-06, NLB-19: in the middle of a flow that is not known, or not any longer.
                        nft.Rule(
                            "meta l4proto . th dport @service meta l4proto tcp ct state invalid reject with tcp reset",
                            remarks.balancer(eni.name, "part of no known flow"),
                        ),
                        # NLB-19: neither a reset nor an answer to ping.
                        nft.Rule("drop", remarks.balancer(eni.name, "no listener")),
                    ),
                    nft.Hook("filter", "input", "filter", "drop"),
                ),
                nft.Chain(
                    "from_node",
                    (nft.Rule("icmp type time-exceeded drop", remarks.balancer(eni.name, "no hop")),),
                    nft.Hook("filter", "output", "filter", "accept"),
                ),
                nft.Chain(
                    "new",
                    (
                        nft.Rule(
                            "ct status & confirmed == confirmed accept",
                            remarks.balancer(eni.name, "a flow that is not answered yet"),
                        ),
                        # NLB-10, both ways of client address preservation alike.
                        nft.Rule(
                            "meta l4proto { tcp, udp } add @flows { ip daddr . meta l4proto . th dport ct count over "
                            f"{settings.load_balancer_connections} }} counter drop",
                            remarks.balancer(eni.name, "PortAllocationError"),
                        ),
                        nft.Rule("accept", remarks.balancer(eni.name, "a new flow")),
                    ),
                ),
                nft.Chain(
                    "through_node",
                    (
                        nft.Rule(
                            "meta l4proto icmp icmp type != destination-unreachable drop",
                            remarks.balancer(eni.name, "of ICMP, destination unreachable only"),
                        ),
                        nft.Rule(
                            f"ct mark and {_TRANSLATED:#x} == 0 ct mark and {_TARGET:#x} @beyond drop",
                            remarks.balancer(eni.name, "the target is outside the VPC, and the client's address kept"),
                        ),
                        nft.Rule("ct state established,related accept", remarks.balancer(eni.name, "a known flow")),
                        nft.Rule(
                            "meta l4proto tcp ct state invalid reject with tcp reset",
                            remarks.balancer(eni.name, "part of no known flow"),
                        ),
                        nft.Rule("ct state new ct status dnat goto new"),
                        nft.Rule("drop", remarks.balancer(eni.name, "no listener")),
                    ),
                    nft.Hook("filter", "forward", "filter", "drop"),
                ),
                nft.Chain(
                    "source",
                    (
                        nft.Rule(
                            f"ct mark and {_TRANSLATED:#x} != 0 meta l4proto {{ tcp, udp }} "
                            f"snat to {eni.ip} : 1024-65535",
                            remarks.balancer(eni.name, "its own address becomes the source"),
                        ),
                    ),
                    nft.Hook("nat", "postrouting", "srcnat", "accept"),
                ),
            ),
        )
    )


def _service(listener: Listener, protocol: str) -> str:
    return nft.together(str(_NUMBERS[protocol]), str(listener.port))


def _listener(
    name: str,
    listener: Listener,
    protocol: str,
    group: TargetGroup,
    targets: tuple[Balanced, ...],
    by_carrier: str,
    listen: str,
) -> Iterator[nft.Chain]:
    choose = spread.chain(protocol, listener.port)
    chosen = spread.rule([target.mark for target in targets], group.source_ip_stickiness)
    words = remarks.listener(name, protocol, listener.port, group.name)
    yield nft.Chain(choose, (nft.Rule(chosen, words),))
    translate = f"ct mark set ct mark or {_TRANSLATED:#x}"
    rules = [nft.Rule(f"jump {choose}")]
    if not group.preserve_client_ip:
        rules.append(nft.Rule(translate))  # NLB-10
    elif by_carrier:
        rules.append(nft.Rule(f"iifname {by_carrier} {translate}"))  # PL-24
    rules.append(nft.Rule(f"meta l4proto {protocol} dnat ip to ct mark and {_TARGET:#x} map @targets", words))
    yield nft.Chain(listen, tuple(rules))


def _beyond(vpc: Vpc, groups: Iterable[TargetGroup], targets: dict[str, tuple[Balanced, ...]]) -> list[int]:
    """NLB-08: targets that are lost while the client's address is kept."""
    return [
        target.mark
        for group in groups
        if group.preserve_client_ip
        for target in targets.get(group.name, ())
        if not any(IPv4Address(target.ip) in block for block in vpc.cidr_blocks)
    ]


def _timeout(listener: Listener) -> str:
    return f"idle_{listener.tcp_idle_timeout}"


def _timeouts(balancer: LoadBalancer, settings: Settings) -> Iterator[nft.Timeout]:
    others = {held.tcp_idle_timeout: _timeout(held) for held in balancer.listeners}
    for seconds, name in sorted(others.items()):
        if seconds != TCP_IDLE:
            yield nft.Timeout(name, "tcp", (("established", settings.seconds(seconds)),))


# ---- for the agent -------------------------------------------------------------------------------------------------


def _health(
    vpc: Vpc,
    balancer: LoadBalancer,
    eni: Eni,
    targets: dict[str, tuple[Balanced, ...]],
    settings: Settings,
    ruleset: Ruleset,
) -> Iterator[Service]:
    """What the agent checks from the node, as the words of a service: another check is another service.

    The ruleset's digest is among them, since a new ruleset knows nothing of anybody's health.
    """
    if not targets:
        return
    scale = settings.time_scale
    groups = []
    for group in vpc.target_groups:
        if group.name not in targets:
            continue
        check = group.health_check
        listeners = [held for held in balancer.listeners if held.target_group == group.name]
        groups.append(
            {
                "name": group.name,
                "protocol": check.protocol,
                "port": check.port,
                "interval": max(0.2, check.interval / scale),
                "timeout": max(1.0, check.timeout / scale),
                "healthy": check.healthy_threshold,
                "unhealthy": check.unhealthy_threshold,
                "path": check.path,
                "matcher": check.matcher,
                "host": f"{eni.ip}:{listeners[0].port}",  # LB-15
                "cut": group.unhealthy_connection_termination,  # NLB-15
                "delay": group.deregistration_delay / scale,  # LB-18
                "cut_drained": group.connection_termination,  # LB-19
                "sticky": group.source_ip_stickiness,
                "chains": [
                    [spread.chain(protocol, held.port), remarks.listener(eni.name, protocol, held.port, group.name)]
                    for held in listeners
                    for protocol in protocols(held)
                    if held not in proxied(vpc, balancer)
                ],
                "targets": targets[group.name],
            }
        )
    words = {"balancer": balancer.name, "ruleset": ruleset.digest, "groups": groups}
    yield Service(HEALTH, HEALTH, 0, (json.dumps(words, sort_keys=True, separators=(",", ":")),), "")
