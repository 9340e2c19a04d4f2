"""Load balancers in a file: quotas (NLB-18), defaults, and what an edit may not do (NLB-02)."""

import pytest

from emulator.topology.balancers import HealthCheck, TargetGroup
from emulator.topology.load import load
from emulator.topology.model import Topology
from emulator.topology.rules_edits import refused

BASE = """
name: lab
vpcs:
  main:
    cidr_block: 10.0.0.0/16
    subnets:
      a: {cidr_block: 10.0.0.0/20, availability_zone: a}
      c: {cidr_block: 10.0.16.0/20, availability_zone: c}
    security_groups: {web: {}}
    instances: {one: {subnet: a}, two: {subnet: c}}
    target_groups:
      web: {port: 80, protocol: TCP, targets: [one, two]}
    load_balancers:
      nlb:
        load_balancer_type: network
        internal: true
        subnets: [a, c]
        listeners: [{port: 80, protocol: TCP, target_group: web}]
"""


def read(text: str) -> tuple[Topology, list[str]]:
    topology, problems = load(text)
    assert topology is not None, problems
    return topology, [problem.code for problem in problems if problem.code]


def with_targets(count: int, cross: bool = False) -> str:
    ports = ", ".join(f"{{id: one, port: {1000 + number}}}" for number in range(count // 2))
    more = ", ".join(f"{{id: two, port: {1000 + number}}}" for number in range(count - count // 2))
    text = BASE.replace("[one, two]", f"[{ports}, {more}]")
    return (
        text.replace("internal: true", "internal: true\n        enable_cross_zone_load_balancing: true")
        if cross
        else text
    )


def with_listeners(count: int) -> str:
    listeners = ", ".join(f"{{port: {80 + number}, protocol: TCP, target_group: web}}" for number in range(count))
    return BASE.replace("[{port: 80, protocol: TCP, target_group: web}]", f"[{listeners}]")


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        (BASE, []),
        (with_listeners(50), []),
        (with_listeners(51), ["TooManyListeners"]),
        (with_targets(1000), []),
        (with_targets(1001), ["TooManyTargets"]),
        (with_targets(500, cross=True), []),
        (with_targets(501, cross=True), ["TooManyTargets"]),
    ],
    ids=["few", "50", "51", "1000", "1001", "500-cross-zone", "501-cross-zone"],
)
def test_quotas_are_warnings(text: str, codes: list[str]) -> None:
    assert read(text)[1] == codes


def group(keys: str) -> TargetGroup:
    topology, _ = read(BASE.replace("port: 80, protocol: TCP, targets: [one, two]", keys))
    return topology.vpcs[0].target_groups[0]


@pytest.mark.parametrize(
    ("keys", "kept"),
    [
        ("port: 80, protocol: TCP", True),
        ("port: 80, protocol: TCP, target_type: ip", False),
        ("port: 80, protocol: TCP_UDP, target_type: ip", True),
        ("port: 80, protocol: TCP, target_type: ip, preserve_client_ip: true", True),
        ("port: 80, protocol: TCP, preserve_client_ip: false", False),
    ],
)
def test_the_clients_address(keys: str, kept: bool) -> None:
    """NLB-07."""
    assert group(keys).preserve_client_ip is kept


def test_a_health_check_as_aws_has_it() -> None:
    assert group("port: 80, protocol: TCP").health_check == HealthCheck("TCP", 0, 30, 10, 5, 2)
    found = group("port: 80, protocol: TCP, health_check: {protocol: HTTP, matcher: '200,301-302'}").health_check
    assert (found.timeout, found.matcher) == (6, ((200, 200), (301, 302)))


def test_whether_there_are_groups_is_decided_once() -> None:
    bare, grouped = (
        read(text)[0]
        for text in (BASE, BASE.replace("subnets: [a, c]", "subnets: [a, c]\n        security_groups: [web]"))
    )
    assert [problem.code for problem in refused(bare, grouped)] == ["InvalidConfigurationRequest"]
    assert refused(bare, bare) == refused(grouped, grouped) == refused(grouped, bare) == []
