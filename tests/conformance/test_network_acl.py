"""Network ACLs: stateless, at the border of a subnet, before the receiver's groups and after the sender's."""

from collections.abc import Iterator

import pytest

from tests.support import lab as labs
from tests.support import packets
from tests.support.lab import Lab, edited
from tests.support.packets import Sender, Tap, silent
from tests.support.probes import Probe, check, drops, passes, refused

# The subnets are called after their ACLs. All instances have an open group unless their name says otherwise.
TOPOLOGY = """
vpcs:
  main:
    cidr_block: 10.0.0.0/16
    internet_gateway: igw
    subnets:
      open: {cidr_block: 10.0.0.0/24, route_table: public}
      new: {cidr_block: 10.0.1.0/24, route_table: public, network_acl: new}
      numbered: {cidr_block: 10.0.2.0/24, network_acl: numbered}
      forgetful: {cidr_block: 10.0.3.0/24, route_table: public, network_acl: forgetful}
      only-out: {cidr_block: 10.0.4.0/24, network_acl: only-out}
      kinds: {cidr_block: 10.0.5.0/24, network_acl: kinds}
      picky: {cidr_block: 10.0.6.0/24, network_acl: picky}
    route_tables:
      public: {routes: {0.0.0.0/0: igw}}
    network_acls:
      new: {}
      numbered:
        ingress:
          - {rule_number: 120, action: deny, protocol: all, from: 0.0.0.0/0}
          - {rule_number: 100, action: allow, protocol: tcp, port: 22-80, from: 0.0.0.0/0}
          - {rule_number: 90, action: deny, protocol: tcp, port: 22, from: 10.0.0.4/32}
          - {rule_number: 110, action: deny, protocol: tcp, port: 80, from: 10.0.0.4/32}
          - {rule_number: 130, action: allow, protocol: tcp, port: 8080, from: 0.0.0.0/0}
        egress: [{rule_number: 100, action: allow, protocol: tcp, port: 1024-65535, to: 0.0.0.0/0}]
      forgetful:
        ingress: [{rule_number: 100, action: allow, protocol: tcp, port: 80, from: 0.0.0.0/0}]
        egress: [{rule_number: 100, action: allow, protocol: tcp, port: 80, to: 0.0.0.0/0}]
      only-out:
        ingress: []
        egress: [{rule_number: 100, action: allow, protocol: all, to: 0.0.0.0/0}]
      kinds:
        ingress:
          - {rule_number: 10, action: allow, protocol: icmp, icmp_type: 8, from: 0.0.0.0/0}
          - {rule_number: 20, action: allow, protocol: icmp, icmp_type: 3, icmp_code: 4, from: 0.0.0.0/0}
          - {rule_number: 30, action: allow, protocol: 47, port: 80, from: 0.0.0.0/0}
          - {rule_number: 40, action: allow, protocol: udp, port: 514, from: 10.0.0.0/24}
          - {rule_number: 50, action: allow, protocol: tcp, port: all, from: 10.0.0.5/32}
        egress:
          - {rule_no: 10, action: allow, protocol: icmp, from_port: 0, to_port: -1, cidr_block: 0.0.0.0/0}
          - {rule_no: 20, action: allow, protocol: udp, from_port: 1024, to_port: 65535, cidr_block: 0.0.0.0/0}
          - {rule_no: 30, action: allow, protocol: tcp, from_port: 1024, to_port: 65535, cidr_block: 0.0.0.0/0}
      picky:
        ingress: [{rule_number: 1, action: allow, protocol: all, from: 0.0.0.0/0}]
        egress: [{rule_number: 1, action: allow, protocol: tcp, port: all, to: 10.0.0.5/32}]
    security_groups:
      open: {ingress: [{protocol: all, from: 0.0.0.0/0}]}
      closed: {ingress: [], egress: []}
      no-http: {ingress: [{protocol: tcp, port: 22, from: 0.0.0.0/0}]}
    instances:
      client: {subnet: open, private_ip: 10.0.0.4, associate_public_ip_address: true, security_groups: [open]}
      other: {subnet: open, private_ip: 10.0.0.5, security_groups: [open]}
      new-1: {subnet: new, associate_public_ip_address: true, security_groups: [open]}
      new-2: {subnet: new, security_groups: [open]}
      shut: {subnet: new, security_groups: [closed]}
      numbered-1: {subnet: numbered, security_groups: [open]}
      grouped: {subnet: numbered, security_groups: [no-http]}
      forgetful-1: {subnet: forgetful, associate_public_ip_address: true, security_groups: [open]}
      forgetful-2: {subnet: forgetful, security_groups: [open]}
      caller: {subnet: only-out, security_groups: [open]}
      kinds-1: {subnet: kinds, security_groups: [open]}
      picky-1: {subnet: picky, security_groups: [open]}
internet:
  hosts:
    outside: {ip: 198.51.100.7}
"""


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with labs.up(TOPOLOGY) as up:
        for node in (*up.addresses.private, "outside"):
            up.serve(node, tcp=(22, 80, 8080), udp=(514,))
        yield up


