"""Below IP: no broadcast, nothing but IP, one's own address and MAC; and what answers at a subnet's first address."""

from collections.abc import Iterator
from itertools import product
from typing import Any

import pytest

from tests.support import lab as labs
from tests.support import packets
from tests.support.lab import Lab
from tests.support.packets import Sender, Tap, silent
from tests.support.probes import check, drops, passes

TOPOLOGY = """
vpcs:
  main:
    cidr_block: 10.0.0.0/16
    internet_gateway: igw
    subnets:
      public: {cidr_block: 10.0.0.0/24, route_table: public}
      one: {cidr_block: 10.0.1.0/24}
      two: {cidr_block: 10.0.2.0/24}
    route_tables:
      public: {routes: {0.0.0.0/0: igw}}
    security_groups:
      open: {ingress: [{protocol: all, from: 0.0.0.0/0}]}
      closed: {ingress: [], egress: []}
    instances:
      mallory: {subnet: one, private_ip: 10.0.1.66, security_groups: [open]}
      ally: {subnet: one, private_ip: 10.0.1.10, security_groups: [open]}
      mute: {subnet: one, security_groups: [closed]}
      far: {subnet: two, private_ip: 10.0.2.10, security_groups: [open]}
      hp: {subnet: public, elastic_ip: 203.0.113.10, security_groups: [open]}
internet:
  hosts:
    x: {ip: 198.51.100.7}
"""
EVERYBODY = "ff:ff:ff:ff:ff:ff"


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with labs.up(TOPOLOGY) as up:
        for node in (*up.addresses.private, "x"):
            up.serve(node, tcp=(22, 80), udp=(53, 514))
        yield up


class Wire:
    """Mallory's wire, and what everybody else hears of it."""

    def __init__(self, lab: Lab) -> None:
        self.sender = Sender(lab, "mallory")
        self.taps = [Tap(lab, node) for node in ("ally", "mute", "far", "hp", "x")]
        self.own = Tap(lab, "mallory")
        self.mark = packets.cookie()

    def udp(self, to: str, **fields: Any) -> Any:
        return self.sender.packet(to, packets.UDP(sport=7, dport=514) / packets.Raw(self.mark), **fields)

    def nobody_heard(self) -> None:
        """The control: what is sent after it arrives at every one of them that may be reached."""
        for tap in (self.taps[0], self.taps[2]):
            done = packets.cookie()
            self.sender.send(tap.node, packets.UDP(dport=514) / packets.Raw(done))
            tap.wait(done)
        silent(*self.taps, about=self.mark)


def test_T_11_L2_05_the_first_address_answers_ping(lab: Lab) -> None:
    """The subnet's own base+1 answers ping, whatever the groups say; another subnet's does not, and serves nothing."""
    check(
        lab,
        passes("mallory", "10.0.1.1", "icmp"),
        passes("far", "10.0.2.1", "icmp"),
        passes("mute", "10.0.1.1", "icmp"),
        drops("mallory", "10.0.2.1", "icmp"),
        drops("mallory", "10.0.0.1", "icmp"),
        drops("mallory", "10.0.1.1", "tcp", 22),
        drops("mallory", "10.0.1.1", "udp", 53),
    )


def test_L2_01_no_broadcast_no_multicast(lab: Lab) -> None:
    """There is no broadcast and no multicast in a VPC: not even the neighbours in the subnet hear it."""
    wire = Wire(lab)
    for address in (
        "255.255.255.255",
        "10.0.1.255",
        "10.0.1.0",
        "10.0.2.255",
        "10.0.255.255",
        "224.0.0.1",
        "239.1.2.3",
    ):
        for mac in (EVERYBODY, wire.sender.next_mac, "01:00:5e:00:00:01"):
            wire.sender.put(wire.udp(address), dst=mac)
    wire.nobody_heard()


def test_L2_01_an_ip_packet_to_everybodys_mac(lab: Lab) -> None:
    """A packet for one address in a frame for everybody is not handed to everybody."""
    wire = Wire(lab)
    for address in ("10.0.1.99", "10.0.1.1", "198.51.100.7"):
        wire.sender.put(wire.udp(address), dst=EVERYBODY)
    wire.nobody_heard()


def test_L2_02_arp_is_answered_for_members_alone(lab: Lab) -> None:
    """The VPC answers ARP for the addresses of ENIs and for no other, and the question is heard by nobody else."""
    wire, sender = Wire(lab), Sender(lab, "mallory")
    for address in ("10.0.1.99", "10.0.1.255", "10.0.77.7", "198.51.100.7", "169.254.0.1", sender.ip, "10.0.1.10"):
        sender.put(packets.ARP(op=1, hwsrc=sender.mac, psrc=sender.ip, pdst=address), dst=EVERYBODY)
    wire.own.wait_for(lambda p: "ARP" in p and p["ARP"].psrc == "10.0.1.10", "an answer for the neighbour")
    assert {f.packet["ARP"].psrc for f in wire.own.came() if "ARP" in f.packet} == {"10.0.1.10"}
    silent(*wire.taps, about=bytes.fromhex(sender.mac.replace(":", "")))


