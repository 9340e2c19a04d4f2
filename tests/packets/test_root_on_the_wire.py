"""What root in an instance puts on its wire: ARP, foreign ethertypes, VLANs, IPv6, odd IP packets, forged flows."""

from collections.abc import Iterator
from itertools import product
from typing import Any

import pytest

from tests.support import hostile, packets
from tests.support import lab as labs
from tests.support.hostile import MALLORY, OTHERS, Watch, check_as_ever
from tests.support.lab import Lab
from tests.support.packets import Sender, Tap, silent

EVERYBODY = "ff:ff:ff:ff:ff:ff"


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with labs.up(hostile.TOPOLOGY) as up:
        hostile.serve(up)
        check_as_ever(up)
        yield up


@pytest.fixture(autouse=True)
def _as_ever(lab: Lab) -> Iterator[None]:
    """The control after each test, and so before the next one: everybody is served, mallory too."""
    yield
    check_as_ever(lab)


def neighbours(lab: Lab, node: str) -> str:
    return lab.run(node, "ip", "neigh", "show").output


def claims(lab: Lab) -> list[str]:
    """Addresses that mallory says are hers."""
    return ["10.0.1.1", "10.0.2.1", "169.254.0.1", *(lab.private(node) for node in ("ally", "neighbour", "db", "nat"))]


def test_false_arp_is_believed_by_nobody(lab: Lab) -> None:
    """L2-02: ARP is answered by the router alone. Gratuitous announcements, forged answers and requests, to everybody
    or to one MAC: they reach no other instance, and the router knows its ENIs by heart.
    """
    watch = Watch(lab)
    nodes = ("ally", "neighbour", "db", "front", "main.router")
    before = {node: permanent(lab, node) for node in nodes}
    sender = Sender(lab, MALLORY)
    macs = [EVERYBODY, sender.next_mac, *(lab.veth(node).peer_mac for node in ("ally", "neighbour", "db"))]
    victims = [lab.private("ally"), lab.private("neighbour"), "10.0.1.1"]
    for claim, mac in product(claims(lab), macs):
        for victim in victims:
            for op in (1, 2):
                arp = packets.ARP(op=op, hwsrc=sender.mac, psrc=claim, pdst=victim, hwdst="0a:00:00:00:00:01")
                sender.put(arp, dst=mac)
        sender.put(packets.ARP(op=1, hwsrc=sender.mac, psrc=claim, pdst=claim), dst=mac)
    watch.nobody_got(sender_mac_bytes(sender))
    assert {node: permanent(lab, node) for node in nodes} == before
    for node in nodes:
        stolen = [line for line in neighbours(lab, node).splitlines() if sender.mac in line]
        allowed = [line for line in stolen if "eni-mallory" in line]
        assert stolen == allowed, f"{node}: {stolen}"


def sender_mac_bytes(sender: Sender) -> bytes:
    return bytes.fromhex(sender.mac.replace(":", ""))


def permanent(lab: Lab, node: str) -> list[str]:
    return sorted(line for line in neighbours(lab, node).splitlines() if "PERMANENT" in line)


def test_a_flood_of_arp_harms_nobody(lab: Lab) -> None:
    """L2-02: requests and answers in the name of hundreds that do not exist: nobody else notices."""
    watch = Watch(lab)
    sender = Sender(lab, MALLORY)
    for number in range(300):
        source = f"10.0.{number // 250 + 100}.{number % 250 + 1}"
        arp = packets.ARP(op=1 + number % 2, hwsrc=f"0a:c0:ff:ee:01:{number % 256:02x}", psrc=source, pdst="10.0.1.1")
        sender.put(arp, dst=EVERYBODY)
    watch.nobody_got(b"\x0a\xc0\xff\xee\x01")  # bytes that no sequence number makes by chance


