"""An availability zone that fails under a load balancer, with packets: a node goes, the other zone's goes on.

Targets are checked 30 times as often as on AWS (time_scale).
"""

from collections.abc import Iterator

import pytest

from emulator.analysis import Analyzer
from emulator.lab import view, zones
from emulator.lab.running import recall
from emulator.topology.flows import Component, flow
from tests.support import lab as labs
from tests.support.lab import Lab, edited
from tests.support.probes import Probe, check, drops, passes
from tests.support.wait import eventually

TOPOLOGY = """
region: ap-northeast-1
settings: {time_scale: 30}
vpcs:
  main:
    cidr_block: 10.0.0.0/16
    subnets:
      a: {cidr_block: 10.0.1.0/24, availability_zone: a}
      c: {cidr_block: 10.0.2.0/24, availability_zone: c}
    security_groups:
      open: {ingress: [{protocol: all, from: 10.0.0.0/16}]}
    instances:
      client-a: {subnet: a, security_groups: [open]}
      client-c: {subnet: c, security_groups: [open]}
      web-a: {subnet: a, security_groups: [open], services: [{tcp: 80}]}
      web-c: {subnet: c, security_groups: [open], services: [{tcp: 80}]}
    target_groups:
      web: {port: 80, protocol: TCP, targets: [web-a, web-c], health_check: {interval: 5, timeout: 2}}
      far: {port: 80, protocol: TCP, targets: [web-c], load_balancing_cross_zone_enabled: true}
    load_balancers:
      nlb:
        load_balancer_type: network
        internal: true
        subnets: [a, c]
        enable_cross_zone_load_balancing: false
        listeners:
          - {port: 80, protocol: TCP, target_group: web}
          - {port: 81, protocol: TCP, target_group: far}
"""
ON = {"balancing: false": "balancing: true"}
BOTH = [*passes("client-c", "nlb.a", "tcp", 80, 81), *passes("client-c", "nlb.c", "tcp", 80, 81)]


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with labs.up(TOPOLOGY) as made:
        yield made


@pytest.fixture(autouse=True)
def nothing_is_down(lab: Lab) -> Iterator[None]:
    yield
    for zone in recall(lab.name).record.dark_zones:
        zones.up(zone, lab.name)


def model(lab: Lab, probe: Probe) -> Component | None:
    there = recall(lab.name)
    asked = flow(there.topology, there.addresses, probe.source, probe.to, probe.protocol, probe.port)
    verdict = Analyzer(there.topology, there.addresses).verdict(asked)
    assert verdict.result == probe.result, (probe, verdict)
    return verdict.dropped_at


def named(lab: Lab) -> set[str]:
    """The addresses that a client knows the load balancer by."""
    lines = (line.split() for line in view.hosts(view.read(lab.name), "client-c").splitlines())
    return {address for address, *names in lines if "nlb" in names}


def answered(lab: Lab, node: str, calls: int = 16) -> list[str]:
    """Who answers each of so many connections of client-c, "" for nobody. A target says its name."""
    found = []
    for _ in range(calls):
        held = lab.open_socket("client-c")
        held.settimeout(0.5)
        try:
            held.connect((lab.private(node), 80))
            found.append(held.recv(100).partition(b" ")[0].decode())
        except OSError:
            found.append("")
        finally:
            held.close()
    return found


def test_AZ_05_without_cross_zone_a_node_goes_with_its_zone_and_the_other_serves_its_own_target(lab: Lab) -> None:
    """NLB node: zonal. Nothing of zone a is used any more; the node of zone c and its target do not notice."""
    check(lab, BOTH)
    assert named(lab) == {lab.private("nlb.a"), lab.private("nlb.c")}
    zones.down("a", lab.name)
    assert named(lab) == {lab.private("nlb.c")}, "LB-03: a node that is lost is out of DNS"
    # The node itself is lost: its listener on port 81 has a target that lives.
    gone, kept = drops("client-c", "nlb.a", "tcp", 80, 81), passes("client-c", "nlb.c", "tcp", 80, 81)
    check(lab, kept, gone)
    assert {model(lab, probe) for probe in gone} == {Component("network_load_balancer", "nlb.a", "main")}
    assert {model(lab, probe) for probe in kept} == {None}
    eventually(lambda: {*answered(lab, "nlb.c")} == {"web-c"}, "zone c serves zone c")
    zones.up("a", lab.name)
    check(lab, BOTH)


def test_AZ_05_with_cross_zone_the_other_node_leaves_out_the_targets_of_the_zone(lab: Lab) -> None:
    """Clients use zone c's node, which reaches the targets of zone c alone, as soon as the others' checks fail."""
    lab.up(edited(TOPOLOGY, ON))
    try:
        eventually(lambda: {*answered(lab, "nlb.c")} == {"web-a", "web-c"}, "both targets are used")
        zones.down("a", lab.name)
        eventually(lambda: {*answered(lab, "nlb.c")} == {"web-c"}, "nobody waits for a target that is gone")
        check(lab, passes("client-c", "nlb.c", "tcp", 80), drops("client-c", "nlb.a", "tcp", 80, 81))
        assert model(lab, passes("client-c", "nlb.c", "tcp", 80)[0]) is None
        zones.up("a", lab.name)
        eventually(lambda: {*answered(lab, "nlb.c")} == {"web-a", "web-c"}, "it is back when its checks are")
        eventually(lambda: {*answered(lab, "nlb.a")} == {"web-a", "web-c"}, "and so is the node")
    finally:
        lab.up(TOPOLOGY)