def test_L2_02_a_gratuitous_arp_takes_over_nothing(lab: Lab) -> None:
    """Who announces the neighbour's address as his own gets none of the neighbour's traffic."""
    wire, sender = Wire(lab), Sender(lab, "mallory")
    for op, claim in product((1, 2), ("10.0.1.10", "10.0.1.1", "10.0.2.10")):
        sender.put(packets.ARP(op=op, hwsrc=sender.mac, psrc=claim, pdst=claim, hwdst=EVERYBODY), dst=EVERYBODY)
        sender.put(packets.ARP(op=op, hwsrc=sender.mac, psrc=claim, pdst="10.0.1.10"), dst=lab.veth("ally").peer_mac)
    for to in ("10.0.1.10", "10.0.2.10"):
        Sender(lab, "hp").send(to, packets.UDP(dport=514) / packets.Raw(wire.mark))
    wire.taps[0].wait(wire.mark)
    wire.taps[2].wait(wire.mark)
    silent(wire.own, about=wire.mark)
    check(lab, passes("hp", "ally", "tcp", 80), passes("ally", "far", "tcp", 80))


def test_L2_03_nothing_but_ip(lab: Lab) -> None:
    """Frames that are not IP are dropped: VLAN tags, STP, LLDP, MPLS, PPPoE, and IPv6 in a VPC without it."""
    wire = Wire(lab)
    inner, source = wire.udp("10.0.1.10"), wire.sender.mac
    for mac in (EVERYBODY, wire.sender.next_mac, lab.veth("ally").peer_mac, "01:80:c2:00:00:00"):
        ether = {"src": source, "dst": mac}
        for kind in (0x8035, 0x88CC, 0x888E, 0x8847, 0x8864, 0x8137, 0x22F3, 0x9999):
            wire.sender.put(packets.Ether(**ether, type=kind) / packets.Raw(bytes(inner)))
        for vlan in (1, 10, 4094):
            wire.sender.put(packets.Ether(**ether) / packets.Dot1Q(vlan=vlan) / inner)
        wire.sender.put(packets.Ether(**ether) / packets.Dot1AD(vlan=1) / inner)
        wire.sender.put(packets.Dot3(**ether) / packets.LLC() / packets.STP() / packets.Raw(bytes(inner)))
        ipv6 = packets.IPv6(src="fe80::66", dst="ff02::1") / packets.UDP(dport=514) / packets.Raw(wire.mark)
        wire.sender.put(packets.Ether(**ether) / ipv6)
    wire.nobody_heard()


def test_L2_04_traceroute_shows_no_router(lab: Lab) -> None:
    """A traceroute between two subnets is over with a TTL of 1, whatever is sent, and names nobody but its goal."""
    sender, own, far = Sender(lab, "mallory"), Tap(lab, "mallory"), Tap(lab, "far")
    mark = packets.cookie()
    sender.send("far", packets.UDP(sport=33001, dport=33434) / packets.Raw(mark), ttl=1)
    sender.send("far", packets.ICMP(id=33) / packets.Raw(mark), ttl=1)
    sender.send("far", packets.TCP(sport=33001, dport=80) / packets.Raw(mark), ttl=1)
    own.wait_for(lambda p: "UDPerror" in p and p["UDPerror"].sport == 33001, "an answer")
    far.wait_for(lambda p: "TCP" in p and mark in bytes(p), "TCP")
    far.wait_for(lambda p: "ICMP" in p and mark in bytes(p), "ICMP")
    assert {f.packet["IP"].src for f in own.came() if "IPerror" in f.packet} == {"10.0.2.10"}


