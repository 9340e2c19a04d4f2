"""What a NAT gateway translates, whom it lets in, and how routes and zones bear on it."""

import errno
import socket
from collections.abc import Iterator

import pytest

from tests.support import lab as labs
from tests.support import packets
from tests.support.connections import Connection
from tests.support.lab import Lab
from tests.support.packets import Sender, Tap, silent
from tests.support.probes import Probe, check, drops, passes
from tests.support.wait import eventually

EIP_A, EIP_C = "52.195.125.184", "52.195.125.185"
WEB_EXAMPLE = "93.184.216.34"

# `front` is called through either kind of NAT gateway; `lone` has a private one for the internet as well.
TEXT = f"""
name: gateways
vpcs:
  main:
    cidr_block: 10.0.0.0/16
    internet_gateway: igw
    subnets:
      public:  {{cidr_block: 10.0.10.0/24, route_table: public}}
      front:   {{cidr_block: 10.0.11.0/24, route_table: front}}
      private: {{cidr_block: 10.0.20.0/24, route_table: private}}
      lonely:  {{cidr_block: 10.0.30.0/24, availability_zone: b, route_table: lonely}}
    nat_gateways:
      nat: {{subnet: public, elastic_ip: {EIP_A}}}
      inner:
        subnet: public
        connectivity_type: private
        private_ip: 10.0.10.50
        secondary_private_ips: [10.0.10.51, 10.0.10.52]
    route_tables:
      public:  {{routes: {{0.0.0.0/0: igw}}}}
      front:   {{routes: {{}}}}
      private: {{routes: {{0.0.0.0/0: nat, 10.0.11.0/24: nat}}}}
      lonely:  {{routes: {{0.0.0.0/0: inner, 10.0.11.0/24: inner}}}}
    security_groups:
      all: {{ingress: [{{protocol: all, from: 10.0.0.0/16}}]}}
    instances:
      front: {{subnet: front, security_groups: [all]}}
      dev:   {{subnet: private, security_groups: [all]}}
      lone:  {{subnet: lonely, security_groups: [all]}}
internet:
  hosts:
    web.example: {{ip: {WEB_EXAMPLE}}}
"""


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with labs.up(TEXT) as up:
        up.serve("web.example", tcp=(80,), udp=(53,))
        up.serve("front", tcp=(80,), udp=(53,))
        yield up


def test_T_24_out_and_not_in(lab: Lab) -> None:
    """A NAT gateway shows its Elastic IP to those it calls for the inside, and drops what nobody inside asked for.

    NAT-21, NAT-23.
    """
    check(
        lab,
        [
            Probe("dev", WEB_EXAMPLE, "tcp", 80, seen_as=EIP_A),
            Probe("dev", WEB_EXAMPLE, "udp", 53, seen_as=EIP_A),
        ],
        passes("dev", WEB_EXAMPLE, "icmp"),
        drops("web.example", EIP_A, "tcp", 80, 22),
        drops("web.example", EIP_A, "udp", 53),
    )


def test_T_33_other_protocols(lab: Lab) -> None:
    """A NAT gateway forwards TCP, UDP and ICMP alone: GRE, ESP and SCTP are dropped.

    NAT-20.
    """
    outside, nat = Tap(lab, "web.example"), Tap(lab, "nat")
    sender = Sender(lab, "dev")
    marks = {protocol: packets.cookie() for protocol in (47, 50, 132)}
    for protocol, mark in marks.items():
        sender.send(WEB_EXAMPLE, packets.Raw(mark), proto=protocol)
    known = packets.cookie()
    sender.send(WEB_EXAMPLE, packets.UDP(sport=4000, dport=9) / packets.Raw(known))
    outside.wait(known)
    for mark in marks.values():
        assert nat.holding(mark), "it never came to the NAT gateway"
        silent(outside, about=mark)


def test_T_36_it_does_not_answer_ping(lab: Lab) -> None:
    """A NAT gateway answers no ping, neither at its private address nor at its Elastic IP.

    NAT-23: so does a private one, at each of its addresses.
    """
    own = [lab.private(name) for name in ("nat", "inner", "inner+1", "inner+2")]
    check(
        lab,
        passes("dev", "front", "icmp"),
        [probe for address in own for probe in drops("front", address, "icmp")],
        drops("web.example", EIP_A, "icmp"),
    )


