"""Instances with a public address: the internet gateway translates one to one, and passes nobody else."""

from collections.abc import Iterator

import pytest

from tests.support import lab as labs
from tests.support import packets
from tests.support.lab import Lab
from tests.support.packets import Sender, Tap, silent
from tests.support.probes import Probe, check, drops, passes

TOPOLOGY = """
vpcs:
  main:
    cidr_block: 10.0.0.0/16
    internet_gateway: igw
    subnets:
      public: {cidr_block: 10.0.0.0/24, route_table: public}
      private: {cidr_block: 10.0.1.0/24, route_table: private}
      unrouted: {cidr_block: 10.0.2.0/24}
    route_tables:
      public: {routes: {0.0.0.0/0: igw}}
      private: {routes: {0.0.0.0/0: nat}}
    nat_gateways:
      nat: {subnet: public, elastic_ip: 203.0.113.99}
    security_groups:
      open: {ingress: [{protocol: all, from: 0.0.0.0/0}]}
      from-open: {ingress: [{protocol: all, from: open}]}
      outside-only: {ingress: [{protocol: tcp, port: 22, from: 198.51.100.7/32}]}
    instances:
      hp: {subnet: public, private_ip: 10.0.0.10, elastic_ip: 203.0.113.10, security_groups: [open]}
      hp2: {subnet: public, elastic_ip: 203.0.113.11, security_groups: [from-open]}
      hp3: {subnet: public, associate_public_ip_address: true, security_groups: [outside-only]}
      bare: {subnet: public, security_groups: [open]}
      hq: {subnet: private, security_groups: [open]}
      hq2: {subnet: private, security_groups: [open]}
      lost: {subnet: unrouted, elastic_ip: 203.0.113.12, security_groups: [open]}
  other:
    cidr_block: 10.0.0.0/16
    internet_gateway: igw-other
    subnets:
      public: {cidr_block: 10.0.0.0/24, route_table: public}
    route_tables:
      public: {routes: {0.0.0.0/0: igw-other}}
    security_groups:
      open: {ingress: [{protocol: all, from: 0.0.0.0/0}]}
    instances:
      ho: {subnet: public, private_ip: 10.0.0.10, elastic_ip: 203.0.113.20, security_groups: [open]}
internet:
  hosts:
    x: {ip: 198.51.100.7}
    y: {ip: 198.51.100.8}
    quiet: {ip: 198.51.100.9}                                  # made deaf below: it answers nothing by itself
"""


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with labs.up(TOPOLOGY) as up:
        for node in (*up.addresses.private, "x", "y"):
            if node != "nat":
                up.serve(node, tcp=(22, 80), udp=(514,))
        up.must("quiet", "ip addr flush dev eth0")
        yield up


def test_T_20_outside_sees_the_public_address(lab: Lab) -> None:
    """IGW-01, IGW-02: the outside host sees 203.0.113.10; the instance's own socket knows only 10.0.0.10."""
    client = lab.open_socket("hp")
    client.connect_ex(("198.51.100.7", 80))
    assert client.getsockname()[0] == "10.0.0.10"
    check(
        lab,
        [Probe("hp", "x", "tcp", 80, seen_as="203.0.113.10"), Probe("hp", "x", "udp", 514)],
        passes("hp", "x", "icmp"),
    )
    addresses = lab.run("hp", "ip", "-o", "-4", "addr", "show").output
    assert "10.0.0.10/24" in addresses
    assert "203.0.113." not in addresses


def test_T_21_outside_comes_in(lab: Lab) -> None:
    """SG-27, IGW-01: the instance sees the caller's own address, and its group judges by that address."""
    check(
        lab,
        [Probe("x", "203.0.113.10", "tcp", 22, seen_as="198.51.100.7")],
        passes("x", lab.public("hp3"), "tcp", 22),
        drops("y", lab.public("hp3"), "tcp", 22),
        drops("x", lab.public("hp3"), "tcp", 80),
        passes("y", "203.0.113.10", "udp", 514),
        passes("y", "203.0.113.10", "icmp"),
    )


