"""What an edit changes about target groups and load balancers."""

from collections.abc import Iterator

from emulator.topology.balancers import Listener, LoadBalancer, TargetGroup
from emulator.topology.compared import Change, both, differing, each
from emulator.topology.model import Vpc

_GROUP = (
    "port",
    "protocol",
    "target_type",
    "health_check",
    "preserve_client_ip",
    "proxy_protocol_v2",
    "deregistration_delay",
    "stickiness=source_ip_stickiness",
    "load_balancing_cross_zone_enabled=cross_zone",
)
_BALANCER = (
    "internal",
    "subnets",
    "security_groups",
    "enable_cross_zone_load_balancing=cross_zone",
)
_LISTENER = ("protocol", "target_group", "tcp_idle_timeout_seconds=tcp_idle_timeout")


def changes(path: str, vpc: str, old: Vpc | None, new: Vpc | None) -> Iterator[Change]:
    """Of one VPC."""
    groups = both(old, new, lambda held: held.target_groups)
    yield from each(f"{path}.target_groups", vpc, "target group", *groups, _group_text, _group)
    balancers = both(old, new, lambda held: held.load_balancers)
    yield from each(f"{path}.load_balancers", vpc, "load balancer", *balancers, _balancer_text, _balancer)


def _group_text(held: TargetGroup) -> str:
    return f"{held.name} of {held.protocol} {held.port}"


def _group(path: str, vpc: str, old: TargetGroup | None, new: TargetGroup | None) -> Iterator[Change]:
    if old and new:
        yield from differing(path, vpc, "target group", old, new, _GROUP)
    before, after = ({str(target): str(target) for target in held.targets} if held else {} for held in (old, new))
    yield from each(f"{path}.targets", vpc, "target", before, after, str)


def _balancer_text(held: LoadBalancer) -> str:
    scheme = "internal" if held.internal else "internet-facing"
    return f"{held.name} in {', '.join(held.subnets)}, {scheme}"


def _balancer(path: str, vpc: str, old: LoadBalancer | None, new: LoadBalancer | None) -> Iterator[Change]:
    if old and new:
        yield from differing(path, vpc, "load balancer", old, new, _BALANCER)
    before, after = ({str(one.port): one for one in held.listeners} if held else {} for held in (old, new))
    yield from each(f"{path}.listeners", vpc, "listener", before, after, _listener_text, _listener)


def _listener_text(held: Listener) -> str:
    return f"{held.protocol} {held.port} to {held.target_group}"


def _listener(path: str, vpc: str, old: Listener | None, new: Listener | None) -> Iterator[Change]:
    if old and new:
        yield from differing(path, vpc, "listener", old, new, _LISTENER)
