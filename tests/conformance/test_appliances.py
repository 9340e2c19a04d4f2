"""Instances as targets of routes: source/destination check, NAT instance, firewall, edge route table."""

from collections.abc import Iterator

import pytest

from tests.support import lab as labs
from tests.support import packets
from tests.support.lab import Lab, edited
from tests.support.packets import Sender, Tap, silent
from tests.support.probes import Probe, check, drops, passes
from tests.support.views import agree

TOPOLOGY = """
vpcs:
  main:
    cidr_block: 10.0.0.0/16
    internet_gateway: {name: igw, route_table: edge}
    subnets:
      public: {cidr_block: 10.0.9.0/24, route_table: public}
      private: {cidr_block: 10.0.1.0/24, route_table: private}
      checked: {cidr_block: 10.0.2.0/24, route_table: checked}
      a: {cidr_block: 10.0.3.0/24, route_table: a}
      b: {cidr_block: 10.0.4.0/24, route_table: b}
      c: {cidr_block: 10.0.5.0/24}
      web: {cidr_block: 10.0.6.0/24, route_table: web}
      shut: {cidr_block: 10.0.7.0/24, route_table: public}
      whole: {cidr_block: 10.0.8.0/24, route_table: whole}
      circle: {cidr_block: 10.0.10.0/24, route_table: circle}
    route_tables:
      public: {routes: {0.0.0.0/0: igw}}
      private: {routes: {0.0.0.0/0: nat}}
      checked: {routes: {0.0.0.0/0: strict}}
      a: {routes: {10.0.4.0/24: fw, 10.0.5.0/24: fw, 10.0.3.0/24: fw}}
      b: {routes: {10.0.3.0/24: fw}}
      web: {routes: {0.0.0.0/0: fw}}
      whole: {routes: {10.0.0.0/16: fw}}
      circle: {routes: {0.0.0.0/0: ring}}
      edge: {routes: {10.0.6.0/24: fw, 10.0.7.0/24: bare}}
    security_groups:
      open: {ingress: [{protocol: all, from: 0.0.0.0/0}]}
      friends: {ingress: [{protocol: tcp, port: 80, from: open}, {protocol: tcp, port: 81, from: 10.0.3.0/24}]}
    instances:
      nat: {subnet: public, elastic_ip: 203.0.113.1, source_dest_check: false, security_groups: [open], services: [nat]}
      strict: {subnet: public, elastic_ip: 203.0.113.2, security_groups: [open], services: [nat]}
      fw:
        {subnet: public, elastic_ip: 203.0.113.3, source_dest_check: false, security_groups: [open],
         services: [{firewall: [23]}]}
      bare: {subnet: public, source_dest_check: false, security_groups: [open], services: [router]}
      dev: {subnet: private, security_groups: [open]}
      lost: {subnet: checked, security_groups: [open]}
      a: {subnet: a, security_groups: [open]}
      a-2: {subnet: a, security_groups: [open]}
      b: {subnet: b, security_groups: [open]}
      b-2: {subnet: b, security_groups: [friends]}
      c: {subnet: c, security_groups: [open]}
      web: {subnet: web, elastic_ip: 203.0.113.6, security_groups: [open]}
      shut: {subnet: shut, elastic_ip: 203.0.113.7, security_groups: [open]}
      whole: {subnet: whole, security_groups: [open]}
      whole-2: {subnet: whole, security_groups: [open]}
      ring: {subnet: circle, source_dest_check: false, security_groups: [open], services: [router]}
      runner: {subnet: circle, security_groups: [open]}
internet:
  hosts:
    far: {ip: 45.83.64.9}
"""
SERVERS = ("nat", "strict", "fw", "dev", "a", "a-2", "b", "b-2", "c", "web", "shut", "whole", "whole-2", "far")


def serve(lab: Lab) -> None:
    for node in SERVERS:
        lab.serve(node, tcp=(23, 80, 81), udp=(514,))


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with labs.up(TOPOLOGY) as up:
        serve(up)
        yield up


def seen(tap: Tap, about: bytes) -> int:
    return len(tap.holding(about))


def ask(lab: Lab, source: str, to: str) -> bytes:
    """A datagram of a port that is served (its server answers nothing by itself): what is asked for is its way."""
    about = packets.cookie()
    Sender(lab, source).send(to, packets.UDP(dport=514) / packets.Raw(about))
    return about


def test_NATI_01_a_NAT_instance(lab: Lab) -> None:
    """A NAT instance with forwarding, masquerading and no source/destination check lets a private subnet out."""
    check(
        lab,
        [Probe("dev", "far", kind, port, seen_as="203.0.113.1") for kind, port in (("tcp", 80), ("udp", 514))],  # type: ignore[arg-type]
        passes("dev", "far", "icmp"),
        # Within the VPC it is not asked, and does not translate.
        [Probe("dev", "c", "tcp", 80, seen_as=lab.private("dev"))],
    )


