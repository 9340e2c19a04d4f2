"""Records of load balancers and target groups -> nouns, with AWS's defaults for what the file leaves out."""

from collections.abc import Iterable
from typing import Any, Literal

from emulator.topology.associations import carried
from emulator.topology.balancers import (
    HealthCheck,
    Listener,
    LoadBalancer,
    SubnetMapping,
    TargetDescription,
    TargetGroup,
)
from emulator.topology.read import Record
from emulator.topology.report import Report

_NEEDED_OF_GROUPS = ("port", "protocol")
_NEEDED_OF_LISTENERS = ("port", "protocol", "target_group")


def build_target_groups(records: Iterable[Record], region: str, report: Report) -> tuple[TargetGroup, ...]:
    """All of a VPC's; those without a port or a protocol are left out."""
    found = []
    for record in records:
        if any(record.get(key) is None for key in _NEEDED_OF_GROUPS):
            report.broken.add(record.where.path)
        else:
            found.append(_group(record, region, report))
    return tuple(found)


def _group(record: Record, region: str, report: Report) -> TargetGroup:
    port, protocol = record.get("port"), record.get("protocol")
    kind: Literal["instance", "ip"] = record.get("target_type") or "instance"
    if report.is_broken(record.where, "target_type"):
        report.broken.add(f"{record.where.path}.targets")
    stickiness = record.get("stickiness")
    return TargetGroup(
        record.name,
        port,
        protocol,
        kind,
        tuple(
            found for held in record.get("targets") or () if held is not None and (found := _target(held, port, region))
        ),
        _check(record.get("health_check"), protocol),
        _or(record.get("preserve_client_ip"), kind == "instance" or protocol != "TCP"),  # NLB-07
        bool(record.get("proxy_protocol_v2")),
        _or(record.get("deregistration_delay"), 300),  # LB-18
        stickiness is not None and stickiness.get("enabled") is not False,
        record.get("load_balancing_cross_zone_enabled"),
        _or(record.get("enable_unhealthy_connection_termination"), True),  # NLB-15
        _or(record.get("connection_termination"), protocol != "TCP"),  # LB-19
        record.where,
    )


def _target(held: Any, port: int, region: str) -> TargetDescription | None:
    if not isinstance(held, Record):
        return TargetDescription(held, port)
    if held.get("id") is None:
        return None
    zone = held.get("availability_zone") or ""
    return TargetDescription(held.get("id"), held.get("port") or port, region + zone if len(zone) == 1 else zone)


def _check(record: Record | None, protocol: str) -> HealthCheck:
    usual = HealthCheck()
    if record is None:
        return usual
    kind = record.get("protocol") or usual.protocol
    return HealthCheck(
        kind,
        record.get("port") or usual.port,
        record.get("interval") or usual.interval,
        record.get("timeout") or (6 if kind == "HTTP" else usual.timeout),  # LB's table of defaults
        record.get("healthy_threshold") or usual.healthy_threshold,
        record.get("unhealthy_threshold") or usual.unhealthy_threshold,
        record.get("path") or usual.path,
        record.get("matcher") or usual.matcher,
    )


def build_load_balancers(records: Iterable[Record], vpc: str, report: Report) -> tuple[LoadBalancer, ...]:
    """All of a VPC's."""
    return tuple(_balancer(record, vpc, report) for record in records)


def _balancer(record: Record, vpc: str, report: Report) -> LoadBalancer:
    mappings = [SubnetMapping(name) for name in record.get("subnets") or () if name is not None]
    mappings += [
        SubnetMapping(held.get("subnet"), held.get("private_ipv4_address"), held.get("elastic_ip"))
        for held in record.get("subnet_mapping") or ()
        if held is not None and held.get("subnet") is not None
    ]
    listeners = []
    for held in record.get("listeners") or ():
        if held is None or any(held.get(key) is None for key in _NEEDED_OF_LISTENERS):
            report.broken.add(f"{record.where.path}.listeners")
        else:
            idle = held.get("tcp_idle_timeout_seconds") or 350  # NLB-05
            listeners.append(
                Listener(held.get("port"), held.get("protocol"), held.get("target_group"), idle, held.where)
            )
    return LoadBalancer(
        record.name,
        tuple(mappings),
        tuple(listeners),
        bool(record.get("internal")),
        carried(vpc, record.get("security_groups")),
        bool(record.get("enable_cross_zone_load_balancing")),
        record.get("enforce_security_group_inbound_rules_on_private_link_traffic") != "off",
        record.where,
    )


def _or(given: Any, usual: Any) -> Any:
    return usual if given is None else given