@pytest.mark.parametrize("protocol", ["TCP", "UDP", "ICMP"])
def test_IGW_01_only_the_address_changes(lab: Lab, protocol: str) -> None:
    """IGW-01: ports, ICMP ids and all else stay as they are, in both directions, privileged ports too."""
    inside, outside = Tap(lab, "hp"), Tap(lab, "quiet")
    out, back = packets.cookie(), packets.cookie()
    there = {
        "TCP": packets.TCP(sport=53, dport=179, flags="S", seq=42),
        "UDP": packets.UDP(sport=53, dport=179),
        "ICMP": packets.ICMP(id=53),
    }[protocol]
    again = {
        "TCP": packets.TCP(sport=179, dport=53, flags="SA", seq=7, ack=43),
        "UDP": packets.UDP(sport=179, dport=53),
        "ICMP": packets.ICMP(type=0, id=53),
    }[protocol]
    Sender(lab, "hp").send("quiet", there / packets.Raw(out), tos=0x10, id=4242)
    came = outside.wait(out)["IP"]
    assert (came.src, came.dst, came.tos, came.id) == ("203.0.113.10", "198.51.100.9", 0x10, 4242)
    Sender(lab, "quiet").send("203.0.113.10", again / packets.Raw(back))
    returned = inside.wait(back)["IP"]
    assert (returned.src, returned.dst) == ("198.51.100.9", "10.0.0.10")
    if protocol == "ICMP":
        assert (came["ICMP"].id, returned["ICMP"].id) == (53, 53)
    else:
        assert (came[protocol].sport, came[protocol].dport) == (53, 179)
        assert (returned[protocol].sport, returned[protocol].dport) == (179, 53)


def test_IGW_01_any_protocol(lab: Lab) -> None:
    """IGW-01: a translator of addresses does not care for the protocol: GRE and ESP pass both ways."""
    inside, outside = Tap(lab, "hp"), Tap(lab, "quiet")
    for protocol, head in ((47, b"\0\0\x08\0"), (50, b"\0\0\1\1\0\0\0\1")):
        out, back = packets.cookie(), packets.cookie()
        Sender(lab, "hp").send("quiet", packets.Raw(head + out), proto=protocol)
        assert outside.wait(out)["IP"].src == "203.0.113.10"
        Sender(lab, "quiet").send("203.0.113.10", packets.Raw(head + back), proto=protocol)
        assert inside.wait(back)["IP"].dst == "10.0.0.10"


def test_an_error_about_a_translated_packet_quotes_the_private_address(lab: Lab) -> None:
    """IGW-01, CT-10: the packet inside the ICMP error is rewritten too, else the instance could not place it."""
    inside, outside = Tap(lab, "hp"), Tap(lab, "x")
    mark = packets.cookie()
    Sender(lab, "hp").send("x", packets.UDP(sport=4000, dport=4001) / packets.Raw(mark))
    sent = outside.wait(mark)["IP"]
    Sender(lab, "y").send("203.0.113.10", packets.ICMP(type=3, code=4, nexthopmtu=1400) / packets.IP(bytes(sent)[:28]))
    error = inside.wait_for(lambda packet: "IPerror" in packet and packet["ICMP"].code == 4, "the error")
    assert (error["IPerror"].src, error["UDPerror"].sport) == ("10.0.0.10", 4000)


def test_IGW_10_SG_31_between_public_addresses(lab: Lab) -> None:
    """T-42: by private address a group reference matches; by public address the same packet comes from a public one,
    and it does not.
    """
    check(
        lab,
        passes("hp", "hp2", "tcp", 80),
        drops("hp", "203.0.113.11", "tcp", 80),
        [Probe("hp2", "203.0.113.10", "tcp", 80, seen_as="203.0.113.11")],
        [Probe("hp2", "hp", "tcp", 80, seen_as=lab.private("hp2"))],
        [Probe("hq", "203.0.113.10", "tcp", 80, seen_as="203.0.113.99")],
        [Probe("hp", "203.0.113.10", "tcp", 80, seen_as="203.0.113.10")],
    )


def test_T_22_without_a_public_address(lab: Lab) -> None:
    """IGW-03: a perfect route to the internet gateway is of no use; the VPC is within reach as ever."""
    internet = Tap(lab, "internet")
    check(
        lab,
        drops("bare", "x", "tcp", 80),
        drops("bare", "x", "udp", 514),
        drops("bare", "x", "icmp"),
        drops("bare", "203.0.113.10", "tcp", 80),
        passes("bare", "hp", "tcp", 80),
        passes("hp", "x", "tcp", 80),
    )
    assert not [f.packet.summary() for f in internet.came() if f.packet["IP"].src == lab.private("bare")]


