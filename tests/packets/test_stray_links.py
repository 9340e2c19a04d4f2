"""A link that somebody puts into a router by hand is no ENI: it may neither send nor receive, until a map names it."""

from collections.abc import Iterator

import pytest

from emulator import names
from tests.support import lab as labs
from tests.support.lab import Lab
from tests.support.probes import check, drops, passes

TOPOLOGY = """
vpcs:
  main:
    cidr_block: 10.0.0.0/16
    internet_gateway: igw
    subnets: {a: {cidr_block: 10.0.1.0/24, route_table: a}}
    route_tables: {a: {routes: {0.0.0.0/0: igw}}}
    security_groups: {open: {ingress: [{protocol: all, from: 0.0.0.0/0}]}}
    instances:
      web: {subnet: a, elastic_ip: 52.1.1.1, security_groups: [open]}
      other: {subnet: a, security_groups: [open]}
internet: {hosts: {far: {ip: 45.83.64.9}}}
"""
STRAY = "10.0.77.2"  # in no subnet of the VPC's, and reached by its local route


@pytest.fixture
def lab() -> Iterator[Lab]:
    with labs.up(TOPOLOGY) as up:
        up.serve("web", tcp=(80,))
        up.serve("far", tcp=(80,))
        up.must(
            "main.router",
            "ip link add stray type veth peer name stray0",
            f"ip link set stray0 netns {names.netns(up.name, 'far')}",
            "ip addr add 10.0.77.1/24 dev stray",
            "ip link set stray up",
        )
        up.must(
            "far",
            f"ip addr add {STRAY}/24 dev stray0",
            "ip link set stray0 up",
            f"ip route add 10.0.1.0/24 via 10.0.77.1 src {STRAY}",
        )
        yield up


def test_a_stray_link_does_not_send(lab: Lab) -> None:
    web = lab.private("web")
    check(lab, drops("far", web, "tcp", 80), drops("far", web, "icmp"), passes("other", web, "tcp", 80))
    lab.must("main.router", "nft add element ip vpcemu sender_groups '{ \"stray\" : return }'")
    check(lab, passes("far", web, "tcp", 80))


def test_a_stray_link_does_not_receive(lab: Lab) -> None:
    check(lab, drops("web", STRAY, "tcp", 80), drops("web", STRAY, "icmp"), passes("web", "far", "tcp", 80))
    lab.must("main.router", "nft add element ip vpcemu receiver_groups '{ \"stray\" : return }'")
    check(lab, passes("web", STRAY, "tcp", 80))