def test_ACL_01_replies_need_a_rule_of_their_own(lab: Lab) -> None:
    """A network ACL knows no replies: without a rule for them the reply to an allowed connection is dropped."""
    check(lab, passes("other", "client", "tcp", 80), drops("caller", "client", "tcp", 80))
    seen = Tap(lab, "client")
    mark = packets.cookie()
    Sender(lab, "caller").send("client", packets.UDP(dport=514) / packets.Raw(mark))
    seen.wait(mark)


def test_ACL_16_a_traceroute_needs_a_rule_for_ICMP(lab: Lab) -> None:
    """Word of a packet that lived too short passes the groups with its flow, and an ACL by a rule of its own only."""
    gateway, deaf = Tap(lab, "igw"), Tap(lab, "forgetful-1")
    unheard, heard = packets.cookie(), packets.cookie()
    Sender(lab, "forgetful-1").send("outside", packets.TCP(dport=80) / packets.Raw(unheard), ttl=1)
    gateway.wait_for(lambda p: "TCPerror" in p and unheard in bytes(p), "word of its end")
    own = Tap(lab, "client")
    Sender(lab, "client").send("outside", packets.TCP(dport=80) / packets.Raw(heard), ttl=1)
    assert own.wait_for(lambda p: "TCPerror" in p and heard in bytes(p), "word of its end")["ICMP"].type == 11
    silent(deaf, about=unheard)


def test_ACL_02_within_a_subnet_no_acl_is_asked(lab: Lab) -> None:
    """Two instances of one subnet talk whatever the subnet's network ACL says; their groups still count."""
    check(
        lab,
        passes("new-1", "new-2", "tcp", 80),
        passes("new-2", "new-1", "udp", 514),
        passes("new-1", "new-2", "icmp"),
        drops("new-1", "shut", "tcp", 80),
        drops("new-1", "client", "tcp", 80),
        drops("client", "new-1", "tcp", 80),
    )


def test_T_47_an_acl_that_denies_everything(lab: Lab) -> None:
    """A network ACL that denies everything does not come between two instances of its subnet."""
    check(lab, passes("new-2", "new-1", "tcp", 22, 80, 8080), drops("new-2", "client", "tcp", 22, 80))


def test_ACL_03_the_lowest_number_that_matches_decides(lab: Lab) -> None:
    """Rules are tried in the order of their numbers, wherever they stand, and the first that matches decides."""
    check(
        lab,
        drops("client", "numbered-1", "tcp", 22),  # 90 before 100
        passes("client", "numbered-1", "tcp", 80),  # 100 before 110
        passes("other", "numbered-1", "tcp", 22, 80),
        drops("other", "numbered-1", "tcp", 8080),  # 120 before 130
        drops("other", "numbered-1", "udp", 514),
    )


def test_ACL_06_the_default_acl_allows_everything(lab: Lab) -> None:
    """A subnet that names no network ACL has the VPC's default one, which allows everything in both directions."""
    check(
        lab,
        passes("client", "outside", "tcp", 80),
        [Probe("outside", lab.public("client"), "tcp", 80)],
        drops("outside", lab.public("new-1"), "tcp", 80),
    )
    router = next(held.ruleset.text for held in lab.state.namespaces.values() if held.kind == "router" and held.ruleset)
    assert "leave.open" not in router
    assert "enter.open" not in router