def test_L2_04_the_TTL_is_kept(lab: Lab) -> None:
    """The router takes nothing off a ping or what a traceroute sends, one off others; checksums are right."""
    sender, far = Sender(lab, "mallory"), Tap(lab, "far")
    sent = {("ICMP", ttl) for ttl in range(1, 256)} | {("UDP", ttl) for ttl in range(1, 40)}
    sent |= {("ICMP", 0), ("UDP", 64), ("UDP", 255)}
    mark = packets.cookie()
    for kind, ttl in sorted(sent):
        upper = packets.ICMP(id=ttl) if kind == "ICMP" else packets.UDP(sport=40000 + ttl, dport=9)
        sender.send("far", upper / packets.Raw(mark), ttl=ttl)
    last = packets.cookie()
    sender.send("far", packets.UDP(sport=40999, dport=9) / packets.Raw(last))
    far.wait(last)
    came = {}
    for frame in far.holding(mark):
        ip = frame.packet["IP"]
        if not frame.outgoing:
            kind, number = ("UDP", ip["UDP"].sport - 40000) if "UDP" in ip else ("ICMP", ip["ICMP"].id)
            came[kind, number] = ip.ttl
            assert sum(int.from_bytes(bytes(ip)[at : at + 2], "big") for at in range(0, 20, 2)) % 0xFFFF == 0
    kept = {(kind, ttl): ttl for kind, ttl in sent if ttl < 32 or kind == "ICMP"}
    del kept["ICMP", 0]  # dead before it came
    kept["ICMP", 255] = 254  # it cannot be raised, and must not wrap
    counted = {(kind, ttl): ttl - 1 for kind, ttl in sent if kind == "UDP" and ttl >= 32}
    assert came == kept | counted


def test_SDC_01_nobody_sends_with_anothers_address(lab: Lab) -> None:
    """With the source/destination check on, a packet whose source is not the ENI's own address is dropped."""
    wire = Wire(lab)
    for source in ("10.0.1.10", "10.0.1.99", "10.0.2.10", "10.0.1.1", "198.51.100.7", "0.0.0.0", "127.0.0.1"):
        for to in ("10.0.1.10", "10.0.2.10", "198.51.100.7", "10.0.0.1"):
            wire.sender.put(wire.udp(to, src=source))
    wire.nobody_heard()


def test_SDC_01_root_inside_cannot_undo_it(lab: Lab) -> None:
    """The check is the ENI's: an instance that gives itself another address still reaches nobody with it."""
    wire = Wire(lab)
    lab.must("mallory", "ip addr add 10.0.1.77/24 dev eth0", "sysctl -qw net.ipv4.ip_forward=1")
    client = lab.open_socket("mallory", kind=2)
    client.bind(("10.0.1.77", 0))
    for to in ("10.0.1.10", "10.0.2.10"):
        client.sendto(wire.mark, (to, 514))
    wire.nobody_heard()
    check(lab, passes("mallory", "ally", "tcp", 80), drops("ally", "10.0.1.77", "tcp", 80))
    lab.must("mallory", "ip addr del 10.0.1.77/24 dev eth0")


def test_SDC_01_nothing_is_delivered_but_to_ones_own_address(lab: Lab) -> None:
    """A packet for another address than the ENI's does not reach the instance, whichever MAC it was sent to."""
    wire, ally = Wire(lab), lab.veth("ally").peer_mac
    for address in ("10.0.1.99", "10.0.3.3", "192.168.7.7", "127.0.0.1"):
        for mac in (ally, wire.sender.next_mac):
            wire.sender.put(wire.udp(address), dst=mac)
    wire.nobody_heard()


def test_SDC_04_a_foreign_source_mac(lab: Lab) -> None:
    """A frame from another MAC than the ENI's is dropped, even if its packet would be allowed."""
    wire = Wire(lab)
    for mac in (lab.veth("ally").peer_mac, wire.sender.next_mac, "0a:00:00:00:00:99", "01:00:5e:00:00:01"):
        wire.sender.put(wire.udp("10.0.1.10"), src=mac)
        wire.sender.put(wire.udp("10.0.2.10"), src=mac)
    wire.nobody_heard()


def test_ENI_05_macs_are_locally_administered(lab: Lab) -> None:
    """Every ENI has a MAC of its own, unicast and locally administered, and keeps it as long as it lives."""
    nodes = ("mallory", "ally", "mute", "far", "hp")
    before = {node: lab.macs(node, "eth0")[0] for node in nodes}
    assert len(set(before.values())) == len(nodes)
    assert all(int(mac[:2], 16) & 3 == 2 for mac in before.values())
    assert all(before[node] in lab.run(node, "ip", "link", "show", "eth0").output for node in nodes)
    lab.up(TOPOLOGY.replace("    instances:\n", "    instances:\n      aaa: {subnet: one}\n"))
    assert {node: lab.macs(node, "eth0")[0] for node in nodes} == before


def test_MTU_01_jumbo_frames_inside(lab: Lab) -> None:
    """Inside a VPC packets of 9,001 bytes pass uncut, between subnets too."""
    wire, far = Wire(lab), Tap(lab, "far")
    link = lab.run("mallory", "ip", "link", "show", "eth0").output
    assert "mtu 9001" in link
    size = 9001 - 28
    wire.sender.send("far", packets.UDP(dport=514) / packets.Raw(wire.mark.ljust(size, b".")), flags="DF")
    assert far.wait(wire.mark)["IP"].len == 9001
