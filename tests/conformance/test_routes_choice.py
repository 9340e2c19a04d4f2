"""Which route a packet takes: the main table, the local route, the longest prefix, the blackhole."""

from collections.abc import Iterator

import pytest

from tests.support import lab as labs
from tests.support import packets
from tests.support.lab import Lab
from tests.support.packets import Sender, Tap, silent
from tests.support.probes import Probe, check, drops, passes

# `one` and `two` have no table of their own: RT-20.
TOPOLOGY = """
vpcs:
  main:
    cidr_block: 10.0.0.0/16
    internet_gateway: igw
    main_route_table: shared
    subnets:
      one: {cidr_block: 10.0.1.0/24}
      two: {cidr_block: 10.0.2.0/24}
      public: {cidr_block: 10.0.9.0/24, route_table: public}
      narrow: {cidr_block: 10.0.3.0/24, route_table: narrow}
      holes: {cidr_block: 10.0.4.0/24, route_table: holes}
      empty: {cidr_block: 10.0.5.0/24, route_table: empty}
      mixed: {cidr_block: 10.0.6.0/24, route_table: mixed}
    route_tables:
      shared: {routes: {0.0.0.0/0: nat}}
      public: {routes: {0.0.0.0/0: igw}}
      narrow: {routes: {198.51.100.0/25: nat}}
      holes: {routes: {0.0.0.0/0: nat, 198.51.100.0/24: blackhole, 198.51.100.8/32: nat}}
      empty: {}
      mixed: {routes: {0.0.0.0/0: nat, 198.51.100.128/25: nat-2, 198.51.100.200/32: igw, 198.51.100.8/32: gone}}
    nat_gateways:
      nat: {subnet: public, elastic_ip: 203.0.113.1}
      nat-2: {subnet: public, elastic_ip: 203.0.113.2}
    security_groups:
      open: {ingress: [{protocol: all, from: 0.0.0.0/0}]}
    instances:
      one: {subnet: one, security_groups: [open]}
      two: {subnet: two, security_groups: [open]}
      front: {subnet: public, elastic_ip: 203.0.113.3, security_groups: [open]}
      narrow: {subnet: narrow, security_groups: [open]}
      holes: {subnet: holes, security_groups: [open]}
      empty: {subnet: empty, security_groups: [open]}
      gone: {subnet: public, state: terminated}
      mixed: {subnet: mixed, elastic_ip: 203.0.113.6, security_groups: [open]}
internet:
  hosts:
    low: {ip: 198.51.100.7}
    exact: {ip: 198.51.100.8}
    high: {ip: 198.51.100.130}
    top: {ip: 198.51.100.200}
    far: {ip: 45.83.64.9}
"""
OUTSIDE = ("low", "exact", "high", "top", "far")


def serve(lab: Lab) -> None:
    for node in ("one", "two", "front", "narrow", "holes", "empty", "mixed", *OUTSIDE):
        lab.serve(node, tcp=(80,), udp=(514,))


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with labs.up(TOPOLOGY) as up:
        serve(up)
        yield up


def test_RT_20_the_main_table(lab: Lab) -> None:
    """A subnet without a route table of its own uses the VPC's main one."""
    check(
        lab,
        [Probe("one", "low", "tcp", 80, seen_as="203.0.113.1"), Probe("two", "far", "tcp", 80, seen_as="203.0.113.1")],
    )


def test_T_10_RT_02_local_joins_all_subnets(lab: Lab) -> None:
    """Two subnets of one VPC reach each other without any route being written: every route table has the local one."""
    nodes = ("one", "two", "front", "narrow", "holes", "empty", "mixed")
    check(lab, [Probe(a, b, "tcp", 80, seen_as=lab.private(a)) for a in nodes for b in nodes if a != b])


def test_RT_50_a_route_for_a_part_of_the_world(lab: Lab) -> None:
    """A destination that no route holds is not reached, and nobody says so."""
    check(
        lab,
        [Probe("narrow", "low", "tcp", 80, seen_as="203.0.113.1"), Probe("narrow", "exact", "tcp", 80)],
        drops("narrow", "high", "tcp", 80),
        drops("narrow", "far", "icmp"),
    )


def test_RT_50_the_longest_prefix(lab: Lab) -> None:
    """Of several routes that hold a destination the one with the longest prefix is used."""
    check(
        lab,
        [
            Probe("mixed", "far", "tcp", 80, seen_as="203.0.113.1"),
            Probe("mixed", "low", "tcp", 80, seen_as="203.0.113.1"),
            Probe("mixed", "high", "tcp", 80, seen_as="203.0.113.2"),
            Probe("mixed", "top", "tcp", 80, seen_as="203.0.113.6"),
        ],
    )


def test_RT_41_a_blackhole_wins(lab: Lab) -> None:
    """A blackhole route wins by its prefix and drops: the default route is not used instead."""
    taps = [Tap(lab, node) for node in ("nat", "igw", "low", "high")]
    back = Tap(lab, "holes")
    lost, done = packets.cookie(), packets.cookie()
    sender = Sender(lab, "holes")
    for to in ("low", "high", "top"):
        sender.send(to, packets.UDP(dport=514) / packets.Raw(lost))
    sender.send("far", packets.UDP(dport=514) / packets.Raw(done))
    taps[0].wait(done)
    silent(*taps, back, about=lost)
    check(
        lab,
        drops("holes", "low", "tcp", 80),
        drops("holes", "high", "icmp"),
        [Probe("holes", "exact", "tcp", 80, seen_as="203.0.113.1")],
        [Probe("holes", "far", "tcp", 80, seen_as="203.0.113.1")],
    )


def test_RT_40_a_terminated_instance(lab: Lab) -> None:
    """A route to a terminated instance stays in its table as a blackhole."""
    check(lab, drops("mixed", "exact", "tcp", 80), passes("mixed", "low", "tcp", 80), passes("one", "exact", "tcp", 80))