def test_NATI_03_the_check_left_on(lab: Lab) -> None:
    """With the source/destination check on, a NAT instance gets nothing to translate."""
    about, done = packets.cookie(), packets.cookie()
    taps = [Tap(lab, "strict"), Tap(lab, "far"), Tap(lab, "lost")]
    sender = Sender(lab, "lost")
    sender.send("far", packets.UDP(dport=514) / packets.Raw(about))
    sender.send("strict", packets.UDP(dport=514) / packets.Raw(done))
    taps[0].wait(done)
    silent(taps[0], taps[1], about=about)
    check(lab, drops("lost", "far", "tcp", 80), passes("lost", "strict", "tcp", 80), passes("dev", "far", "tcp", 80))


def test_T_51_source_dest_check_turned_off_and_on() -> None:
    """An instance whose source/destination check is off can forward; with it on, packets for others vanish."""
    off = "strict: {subnet: public, elastic_ip: 203.0.113.2, source_dest_check: false,"
    with labs.up(TOPOLOGY) as lab:
        serve(lab)
        check(lab, drops("lost", "far", "tcp", 80), passes("lost", "strict", "tcp", 80))
        lab.up(edited(TOPOLOGY, {"strict: {subnet: public, elastic_ip: 203.0.113.2,": off}))
        check(lab, [Probe("lost", "far", "tcp", 80, seen_as="203.0.113.2")])
        lab.up(TOPOLOGY)
        check(lab, drops("lost", "far", "tcp", 80), passes("lost", "strict", "tcp", 80))


def test_SDC_01_the_sender(lab: Lab) -> None:
    """An ENI with the check on sends from its own address only; one with the check off sends from any."""
    forged, free, done = packets.cookie(), packets.cookie(), packets.cookie()
    tap = Tap(lab, "c")
    for node, about in (("dev", forged), ("bare", free)):
        Sender(lab, node).send("c", packets.UDP(dport=514) / packets.Raw(about), src="192.0.2.77")
    Sender(lab, "dev").send("c", packets.UDP(dport=514) / packets.Raw(done))
    tap.wait(done)
    tap.wait(free)
    silent(tap, about=forged)


def test_SDC_04_another_MAC(lab: Lab) -> None:
    """A frame from another MAC than the ENI's is dropped, also with the source/destination check off."""
    forged, done = packets.cookie(), packets.cookie()
    tap = Tap(lab, "c")
    sender = Sender(lab, "bare")
    sender.put(sender.packet("c", packets.UDP(dport=514) / packets.Raw(forged)), src="0a:00:00:00:00:99")
    sender.send("c", packets.UDP(dport=514) / packets.Raw(done))
    tap.wait(done)
    silent(tap, about=forged)


def test_SDC_03_a_gateway_refuses_a_strange_source(lab: Lab) -> None:
    """The internet gateway lets nobody out whose source is no private address with a public one, check or no check."""
    forged, done = packets.cookie(), packets.cookie()
    tap = Tap(lab, "far")
    sender = Sender(lab, "fw")
    sender.send("far", packets.UDP(dport=514) / packets.Raw(forged), src="10.0.1.200")
    sender.send("far", packets.UDP(dport=514) / packets.Raw(forged), src="192.0.2.77")
    sender.send("far", packets.UDP(dport=514) / packets.Raw(done))
    tap.wait(done)
    silent(tap, about=forged)


def test_RT_07_both_directions_steered(lab: Lab) -> None:
    """With routes for each other's subnet to an appliance, packets of both directions pass through it."""
    check(
        lab,
        [Probe("a", "b", "tcp", 80, seen_as=lab.private("a"))],
        drops("a", "b", "tcp", 23),
        passes("b", "a", "icmp"),
    )
    tap = Tap(lab, "fw")
    to_b, to_a = ask(lab, "a", "b"), ask(lab, "b", "a")
    tap.wait(to_b)
    tap.wait(to_a)


def test_L2_06_an_appliance_is_a_hop(lab: Lab) -> None:
    """A traceroute shows a firewall or a NAT instance by its own address, and no router beside it."""
    for node, by, to in (("a", "fw", "b"), ("dev", "nat", "far")):
        sender, tap = Sender(lab, node), Tap(lab, node)
        for ttl in (1, 2):
            sender.send(to, packets.UDP(sport=33000 + ttl, dport=33434) / packets.Raw(b"trace"), ttl=ttl)
        first = tap.wait_for(lambda p: "UDPerror" in p and p["UDPerror"].sport == 33001, "who is the first")
        assert (first["IP"].src, first["IPerror"].src) == (lab.private(by), sender.ip)
        second = tap.wait_for(lambda p: "UDPerror" in p and p["UDPerror"].sport == 33002, "who is the second")
        assert second["IP"].src == (lab.private("b") if to == "b" else "192.0.2.1")


def test_L2_04_in_a_circle(lab: Lab) -> None:
    """What a router's route table sends to an appliance, and the appliance back to it, ends when the TTL does."""
    tap, sender, mark = Tap(lab, "runner"), Sender(lab, "runner"), packets.cookie()
    sender.send("45.83.64.9", packets.ICMP(id=7) / packets.Raw(mark), ttl=255)
    error = tap.wait_for(lambda p: "IPerror" in p and mark in bytes(p), "word of its end")
    assert (error["IP"].src, error["ICMP"].type) == (lab.private("ring"), 11)


