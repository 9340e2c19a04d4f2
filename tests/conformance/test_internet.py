"""The internet gateway: one address for one, for those that have a public one and a route, and for nobody else."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest

from emulator.errors import TopologyError
from tests.support import lab as labs
from tests.support import packets
from tests.support.lab import Lab, edited
from tests.support.packets import Sender, Tap, silent
from tests.support.probes import Probe, check, drops, passes, refused

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


@contextmanager
def changed(lab: Lab, old: str, new: str) -> Iterator[None]:
    """The lab with this edit of its file, for as long as the block lasts."""
    lab.up(edited(TOPOLOGY, {old: new}))
    try:
        yield
    finally:
        lab.up(TOPOLOGY)


def test_T_20_IGW_02_outside_sees_the_public_address(lab: Lab) -> None:
    """An outside host sees the instance's public address; the instance itself knows its private one only."""
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
    """Who calls a public address reaches the instance, which sees the caller's own address, as its group does."""
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
    """The internet gateway changes the address alone: ports and ICMP ids stay as they are, in both directions."""
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
    """The internet gateway does not care for the protocol: GRE and ESP pass both ways."""
    inside, outside = Tap(lab, "hp"), Tap(lab, "quiet")
    for protocol, head in ((47, b"\0\0\x08\0"), (50, b"\0\0\1\1\0\0\0\1")):
        out, back = packets.cookie(), packets.cookie()
        Sender(lab, "hp").send("quiet", packets.Raw(head + out), proto=protocol)
        assert outside.wait(out)["IP"].src == "203.0.113.10"
        Sender(lab, "quiet").send("203.0.113.10", packets.Raw(head + back), proto=protocol)
        assert inside.wait(back)["IP"].dst == "10.0.0.10"


def test_IGW_01_an_error_about_a_translated_packet_quotes_the_private_address(lab: Lab) -> None:
    """The packet inside an ICMP error is translated too, so that the instance can place it."""
    inside, outside = Tap(lab, "hp"), Tap(lab, "x")
    mark = packets.cookie()
    Sender(lab, "hp").send("x", packets.UDP(sport=4000, dport=4001) / packets.Raw(mark))
    sent = outside.wait(mark)["IP"]
    Sender(lab, "y").send("203.0.113.10", packets.ICMP(type=3, code=4, nexthopmtu=1400) / packets.IP(bytes(sent)[:28]))
    error = inside.wait_for(lambda packet: "IPerror" in packet and packet["ICMP"].code == 4, "the error")
    assert (error["IPerror"].src, error["UDPerror"].sport) == ("10.0.0.10", 4000)


def test_IGW_10_SG_31_between_public_addresses(lab: Lab) -> None:
    """Two instances reach each other by public addresses too, but then a group reference does not match."""
    check(
        lab,
        passes("hp", "hp2", "tcp", 80),
        drops("hp", "203.0.113.11", "tcp", 80),
        [Probe("hp2", "203.0.113.10", "tcp", 80, seen_as="203.0.113.11")],
        [Probe("hp2", "hp", "tcp", 80, seen_as=lab.private("hp2"))],
        [Probe("hq", "203.0.113.10", "tcp", 80, seen_as="203.0.113.99")],
        [Probe("hp", "203.0.113.10", "tcp", 80, seen_as="203.0.113.10")],
    )


def test_IGW_03_without_a_public_address(lab: Lab) -> None:
    """Without a public address a route to the internet gateway is of no use; the VPC is within reach as ever."""
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


def test_SDC_03_no_private_source_leaves(lab: Lab) -> None:
    """The internet never sees a private address, not even of a packet that belongs to no flow.

    Connection tracking cannot place them: a segment of no flow, odd flags, a wrong checksum.
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


def test_IGW_04_without_a_route_to_the_gateway(lab: Lab) -> None:
    """With a public address and no route to the gateway, what comes in is delivered and the answer has no way back."""
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
    """What is sent to a public address that is nobody's does not get into the VPC, and nobody answers."""
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
    """Packets for RFC 1918 and RFC 6598 addresses do not leave through the internet gateway."""
    internet, outside = Tap(lab, "internet"), Tap(lab, "x")
    nowhere, done = packets.cookie(), packets.cookie()
    for node in ("hp", "hq"):
        sender = Sender(lab, node)
        for address in ("100.64.0.1", "100.127.255.255", "192.168.1.1", "172.16.0.1", "10.200.0.1", "169.254.169.254"):
            sender.send(address, packets.UDP(dport=53) / packets.Raw(nowhere))
        sender.send("x", packets.UDP(dport=53) / packets.Raw(done))
        outside.wait(done)
    silent(internet, outside, about=nowhere)