def test_no_private_source_leaves(lab: Lab) -> None:
    """IGW-01, SDC-03: what connection tracking cannot place (a segment of no flow, odd flags, a wrong checksum) is not
    sent on as it is: the internet never sees a private address.
    """
    internet, outside = Tap(lab, "internet"), Tap(lab, "x")
    lost, done = packets.cookie(), packets.cookie()
    for node in ("hp", "hq", "bare"):
        sender = Sender(lab, node)
        for upper in (
            *(packets.TCP(sport=1000, dport=80, flags=flags) for flags in ("R", "RA", "SF", "FSRPAU", "")),
            packets.TCP(sport=1000, dport=80, flags="S", chksum=0x1234),
            packets.UDP(sport=1000, dport=80, chksum=0x1234),
            packets.ICMP(type=0, id=1),
            packets.ICMP(type=3, code=3) / packets.IP(src="198.51.100.7", dst=sender.ip) / packets.UDP(dport=9),
        ):
            sender.send("x", upper / packets.Raw(lost))
    Sender(lab, "hp").send("x", packets.UDP(dport=9) / packets.Raw(done))
    outside.wait(done)
    sources = {frame.packet["IP"].src for frame in internet.came() if lost in frame.data}
    assert sources <= {"203.0.113.10", "203.0.113.99"}


def test_T_23_without_a_route_to_the_gateway(lab: Lab) -> None:
    """IGW-04: what comes in is delivered, and the answer has no way back."""
    tap, outside = Tap(lab, "lost"), Tap(lab, "x")
    mark = packets.cookie()
    Sender(lab, "x").send("203.0.113.12", packets.TCP(sport=1000, dport=80, flags="S") / packets.Raw(mark))
    assert tap.wait(mark)["IP"].dst == lab.private("lost")
    check(
        lab,
        drops("x", "203.0.113.12", "tcp", 80),
        drops("lost", "x", "tcp", 80),
        drops("lost", "x", "icmp"),
        passes("lost", "hp", "tcp", 80),
        passes("x", "203.0.113.10", "tcp", 80),
    )
    assert not [frame for frame in outside.came() if frame.packet["IP"].src == "203.0.113.12"]


def test_IGW_06_an_address_that_is_nobodys(lab: Lab) -> None:
    """IGW-06, GEN-01: silence, and nothing gets into the VPC."""
    taps = [Tap(lab, node) for node in ("main.router", "other.router", "igw", "igw-other", "y")]
    target = Tap(lab, "hp")
    sender = Sender(lab, "x")
    nobody, done = packets.cookie(), packets.cookie()
    for address in ("203.0.113.13", "203.0.113.0", "203.0.113.255", "192.0.2.77", "255.255.255.255", "224.0.0.1"):
        sender.send(address, packets.UDP(dport=53) / packets.Raw(nobody))
    sender.send("203.0.113.10", packets.UDP(dport=53) / packets.Raw(done))
    target.wait(done)
    silent(*taps, target, about=nobody)


def test_IGW_08_private_destinations(lab: Lab) -> None:
    """IGW-08: RFC 1918 and RFC 6598 do not leave through the internet gateway, with or without a NAT gateway."""
    internet, outside = Tap(lab, "internet"), Tap(lab, "x")
    nowhere, done = packets.cookie(), packets.cookie()
    for node in ("hp", "hq"):
        sender = Sender(lab, node)
        for address in ("100.64.0.1", "100.127.255.255", "192.168.1.1", "172.16.0.1", "10.200.0.1", "169.254.169.254"):
            sender.send(address, packets.UDP(dport=53) / packets.Raw(nowhere))
        sender.send("x", packets.UDP(dport=53) / packets.Raw(done))
        outside.wait(done)
    silent(internet, outside, about=nowhere)


