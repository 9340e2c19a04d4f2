"""What an edit of route tables, or of what they point at, does to packets."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.conformance.test_routes_choice import TOPOLOGY, serve
from tests.support import lab as labs
from tests.support.connections import Connection
from tests.support.lab import Lab, edited
from tests.support.probes import Probe, check, drops, passes


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with labs.up(TOPOLOGY) as up:
        serve(up)
        yield up


@contextmanager
def changed(lab: Lab, old: str, new: str) -> Iterator[None]:
    """The lab with this edit of its file, for as long as the block lasts."""
    lab.up(edited(TOPOLOGY, {old: new}))
    try:
        yield
    finally:
        lab.up(TOPOLOGY)


def test_T_18_RT_24_an_association_is_removed(lab: Lab) -> None:
    """A subnet whose route table is taken away uses the main one at once."""
    check(lab, drops("narrow", "far", "tcp", 80), passes("narrow", "low", "tcp", 80))
    with changed(lab, "narrow: {cidr_block: 10.0.3.0/24, route_table: narrow}", "narrow: {cidr_block: 10.0.3.0/24}"):
        check(lab, [Probe("narrow", "far", "tcp", 80, seen_as="203.0.113.1")])


def test_RT_21_another_main_table(lab: Lab) -> None:
    """When another route table is made the main one, every subnet without one of its own follows."""
    check(lab, [Probe("two", "low", "tcp", 80, seen_as="203.0.113.1")])
    with changed(lab, "main_route_table: shared", "main_route_table: holes"):
        check(lab, drops("two", "low", "tcp", 80), passes("two", "exact", "tcp", 80), passes("one", "two", "tcp", 80))


def test_RT_26_routes_that_come_and_go(lab: Lab) -> None:
    """A route that is added, replaced or deleted counts from the next packet on."""
    check(lab, drops("empty", "far", "tcp", 80), [Probe("one", "far", "tcp", 80, seen_as="203.0.113.1")])
    with changed(lab, "empty: {}", "empty: {routes: {0.0.0.0/0: nat}}"):
        check(lab, [Probe("empty", "far", "tcp", 80, seen_as="203.0.113.1")])
    with changed(lab, "shared: {routes: {0.0.0.0/0: nat}}", "shared: {routes: {0.0.0.0/0: nat-2}}"):
        check(lab, drops("empty", "far", "tcp", 80), [Probe("one", "far", "tcp", 80, seen_as="203.0.113.2")])
    with changed(lab, "shared: {routes: {0.0.0.0/0: nat}}", "shared: {}"):
        check(lab, drops("one", "far", "tcp", 80), passes("one", "two", "tcp", 80))


def test_RT_26_a_flow_and_its_route(lab: Lab) -> None:
    """A flow whose route gets another target is interrupted; one whose target stays the same is not disturbed."""
    moved, stays = (Connection(lab, node, lab.address("far"), 80, "far") for node in ("one", "holes"))
    for held in (moved, stays):
        held.carries()
    assert moved.seen_as == stays.seen_as == "203.0.113.1"
    other = {
        "shared: {routes: {0.0.0.0/0: nat}}": "shared: {routes: {0.0.0.0/0: nat-2}}",
        "holes: {routes: {0.0.0.0/0: nat, ": "holes: {routes: {45.83.64.0/24: nat, 0.0.0.0/0: nat-2, ",
    }
    lab.up(edited(TOPOLOGY, other))
    moved.client.sendall(b"lost")
    for _ in range(3):
        stays.carries()  # the control: what was sent before it would be there
    check(lab, [Probe("one", "far", "tcp", 80, seen_as="203.0.113.2")])
    assert not moved.server.readable(0.2)
    lab.up(TOPOLOGY)
    stays.carries()
    for held in (moved, stays):
        held.reset()


def test_RT_40_a_blackhole_is_filled(lab: Lab) -> None:
    """A blackhole route that is given a target again passes at once."""
    check(lab, drops("holes", "low", "tcp", 80), passes("holes", "far", "tcp", 80))
    with changed(lab, "198.51.100.0/24: blackhole", "198.51.100.0/24: nat-2"):
        check(lab, [Probe("holes", "low", "tcp", 80, seen_as="203.0.113.2")])


def test_RT_41_a_target_is_deleted(lab: Lab) -> None:
    """The route to a target that is deleted is a blackhole: it drops, though a default route is there."""
    check(lab, [Probe("mixed", "high", "tcp", 80, seen_as="203.0.113.2")], passes("mixed", "low", "tcp", 80))
    with changed(lab, "nat-2: {subnet: public, ", "nat-2: {state: deleted, subnet: public, "):
        check(
            lab,
            drops("mixed", "high", "tcp", 80),
            [Probe("mixed", "top", "tcp", 80, seen_as="203.0.113.6")],
            [Probe("mixed", "low", "tcp", 80, seen_as="203.0.113.1")],
        )


def test_IGW_15_a_detached_gateway_leaves_blackholes() -> None:
    """The routes to a detached internet gateway stay as blackholes."""
    text = """
vpcs:
  main:
    cidr_block: 10.0.0.0/16
    internet_gateway: igw
    subnets: {a: {cidr_block: 10.0.1.0/24}, b: {cidr_block: 10.0.2.0/24, route_table: b}}
    route_tables: {main: {routes: {0.0.0.0/0: igw}}, b: {}}
    security_groups: {open: {ingress: [{protocol: all, from: 0.0.0.0/0}]}}
    instances:
      a: {subnet: a, security_groups: [open]}
      b: {subnet: b, security_groups: [open]}
internet: {hosts: {far: {ip: 45.83.64.9}}}
"""
    with labs.up(text) as lab:
        lab.serve("b", tcp=(80,))
        lab.up(edited(text, {"internet_gateway: igw": "internet_gateway: {name: igw, attached: false}"}))
        assert "igw" not in lab.state.namespaces
        assert any("igw" in label for label in lab.state.labels.values())
        check(lab, drops("a", "far", "tcp", 80), passes("a", "b", "tcp", 80))
