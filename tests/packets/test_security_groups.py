"""Security groups: whose rules count, in which direction, and what a reply is."""

from collections.abc import Iterator

import pytest

from tests.support import lab as labs
from tests.support import packets
from tests.support.lab import Lab
from tests.support.packets import Sender, Tap, silent
from tests.support.probes import Probe, check, drops, passes

# Every instance listens on 80, 8080 (TCP) and 514 (UDP); what gets through is the groups' business.
TOPOLOGY = """
vpcs:
  main:
    cidr_block: 10.0.0.0/16
    internet_gateway: igw
    subnets:
      one: {cidr_block: 10.0.1.0/24}
      two: {cidr_block: 10.0.2.0/24}
      public: {cidr_block: 10.0.9.0/24, route_table: public}
    route_tables:
      public: {routes: {0.0.0.0/0: igw}}
    security_groups:
      new: {}                                                  # SG-07
      closed: {ingress: [], egress: []}
      open: {ingress: [{protocol: all, from: 0.0.0.0/0}]}
      http: {ingress: [{protocol: tcp, port: 80, from: 0.0.0.0/0}]}
      alt: {ingress: [{protocol: tcp, port: 8080, from: 0.0.0.0/0}], egress: []}
      syslog: {ingress: [{protocol: udp, port: 514, from: 10.0.1.0/24}], egress: []}
      from-one: {ingress: [{protocol: tcp, port: 80, from: 10.0.1.0/24}], egress: []}
      members: {ingress: [{protocol: tcp, port: 80, from: self}]}
      from-http: {ingress: [{protocol: all, from: http}], egress: []}
      to-http: {egress: [{protocol: tcp, port: 80, to: http}]}
      to-one: {egress: [{protocol: tcp, port: 80, to: 10.0.1.0/24}, {protocol: icmp, to: 10.0.1.0/24}]}
      narrow: {ingress: [{protocol: all, from: 0.0.0.0/0}], egress: [{protocol: tcp, port: 80, to: 10.0.1.0/24}]}
    instances:
      plain-1: {subnet: one}                                   # SG-08: the default group
      plain-2: {subnet: two}
      new-1: {subnet: one, security_groups: [new]}
      new-2: {subnet: one, security_groups: [new]}
      mute: {subnet: one, security_groups: [closed]}
      open-1: {subnet: one, security_groups: [open]}
      open-2: {subnet: two, security_groups: [open]}
      http-1: {subnet: one, security_groups: [http]}
      both-2: {subnet: two, security_groups: [http, alt]}
      syslog-2: {subnet: two, security_groups: [syslog]}
      from-one-1: {subnet: one, security_groups: [from-one]}
      members-1: {subnet: one, security_groups: [members]}
      members-2: {subnet: two, security_groups: [members]}
      from-http-1: {subnet: one, security_groups: [from-http]}
      to-http-2: {subnet: two, security_groups: [to-http]}
      to-one-2: {subnet: two, security_groups: [to-one]}
      narrow-2: {subnet: two, security_groups: [narrow]}
      front: {subnet: public, security_groups: [http], associate_public_ip_address: true}
internet:
  hosts:
    outside: {ip: 198.51.100.7}
"""


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with labs.up(TOPOLOGY) as up:
        for node in (*up.addresses.private, "outside"):
            up.serve(node, tcp=(80, 8080), udp=(514,))
        yield up


def test_GEN_01_a_refusal_is_silent(lab: Lab) -> None:
    """GEN-01: no reset, no ICMP error, to whoever was refused by a group, by either side's."""
    sender, receiver = Tap(lab, "open-1"), Tap(lab, "open-2")
    wire = Sender(lab, "open-1")
    mark = packets.cookie()
    for upper in (packets.TCP(dport=22, flags="S"), packets.UDP(dport=22), packets.ICMP(), packets.TCP(dport=22)):
        wire.send("mute", upper / packets.Raw(mark))
        Sender(lab, "mute").send("open-2", upper / packets.Raw(mark))
    done = packets.cookie()
    wire.send("open-2", packets.UDP(dport=9) / packets.Raw(done))
    receiver.wait(done)
    silent(sender, receiver, about=mark)


def test_SG_02_two_groups_are_a_union(lab: Lab) -> None:
    """SG-02: what any rule of any group allows; `alt` forbids going out, `http` allows it."""
    check(
        lab,
        passes("open-1", "both-2", "tcp", 80, 8080),
        drops("open-1", "both-2", "tcp", 22),
        passes("both-2", "open-1", "tcp", 80),
    )


def test_SG_03_replies_need_no_rule(lab: Lab) -> None:
    """SG-03, SG-04: groups without any egress rule answer who may call them, and cannot call anybody."""
    check(
        lab,
        [Probe("open-1", "from-one-1", "tcp", 80, seen_as=lab.private("open-1"))],
        passes("open-1", "syslog-2", "udp", 514),
        drops("from-one-1", "open-1", "tcp", 80),
        drops("syslog-2", "open-1", "udp", 514),
        drops("syslog-2", "open-1", "icmp"),
    )


def test_SG_04_the_senders_egress_comes_first(lab: Lab) -> None:
    """SG-04: without egress the SYN does not leave the sender's ENI, though the receiver would take it."""
    router, receiver = Tap(lab, "main.router"), Tap(lab, "open-1")
    mark, done = packets.cookie(), packets.cookie()
    Sender(lab, "mute").send("open-1", packets.TCP(dport=80, flags="S") / packets.Raw(mark))
    Sender(lab, "new-1").send("open-1", packets.TCP(dport=80, flags="S") / packets.Raw(done))
    receiver.wait(done)
    silent(receiver, about=mark)
    assert [frame.link for frame in router.holding(mark)] == ["eni-mute"]


