"""An availability zone that fails under an interface endpoint, with packets: in one zone, and in two.

Both VPCs have the same block. Everything that is called is in zone c; what is in between is where the endpoint is.
"""

from collections.abc import Iterator

import pytest

from emulator.analysis import Analyzer
from emulator.lab import view, zones
from emulator.lab.running import recall
from emulator.lab.trace import trace
from emulator.topology.flows import Component, flow
from tests.support import lab as labs
from tests.support.lab import Lab, edited
from tests.support.probes import Probe, check, drops, passes

TOPOLOGY = """
region: ap-northeast-1
vpcs:
  consumer:
    cidr_block: 10.0.0.0/16
    subnets:
      a: {cidr_block: 10.0.1.0/24, availability_zone: a}
      c: {cidr_block: 10.0.2.0/24, availability_zone: c}
    security_groups:
      open: {ingress: [{protocol: all, from: 10.0.0.0/16}]}
    instances:
      client: {subnet: c, security_groups: [open]}
      other: {subnet: c, security_groups: [open], services: [http]}
    vpc_endpoints:
      both: {service: svc, subnets: [a, c], security_groups: [open], accepted: true}
      narrow: {service: svc, subnets: [a], security_groups: [open], accepted: true}
  provider:
    cidr_block: 10.0.0.0/16
    subnets:
      pa: {cidr_block: 10.0.1.0/24, availability_zone: a}
      pc: {cidr_block: 10.0.2.0/24, availability_zone: c}
    security_groups:
      open: {ingress: [{protocol: all, from: 10.0.0.0/16}]}
    instances:
      web: {subnet: pc, security_groups: [open], services: [http]}
    target_groups:
      web: {port: 80, protocol: TCP, targets: [web]}
    load_balancers:
      nlb:
        load_balancer_type: network
        internal: true
        subnets: [pa, pc]
        enable_cross_zone_load_balancing: true
        listeners: [{port: 80, protocol: TCP, target_group: web}]
    vpc_endpoint_services: {svc: {network_load_balancers: [nlb]}}
"""
OFF = {"balancing: true": "balancing: false"}
WELL = passes("client", "other", "tcp", 80)


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with labs.up(TOPOLOGY) as made:
        yield made


@pytest.fixture(autouse=True)
def nothing_is_down(lab: Lab) -> Iterator[None]:
    yield
    for zone in recall(lab.name).record.dark_zones:
        zones.up(zone, lab.name)


def agreed(lab: Lab, *groups: list[Probe]) -> list[Component | None]:
    """The wire does as the probes say, and the model. Who drops, as both the model and a trace have it."""
    check(lab, WELL, *groups)
    there = recall(lab.name)
    analyzer, found = Analyzer(there.topology, there.addresses), []
    for probe in (each for group in groups for each in group):
        asked = flow(there.topology, there.addresses, probe.source, probe.to, probe.protocol, probe.port)
        verdict = analyzer.verdict(asked)
        assert verdict.result == probe.result, (probe, verdict)
        if probe.result == "drop":
            [traced] = trace(lab.name, [asked])
            assert traced.verdict.dropped_at == verdict.dropped_at, probe
        found.append(verdict.dropped_at)
    return found


def called(lab: Lab, name: str) -> set[str]:
    """The addresses that the client knows by the name."""
    lines = (line.split() for line in view.hosts(view.read(lab.name), "client").splitlines())
    return {address for address, *names in lines if name in names}


def test_PL_36_an_endpoint_in_one_zone_goes_with_it_and_one_in_two_goes_on_in_the_other(lab: Lab) -> None:
    """Its interface in the zone that fails is lost, for clients of all zones; the service notices nothing."""
    every = [*passes("client", "narrow.a", "tcp", 80), *passes("client", "both.a", "tcp", 80)]
    kept = passes("client", "both.c", "tcp", 80)
    agreed(lab, every, kept)
    both = {lab.private("both.a"), lab.private("both.c")}
    assert called(lab, "both") == both
    zones.down("a", lab.name)
    assert called(lab, "both") == {lab.private("both.c")}, "the name stands for what is left"
    assert called(lab, "both.a") == {lab.private("both.a")}, "a zonal name for what it always did"
    gone = [*drops("client", "narrow.a", "tcp", 80), *drops("client", "both.a", "tcp", 80)]
    assert agreed(lab, gone, kept) == [
        Component("vpc_endpoint", "narrow.a", "consumer"),
        Component("vpc_endpoint", "both.a", "consumer"),
        None,
    ]
    zones.up("a", lab.name)
    agreed(lab, every, kept)
    assert called(lab, "both") == both


def test_PL_36_the_targets_of_a_zone_that_fails_are_lost_to_every_endpoint(lab: Lab) -> None:
    """Zone c has the only target: the endpoint in zone a is up, and nothing is behind it any more."""
    client = {"client: {subnet: c,": "client: {subnet: a,", "other: {subnet: c,": "other: {subnet: a,"}
    lab.up(edited(TOPOLOGY, client))
    try:
        agreed(lab, passes("client", "narrow.a", "tcp", 80))
        zones.down("c", lab.name)
        assert agreed(lab, drops("client", "narrow.a", "tcp", 80)) == [Component("instance", "web", "provider")]
    finally:
        zones.up("c", lab.name)
        lab.up(TOPOLOGY)


def test_PL_07_without_cross_zone_an_endpoint_reaches_the_targets_of_its_own_zone_only(lab: Lab) -> None:
    """The endpoint's interface in zone a leads to the load balancer's node in zone a, which has no target there."""
    lab.up(edited(TOPOLOGY, OFF))
    try:
        stopped = agreed(lab, drops("client", "narrow.a", "tcp", 80), passes("client", "both.c", "tcp", 80))
        assert stopped == [Component("network_load_balancer", "nlb.pa", "provider"), None]
    finally:
        lab.up(TOPOLOGY)