def test_RT_02_two_vpcs_with_the_same_block_do_not_meet(lab: Lab) -> None:
    """The local route is the VPC's own: where two VPCs have the same block, each sees its own addresses."""
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
    """Two instances that use the same source port towards one server are kept apart by the NAT gateway."""
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
    """A NAT gateway's source ports are 1024 to 65535, whatever the caller's was."""
    outside = Tap(lab, "x")
    mark = packets.cookie()
    Sender(lab, "hq").send("x", packets.UDP(sport=port, dport=6666) / packets.Raw(mark))
    assert 1024 <= outside.wait(mark)["UDP"].sport <= 65535


def test_VPC_06_a_block_of_public_addresses() -> None:
    """A VPC may use public addresses as its own; who pretends to be one of them from outside does not come in."""
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


def test_T_22_the_elastic_ip_is_taken_away(lab: Lab) -> None:
    """An instance that loses its Elastic IP can no longer call out, though its route and its groups are the same."""
    check(lab, [Probe("hp", "x", "tcp", 80, seen_as="203.0.113.10")], passes("x", "203.0.113.10", "tcp", 80))
    with changed(lab, "private_ip: 10.0.0.10, elastic_ip: 203.0.113.10,", "private_ip: 10.0.0.10,"):
        check(
            lab,
            drops("hp", "x", "tcp", 80),
            drops("hp", "x", "icmp"),
            drops("x", "203.0.113.10", "tcp", 80),
            passes("hp", "hp2", "tcp", 80),
            passes("hp2", "x", "tcp", 80),
        )


def test_T_23_the_route_to_the_gateway_is_removed(lab: Lab) -> None:
    """Without its route to the internet gateway a subnet's instances do not answer the internet any more."""
    check(lab, passes("x", "203.0.113.10", "tcp", 22), passes("hq", "x", "tcp", 80))
    with changed(lab, "public: {routes: {0.0.0.0/0: igw}}", "public: {}"):
        check(
            lab,
            drops("x", "203.0.113.10", "tcp", 22),
            drops("hp", "x", "tcp", 80),
            drops("hq", "x", "tcp", 80),  # the NAT gateway stands in that subnet
            passes("hq", "hp", "tcp", 80),
        )


def test_IGW_13_the_gateway_of_mapped_addresses_stays(lab: Lab) -> None:
    """An internet gateway cannot be detached while public addresses are mapped; nothing changes."""
    first = "    internet_gateway: igw\n"
    with pytest.raises(TopologyError) as refusal:
        lab.up(edited(TOPOLOGY, {first: ""}))
    codes = {problem.code for problem in refusal.value.problems if "elastic_ip" in problem.where.path}
    assert codes == {"Gateway.NotAttached"}
    check(lab, [Probe("hp", "x", "tcp", 80, seen_as="203.0.113.10")], passes("x", "203.0.113.10", "tcp", 22))


def test_IGW_05_all_four_are_needed(lab: Lab) -> None:
    """The internet needs a gateway, a route to it, a public address and a group that permits: one less is silence."""
    check(
        lab,
        passes("hp", "x", "tcp", 80),
        passes("x", "203.0.113.10", "tcp", 22),
        drops("lost", "x", "tcp", 80),
        drops("bare", "x", "tcp", 80),
        drops("x", lab.public("hp3"), "tcp", 80),
        passes("x", lab.public("hp3"), "tcp", 22),
    )


def test_IGW_08_private_sources(lab: Lab) -> None:
    """Packets with an RFC 1918 or RFC 6598 source do not come in through the internet gateway."""
    target, sender = Tap(lab, "hp"), Sender(lab, "x")
    forged, done = packets.cookie(), packets.cookie()
    for source in ("10.0.0.11", "10.0.0.10", "10.9.9.9", "172.16.0.1", "192.168.1.1", "100.64.0.1", "127.0.0.1"):
        sender.send("203.0.113.10", packets.UDP(dport=514) / packets.Raw(forged), src=source)
    sender.send("203.0.113.10", packets.UDP(dport=514) / packets.Raw(done))
    target.wait(done)
    silent(target, Tap(lab, "main.router"), about=forged)


