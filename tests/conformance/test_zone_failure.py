"""An availability zone that fails, with packets: what is zonal is lost, what is regional stays.

Every probe is held against the model too.
"""

import socket
from collections.abc import Iterator

import pytest

from emulator.analysis import Analyzer, analyze
from emulator.lab import zones
from emulator.lab.running import recall
from emulator.lab.trace import trace
from emulator.topology.flows import Component, flow
from tests.support import lab as labs
from tests.support import two_zones
from tests.support.lab import TOPOLOGIES, Lab
from tests.support.probes import Probe, check, drops, passes
from tests.support.wait import eventually

WEB = "93.184.216.34"


@pytest.fixture
def lab() -> Iterator[Lab]:
    with two_zones.up() as made:
        yield made


def probe(lab: Lab, *groups: list[Probe]) -> None:
    """The wire, and the model of the lab as it is."""
    check(lab, *groups)
    there = recall(lab.name)
    analyzer = Analyzer(there.topology, there.addresses)
    for one in (each for group in groups for each in group):
        asked = flow(there.topology, there.addresses, one.source, one.to, one.protocol, one.port)
        assert analyzer.verdict(asked).result == one.result, f"the model, of {one}"


def test_AZ_01_who_routes_to_a_nat_gateway_in_a_zone_that_fails_loses_the_internet(lab: Lab) -> None:
    """In zone c hosts reach each other, a peer, and by the internet gateway the world; not through the NAT gateway."""
    out = [("app-c", "web.example"), ("app-a", "web.example")]
    inside = [*passes("app-c", "db-c", "tcp", 80), *passes("app-c", "there", "tcp", 80)]
    regional = [*passes("attacker", "52.1.1.2", "tcp", 80), *passes("web-c", "web.example", "tcp", 80)]
    probe(lab, inside, regional, *(passes(*pair, "tcp", 80) for pair in out))
    zones.down("a", lab.name)
    probe(lab, inside, regional, *(drops(*pair, "tcp", 80) for pair in out))
    # Nothing is moved to another zone: whoever called there calls in vain.
    probe(
        lab,
        inside,
        drops("app-c", "app-a", "tcp", 80),
        drops("there", "app-a", "tcp", 80),
        drops("attacker", "52.1.1.1", "tcp", 80),
        drops("web-a", "web-c", "tcp", 80),
        drops("app-a", "web-a", "tcp", 80),
    )
    zones.up("a", lab.name)
    probe(lab, inside, regional, *(passes(*pair, "tcp", 80) for pair in out), passes("attacker", "52.1.1.1", "tcp", 80))


@pytest.mark.parametrize(("lesson", "result"), [("shared-nat", "drop"), ("two-az-nat", "pass")])
def test_AZ_02_with_a_nat_gateway_in_each_zone_the_other_zone_does_not_notice(lesson: str, result: str) -> None:
    """The two lessons side by side: zone a fails, and app-c in zone c is what they differ in."""
    with labs.up(TOPOLOGIES / f"{lesson}.yaml") as made:
        probe(made, passes("app-a", "web.example", "tcp", 80), passes("app-c", "web.example", "tcp", 80))
        zones.down("a", made.name)
        zone_c = [Probe("app-c", "web.example", "tcp", 80, result)]  # type: ignore[arg-type]
        well = passes("web.example", WEB, "tcp", 80)
        check(made, well, zone_c, drops("app-a", "web.example", "tcp", 80))
        there = recall(made.name)
        asked = flow(there.topology, there.addresses, "app-c", "web.example", "tcp", 80)
        assert analyze(there.topology, there.addresses, asked).verdict.result == result


def test_AZ_01_a_connection_through_the_zone_ends_in_silence(lab: Lab) -> None:
    """What is known to connection tracking is dropped like anything else, in both directions."""
    inside, outside = lab.open_socket("app-a", kind=socket.SOCK_DGRAM), lab.open_socket("db-c", kind=socket.SOCK_DGRAM)
    outside.bind(("0.0.0.0", 514))
    inside.sendto(b"before", (lab.private("db-c"), 514))
    eventually(lambda: _received(outside) == b"before", "the flow is known")
    outside.sendto(b"answer", (lab.private("app-a"), inside.getsockname()[1]))
    eventually(lambda: _received(inside) == b"answer", "and answered")
    zones.down("a", lab.name)
    inside.sendto(b"lost", (lab.private("db-c"), 514))
    outside.sendto(b"lost", (lab.private("app-a"), inside.getsockname()[1]))
    check(lab, passes("app-c", "db-c", "tcp", 80))
    assert _received(outside) == b""
    assert _received(inside) == b""
    zones.up("a", lab.name)
    inside.sendto(b"after", (lab.private("db-c"), 514))
    eventually(lambda: _received(outside) == b"after", "the same socket goes on: its namespace has survived")


