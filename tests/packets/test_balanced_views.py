"""Flows through a load balancer as the four views have them: `test`, `matrix`, `trace`, and the model."""

from collections.abc import Iterator

import pytest

from emulator import api
from emulator.topology.flows import Component
from tests.support import lab as labs
from tests.support.lab import Lab
from tests.support.wait import eventually

LAB = """
settings: {time_scale: 100}
vpcs:
  main:
    cidr_block: 10.0.0.0/16
    internet_gateway: igw
    subnets:
      a: {cidr_block: 10.0.1.0/24, availability_zone: a, route_table: public}
      c: {cidr_block: 10.0.2.0/24, availability_zone: c}
      back: {cidr_block: 10.0.3.0/24, availability_zone: a}
    route_tables: {public: {routes: {0.0.0.0/0: igw}}}
    security_groups:
      lb: {ingress: [{protocol: tcp, port: 80-90, from: 0.0.0.0/0}, {protocol: udp, port: 53, from: 0.0.0.0/0}]}
      web: {ingress: [{protocol: tcp, port: [8080, 9090], from: lb}, {protocol: udp, port: 53, from: lb}]}
      client: {ingress: []}
    instances:
      client: {subnet: a, private_ip: 10.0.1.10, security_groups: [client]}
      web: {subnet: back, security_groups: [web], services: [{http: 8080}]}
      spare: {subnet: back, security_groups: [web]}
    target_groups:
      web:
        port: 8080
        protocol: TCP
        targets: [web, spare]
        health_check: {interval: 10, timeout: 2, unhealthy_threshold: 10}  # a busy machine is no failure
      one: {port: 8080, protocol: TCP, targets: [web]}
      told: {port: 9090, protocol: TCP, targets: [web], proxy_protocol_v2: true, health_check: {port: 8080}}
      dns: {port: 53, protocol: UDP, targets: [web], health_check: {port: 8080}}
    load_balancers:
      nlb:
        load_balancer_type: network
        internal: true
        subnet_mapping:
          - {subnet: a, private_ipv4_address: 10.0.1.20}
          - {subnet: c, private_ipv4_address: 10.0.2.20}
        enable_cross_zone_load_balancing: true
        security_groups: [lb]
        listeners:
          - {port: 80, protocol: TCP, target_group: web}
          - {port: 90, protocol: TCP, target_group: told}
          - {port: 53, protocol: UDP, target_group: dns}
      pub:
        load_balancer_type: network
        subnets: [a]
        security_groups: [lb]
        listeners: [{port: 80, protocol: TCP, target_group: one}]
internet:
  hosts: {outside: {ip: 198.51.100.7}}
expect:
  - {from: client, to: nlb, port: 80, result: pass, via: nlb, seen_as: 10.0.1.10, payload: true}
  - {from: client, to: nlb.c, protocol: udp, port: 53, result: pass, via: nlb.c, seen_as: 10.0.1.10}
  - {from: client, to: nlb.a, port: 90, result: pass, seen_as: 10.0.1.20, via: nlb, payload: true}
  - {from: client, to: nlb, port: 81, result: drop}
  - {from: client, to: web, port: 8080, result: drop}
  - {from: outside, to: pub, port: 80, result: pass, via: [igw, pub], seen_as: 198.51.100.7}
  - {from: web, to: pub, port: 80, result: drop}
"""


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with labs.up(LAB) as made:
        eventually(lambda: sole_target(made), "the target without a service is out")
        yield made


def sole_target(lab: Lab) -> bool:
    """Whether the model knows that one of two targets is left: LB-16 would keep both if the other one were out, too."""
    return {held.receiver for held in lab.analyze("client", "nlb", tcp=80).alternatives} == {"web"}


def test_what_the_file_expects_is_seen_on_the_wire(lab: Lab) -> None:
    """By name all nodes are meant; probes wait at every target, at its own port; `via` knows both kinds of names."""
    found = lab.test()
    assert found, found.explain()
    assert [flow["to"] for flow in found.facts["flows"]][:2] == ["nlb.a", "nlb.c"]


def test_who_goes_another_way_than_expected_is_told(lab: Lab) -> None:
    with lab.edited({"via: nlb, seen": "via: pub, seen"}):
        found = lab.test()
        assert "does not go via pub; its way is client → nlb.a → web" in found.explain()
        assert len(found.wrong) == 2


def test_reaches_says_as_whom(lab: Lab) -> None:
    assert lab.reaches("client", "nlb", tcp=80, seen_as="client")
    assert not lab.reaches("client", "nlb", tcp=80, seen_as="nlb.a")
    assert not lab.reaches("client", "nlb.c", tcp=81)


def test_a_load_balancer_is_called_and_calls_nobody(lab: Lab) -> None:
    found = api.matrix(lab.name, port=80, window=0.4)
    members = [group["members"] for group in found["groups"]]
    assert members == [["client", "spare"], ["web"], ["outside"], ["nlb.a", "nlb.c"], ["pub.a"]]
    assert found["results"][0][3] == "pass"
    assert found["results"][1][3] == "drop"  # NLB-09
    assert found["results"][2][4] == "pass"
    assert set(found["results"][3] + found["results"][4]) == {""}


@pytest.mark.parametrize(
    ("asked", "dropped_at", "words"),
    [
        ({"target": "nlb", "tcp": 81}, ("network_load_balancer", "nlb.a"), "network load balancer nlb.a: no listener"),
        ({"target": "nlb.c", "tcp": 443}, ("security_group", "nlb.c"), "security group lb, ingress: no rule allows it"),
        (
            {"source": "web", "target": "nlb.c", "udp": 53},
            ("instance", "web"),
            "web is the target of its own connection, and takes nobody else for ",
        ),
    ],
    ids=["no listener", "group of the load balancer", "its own client"],
)
def test_a_trace_names_who_drops(lab: Lab, asked: dict[str, object], dropped_at: tuple[str, str], words: str) -> None:
    """And the model blames the same: NLB-19, NLB-03, NLB-09."""
    question: dict[str, object] = {"source": "client", **asked}
    found = lab.trace(**question)  # type: ignore[arg-type]
    at = found.verdict.dropped_at
    assert isinstance(at, Component)
    assert (at.kind, at.name) == dropped_at
    assert found.reason.startswith(words)
    assert lab.analyze(**question).verdict.dropped_at == at  # type: ignore[arg-type]


def test_a_trace_names_listener_target_and_the_way_back(lab: Lab) -> None:
    found = lab.trace("client", "nlb", tcp=80)
    words = [met.words for hop in (*found.forward, *found.back) for met in hop.rules]
    assert "network load balancer nlb.a: listener tcp 80 forwards to web: target web" in words
    assert "VPC router: an answer goes back to the load balancer that forwarded the flow" in words
    assert [hop.node for hop in found.back] == ["web", "main.router", "nlb.a", "main.router", "client"]


def test_a_node_of_a_load_balancer_has_addresses(lab: Lab) -> None:
    assert lab["nlb.a"].kind == "network_load_balancer"
    assert str(lab["nlb.a"].private_ip) == "10.0.1.20"
    assert lab["pub.a"].public_ip