def test_RT_07_only_one_direction_steered(lab: Lab) -> None:
    """With a route on one side only, questions pass through the appliance and answers go straight back."""
    check(
        lab,
        [Probe("a", "c", "tcp", 80, seen_as=lab.private("a"))],
        drops("a", "c", "tcp", 23),
        passes("c", "a", "tcp", 23),
    )
    through, there = Tap(lab, "fw"), Tap(lab, "a")
    there_and, back = ask(lab, "a", "c"), ask(lab, "c", "a")
    through.wait(there_and)
    there.wait(back)
    silent(through, about=back)


def test_RT_08_the_same_subnet(lab: Lab) -> None:
    """Two hosts of one subnet talk directly: no route steers their traffic through an appliance."""
    check(lab, passes("a", "a-2", "tcp", 23), passes("whole", "whole-2", "tcp", 23), drops("a", "b", "tcp", 23))
    tap, there = Tap(lab, "fw"), Tap(lab, "a-2")
    about = ask(lab, "a", "a-2")
    there.wait(about)
    silent(tap, about=about)


def test_RT_04_local_replaced(lab: Lab) -> None:
    """The target of the local route can be an instance, which then gets all traffic between the subnets."""
    check(lab, [Probe("whole", "c", "tcp", 80, seen_as=lab.private("whole"))], drops("whole", "c", "tcp", 23))
    check(lab, passes("c", "whole", "tcp", 23))


def test_RT_11_what_AWS_keeps_is_never_forwarded(lab: Lab) -> None:
    """A route that holds 169.254.168.0/22 among others forwards nothing of it, whatever its target."""
    tap, kept, free = Tap(lab, "fw"), packets.cookie(), packets.cookie()
    sender = Sender(lab, "web")
    for address in ("169.254.168.1", "169.254.170.2", "169.254.171.254"):
        sender.send(address, packets.UDP(dport=514) / packets.Raw(kept))
    for address in ("169.254.167.255", "169.254.172.0"):
        sender.send(address, packets.UDP(dport=514) / packets.Raw(free))
    tap.wait(free)
    silent(tap, about=kept)
    refused = [probe for node in ("web", "dev", "bare", "c") for probe in drops(node, "169.254.170.2", "tcp", 80)]
    agree(lab, refused, passes("web", "far", "tcp", 80))


def test_RT_10_a_rule_for_addresses_behind_an_appliance(lab: Lab) -> None:
    """Behind an appliance that keeps addresses, a rule that names the other side's CIDR matches."""
    check(lab, passes("a", "b-2", "tcp", 81), drops("a", "b-2", "tcp", 23))


def test_RT_09_a_rule_for_a_group_behind_an_appliance(lab: Lab) -> None:
    """Behind an appliance a rule that names the other side's security group stops matching."""
    check(lab, passes("c", "b-2", "tcp", 80), drops("a", "b-2", "tcp", 80), passes("a", "b", "tcp", 80))


def test_GRT_09_inbound_through_an_appliance(lab: Lab) -> None:
    """What comes in from the internet reaches the appliance of an edge route with the destination already private."""
    check(lab, passes("far", "203.0.113.6", "tcp", 80), drops("far", "203.0.113.6", "tcp", 23))
    check(lab, [Probe("web", "far", "tcp", 80, seen_as="203.0.113.6")], passes("far", "203.0.113.3", "tcp", 23))
    tap = Tap(lab, "fw")
    about = ask(lab, "far", "203.0.113.6")
    assert tap.wait(about)["IP"].dst == lab.private("web")


def test_GRT_05_a_target_without_public_address(lab: Lab) -> None:
    """An edge route to an instance that has no public address drops what comes in."""
    check(
        lab,
        drops("far", "203.0.113.7", "tcp", 80),
        passes("far", "203.0.113.6", "tcp", 80),
        passes("c", "shut", "tcp", 80),
    )


def test_GRT_05_a_target_that_is_stopped(lab: Lab) -> None:
    """An edge route to an instance that is stopped drops what comes in; the local route is not taken instead."""
    lab.up(edited(TOPOLOGY, {"services: [{firewall: [23]}]}": "services: [{firewall: [23]}], state: stopped}"}))
    try:
        agree(lab, drops("far", "203.0.113.6", "tcp", 80), passes("c", "web", "tcp", 80))
    finally:
        lab.up(TOPOLOGY)


def test_NATI_02_an_owners_table_beside_ours(lab: Lab) -> None:
    """What an appliance's owner loads into it stays, and what makes it an appliance is put back when missing."""
    lab.must("fw", "nft add table inet mine")
    outcome = lab.up(TOPOLOGY)
    assert not outcome.plan.steps
    lab.must("fw", "nft delete table ip vpcemu")
    lab.up(TOPOLOGY)
    check(lab, passes("a", "b", "tcp", 80), drops("a", "b", "tcp", 23))
    assert "table inet mine" in lab.run("fw", "nft", "list", "tables").output
    lab.must("fw", "nft delete table inet mine")
