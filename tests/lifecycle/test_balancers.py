"""A lab with a load balancer, edited step by step: each `up` makes it so, and a second one finds nothing to do."""

import os
import signal
from collections.abc import Iterator

import pytest

from emulator.agent import client as agents
from emulator.lab.status import status
from tests.support import lab as labs
from tests.support.balanced import all_healthy, answering, become, call, health, ill, well
from tests.support.lab import Lab, edited
from tests.support.wait import eventually

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


CHECKED = edited(
    edited(TOPOLOGY, CROSS),
    {
        "targets: [one, two]}": "targets: [one, two], health_check: {interval: 5, healthy_threshold: 2}}",
        "name: balanced\n": "name: balanced\nsettings: {time_scale: 25}\n",
    },
)


@pytest.fixture(scope="module")
def checked() -> Iterator[Lab]:
    with labs.up(CHECKED) as up:
        all_healthy(up)
        yield up


def test_nobody_is_blamed(checked: Lab) -> None:
    """What the agent does to the rules is no tampering, and a second `up` finds nothing to do; a stranger's is."""
    ill(checked, "one")
    assert status(checked.name)["healthy"]
    assert not checked.up(CHECKED).plan.steps
    well(checked, "one")
    checked.must("nlb.a", "nft add rule ip vpcemu through_node counter")
    assert not status(checked.name)["healthy"]
    ill(checked, "one")
    assert not status(checked.name)["healthy"]
    checked.up(CHECKED)
    assert status(checked.name)["healthy"]

    def as_before() -> bool:
        try:
            return answering(checked, "client.example", checked.public("nlb.a"), 3) == ["two"] * 3
        except ConnectionRefusedError:  # one: the new rules know nothing yet of its health
            return False

    eventually(as_before, "the agent's rules again")


def test_the_agent_is_killed(checked: Lab) -> None:
    """Who checks health may die: what it last said stands; after the next `up` it begins anew, and says the same."""
    ill(checked, "one")
    with agents.connect(checked.name) or pytest.fail("no agent") as agent:
        os.kill(agent.hello()["pid"], signal.SIGKILL)
    eventually(lambda: not status(checked.name)["healthy"], "the agent is gone")
    assert health(checked)["web", "two"] == ("unavailable", "Elb.InternalError")
    chosen = checked.run("nlb.a", "nft", "list", "chain", "ip", "vpcemu", "choose.tcp.80").output
    assert "numgen" not in chosen  # two alone
    checked.up(CHECKED)
    become(checked, {("web", "one"): "unhealthy", ("web", "two"): "healthy"})
    assert answering(checked, "client.example", checked.public("nlb.a"), 3) == ["two"] * 3