def test_IGW_10_an_instance_calls_its_own_public_address(lab: Lab) -> None:
    """An instance reaches itself by its own public address, which it also sees as the caller's."""
    check(
        lab, [Probe("hp", "203.0.113.10", "tcp", 80, seen_as="203.0.113.10")], refused("hp", "203.0.113.10", "tcp", 81)
    )


def test_IGW_11_L2_06_traceroute(lab: Lab) -> None:
    """A traceroute shows the NAT gateway's private address, and never the internet gateway or the VPC's router."""
    assert hops(lab, "hp", "198.51.100.8") == ["192.0.2.1", "198.51.100.8"]
    assert hops(lab, "hq", "198.51.100.8") == [lab.private("nat"), "192.0.2.1", "198.51.100.8"]
    # CT-01: what is said of a flow belongs to it; this one's groups let no ICMP in.
    assert hops(lab, "hp3", "198.51.100.8") == ["192.0.2.1", "198.51.100.8"]
    assert hops(lab, "y", "203.0.113.10") == ["192.0.2.1", "203.0.113.10"], "from outside"
    # IGW-10: out to the internet and back, from one public address to another.
    assert hops(lab, "hp2", "203.0.113.10") == ["203.0.113.10"]


def hops(lab: Lab, node: str, to: str) -> list[str]:
    """Who says something about a packet that has lived too short: of a TTL of 1, of 2, ... up to the end of its way."""
    tap, sender = Tap(lab, node), Sender(lab, node)
    found: list[str] = []
    while to not in found:
        assert len(found) < 9, found
        mark = packets.cookie()
        sender.send(to, packets.UDP(sport=33000, dport=33434) / packets.Raw(mark), ttl=len(found) + 1)
        error = tap.wait(mark)
        assert error["IPerror"].src == sender.ip, "a translated packet in an error is translated back"
        found.append(error["IP"].src)
    return found


def test_IGW_11_the_TTL_is_kept(lab: Lab) -> None:
    """The internet's router is the only one on the way that counts."""
    tap, mark = Tap(lab, "y"), packets.cookie()
    Sender(lab, "hp").send("198.51.100.8", packets.ICMP(id=11) / packets.Raw(mark), ttl=64)
    assert tap.wait(mark)["IP"].ttl == 63


def test_IGW_16_two_translations_in_series(lab: Lab) -> None:
    """Through a NAT gateway the source becomes its private address, and its Elastic IP at the internet gateway."""
    gateway, outside = Tap(lab, "igw"), Tap(lab, "x")
    mark = packets.cookie()
    Sender(lab, "hq").send("x", packets.UDP(sport=4000, dport=9) / packets.Raw(mark))
    assert outside.wait(mark)["IP"].src == "203.0.113.99"
    assert gateway.wait(mark)["IP"].src == lab.private("nat")


def test_EIP_03_an_elastic_ip_moves(lab: Lab) -> None:
    """An Elastic IP that is given to another instance leads there from then on."""
    check(lab, [Probe("hp2", "x", "tcp", 80, seen_as="203.0.113.11")], passes("x", "203.0.113.10", "icmp"))
    taken = TOPOLOGY.replace(
        "hp: {subnet: public, private_ip: 10.0.0.10, elastic_ip: 203.0.113.10,", "hp: {subnet: public,"
    )
    lab.up(edited(taken, {"bare: {subnet: public,": "bare: {subnet: public, elastic_ip: 203.0.113.10,"}))
    try:
        tap, mark = Tap(lab, "bare"), packets.cookie()
        Sender(lab, "x").send("203.0.113.10", packets.UDP(dport=514) / packets.Raw(mark))
        assert tap.wait(mark)["IP"].dst == lab.private("bare")
        check(lab, [Probe("bare", "x", "tcp", 80, seen_as="203.0.113.10")], drops("hp", "x", "tcp", 80))
    finally:
        lab.up(TOPOLOGY)


