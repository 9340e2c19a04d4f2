"""Targets that fall ill, recover, and leave: who gets new flows, and what becomes of the others (10.1 and 10.3)."""

import errno
import socket
from collections.abc import Iterator

import pytest

from emulator.errors import TopologyError
from tests.support import lab as labs
from tests.support.balanced import SILENCE, Call, all_healthy, answering, become, call, health, hears_nothing, ill, well
from tests.support.lab import Lab, edited
from tests.support.wait import eventually

TOPOLOGY = """
name: balanced
settings: {time_scale: 25}
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
      web: {ingress: [{protocol: tcp, port: 80, from: 0.0.0.0/0}]}
    instances:
      a1: {subnet: a, security_groups: [web], services: [{tcp: 80}]}
      a2: {subnet: a, security_groups: [web], services: [{tcp: 80}]}
      c1: {subnet: c, security_groups: [web], services: [{tcp: 80}]}
    target_groups:
      web:
        port: 80
        protocol: TCP
        targets: [a1, a2, c1]
        health_check: {interval: 5, healthy_threshold: 2, unhealthy_threshold: 3}
    load_balancers:
      nlb:
        load_balancer_type: network
        subnets: [a, c]
        listeners: [{port: 80, protocol: TCP, target_group: web}]
internet:
  hosts:
    client.example: {ip: 198.51.100.7}
"""


@pytest.fixture(scope="module")
def up() -> Iterator[Lab]:
    with labs.up(TOPOLOGY) as made:
        yield made


@pytest.fixture
def lab(up: Lab) -> Iterator[Lab]:
    """As the file says, and everybody is well."""
    up.up(TOPOLOGY)
    all_healthy(up)
    yield up
    for node in ("a1", "a2", "c1"):
        up.run(node, "nft", "delete table ip ill")


def carries(made: Call) -> None:
    made.socket.send(b"word")
    assert made.socket.readable(10)
    assert made.socket.recv(10) == b"word"


def opened(lab: Lab, node: str, to: str) -> Call:
    """A connection to the load balancer that this target has got."""
    for _ in range(10):
        made = Call(lab, "client.example", to, 80)
        if made.answer().node == node:
            return made
        made.socket.close()
    raise AssertionError(f"{node} is never chosen")


def test_NLB_15_LB_06_LB_07_a_target_falls_ill(lab: Lab) -> None:
    """An unhealthy target gets no new flows, and its connections end with a reset; those of others go on."""
    node = lab.public("nlb.a")
    cut, kept = opened(lab, "a1", node), opened(lab, "a2", node)
    ill(lab, "a1")
    assert health(lab)["web", "a1"] == ("unhealthy", "Target.FailedHealthChecks")
    assert answering(lab, "client.example", node, 3) == ["a2"] * 3
    carries(kept)
    cut.socket.send(b"word")
    eventually(lambda: cut.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == errno.ECONNRESET, "a reset")
    well(lab, "a1")
    assert answering(lab, "client.example", node, 4) == ["a1"] * 2 + ["a2"] * 2


def test_LB_22_a_zone_without_a_healthy_target(lab: Lab) -> None:
    """Where no target of a zone is healthy, and others' are, who has that node's address gets no service."""
    ill(lab, "c1")
    hears_nothing(lab, "client.example", lab.public("nlb.c"), 80, (lab.public("nlb.a"), 80))
    well(lab, "c1")
    assert call(lab, "client.example", lab.public("nlb.c")).node == "c1"


def test_LB_16_all_are_ill(lab: Lab) -> None:
    """Where all targets of all zones are unhealthy, every node forwards to all of its own."""
    ill(lab, "c1", "a1", "a2")
    for node in ("nlb.a", "nlb.c"):

        def refused(node: str = node) -> bool:
            made = Call(lab, "client.example", lab.public(node), 80)
            with pytest.raises(ConnectionRefusedError):
                made.answer(10)
            made.socket.close()
            return True

        eventually(refused, "the refusal of a target")
    well(lab, "c1", "a1", "a2")


def test_LB_18_a_target_is_taken_out(lab: Lab) -> None:
    """A target that is deregistered drains: its connections go on, new ones go elsewhere; in the end it is gone."""
    node = lab.public("nlb.a")
    kept = opened(lab, "a1", node)
    lab.up(edited(TOPOLOGY, {"targets: [a1, a2, c1]": "targets: [a2, c1]\n        deregistration_delay: 3600"}))
    assert health(lab)["web", "a1"] == ("draining", "Target.DeregistrationInProgress")
    assert answering(lab, "client.example", node, 3) == ["a2"] * 3
    carries(kept)
    lab.up(edited(TOPOLOGY, {"targets: [a1, a2, c1]": "targets: [a2, c1]\n        deregistration_delay: 1"}))
    eventually(lambda: ("web", "a1") not in health(lab), "a1 is deregistered", 20)
    carries(kept)  # LB-19
    assert health(lab)["web", "a2"].state == "healthy"  # what an edit does not touch does not begin anew


def test_LB_19_what_is_left_is_cut_in_the_end(lab: Lab) -> None:
    """With connection_termination what a drained target still has is reset once it is deregistered."""
    kept = opened(lab, "a1", lab.public("nlb.a"))
    cut = "targets: [a2, c1]\n        connection_termination: true\n        deregistration_delay: 1"
    lab.up(edited(TOPOLOGY, {"targets: [a1, a2, c1]": cut}))
    eventually(lambda: ("web", "a1") not in health(lab), "a1 is deregistered", 20)
    kept.socket.send(b"word")
    eventually(lambda: kept.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == errno.ECONNRESET, "a reset")


def test_NLB_15_connections_may_be_kept(lab: Lab) -> None:
    """Where that is switched off, the connections of a target that falls ill go on."""
    lab.up(
        edited(
            TOPOLOGY,
            {"        port: 80\n": "        port: 80\n        enable_unhealthy_connection_termination: false\n"},
        )
    )
    kept = opened(lab, "a1", lab.public("nlb.a"))
    ill(lab, "a1")
    carries(kept)


def test_LB_06_a_new_target_begins_with_initial(lab: Lab) -> None:
    """A target is initial until the checks have decided; the others go on."""
    slow = edited(TOPOLOGY, {"interval: 5, healthy_threshold: 2": "interval: 300, healthy_threshold: 10"})
    lab.up(edited(slow, {"targets: [a1, a2, c1]": "targets: [a1, c1]"}))
    lab.up(slow)
    assert health(lab)["web", "a2"] == ("initial", "Elb.InitialHealthChecking")
    assert health(lab)["web", "a1"].state == "healthy"
    assert answering(lab, "client.example", lab.public("nlb.a"), 2) == ["a1", "a1"]
    lab.up(TOPOLOGY)
    become(lab, {("web", "a2"): "healthy"})


def test_NLB_02_T_87_groups_cannot_be_added(lab: Lab) -> None:
    """A load balancer that was made without security groups can never have any."""
    with pytest.raises(TopologyError, match="InvalidConfigurationRequest"):
        lab.up(
            edited(TOPOLOGY, {"        subnets: [a, c]\n": "        subnets: [a, c]\n        security_groups: [web]\n"})
        )
    assert call(lab, "client.example", lab.public("nlb.a")) != SILENCE
