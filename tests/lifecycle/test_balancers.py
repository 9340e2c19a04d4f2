"""A lab with a load balancer, edited step by step: each `up` makes it so, and a second one finds nothing to do."""

from collections.abc import Iterator

import pytest

from tests.support import lab as labs
from tests.support.balanced import answering, call
from tests.support.lab import Lab, edited

TOPOLOGY = """
name: balanced
vpcs:
  main:
    cidr_block: 10.0.0.0/16
    internet_gateway: igw
    subnets:
      a: {cidr_block: 10.0.1.0/24, availability_zone: a, route_table: public}
      c: {cidr_block: 10.0.2.0/24, availability_zone: c, route_table: public}
    route_tables:
      public: {routes: {0.0.0.0/0: igw}}
    security_groups:
      web: {ingress: [{protocol: tcp, port: 80-90, from: 0.0.0.0/0}]}
    instances:
      one: {subnet: a, security_groups: [web], services: [{tcp: 80}, {tcp: 81}]}
      two: {subnet: c, security_groups: [web], services: [{tcp: 80}]}
    target_groups:
      web: {port: 80, protocol: TCP, targets: [one, two]}
      more: {port: 81, protocol: TCP, targets: [one]}
    load_balancers:
      nlb:
        load_balancer_type: network
        security_groups: [web]
        subnets: [a]
        listeners: [{port: 80, protocol: TCP, target_group: web}]
internet:
  hosts:
    client.example: {ip: 198.51.100.7}
"""
NODE_C = {"subnets: [a]": "subnets: [a, c]"}
LISTENER = {"target_group: web}]": "target_group: web}, {port: 90, protocol: TCP, target_group: more}]"}
CROSS = {"subnets: [a]": "subnets: [a, c]\n        enable_cross_zone_load_balancing: true"}
BY_IP = {"{port: 80, protocol: TCP, targets": "{port: 80, protocol: TCP, target_type: ip, targets"}
CHECK = {"targets: [one, two]}": "targets: [one, two], health_check: {interval: 10}}"}


def settled(lab: Lab, *changes: dict[str, str]) -> None:
    text = TOPOLOGY
    for change in changes:
        text = edited(text, change)
    assert lab.up(text).plan.steps
    assert not lab.up(text).plan.steps


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with labs.up(TOPOLOGY) as up:
        yield up


def test_edits(lab: Lab) -> None:
    node = lab.public("nlb.a")
    assert call(lab, "client.example", node) == ("one", "198.51.100.7")
    settled(lab, CROSS)
    assert answering(lab, "client.example", node, 4) == ["one", "one", "two", "two"]
    settled(lab, LISTENER)
    assert answering(lab, "client.example", node, 2) == ["one", "one"]
    assert call(lab, "client.example", node, 90).node == "one"
    settled(lab, NODE_C)
    assert call(lab, "client.example", lab.public("nlb.c")) == ("two", "198.51.100.7")
    settled(lab, BY_IP)
    assert call(lab, "client.example", node) == ("one", lab.private("nlb.a"))
    settled(lab, CHECK)
    assert lab.public("nlb.a") == node
    without = TOPOLOGY[: TOPOLOGY.index("    load_balancers:")] + TOPOLOGY[TOPOLOGY.index("internet:\n  hosts") :]
    assert lab.up(without).plan.steps
    assert not lab.up(without).plan.steps
    assert "nlb.a" not in lab.state.namespaces
