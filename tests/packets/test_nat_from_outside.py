"""What an attacker outside can do against a private subnet behind a NAT gateway: nothing (topologies/nat.yaml)."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.support import lab as labs
from tests.support import packets
from tests.support.lab import Held, Lab
from tests.support.packets import Sender, Tap, silent
from tests.support.wait import eventually

ELASTIC_IP = "52.195.125.184"


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with labs.up(labs.TOPOLOGIES / "nat.yaml") as up:
        up.serve("dns.example", udp=(9999,), tcp=(9998,))
        yield up


def reach_web(lab: Lab, attacker: Sender, web: Tap) -> None:
    """The positive control: what the attacker sends to the public web server arrives, after all it sent before."""
    mark = packets.cookie()
    attacker.send(lab.public("web"), packets.TCP(sport=50000, dport=80, flags="S") / packets.Raw(mark))
    web.wait(mark)


UNSOLICITED: dict[str, Callable[[bytes], Any]] = {
    "syn": lambda mark: packets.TCP(sport=53, dport=80, flags="S") / packets.Raw(mark),
    "ack": lambda mark: packets.TCP(sport=80, dport=40000, flags="A") / packets.Raw(mark),
    "syn-ack": lambda mark: packets.TCP(sport=80, dport=40000, flags="SA") / packets.Raw(mark),
    "rst": lambda mark: packets.TCP(sport=80, dport=40000, flags="R") / packets.Raw(mark),
    "fin": lambda mark: packets.TCP(sport=80, dport=40000, flags="FA") / packets.Raw(mark),
    "christmas tree": lambda mark: packets.TCP(sport=80, dport=40000, flags="FSRPAU") / packets.Raw(mark),
    "udp": lambda mark: packets.UDP(sport=53, dport=40000) / packets.Raw(mark),
    "udp to a low port": lambda mark: packets.UDP(sport=53, dport=53) / packets.Raw(mark),
    "echo request": lambda mark: packets.ICMP(type=8, id=7) / packets.Raw(mark),
    "echo reply": lambda mark: packets.ICMP(type=0, id=7) / packets.Raw(mark),
    "icmp error about no flow": lambda mark: (
        packets.ICMP(type=3, code=3)
        / packets.IP(src=ELASTIC_IP, dst="45.83.64.9")
        / packets.UDP(sport=40000, dport=53)
        / packets.Raw(mark)
    ),
    "redirect": lambda mark: (
        packets.ICMP(type=5, code=1, gw="45.83.64.9")
        / packets.IP(src=ELASTIC_IP, dst="8.8.8.8")
        / packets.UDP(sport=40000, dport=53)
        / packets.Raw(mark)
    ),
}


def test_NAT_23_nothing_unsolicited_gets_past_the_nat_gateway(lab: Lab) -> None:
    """NAT-23: no port forwarding, no answer, and no sign of life either (GEN-01)."""
    dev, nat, web, attacker = (Tap(lab, node) for node in ("dev", "nat", "web", "attacker"))
    sender = Sender(lab, "attacker")
    marks = {name: packets.cookie() for name in UNSOLICITED}
    for name, build in UNSOLICITED.items():
        sender.send(ELASTIC_IP, build(marks[name]))
    for fragment in packets.fragment(sender.packet(ELASTIC_IP, packets.UDP(dport=53) / packets.Raw(b"f" * 3000)), 1000):
        sender.put(fragment)
    sender.send(ELASTIC_IP, packets.Raw(b"f" * 100), frag=100, proto=6)  # a fragment that no first one belongs to
    for protocol in (4, 47, 50):
        sender.send(ELASTIC_IP, packets.Raw(marks["udp"]), proto=protocol)
    reach_web(lab, sender, web)
    for mark in (*marks.values(), b"f" * 100):
        silent(dev, web, about=mark, after=0)
    assert not [frame.packet.summary() for frame in nat.left()], "the NAT gateway answered"
    assert not [frame.packet.summary() for frame in dev.came()]
    assert not [p.summary() for frame in attacker.came() if (p := frame.packet)["IP"].src == ELASTIC_IP]


def test_private_addresses_are_nowhere_on_the_internet(lab: Lab) -> None:
    """IGW-08, IGW-06: a private address means nothing outside, whatever the packet says about its way."""
    taps = [Tap(lab, node) for node in ("dev", "nat", "igw", "main.router")]
    web = Tap(lab, "web")
    sender = Sender(lab, "attacker")
    mark = packets.cookie()
    probe = packets.UDP(sport=1000, dport=53) / packets.Raw(mark)
    for address in (lab.private("dev"), lab.private("nat"), lab.private("web"), "10.0.20.1", "10.0.20.255"):
        sender.send(address, probe)
        for via in ("192.0.2.1", lab.public("web"), ELASTIC_IP):
            for option in (packets.IPOption_LSRR, packets.IPOption_SSRR):
                sender.send(via, probe, options=[option(routers=[address])])
        sender.send(address, probe, src="8.8.8.8")
        sender.send(address, probe, src=lab.private("web"))
    reach_web(lab, sender, web)
    for tap in taps:
        private = [f for f in tap.holding(mark) if f.packet["IP"].dst.startswith("10.0.20.") or tap.node == "dev"]
        assert not private, f"{tap.node}: {private[0].packet.summary()}"
    silent(web, about=mark)


def test_a_private_source_does_not_come_in(lab: Lab) -> None:
    """IGW-08: the internet gateway drops what claims to come from a private or shared address."""
    router, web = Tap(lab, "main.router"), Tap(lab, "web")
    sender = Sender(lab, "attacker")
    mark = packets.cookie()
    for source in (lab.private("dev"), lab.private("nat"), "192.168.1.1", "172.16.0.1", "100.64.0.1", "169.254.0.1"):
        syn = packets.TCP(sport=1000, dport=80, flags="S") / packets.Raw(mark)
        sender.send(lab.public("web"), syn, src=source)
    reach_web(lab, sender, web)
    silent(router, web, about=mark)


def udp_flow(lab: Lab) -> tuple[Held, int]:
    """A flow from dev to 8.8.8.8:9999 with one exchange; and the port by which the outside knows it."""
    outside = Tap(lab, "dns.example")
    socket = lab.open_socket("dev", kind=2)
    mark = packets.cookie()
    socket.connect(("8.8.8.8", 9999))
    socket.send(mark)
    seen = outside.wait(mark)
    assert seen["IP"].src == ELASTIC_IP
    return socket, seen["UDP"].sport


def test_a_forged_reply_must_match_in_everything(lab: Lab) -> None:
    """NAT-23, SG-03: a reply is what has all five of its flow's addresses and ports turned round. Whoever knows them
    all and can send with that source is let in, on AWS too; who errs in one is not.
    """
    _, port = udp_flow(lab)
    dev, web = Tap(lab, "dev"), Tap(lab, "web")
    sender = Sender(lab, "attacker")
    wrong, right = packets.cookie(), packets.cookie()
    payload = packets.Raw(wrong)
    other = 1024 + (port - 1023) % 60000
    sender.send(ELASTIC_IP, packets.UDP(sport=9999, dport=port) / payload)  # own source
    sender.send(ELASTIC_IP, packets.UDP(sport=9999, dport=port) / payload, src="93.184.216.34")
    sender.send(ELASTIC_IP, packets.UDP(sport=9997, dport=port) / payload, src="8.8.8.8")
    sender.send(ELASTIC_IP, packets.UDP(sport=9999, dport=other) / payload, src="8.8.8.8")
    sender.send(ELASTIC_IP, packets.TCP(sport=9999, dport=port, flags="A") / payload, src="8.8.8.8")
    sender.send(lab.public("web"), packets.UDP(sport=9999, dport=port) / payload, src="8.8.8.8")
    sender.send(lab.private("dev"), packets.UDP(sport=9999, dport=port) / payload, src="8.8.8.8")
    sender.send(ELASTIC_IP, packets.UDP(sport=9999, dport=port) / packets.Raw(right), src="8.8.8.8")
    arrived = dev.wait(right)
    assert (arrived["IP"].src, arrived["IP"].dst) == ("8.8.8.8", lab.private("dev"))
    silent(dev, web, about=wrong)


def test_the_host_called_may_not_use_another_port(lab: Lab) -> None:
    """NAT-23: the translation is of one flow, and not a hole for the host that was called."""
    _, port = udp_flow(lab)
    dev = Tap(lab, "dev")
    sender = Sender(lab, "dns.example")
    wrong, right = packets.cookie(), packets.cookie()
    for source in (53, 9998, 10000):
        sender.send(ELASTIC_IP, packets.UDP(sport=source, dport=port) / packets.Raw(wrong))
    sender.send(ELASTIC_IP, packets.TCP(sport=9999, dport=port, flags="S") / packets.Raw(wrong))
    sender.send(ELASTIC_IP, packets.UDP(sport=9999, dport=port) / packets.Raw(right))
    dev.wait(right)
    silent(dev, about=wrong)


def test_forged_tcp_segments_and_errors_need_the_five_tuple(lab: Lab) -> None:
    """NAT-23, CT-10: a segment or an ICMP error that names another flow is dropped before it gets to dev."""
    outside, dev, web = Tap(lab, "dns.example"), Tap(lab, "dev"), Tap(lab, "web")
    client = lab.open_socket("dev")
    client.connect_ex(("8.8.8.8", 9998))
    syn = outside.wait_for(lambda p: "TCP" in p and p["TCP"].dport == 9998, "the SYN")
    port = syn["TCP"].sport
    sender = Sender(lab, "attacker")
    wrong = packets.cookie()
    for flags in ("A", "R", "RA", "FA", "S", "SA", "PA"):
        for ports in ({"sport": 9998, "dport": port ^ 1}, {"sport": 9999, "dport": port}):
            segment = packets.TCP(**ports, flags=flags, seq=1, ack=syn["TCP"].seq + 1) / packets.Raw(wrong)
            sender.send(ELASTIC_IP, segment, src="8.8.8.8")
    quoted = packets.IP(src=ELASTIC_IP, dst="8.8.8.8") / packets.TCP(sport=port ^ 1, dport=9998) / packets.Raw(wrong)
    for code in (1, 3, 4, 13):
        sender.send(ELASTIC_IP, packets.ICMP(type=3, code=code) / quoted, src="8.8.8.8")
    reach_web(lab, sender, web)
    silent(dev, about=wrong)
    check_alive(lab, client)


def check_alive(lab: Lab, client: Held) -> None:
    """The connection carries data."""
    eventually(lambda: client.getpeername() == ("8.8.8.8", 9998), "connected")
    server = next(held.socket for held in lab.servers if held.socket.getsockname()[1] == 9998)
    assert server.readable(10)
    accepted, (caller, _) = server.accept()
    lab.keep(accepted)
    assert caller == ELASTIC_IP
    accepted.sendall(b"alive")
    assert client.readable(10)
    assert client.recv(16) == b"alive"