def disguised(lab: Lab, sender: Sender, inner: Any) -> list[Any]:
    """A whole IP packet inside whatever an Ethernet frame can hold."""
    Ether, Dot1Q, Dot1AD, Raw = packets.Ether, packets.Dot1Q, packets.Dot1AD, packets.Raw
    frames = []
    for mac in (EVERYBODY, sender.next_mac, lab.veth("ally").peer_mac, "01:80:c2:00:00:00", "33:33:00:00:00:01"):
        ether = {"src": sender.mac, "dst": mac}
        frames += [Ether(**ether, type=kind) / Raw(bytes(inner)) for kind in OTHER_TYPES]
        frames += [Ether(**ether) / Dot1Q(vlan=vlan) / inner for vlan in (1, 10, 4094)]
        frames += [Ether(**ether) / Dot1Q(vlan=1) / Dot1Q(vlan=20) / inner, Ether(**ether) / Dot1AD(vlan=1) / inner]
        frames += [packets.Dot3(**ether) / packets.LLC() / packets.STP() / Raw(bytes(inner))]
        frames += [Ether(src=lab.veth("ally").peer_mac, dst=mac, type=0x88CC) / Raw(bytes(inner))]
    return frames


# ARP's cousins, LLDP, 802.1X, MPLS, PPPoE, IPX, AppleTalk, Wake-on-LAN, FCoE, TRILL, experimental, our own invention
OTHER_TYPES = (
    *(0x8035, 0x88CC, 0x888E, 0x8847, 0x8848, 0x8863, 0x8864, 0x8137),
    *(0x809B, 0x0842, 0x8906, 0x22F3, 0x88B5, 0x9999),
)


def test_L2_03_other_ethertypes_and_vlans(lab: Lab) -> None:
    """L2-03: no 802.1Q, no STP, no LLDP, nothing that is not IP; not even around a packet that would be allowed."""
    watch = Watch(lab)
    sender = Sender(lab, MALLORY)
    mark = packets.cookie()
    inner = sender.packet("ally", packets.TCP(dport=80, flags="S") / packets.Raw(mark))
    for frame in disguised(lab, sender, inner):
        sender.put(frame)
    watch.nobody_got(mark)


def test_ipv6_goes_nowhere(lab: Lab) -> None:
    """The lab has no IPv6: link-local traffic, router advertisements and neighbour discovery reach nobody, and the
    router does not answer, also if the instance has switched its own on.
    """
    watch = Watch(lab)
    tap = Tap(lab, MALLORY)
    sender = Sender(lab, MALLORY)
    lab.must(
        MALLORY,
        "sysctl -qw net.ipv6.conf.all.disable_ipv6=0 net.ipv6.conf.eth0.disable_ipv6=0",
        "ip -6 addr add fe80::bad/64 dev eth0 nodad",
        "ip -6 addr add fd00::bad/64 dev eth0 nodad",
        "ip -6 route add default via fe80::1 dev eth0",
    )
    mark = packets.cookie()
    payload = packets.Raw(mark)
    targets = ("ff02::1", "ff02::2", "fe80::1", "fd00::1", "2001:db8::1", "::ffff:10.0.1.6", "::1")
    for to, mac in product(targets, (EVERYBODY, sender.next_mac, lab.veth("ally").peer_mac, "33:33:00:00:00:01")):
        for source in ("fe80::bad", "fe80::1", "fd00::bad"):
            header = packets.IPv6(src=source, dst=to)
            for upper in (
                packets.ICMPv6EchoRequest(data=mark),
                packets.ICMPv6ND_RA() / packets.ICMPv6NDOptPrefixInfo(prefix="fd00::") / payload,
                packets.ICMPv6ND_NA(tgt="fe80::1", R=1, O=1) / payload,
                packets.UDP(dport=80) / payload,
                packets.TCP(dport=80, flags="S") / payload,
            ):
                sender.put(header / upper, dst=mac)
        v6_in_v4 = packets.IPv6(src="fd00::bad", dst="fd00::1") / packets.UDP(dport=80) / payload
        sender.send("ally", v6_in_v4, proto=41)
    watch.nobody_got(mark)
    answers = [frame.packet.summary() for frame in tap.came() if "IPv6" in frame.packet]
    assert not answers
    for node in ("ally", "main.router"):
        assert not lab.run(node, "ip", "-6", "addr", "show", "dev", "eth0" if node == "ally" else "eni-ally").output