def test_ACL_07_a_new_acl_denies_everything(lab: Lab) -> None:
    """A network ACL without rules lets nothing into or out of its subnets, in silence."""
    check(
        lab,
        passes("other", "client", "tcp", 80),
        drops("client", "new-1", "tcp", 80),
        drops("client", "new-1", "icmp"),
        drops("new-1", "outside", "tcp", 80),
        drops("outside", lab.public("new-1"), "tcp", 80),
    )


def test_ACL_10_the_port_is_the_packets_destination(lab: Lab) -> None:
    """The CIDR of an outbound rule is the destination, and the port is the destination port in both directions."""
    check(
        lab,
        passes("picky-1", "other", "tcp", 80),
        passes("other", "picky-1", "tcp", 80),
        drops("picky-1", "client", "tcp", 80),
        drops("client", "picky-1", "tcp", 80),
        drops("other", "picky-1", "udp", 514),
    )


def test_ACL_11_protocols_icmp_types_and_ports(lab: Lab) -> None:
    """Ports count for TCP and UDP, type and code for ICMP, and nothing for any other protocol."""
    check(
        lab,
        passes("client", "kinds-1", "icmp"),
        passes("client", "kinds-1", "udp", 514),
        passes("other", "kinds-1", "tcp", 22, 80, 8080),
        drops("client", "kinds-1", "tcp", 80),
        drops("kinds-1", "client", "icmp"),
        drops("new-1", "kinds-1", "udp", 514),
    )
    sender, seen = Sender(lab, "client"), Tap(lab, "kinds-1")
    fragmentation, unreachable, gre, esp, done = (packets.cookie() for _ in range(5))
    sender.send("kinds-1", packets.ICMP(type=3, code=4) / packets.Raw(fragmentation))
    sender.send("kinds-1", packets.ICMP(type=3, code=3) / packets.Raw(unreachable))
    sender.send("kinds-1", packets.Raw(esp), proto=50)
    sender.send("kinds-1", packets.Raw(gre), proto=47)
    sender.send("kinds-1", packets.UDP(dport=514) / packets.Raw(done))
    for mark in (fragmentation, gre, done):
        seen.wait(mark)
    silent(seen, about=unreachable)
    silent(seen, about=esp)


def test_ACL_14_T_46_the_ephemeral_ports_are_forgotten(lab: Lab) -> None:
    """An outbound ACL without the ephemeral ports lets the SYN in and drops the SYN/ACK: the connection times out."""
    asked, answered = Tap(lab, "forgetful-1"), Tap(lab, "other")
    check(
        lab,
        passes("other", "client", "tcp", 80),
        passes("forgetful-2", "forgetful-1", "tcp", 80),
        drops("other", "forgetful-1", "tcp", 80),
        drops("outside", lab.public("forgetful-1"), "tcp", 80),
    )
    came = [frame.packet for frame in asked.came()]
    left = [frame.packet for frame in asked.left()]
    other = lab.private("other")
    assert any(p.haslayer(packets.TCP) and p[packets.IP].src == other and p[packets.TCP].flags == "S" for p in came)
    assert any(p.haslayer(packets.TCP) and p[packets.IP].dst == other and p[packets.TCP].flags == "SA" for p in left)
    forgetful = lab.private("forgetful-1")
    assert not [f for f in answered.came() if f.packet.haslayer(packets.IP) and f.packet[packets.IP].src == forgetful]


def test_ACL_23_the_groups_are_asked_as_well(lab: Lab) -> None:
    """Both must allow: a network ACL that lets a packet in does not open the receiver's security group."""
    check(lab, passes("other", "grouped", "tcp", 22), drops("other", "grouped", "tcp", 80))


