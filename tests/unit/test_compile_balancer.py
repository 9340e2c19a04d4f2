"""A load balancer's node, compiled: what the agent is told, and the rule that spreads."""

import json
from typing import Any

import pytest

from emulator.compile import spread
from emulator.compile.lab import compile_lab
from emulator.compile.state import State
from emulator.topology.addresses import assign
from emulator.topology.load import load

BASE = """
name: lab
settings: {time_scale: 10}
vpcs:
  main:
    cidr_block: 10.0.0.0/16
    subnets:
      a: {cidr_block: 10.0.1.0/24, availability_zone: a}
      c: {cidr_block: 10.0.2.0/24, availability_zone: c}
      b: {cidr_block: 10.0.3.0/24, availability_zone: b}
    instances:
      one: {subnet: a}
      two: {subnet: c}
      gone: {subnet: a, state: stopped}
      off: {subnet: b}
    target_groups:
      web: {port: 80, protocol: TCP_UDP, targets: [one, {id: two, port: 81}, gone, off]}
    load_balancers:
      nlb:
        load_balancer_type: network
        internal: true
        subnets: [a, c]
        enable_cross_zone_load_balancing: false
        listeners: [{port: 80, protocol: TCP_UDP, target_group: web}]
"""


def compiled(text: str) -> State:
    topology, problems = load(text)
    assert topology is not None, problems
    return compile_lab(topology, assign(topology)[0])


def told(state: State, node: str = "nlb.a") -> Any:
    """The words of the agent's service, its one target group."""
    (service,) = state.namespaces[node].services
    words = json.loads(service.argv[0])
    return words["groups"][0]


def test_a_node_checks_what_it_may_forward_to() -> None:
    state = compiled(BASE)
    assert [target[:3] for target in told(state)["targets"]] == [["one:80", "10.0.1.4", 80]]
    assert [target[:3] for target in told(state, "nlb.c")["targets"]] == [["two:81", "10.0.2.4", 81]]
    crossing = compiled(BASE.replace("balancing: false", "balancing: true"))
    assert [target[0] for target in told(crossing)["targets"]] == ["one:80", "two:81"]


@pytest.mark.parametrize(("balancer", "group", "both"), [("true", "false", False), ("false", "true", True)])
def test_a_group_may_say_otherwise_than_its_load_balancer(balancer: str, group: str, both: bool) -> None:
    """LB-20."""
    text = BASE.replace("balancing: false", f"balancing: {balancer}")
    text = text.replace("targets: [one", f"load_balancing_cross_zone_enabled: {group}, targets: [one")
    assert (len(told(compiled(text))["targets"]) == 2) is both


def test_times_are_scaled() -> None:
    group = told(compiled(BASE))
    assert (group["interval"], group["timeout"], group["delay"]) == (3.0, 1.0, 30.0)
    assert [chain for chain, _ in group["chains"]] == ["choose.tcp.80", "choose.udp.80"]


def test_another_check_is_another_service() -> None:
    before = compiled(BASE).namespaces["nlb.a"].services
    assert compiled(BASE).namespaces["nlb.a"].services == before
    text = BASE.replace("targets: [one", "health_check: {interval: 10}, targets: [one")
    assert compiled(text).namespaces["nlb.a"].services != before
    assert compiled(text).namespaces["nlb.c"].ruleset == compiled(BASE).namespaces["nlb.c"].ruleset


def test_the_ruleset_that_is_loaded_is_the_one_that_serves_everybody() -> None:
    """Whatever the agent has made of it, the compiled text is the same: so a second `up` finds no difference."""
    state = compiled(BASE)
    marks = [target[3] for target in told(state)["targets"]]
    ruleset = state.namespaces["nlb.a"].ruleset
    assert ruleset is not None
    assert f"\t\t{spread.rule(marks, False)} comment" in ruleset.text


@pytest.mark.parametrize(
    ("marks", "sticky", "body"),
    [
        ([], False, "drop"),
        ([5], True, "ct mark set 0x5"),
        ([5, 6], False, "ct mark set numgen inc mod 2 map { 0 : 0x5, 1 : 0x6 }"),
        ([5, 6], True, "ct mark set jhash ip saddr mod 2 map { 0 : 0x5, 1 : 0x6 }"),
    ],
)
def test_the_rule(marks: list[int], sticky: bool, body: str) -> None:
    assert spread.rule(marks, sticky) == body