def too_large(packet: Any) -> bool:
    return "IPerror" in packet and (packet["ICMP"].type, packet["ICMP"].code) == (3, 4)


def test_MTU_03_MTU_05_the_internet_carries_1500_bytes(lab: Lab) -> None:
    """The internet gateway takes 1,500 bytes: more is dropped with ICMP 3/4 if DF is set, and cut if it is not."""
    inside, outside, sender = Tap(lab, "hp"), Tap(lab, "x"), Sender(lab, "hp")
    fits, large, cut = packets.cookie(), packets.cookie(), packets.cookie()
    sender.send("x", packets.UDP(sport=4100, dport=9) / packets.Raw(fits.ljust(1472, b".")), flags="DF")
    assert outside.wait(fits)["IP"].len == 1500
    sender.send("x", packets.UDP(sport=4101, dport=9) / packets.Raw(large.ljust(1473, b".")), flags="DF")
    error = inside.wait_for(too_large, "fragmentation needed")
    assert (error["ICMP"].nexthopmtu, error["IP"].dst) == (1500, "10.0.0.10")
    assert (error["IPerror"].src, error["IPerror"].dst) == ("10.0.0.10", "198.51.100.7")
    sender.send("x", packets.UDP(sport=4102, dport=9) / packets.Raw(cut.ljust(8000, b".")))
    outside.wait(cut)
    silent(outside, about=large)


def test_MTU_09_a_network_acl_without_icmp(lab: Lab) -> None:
    """A network ACL does not infer "fragmentation needed": one that lets no ICMP in keeps it from the sender."""
    rows = ", ".join(
        f"{{rule_number: {number}, protocol: {word}, action: allow, cidr_block: 0.0.0.0/0{ports}}}"
        for number, word, ports in ((1, "udp", ", port: all"), (2, "tcp", ", port: all"))
    )
    everything = "{rule_number: 1, protocol: all, action: allow, cidr_block: 0.0.0.0/0}"
    subnets = "      public: {cidr_block: 10.0.0.0/24, route_table: public}\n      private: {cidr"
    acls = f"    network_acls: {{no-icmp: {{ingress: [{rows}], egress: [{everything}]}}}}\n"
    gateways = "    nat_gateways:\n      nat: {subnet: public, elastic_ip: 203.0.113.99}\n"
    with_acl = subnets.replace("public}\n", "public, network_acl: no-icmp}\n")
    tap, sender = Tap(lab, "hp"), Sender(lab, "hp")
    lab.up(edited(TOPOLOGY, {subnets: with_acl, gateways: gateways + acls}))
    try:
        sender.send("x", packets.UDP(sport=4103, dport=9) / packets.Raw(b"." * 1473), flags="DF")
        check(lab, passes("hp", "x", "tcp", 80), passes("x", "203.0.113.10", "tcp", 80))
        assert not [frame for frame in tap.came() if too_large(frame.packet)]
    finally:
        lab.up(TOPOLOGY)
    sender.send("x", packets.UDP(sport=4104, dport=9) / packets.Raw(b"." * 1473), flags="DF")
    tap.wait_for(too_large, "fragmentation needed")


@pytest.mark.parametrize("caller", ["hp", "hq"])
def test_MTU_05_path_mtu_discovery(lab: Lab, caller: str) -> None:
    """A TCP transfer between two hosts with jumbo frames works through the 1,500 bytes between them."""
    lab.must("y", "ip link set eth0 mtu 9001")  # else its announced segment size would do
    listener = lab.open_socket("y")
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("0.0.0.0", 9000))
    listener.listen()
    client = lab.open_socket(caller)
    client.settimeout(10)
    client.connect((lab.address("y"), 9000))
    server, _ = listener.accept()
    lab.keep(server)
    listener.close()
    assert path_mtu(client) == 9001
    server.settimeout(10)
    client.setblocking(False)
    data, sent, got = b"x" * 200_000, 0, 0
    while got < len(data):
        if sent < len(data):
            with suppress(BlockingIOError):
                sent += client.send(data[sent:])
        got += len(server.recv(65536))
    assert path_mtu(client) == 1500
    lab.must("y", "ip link set eth0 mtu 1500")


def path_mtu(client: socket.socket) -> int:
    return client.getsockopt(socket.IPPROTO_IP, 14)  # IP_MTU