def test_source_routes_and_other_ip_options(lab: Lab) -> None:
    """SDC-01, GEN-01: an IP option that names a way takes the packet nowhere it may not go, whomever it is sent to."""
    watch = Watch(lab)
    sender = Sender(lab, MALLORY)
    mark = packets.cookie()
    upper = packets.TCP(dport=5432, flags="S") / packets.Raw(mark)
    ways = [lab.private("db"), lab.private("neighbour"), lab.private("ally")]
    options = [packets.IPOption_LSRR, packets.IPOption_SSRR]
    for option, first, last in product(options, ("10.0.1.1", "10.0.2.1", *ways), ways):
        if first == lab.private("ally") and last == first:
            continue
        sender.send(first, upper, options=[option(routers=[last])])
        sender.send(first, upper, options=[option(routers=["10.0.1.1", last])])
        sender.send(last, upper, options=[packets.IPOption_RR(routers=["0.0.0.0"] * 4)])
        sender.send(last, upper, options=[packets.IPOption_Router_Alert()])
    watch.nobody_got(mark)


def test_tunnels(lab: Lab) -> None:
    """SG-20: a packet inside a packet is a packet of another protocol, and nobody unpacks it on the way."""
    watch = Watch(lab)
    sender = Sender(lab, MALLORY)
    mark = packets.cookie()
    forged = packets.IP(src=lab.private("ally"), dst=lab.private("db")) / packets.TCP(dport=5432) / packets.Raw(mark)
    for to in ("10.0.1.1", "ally", "neighbour", "db", "169.254.0.1", lab.private("nat")):
        sender.send(to, packets.Raw(bytes(forged)), proto=4)
        sender.send(to, packets.GRE() / forged)
        for port in (4789, 6081, 500, 4500):
            sender.send(to, packets.UDP(sport=port, dport=port) / packets.Raw(bytes(forged)))
    watch.nobody_got(mark)


def test_fragments_that_overlap(lab: Lab) -> None:
    """SG-21: a first fragment with an allowed port, and a second one that would write another port over it."""
    ally, watch = Tap(lab, "ally"), Watch(lab)
    sender = Sender(lab, MALLORY)
    mark = packets.cookie()
    allowed = bytes(packets.TCP(sport=7000, dport=80, flags="S"))
    wanted = bytes(packets.TCP(sport=7000, dport=22, flags="S") / packets.Raw(mark * 3))
    for number, (first, second) in enumerate(
        [
            ((0, allowed[:8], 1), (0, wanted, 0)),  # the same place again
            ((0, allowed[:16], 1), (0, wanted[:16], 1)),
            ((1, wanted[8:], 0), (0, allowed[:16], 1)),  # from behind
            ((0, allowed[:8] + b"x" * 8, 1), (1, wanted[8:], 0)),
        ]
    ):
        for offset, data, more in (first, second):
            sender.send("ally", packets.Raw(data), proto=6, frag=offset, flags=more, id=900 + number)
    watch.nobody_got(b"nothing at all")
    came = [frame.packet for frame in ally.came()]
    assert {p["TCP"].dport for p in came if "TCP" in p and p["IP"].src == sender.ip} <= {80}