def test_SG_40_SG_41_ACL_17_T_48_services_of_aws_are_not_filtered(lab: Lab) -> None:
    """With closed groups and an ACL that denies everything, the resolver, metadata and time service are reached."""
    router = "main.router"
    addresses = ("10.0.0.2", "169.254.169.253", "169.254.169.254", "169.254.169.123")
    for address in addresses:
        lab.serve(router, tcp=(53,), udp=(123,), at=address)
    try:
        check(
            lab,
            *(passes(node, address, "tcp", 53) for node in ("shut", "client") for address in addresses),
            *(passes(node, address, "udp", 123) for node in ("shut", "client") for address in addresses),
            *(refused("shut", address, "tcp", 80) for address in addresses),
            drops("shut", "client", "tcp", 80),
            drops("shut", "10.0.1.1", "tcp", 53),
            drops("outside", "169.254.169.254", "tcp", 53),
            drops("outside", "10.0.0.2", "tcp", 53),
        )
    finally:
        for server in [held for held in lab.servers if held.node == router]:
            server.socket.close()
            lab.servers.remove(server)


# ---- the NAT gateway's subnet ----------------------------------------------------------------------------------------

NAT = """
vpcs:
  main:
    cidr_block: 10.0.0.0/16
    internet_gateway: igw
    subnets:
      p: {cidr_block: 10.0.10.0/24, route_table: public, network_acl: p}
      q: {cidr_block: 10.0.20.0/24, route_table: private}
    route_tables:
      public: {routes: {0.0.0.0/0: igw}}
      private: {routes: {0.0.0.0/0: nat}}
    nat_gateways:
      nat: {subnet: p}
    network_acls:
      p:
        ingress:
          - {rule_number: 100, action: allow, protocol: tcp, port: 80, from: 10.0.20.0/24}
          - {rule_number: 110, action: allow, protocol: tcp, port: 1024-65535, from: 198.51.100.0/24}
        egress:
          - {rule_number: 100, action: allow, protocol: tcp, port: 80, to: 198.51.100.0/24}
          - {rule_number: 110, action: allow, protocol: tcp, port: 1024-65535, to: 10.0.20.0/24}
    security_groups:
      open: {ingress: [{protocol: all, from: 0.0.0.0/0}]}
    instances:
      hq: {subnet: q, security_groups: [open]}
      beside: {subnet: q, security_groups: [open]}
internet:
  hosts:
    outside: {ip: 198.51.100.7}
"""

CROSSINGS = {
    "in from the private subnet": "port: 80, from: 10.0.20.0/24",
    "out to the internet": "port: 80, to: 198.51.100.0/24",
    "the reply, in": "port: 1024-65535, from: 198.51.100.0/24",
    "the reply, out": "port: 1024-65535, to: 10.0.20.0/24",
}


@pytest.fixture(scope="module")
def nat() -> Iterator[Lab]:
    with labs.up(NAT) as up:
        up.serve("outside", tcp=(80,))
        up.serve("beside", tcp=(80,))
        yield up


def test_NAT_34_the_acl_of_the_nat_gateways_subnet(nat: Lab) -> None:
    """The ACL of a NAT gateway's subnet judges all four crossings: question in and out, answer in and out."""
    nat.up(NAT)
    check(nat, passes("hq", "outside", "tcp", 80), passes("hq", "beside", "tcp", 80))
    for words in CROSSINGS.values():
        nat.up(edited(NAT, {f"action: allow, protocol: tcp, {words}": f"action: deny, protocol: tcp, {words}"}))
        check(nat, drops("hq", "outside", "tcp", 80), passes("hq", "beside", "tcp", 80))
    nat.up(NAT)
    check(nat, passes("hq", "outside", "tcp", 80))


def test_T_35_the_acl_of_the_nat_gateways_subnet_denies_replies(nat: Lab) -> None:
    """Without inbound 1024-65535 in the ACL of the NAT gateway's subnet, the private subnet's internet is dead."""
    words = CROSSINGS["the reply, in"]
    nat.up(edited(NAT, {f"action: allow, protocol: tcp, {words}": f"action: deny, protocol: tcp, {words}"}))
    outside = Tap(nat, "outside")
    check(nat, drops("hq", "outside", "tcp", 80), passes("hq", "beside", "tcp", 80))
    assert [frame for frame in outside.came() if frame.packet.haslayer(packets.TCP)], "the question did not get out"
    nat.up(NAT)
