"""Whom the rules of security groups let in: new and default groups, references, several groups, prefix lists."""

from collections.abc import Iterator

import pytest

from emulator.topology.load import load
from tests.support import lab as labs
from tests.support import packets
from tests.support.lab import Lab, edited
from tests.support.packets import Sender, Tap, silent
from tests.support.probes import Probe, check, drops, passes

TOPOLOGY = """
prefix_lists:
  office: {max_entries: 5, entries: [198.51.100.0/25, {cidr: 10.0.2.0/24, description: the back}]}
vpcs:
  main:
    cidr_block: 10.0.0.0/16
    internet_gateway: igw
    subnets:
      front: {cidr_block: 10.0.0.0/24, map_public_ip_on_launch: true, route_table: public}
      back: {cidr_block: 10.0.2.0/24, route_table: public}
    route_tables:
      public: {routes: {0.0.0.0/0: igw}}
    security_groups:
      new: {}
      open: {ingress: [{protocol: all, from: 0.0.0.0/0}]}
      lb: {}
      from-lb: {ingress: [{protocol: tcp, port: 80, from: lb}]}
      esp: {ingress: [{protocol: 50, from_port: 80, to_port: 80, cidr_blocks: [10.0.0.0/16]}]}
      code: {ingress: [{protocol: icmp, from_port: 8, to_port: 2, cidr_blocks: [10.0.0.0/16]}]}
      codes: {ingress: [{protocol: icmp, from_port: 8, to_port: -1, cidr_blocks: [10.0.0.0/16]}]}
      one: {ingress: [{protocol: tcp, port: 81, from: 0.0.0.0/0}], egress: []}
      two: {ingress: [{protocol: tcp, port: 82, from: 0.0.0.0/0}], egress: []}
      three: {ingress: [{protocol: tcp, port: 83, from: open}], egress: []}
      four: {ingress: [{protocol: udp, port: 84, from: 10.0.0.0/8}], egress: []}
      five: {egress: [{protocol: tcp, port: 80, to: 10.0.0.0/16}]}
      listed:
        ingress:
          - {protocol: tcp, port: 80, from: office}
          - {protocol: udp, port: 84, prefix_list_ids: [office]}
        egress: []
      range: {ingress: [{protocol: tcp, from_port: 8000, to_port: 8003, cidr_blocks: [10.0.0.0/16]}]}
      to-office: {egress: [{protocol: all, to: office}]}
    instances:
      hq: {subnet: front, security_groups: [new]}
      hq-2: {subnet: front, security_groups: [new]}
      plain-1: {subnet: front}
      plain-2: {subnet: back}
      open: {subnet: back, security_groups: [open]}
      near: {subnet: front, security_groups: [open]}
      hp: {subnet: front, private_ip: 10.0.0.10, security_groups: [from-lb]}
      lb: {subnet: front, security_groups: [lb]}
      lb-too: {subnet: front, security_groups: [esp, lb, two]}
      vpn: {subnet: back, security_groups: [esp]}
      code: {subnet: back, security_groups: [code]}
      codes: {subnet: back, security_groups: [codes]}
      five: {subnet: front, security_groups: [one, two, three, four, five]}
      listed: {subnet: front, security_groups: [listed]}
      range: {subnet: back, security_groups: [range]}
      calls-office: {subnet: front, security_groups: [to-office]}
internet:
  hosts:
    office: {ip: 198.51.100.7}
    elsewhere: {ip: 198.51.100.200}
"""


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with labs.up(TOPOLOGY) as up:
        for node in (*up.addresses.private, "office", "elsewhere"):
            up.serve(node, tcp=(80, 81, 82, 83), udp=(84,))
        up.serve("range", tcp=(7999, 8000, 8003, 8004))
        yield up


def test_SG_07_SG_09_T_40_a_new_group(lab: Lab) -> None:
    """A new security group lets nobody in and everything out."""
    check(
        lab,
        passes("hq", "open", "tcp", 80),
        passes("hq", "open", "icmp"),
        passes("hq", "office", "udp", 84),
        drops("open", "hq", "tcp", 80),
        drops("open", "hq", "udp", 84),
        drops("open", "hq", "icmp"),
        drops("hq-2", "hq", "tcp", 80),  # SG-09
        drops("office", lab.public("hq"), "tcp", 80),
    )


def test_SG_05_SG_08_T_41_the_default_group(lab: Lab) -> None:
    """Two instances with the VPC's default security group reach each other; one with another group reaches neither."""
    check(
        lab,
        passes("plain-1", "plain-2", "tcp", 80),
        passes("plain-2", "plain-1", "udp", 84),
        passes("plain-2", "plain-1", "icmp"),
        drops("open", "plain-1", "tcp", 80),
        drops("open", "plain-2", "icmp"),
    )


def test_T_42_a_reference_means_private_addresses(lab: Lab) -> None:
    """A rule that names a group admits its members' private addresses, and not their public ones."""
    check(
        lab,
        passes("lb", "10.0.0.10", "tcp", 80),
        drops("lb", lab.public("hp"), "tcp", 80),
        [Probe("lb", lab.public("near"), "tcp", 80, seen_as=lab.public("lb"))],
    )


def test_SG_03_SG_04_a_reply_needs_no_rule(lab: Lab) -> None:
    """Without egress rules an instance answers who may call it, and calls nobody itself: its SYN goes nowhere."""
    called = Tap(lab, "open")
    check(lab, passes("open", "listed", "tcp", 80), drops("listed", "open", "tcp", 80, 81))
    own = lab.private("listed")
    assert {f.packet["TCP"].sport for f in called.came() if "TCP" in f.packet and f.packet["IP"].src == own} == {80}