def test_restricted_egress(lab: Lab) -> None:
    """SG-02 for the way out: protocol, port and destination must match one rule, and the receiver must agree."""
    check(
        lab,
        passes("to-one-2", "open-1", "tcp", 80),
        passes("to-one-2", "open-1", "icmp"),
        drops("to-one-2", "open-1", "tcp", 8080),
        drops("to-one-2", "open-1", "udp", 514),
        drops("to-one-2", "open-2", "tcp", 80),
        drops("to-one-2", "open-2", "icmp"),
        drops("to-one-2", "new-1", "tcp", 80),
    )


def test_ingress_does_not_help_egress(lab: Lab) -> None:
    """SG-04: a group open to everybody, with a narrow way out: the two directions are judged one by one."""
    check(
        lab,
        passes("narrow-2", "open-1", "tcp", 80),
        drops("narrow-2", "open-1", "tcp", 8080),
        drops("narrow-2", "open-2", "tcp", 80),
        passes("open-2", "narrow-2", "tcp", 8080),
        passes("open-2", "narrow-2", "icmp"),
    )


def test_SG_09_self_reference(lab: Lab) -> None:
    """SG-09: between the ENIs that carry the group, in whatever subnet; nobody else; and only what the rule says."""
    check(
        lab,
        passes("members-1", "members-2", "tcp", 80),
        passes("members-2", "members-1", "tcp", 80),
        drops("members-1", "members-2", "tcp", 8080),
        drops("members-1", "members-2", "udp", 80),
        drops("members-1", "members-2", "icmp"),
        drops("open-1", "members-2", "tcp", 80),
    )


def test_SG_30_group_reference(lab: Lab) -> None:
    """SG-30: the addresses of all ENIs that carry the named group; its rules are not taken over."""
    check(
        lab,
        passes("http-1", "from-http-1", "tcp", 80, 8080),
        passes("both-2", "from-http-1", "udp", 514),
        passes("front", "from-http-1", "icmp"),
        drops("open-1", "from-http-1", "tcp", 80),
        drops("outside", lab.public("front"), "tcp", 8080),
        passes("outside", lab.public("front"), "tcp", 80),
    )


def test_group_reference_on_the_way_out(lab: Lab) -> None:
    """SG-30 for egress: to members, on that port; and the member's own ingress must agree."""
    check(
        lab,
        passes("to-http-2", "http-1", "tcp", 80),
        passes("to-http-2", "both-2", "tcp", 80),
        drops("to-http-2", "both-2", "tcp", 8080),
        drops("to-http-2", "both-2", "udp", 80),
        drops("to-http-2", "open-1", "tcp", 80),
        drops("to-http-2", "open-2", "tcp", 80),
    )


def test_a_reply_is_of_the_same_flow(lab: Lab) -> None:
    """SG-03, CT-13: having been called gives no right to call back on another port or protocol."""
    back, other = Tap(lab, "new-1"), Tap(lab, "new-2")
    wrong, right = packets.cookie(), packets.cookie()
    asked = Tap(lab, "open-2")
    first = packets.cookie()
    Sender(lab, "new-1").send("open-2", packets.UDP(sport=7000, dport=9000) / packets.Raw(first))
    asked.wait(first)
    answerer = Sender(lab, "open-2")
    for upper in (
        packets.UDP(sport=9000, dport=7001),
        packets.UDP(sport=9001, dport=7000),
        packets.TCP(sport=9000, dport=7000, flags="SA"),
        packets.TCP(sport=9000, dport=7000, flags="A"),
        packets.ICMP(type=0),
    ):
        answerer.send("new-1", upper / packets.Raw(wrong))
        answerer.send("new-2", upper / packets.Raw(wrong))
    answerer.send("new-1", packets.UDP(sport=9000, dport=7000) / packets.Raw(right))
    back.wait(right)
    silent(back, other, about=wrong)


def test_CT_10_errors_of_an_allowed_flow_pass(lab: Lab) -> None:
    """CT-10, MTU-09: an ICMP error about a tracked flow comes in without a rule; one about any other flow does not."""
    caller, called = Tap(lab, "new-1"), Tap(lab, "open-2")
    sent, made_up = packets.cookie(), packets.cookie()
    Sender(lab, "new-1").send("open-2", packets.UDP(sport=7100, dport=9100) / packets.Raw(sent))
    quoted = called.wait(sent)["IP"]
    answerer = Sender(lab, "open-2")
    invented = packets.IP(src=lab.private("new-1"), dst=lab.private("open-2")) / packets.UDP(sport=7101, dport=9100)
    answerer.send("new-1", packets.ICMP(type=3, code=4, nexthopmtu=1400) / invented / packets.Raw(made_up))
    answerer.send("new-2", packets.ICMP(type=3, code=4, nexthopmtu=1400) / packets.IP(bytes(quoted)))
    error = packets.ICMP(type=3, code=4, nexthopmtu=1400) / packets.IP(bytes(quoted))
    answerer.send("new-1", error)
    came = caller.wait_for(lambda p: "IPerror" in p and p["ICMP"].code == 4, "the error")
    assert came["UDPerror"].sport == 7100
    silent(caller, about=made_up)
    silent(Tap(lab, "new-2"), about=sent)