def test_forged_segments_of_somebody_elses_connection(lab: Lab) -> None:
    """SDC-01: mallory knows both ends of a connection between others, to the last number; her segments are dropped
    before connection tracking looks at them, and the connection lives. So are her ICMP errors about it, as whomever
    she sends them; from her own address they must at least name it exactly (CT-10).
    """
    db = Tap(lab, "db")
    client = lab.open_socket("ally")
    client.connect_ex((lab.private("db"), 5432))
    syn = db.wait_for(lambda p: "TCP" in p and p["TCP"].dport == 5432 and p["TCP"].flags == "S", "the SYN")
    port, number = syn["TCP"].sport, syn["TCP"].seq
    server = next(held.socket for held in lab.servers if held.node == "db" and held.socket.getsockname()[1] == 5432)
    assert server.readable(10)
    accepted, _ = server.accept()
    lab.keep(accepted)
    watch, sender, mark = Watch(lab), Sender(lab, MALLORY), packets.cookie()
    for flags in ("R", "RA", "F", "A", "PA", "S"):
        there = packets.TCP(sport=port, dport=5432, flags=flags, seq=number + 1, ack=1) / packets.Raw(mark)
        back = packets.TCP(sport=5432, dport=port, flags=flags, seq=1, ack=number + 1) / packets.Raw(mark)
        sender.send("db", there, src=lab.private("ally"))
        sender.send("ally", back, src=lab.private("db"))
        sender.send("db", there)
        quoted = packets.IP(src=lab.private("ally"), dst=lab.private("db")) / there
        for source in ("10.0.1.1", lab.private("db"), lab.private("neighbour"), "169.254.0.1"):
            sender.send("ally", packets.ICMP(type=3, code=1) / quoted, src=source)
            sender.send("ally", packets.ICMP(type=5, code=1, gw=sender.ip) / quoted, src=source)
        quoted["TCP"].sport ^= 1
        sender.send("ally", packets.ICMP(type=3, code=1) / quoted)
    watch.nobody_got(mark)
    accepted.sendall(b"still here")
    assert client.readable(10)
    assert client.recv(32) == b"still here"


def test_answers_to_questions_never_asked(lab: Lab) -> None:
    """SG-03: what looks like a reply is none if nothing was sent: SYN-ACK, ACK, RST, echo reply, DNS answer."""
    neighbour, ally = Tap(lab, "neighbour"), Tap(lab, "ally")
    sender = Sender(lab, MALLORY)
    mark, done = packets.cookie(), packets.cookie()
    for upper in (
        packets.TCP(sport=80, dport=40000, flags="SA"),
        packets.TCP(sport=80, dport=40000, flags="A"),
        packets.TCP(sport=80, dport=40000, flags="R"),
        packets.TCP(sport=80, dport=40000, flags=""),
        packets.TCP(sport=80, dport=40000, flags="FSRPAUEC"),
        packets.UDP(sport=53, dport=40000),
        packets.ICMP(type=0),
        packets.ICMP(type=14),
    ):
        sender.send("neighbour", upper / packets.Raw(mark))
    sender.send("ally", packets.TCP(sport=7777, dport=80, flags="S") / packets.Raw(done))
    ally.wait(done)
    silent(neighbour, about=mark)


@pytest.mark.parametrize("what", ["protocol 0", "protocol 255", "checksum", "length", "version", "ttl 0", "short"])
def test_malformed_packets(lab: Lab, what: str) -> None:
    """GEN-01: broken headers are dropped in silence by the router; nothing of them arrives anywhere."""
    watch, tap = Watch(lab), Tap(lab, MALLORY)
    sender = Sender(lab, MALLORY)
    mark = packets.cookie()
    upper = packets.TCP(sport=7000, dport=80, flags="S") / packets.Raw(mark)
    fields: dict[str, Any] = {
        "protocol 0": {"proto": 0},
        "protocol 255": {"proto": 255},
        "checksum": {"chksum": 0x1234},
        "length": {"len": 9000},
        "version": {"version": 6},
        "ttl 0": {"ttl": 0},
        "short": {"ihl": 4},
    }[what]
    tap.forget()
    sender.send("ally", upper, **fields)
    watch.nobody_got(mark)
    assert not [frame.packet.summary() for frame in tap.came() if mark in frame.data]


def test_nobody_listens_to_others(lab: Lab) -> None:
    """L2-02, RT-08: a promiscuous instance sees its own packets and no others', not even its neighbour's."""
    lab.must(MALLORY, "ip link set eth0 promisc on")
    tap = Tap(lab, MALLORY)
    watch = Watch(lab)
    watch.nobody_got(b"nothing at all")
    assert not [p.summary() for frame in tap.came() if (p := frame.packet)["IP"].dst != lab.private(MALLORY)]
    assert set(OTHERS) <= set(watch.taps)