def _received(held: labs.Held) -> bytes:
    try:
        return bytes(held.recv(100))
    except BlockingIOError:
        return b""


def test_AZ_01_the_model_and_a_trace_name_what_is_dark(lab: Lab) -> None:
    """The NAT gateway, not the route table; the sender's interface; the instance that would have received."""
    zones.down("a", lab.name)
    there = recall(lab.name)
    flows = [
        flow(there.topology, there.addresses, source, target, "tcp", 80)
        for source, target in (("app-c", "web.example"), ("app-a", "db-c"), ("app-c", "app-a"), ("app-c", "db-c"))
    ]
    ends = [traced.verdict.dropped_at for traced in trace(lab.name, flows)]
    assert ends == [
        Component("nat_gateway", "nat", "main"),
        Component("network_interface", "app-a", "main", "egress"),
        Component("instance", "app-a", "main"),
        None,
    ]
    assert [analyze(there.topology, there.addresses, one).verdict.dropped_at for one in flows] == ends
    (why,) = analyze(there.topology, there.addresses, flows[0]).explanations
    assert why.sentence == "nat is in availability zone ap-northeast-1a, which is down"


# VPCs a and b are attached in both zones, with an instance in zone c each; VPC one is in zone a alone.
THROUGH = """
region: ap-northeast-1
vpcs:
  a:
    cidr_block: 10.0.0.0/16
    subnets:
      a-c: {cidr_block: 10.0.1.0/24, availability_zone: c, route_table: r}
      at-a-a: {cidr_block: 10.0.8.0/28, availability_zone: a}
      at-a-c: {cidr_block: 10.0.9.0/28, availability_zone: c}
    route_tables: {r: {routes: {10.0.0.0/8: tgw}}}
    security_groups: {open: {ingress: [{protocol: all, from: 0.0.0.0/0}]}}
    instances: {here: {subnet: a-c, security_groups: [open]}}
  b:
    cidr_block: 10.1.0.0/16
    subnets:
      b-c: {cidr_block: 10.1.1.0/24, availability_zone: c, route_table: s}
      at-b-a: {cidr_block: 10.1.8.0/28, availability_zone: a}
      at-b-c: {cidr_block: 10.1.9.0/28, availability_zone: c}
    route_tables: {s: {routes: {10.0.0.0/8: tgw}}}
    security_groups: {open: {ingress: [{protocol: all, from: 0.0.0.0/0}]}}
    instances: {both: {subnet: b-c, security_groups: [open]}}
  one:
    cidr_block: 10.2.0.0/16
    subnets:
      at-one-a: {cidr_block: 10.2.8.0/28, availability_zone: a}
      one-a: {cidr_block: 10.2.2.0/24, availability_zone: a, route_table: t}
    route_tables: {t: {routes: {10.0.0.0/8: tgw}}}
    security_groups: {open: {ingress: [{protocol: all, from: 0.0.0.0/0}]}}
    instances: {only: {subnet: one-a, security_groups: [open]}}
transit_gateways:
  tgw:
    vpc_attachments:
      a: {vpc: a, subnets: [at-a-a, at-a-c]}
      b: {vpc: b, subnets: [at-b-a, at-b-c]}
      one: {vpc: one, subnets: [at-one-a]}
"""


def test_AZ_01_a_transit_gateway_is_regional_and_uses_the_zones_that_are_left() -> None:
    """VPCs that are attached in two zones go on by the other one; one that is in the lost zone alone is cut."""
    with labs.up(THROUGH) as made:
        for node in ("both", "only"):
            made.serve(node, tcp=(80,))
        probe(made, passes("here", "both", "tcp", 80), passes("here", "only", "tcp", 80))
        done = zones.down("a", made.name)
        assert done.affected == ("only", "attachment tgw/a", "attachment tgw/b", "attachment tgw/one")
        probe(made, passes("here", "both", "tcp", 80), drops("here", "only", "tcp", 80))
        zones.up("a", made.name)
        probe(made, passes("here", "both", "tcp", 80), passes("here", "only", "tcp", 80))