def test_SG_44_what_an_instance_says_to_itself(lab: Lab) -> None:
    """What goes to an instance's own address never reaches its groups, which let nobody in."""
    check(lab, passes("hq", "hq", "tcp", 80), passes("hq", "hq", "icmp"), drops("hq-2", "hq", "tcp", 80))


def test_SG_30_every_group_of_a_member_counts(lab: Lab) -> None:
    """A rule that names a group admits whoever carries it, as the first of its groups or not."""
    check(
        lab,
        passes("lb-too", "10.0.0.10", "tcp", 80),
        passes("lb", "10.0.0.10", "tcp", 80),
        drops("vpn", "10.0.0.10", "tcp", 80),
    )


def test_T_49_a_protocol_without_ports(lab: Lab) -> None:
    """A rule for protocol 50 admits every ESP packet, whatever ports it names, and no other protocol."""
    came = Tap(lab, "vpn")
    sender = Sender(lab, "near")
    wrong, right = packets.cookie(), packets.cookie()
    sender.send("vpn", packets.Raw(wrong), proto=51)
    sender.send("vpn", packets.TCP(dport=80, flags="S") / packets.Raw(wrong))
    sender.send("vpn", packets.Raw(right), proto=50)
    came.wait(right)
    silent(came, about=wrong)


def test_SG_21_both_ends_of_a_port_range(lab: Lab) -> None:
    """A range of ports begins with its first and ends with its last one."""
    check(lab, passes("near", "range", "tcp", 8000, 8003), drops("near", "range", "tcp", 7999, 8004))


def test_SG_21_type_and_code(lab: Lab) -> None:
    """For ICMP a rule's ports are a type and a code; code -1 is all of them."""
    sender = Sender(lab, "near")

    def sent(to: str, code: int, type_: int = 8) -> bytes:
        mark = packets.cookie()
        sender.send(to, packets.ICMP(type=type_, code=code, id=code) / packets.Raw(mark))
        return mark

    one, every = Tap(lab, "code"), Tap(lab, "codes")
    another_code, another_type = sent("code", 3), sent("code", 2, 13)
    one.wait(sent("code", 2))
    silent(one, about=another_code)
    silent(one, about=another_type)
    for code in (0, 2, 255):
        every.wait(sent("codes", code))


def test_SG_01_five_groups_of_one_interface(lab: Lab) -> None:
    """The rules of all five groups of an interface count together."""
    check(
        lab,
        passes("office", lab.public("five"), "tcp", 81, 82),
        drops("office", lab.public("five"), "tcp", 80, 83),
        passes("open", "five", "tcp", 81, 82, 83),
        passes("hq", "five", "udp", 84),
        drops("hq", "five", "tcp", 83),
        passes("five", "open", "tcp", 80),
        drops("five", "open", "tcp", 81),
        drops("five", "office", "tcp", 80),
    )


def test_SG_22_a_prefix_list_is_each_of_its_entries(lab: Lab) -> None:
    """A rule that names a prefix list admits every block of the list, in either direction."""
    check(
        lab,
        passes("office", lab.public("listed"), "tcp", 80),
        passes("office", lab.public("listed"), "udp", 84),
        passes("open", "listed", "tcp", 80),
        passes("open", "listed", "udp", 84),
        drops("elsewhere", lab.public("listed"), "tcp", 80),
        drops("near", "listed", "udp", 84),
        drops("open", "listed", "tcp", 81),
        passes("calls-office", "office", "tcp", 83),
        drops("calls-office", "elsewhere", "tcp", 83),
        drops("calls-office", "near", "tcp", 80),
    )


def test_SG_22_a_prefix_list_is_edited(lab: Lab) -> None:
    """A block that is put into a prefix list, or taken out, counts at once for every rule that names the list."""
    lab.up(edited(TOPOLOGY, {"198.51.100.0/25": "198.51.100.128/25"}))
    try:
        check(
            lab,
            passes("elsewhere", lab.public("listed"), "tcp", 80),
            drops("office", lab.public("listed"), "tcp", 80),
            passes("calls-office", "elsewhere", "tcp", 83),
            drops("calls-office", "office", "tcp", 83),
        )
    finally:
        lab.up(TOPOLOGY)


def _codes(rules: str, lists: str = "{}") -> list[tuple[str, bool]]:
    vpc = f"{{cidr_block: 10.0.0.0/16, security_groups: {{web: {rules}}}}}"
    text = f"name: lab\nprefix_lists: {lists}\nvpcs: {{main: {vpc}}}\n"
    return [(problem.code, problem.warning) for problem in load(text)[1]]


def test_SG_24_the_same_rule_twice() -> None:
    """A rule that is there already is refused, also under another description and in another spelling."""
    one = "{protocol: tcp, port: 80, from: 10.0.0.0/8}"
    for other in (
        "{protocol: tcp, port: 80, from: 10.0.0.0/8, description: again}",
        "{protocol: 6, from_port: 80, to_port: 80, cidr_blocks: [10.1.2.3/8]}",
    ):
        assert _codes(f"{{ingress: [{one}, {other}]}}") == [("InvalidPermission.Duplicate", False)]
    assert not _codes(f"{{ingress: [{one}, {{protocol: udp, port: 80, from: 10.0.0.0/8}}]}}")


def test_SG_26_a_prefix_list_counts_for_all_it_may_hold() -> None:
    """In the quota of 60 rules a prefix list counts for its max_entries, however few entries it has."""
    rules = "{ingress: [{protocol: tcp, port: 80, from: [corp, 192.0.2.0/24]}]}"
    assert _codes(rules, "{corp: {max_entries: 60, entries: [10.0.0.0/8]}}") == [
        ("RulesPerSecurityGroupLimitExceeded", True)
    ]
    assert not _codes(rules, "{corp: {max_entries: 59, entries: [10.0.0.0/8]}}")