def test_RT_06_a_route_for_a_subnet_may_lead_to_a_nat_gateway(lab: Lab) -> None:
    """A route for the whole block of a subnet may lead to a NAT gateway: that subnet then sees its private address.

    NAT-41 within one VPC.
    """
    check(
        lab,
        [
            Probe("dev", "front", "tcp", 80, seen_as=lab.private("nat")),
            Probe("dev", "front", "udp", 53, seen_as=lab.private("nat")),
        ],
        passes("dev", "front", "icmp"),
    )


def test_NAT_03_a_private_nat_gateway_translates_to_its_private_addresses(lab: Lab) -> None:
    """A private NAT gateway translates to its private addresses, each in its turn.

    NAT-26: which one a connection gets is the gateway's business.
    """
    callers = [Connection(lab, "lone", lab.private("front"), 80, "front").seen_as for _ in range(6)]
    assert {caller: callers.count(caller) for caller in callers} == {
        lab.private("inner"): 2,
        lab.private("inner+1"): 2,
        lab.private("inner+2"): 2,
    }


def test_IGW_17_a_private_nat_gateway_has_no_way_to_the_internet(lab: Lab) -> None:
    """An internet gateway drops what a private NAT gateway sends to the internet, though the route is there."""
    outside, igw = Tap(lab, "web.example"), Tap(lab, "igw")
    mark, own = packets.cookie(), packets.cookie()
    Sender(lab, "lone").send(WEB_EXAMPLE, packets.UDP(sport=4000, dport=53) / packets.Raw(mark))
    igw.wait(mark)
    Sender(lab, "dev").send(WEB_EXAMPLE, packets.UDP(sport=4000, dport=53) / packets.Raw(own))
    outside.wait(own)
    silent(outside, about=mark)


# --- two zones, and gateways that come and go ----------------------------------------------------------------------


@pytest.fixture
def zones() -> Iterator[tuple[Lab, str]]:
    """topologies/two-az-nat.yaml without what it expects, and its text."""
    text = (labs.TOPOLOGIES / "two-az-nat.yaml").read_text(encoding="utf-8").partition("\nexpect:")[0] + "\n"
    with labs.up(text) as up:
        up.serve("web.example", tcp=(9000,))
        yield up, text


def test_NAT_37_another_gateway_does_not_know_the_connection(zones: tuple[Lab, str]) -> None:
    """A route that is switched to another NAT gateway breaks the connections of the first one, and new ones work.

    NAT-45: the other one may stand in another zone.
    """
    lab, text = zones
    moved, other = Connection(lab, "app-a", WEB_EXAMPLE, 9000), Connection(lab, "app-c", WEB_EXAMPLE, 9000)
    assert (moved.seen_as, other.seen_as) == (EIP_A, EIP_C)
    moved.carries()
    lab.up(labs.edited(text, {"{0.0.0.0/0: nat-a}": "{0.0.0.0/0: nat-c}"}))
    moved.client.send(b"still there?")
    eventually(lambda: moved.client.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == errno.ECONNRESET, "a reset")
    other.carries()
    assert Connection(lab, "app-a", WEB_EXAMPLE, 9000).seen_as == EIP_C


def test_NAT_08_a_deleted_gateway_leaves_blackholes(zones: tuple[Lab, str]) -> None:
    """A deleted NAT gateway leaves its routes behind as blackholes, and its Elastic IP to whoever takes it next.

    RT-40: the route is still in the table, and drops.
    """
    lab, text = zones
    deleted = {"{subnet: public-a, elastic_ip": "{subnet: public-a, state: deleted, elastic_ip"}
    other = Connection(lab, "app-c", WEB_EXAMPLE, 9000)
    outcome = lab.up(labs.edited(text, deleted))
    assert "0.0.0.0/0: nat-a -> blackhole (nat-a is gone)" in [change.text for change in outcome.plan.changes]
    routes = lab.run("main.router", "ip", "route", "show", "table", "all").output
    assert "blackhole default" in routes
    check(lab, drops("app-a", WEB_EXAMPLE, "tcp", 9000), passes("app-c", WEB_EXAMPLE, "tcp", 9000))
    other.carries()
    moved = {**deleted, f"elastic_ip: {EIP_C}": f"elastic_ip: {EIP_A}"}
    lab.up(labs.edited(text, moved))  # its Elastic IP is free
    check(lab, [Probe("app-c", WEB_EXAMPLE, "tcp", 9000, seen_as=EIP_A)], drops("app-a", WEB_EXAMPLE, "tcp", 9000))