def test_two_vpcs_with_the_same_block_do_not_meet(lab: Lab) -> None:
    """VPC-07, RT-02: `local` is the own VPC. The same private address exists in both, and each sees its own."""
    ours, theirs = Tap(lab, "hp"), Tap(lab, "ho")
    mark = packets.cookie()
    Sender(lab, "bare").send("10.0.0.10", packets.UDP(dport=514) / packets.Raw(mark))
    ours.wait(mark)
    silent(theirs, about=mark)
    check(
        lab,
        [Probe("ho", "203.0.113.10", "tcp", 80, seen_as="203.0.113.20")],
        [Probe("hp", "203.0.113.20", "tcp", 80, seen_as="203.0.113.10")],
        drops("ho", lab.private("bare"), "tcp", 80),
        drops("ho", lab.private("hq"), "icmp"),
        drops("ho", "203.0.113.11", "tcp", 80),  # its group `open` is another one than main's
    )


def test_NAT_21_two_callers_from_one_port(lab: Lab) -> None:
    """NAT-21: two instances use the same source port towards the same server; the NAT gateway keeps them apart."""
    outside = Tap(lab, "quiet")
    ports = {}
    for protocol, upper in (
        ("UDP", packets.UDP(sport=5555, dport=6666)),
        ("TCP", packets.TCP(sport=5555, dport=6666, flags="S")),
        ("ICMP", packets.ICMP(id=5555)),
    ):
        for node in ("hq", "hq2"):
            mark = packets.cookie()
            Sender(lab, node).send("quiet", upper / packets.Raw(mark))
            seen = outside.wait(mark)
            assert seen["IP"].src == "203.0.113.99"
            ports[protocol, node] = seen["ICMP"].id if protocol == "ICMP" else seen[protocol].sport
        assert ports[protocol, "hq"] != ports[protocol, "hq2"]
    for node in ("hq", "hq2"):
        inside = Tap(lab, node)
        mark = packets.cookie()
        answer = packets.UDP(sport=6666, dport=ports["UDP", node]) / packets.Raw(mark)
        Sender(lab, "quiet").send("203.0.113.99", answer)
        assert inside.wait(mark)["UDP"].dport == 5555


@pytest.mark.parametrize("port", [1, 53, 1023])
def test_NAT_21_ports_are_high(lab: Lab, port: int) -> None:
    """NAT-21: a privileged source port comes out as one of 1024-65535."""
    outside = Tap(lab, "x")
    mark = packets.cookie()
    Sender(lab, "hq").send("x", packets.UDP(sport=port, dport=6666) / packets.Raw(mark))
    assert 1024 <= outside.wait(mark)["UDP"].sport <= 65535


def test_VPC_06_a_block_of_public_addresses() -> None:
    """VPC-06, SG-31, SDC-03: a VPC may use public addresses as its own. Then an outside host that pretends to be one of
    its members must not pass for one: a group reference means ENIs, and nobody comes in from outside with their source.
    """
    topology = """
vpcs:
  main:
    cidr_block: 44.0.0.0/16
    internet_gateway: igw
    subnets:
      public: {cidr_block: 44.0.0.0/24, route_table: public}
    route_tables:
      public: {routes: {0.0.0.0/0: igw}}
    security_groups:
      trusted: {}
      db: {ingress: [{protocol: all, from: trusted}, {protocol: tcp, port: 80, from: 0.0.0.0/0}]}
    instances:
      friend: {subnet: public, private_ip: 44.0.0.10, security_groups: [trusted]}
      db: {subnet: public, elastic_ip: 203.0.113.10, security_groups: [db]}
internet:
  hosts:
    x: {ip: 198.51.100.7}
"""
    with labs.up(topology) as lab:
        router, db = Tap(lab, "main.router"), Tap(lab, "db")
        sender = Sender(lab, "x")
        forged, done = packets.cookie(), packets.cookie()
        for upper in (packets.UDP(dport=5432), packets.TCP(dport=5432, flags="S"), packets.ICMP()):
            sender.send("203.0.113.10", upper / packets.Raw(forged), src="44.0.0.10")
        sender.send("203.0.113.10", packets.TCP(dport=80, flags="S") / packets.Raw(done))
        db.wait(done)
        silent(db, router, about=forged)
        lab.serve("db", tcp=(5432, 80))
        check(lab, passes("friend", "db", "tcp", 5432), drops("x", "203.0.113.10", "tcp", 5432))
