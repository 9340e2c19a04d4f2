"""What holds for every packet: a refusal is silence, "refused" is the host's own word, and who is asked first."""

from collections.abc import Iterator

import pytest

from tests.support import lab as labs
from tests.support import packets
from tests.support.lab import Lab
from tests.support.packets import Sender, Tap, silent
from tests.support.probes import check, drops, passes, refused

# Everybody listens on 80 (TCP) and 514 (UDP). The subnet `lost` has no route but the local one.
TOPOLOGY = """
vpcs:
  main:
    cidr_block: 10.0.0.0/16
    internet_gateway: igw
    main_route_table: lost
    subnets:
      public: {cidr_block: 10.0.0.0/24, route_table: public}
      private: {cidr_block: 10.0.1.0/24, route_table: private}
      lost: {cidr_block: 10.0.2.0/24}
    route_tables:
      public: {routes: {0.0.0.0/0: igw}}
      private: {routes: {0.0.0.0/0: nat, 198.51.100.128/25: blackhole}}
      lost: {}
    nat_gateways:
      nat: {subnet: public, elastic_ip: 203.0.113.99}
    security_groups:
      open: {ingress: [{protocol: all, from: 0.0.0.0/0}]}
      http: {ingress: [{protocol: tcp, port: 80, from: 0.0.0.0/0}]}
      from-x: {ingress: [{protocol: tcp, port: 80, from: 198.51.100.7/32}]}
      from-eip: {ingress: [{protocol: tcp, port: 80, from: 203.0.113.0/24}]}
      mute: {ingress: [{protocol: all, from: 0.0.0.0/0}], egress: []}
    instances:
      hp: {subnet: public, elastic_ip: 203.0.113.10, security_groups: [open]}
      hx: {subnet: public, elastic_ip: 203.0.113.11, security_groups: [from-x]}
      he: {subnet: public, elastic_ip: 203.0.113.12, security_groups: [from-eip]}
      hq: {subnet: private, security_groups: [open]}
      hq-http: {subnet: private, security_groups: [http]}
      hq-mute: {subnet: private, security_groups: [mute]}
      hl: {subnet: lost, security_groups: [open]}
internet:
  hosts:
    x: {ip: 198.51.100.7}
    y: {ip: 198.51.100.130}
"""


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with labs.up(TOPOLOGY) as up:
        for node in (*up.addresses.private, "x", "y"):
            if node != "nat":
                up.serve(node, tcp=(80,), udp=(514,))
        yield up


@pytest.mark.parametrize(
    ("caller", "to"),
    [
        pytest.param("hq", "10.0.1.99", id="nobody's address in the subnet"),
        pytest.param("hq", "10.0.77.7", id="nobody's address in the VPC"),
        pytest.param("hl", "198.51.100.7", id="no route"),
        pytest.param("hq", "198.51.100.130", id="blackhole"),
        pytest.param("hp", "10.9.9.9", id="a private address beyond the VPC"),
        pytest.param("hq", "hq-http", id="the receiver's group"),
        pytest.param("hq-mute", "hq", id="the sender's group"),
        pytest.param("x", "203.0.113.11", id="the receiver's group, from outside"),
        pytest.param("x", "203.0.113.200", id="nobody's public address"),
    ],
)
def test_GEN_01_a_refusal_is_silence(lab: Lab, caller: str, to: str) -> None:
    """What is not let through is dropped without a word: no reset and no ICMP error, whatever the reason."""
    own, sender, mark = Tap(lab, caller), Sender(lab, caller), packets.cookie()
    for upper in (
        packets.TCP(sport=4400, dport=22, flags="S"),
        packets.UDP(sport=4400, dport=22),
        packets.ICMP(id=4400),
    ):
        sender.send(to, upper / packets.Raw(mark))
    beside = {"x": "203.0.113.10", "hq-mute": "10.0.1.1"}.get(caller, "hl" if caller != "hl" else "hq")
    check(lab, passes(caller, beside, "icmp"))
    silent(own, about=mark)
    address = lab.resolve(to)
    assert not [
        frame.packet.summary() for frame in own.came() if "TCP" in frame.packet and frame.packet["IP"].src == address
    ]


def test_GEN_02_refused_is_the_hosts_own_word(lab: Lab) -> None:
    """Where nothing listens the host itself refuses, which shows that the path works; silence shows nothing."""
    check(
        lab,
        refused("hp", "hq", "tcp", 81),
        refused("hp", "hq", "udp", 515),
        refused("hq", "x", "tcp", 81),
        refused("x", "203.0.113.10", "tcp", 81),
        drops("hp", "hq-http", "tcp", 81),
        drops("x", "203.0.113.11", "tcp", 81),
    )


def test_GEN_03_inbound_order(lab: Lab) -> None:
    """From the internet the address is translated first; then the group judges by the caller's own address."""
    check(
        lab,
        passes("x", "203.0.113.11", "tcp", 80),
        drops("y", "203.0.113.11", "tcp", 80),
        drops("x", "203.0.113.12", "tcp", 80),  # the caller is no Elastic IP, whatever it called
        passes("hp", "203.0.113.12", "tcp", 80),  # this caller is one
    )


def test_GEN_04_outbound_order(lab: Lab) -> None:
    """What the sender's group does not permit meets no route: it never gets to the NAT gateway."""
    gateway, outside = Tap(lab, "nat"), Tap(lab, "x")
    stopped, done = packets.cookie(), packets.cookie()
    Sender(lab, "hq-mute").send("x", packets.UDP(sport=4500, dport=514) / packets.Raw(stopped))
    Sender(lab, "hq").send("x", packets.UDP(sport=4501, dport=514) / packets.Raw(done))
    gateway.wait(done)
    outside.wait(done)
    silent(gateway, outside, about=stopped)


def test_GEN_04_a_false_source_is_stopped_before_the_group(lab: Lab) -> None:
    """A packet with a false source is dropped at the sender's interface, however open the groups and the routes."""
    gateway, outside, near = Tap(lab, "nat"), Tap(lab, "x"), Tap(lab, "hl")
    forged, done = packets.cookie(), packets.cookie()
    for to in ("x", "hl"):
        Sender(lab, "hq").send(to, packets.UDP(sport=4600, dport=514) / packets.Raw(forged), src=lab.private("hq-http"))
        Sender(lab, "hq").send(to, packets.UDP(sport=4601, dport=514) / packets.Raw(done))
    outside.wait(done)
    near.wait(done)
    silent(gateway, outside, near, about=forged)


def test_GEN_05_within_a_subnet(lab: Lab) -> None:
    """Within a subnet the sender's and the receiver's groups count, and no route does."""
    check(
        lab,
        passes("hq", "hq-http", "tcp", 80),
        drops("hq", "hq-http", "udp", 514),
        drops("hq-mute", "hq-http", "tcp", 80),
    )


def test_GEN_06_between_subnets(lab: Lab) -> None:
    """Between subnets of a VPC the local route joins and the groups decide; a reply needs no rule of its own."""
    check(
        lab,
        passes("hl", "hq-http", "tcp", 80),
        passes("hp", "hl", "udp", 514),
        passes("hl", "hq-mute", "tcp", 80),  # which may not send anything by itself
        drops("hl", "hq-http", "icmp"),
        drops("hq-mute", "hl", "tcp", 80),
    )
