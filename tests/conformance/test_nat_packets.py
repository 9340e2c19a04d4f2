"""What a NAT gateway does with fragments, with large packets and with a TCP connection's segment size."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

from tests.support import lab as labs
from tests.support import packets
from tests.support.lab import Lab
from tests.support.packets import Sender, Tap, silent

WEB_EXAMPLE = "93.184.216.34"


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with labs.up(labs.TOPOLOGIES / "nat.yaml") as up:
        up.serve("web.example", tcp=(9000,))
        yield up


def from_port(port: int, packet: Any) -> bool:
    return "TCP" in packet and bool(packet["TCP"].sport == port)


def in_pieces(sender: Sender, to: str, upper: object, size: int = 1480) -> None:
    for fragment in packets.fragment(sender.packet(to, upper, id=4711), size):
        sender.put(fragment)


def test_T_32_fragments(lab: Lab) -> None:
    """A NAT gateway forwards fragmented UDP and drops fragmented TCP and ICMP."""
    outside, nat = Tap(lab, "web.example"), Tap(lab, "nat")
    sender = Sender(lab, "dev")
    ping, segment, datagram = packets.cookie(), packets.cookie(), packets.cookie()
    in_pieces(sender, WEB_EXAMPLE, packets.ICMP(type=8, id=5) / packets.Raw(ping * 222))
    in_pieces(sender, WEB_EXAMPLE, packets.TCP(sport=40001, dport=9000, flags="S") / packets.Raw(segment * 222))
    in_pieces(sender, WEB_EXAMPLE, packets.UDP(sport=40000, dport=9) / packets.Raw(datagram * 222))
    outside.wait(datagram)
    fragments = [frame.packet for frame in outside.came() if frame.packet["IP"].frag or frame.packet["IP"].flags.MF]
    assert sum(len(bytes(one["IP"].payload)) for one in fragments) == 8 + 222 * len(datagram)
    assert nat.holding(ping), "the ping never came to the NAT gateway"
    silent(outside, about=ping)
    silent(outside, about=segment)


def test_NAT_31_fragments_that_come_back(lab: Lab) -> None:
    """A NAT gateway treats replies alike: a fragmented UDP answer arrives, a fragmented ICMP answer does not."""
    outside, dev = Tap(lab, "web.example"), Tap(lab, "dev")
    sender, answerer = Sender(lab, "dev"), Sender(lab, "web.example")
    asked, pinged = packets.cookie(), packets.cookie()
    sender.send(WEB_EXAMPLE, packets.ICMP(type=8, id=6, seq=1) / packets.Raw(pinged))
    sender.send(WEB_EXAMPLE, packets.UDP(sport=40002, dport=9999) / packets.Raw(asked))
    question, ping = outside.wait(asked), outside.wait(pinged)
    answer, pong = packets.cookie(), packets.cookie()
    caller = question["IP"].src
    in_pieces(answerer, caller, packets.ICMP(type=0, id=ping["ICMP"].id, seq=1) / packets.Raw(pong * 222))
    reply = packets.UDP(sport=9999, dport=question["UDP"].sport) / packets.Raw(answer * 222)
    in_pieces(answerer, caller, reply)
    dev.wait(answer)
    silent(dev, about=pong)


def test_NAT_32_a_packet_larger_than_8500_bytes(lab: Lab) -> None:
    """A NAT gateway answers a packet of more than 8,500 bytes that may not be cut with "fragmentation needed".

    MTU-06: it says so from its private address. Within the VPC 9,001 bytes fit (MTU-01), so nobody else minds.
    """
    dev, nat = Tap(lab, "dev"), Tap(lab, "nat")
    sender = Sender(lab, "dev")
    large, fits = packets.cookie(), packets.cookie()

    def send(mark: bytes, length: int, port: int) -> None:
        payload = (mark * 500)[: length - 28]
        sender.send(WEB_EXAMPLE, packets.UDP(sport=port, dport=9) / packets.Raw(payload), flags="DF")

    send(large, 8501, 40010)
    error = dev.wait_for(lambda p: "ICMP" in p and (p["ICMP"].type, p["ICMP"].code) == (3, 4), "fragmentation needed")
    assert (error["IP"].src, error["ICMP"].nexthopmtu) == (lab.private("nat"), 8500)
    assert (error["IPerror"].src, error["UDPerror"].sport) == (lab.private("dev"), 40010)
    send(fits, 8500, 40011)
    nat.wait_for(lambda p: fits in bytes(p), "8,500 bytes")
    passed = [frame for frame in nat.left() if fits in frame.data and frame.packet["IP"].dst == WEB_EXAMPLE]
    assert [len(bytes(frame.packet["IP"])) for frame in passed] == [8500]
    assert not [frame for frame in nat.left() if large in frame.data and frame.packet["IP"].dst == WEB_EXAMPLE]


def test_NAT_32_the_segment_size_is_clamped(lab: Lab) -> None:
    """A NAT gateway lowers the MSS of a TCP connection to what fits into 8,500 bytes, and never raises it."""
    outside = Tap(lab, "web.example")
    sender = Sender(lab, "dev")
    for port, offered, seen in ((40020, 8961, 8460), (40021, 1300, 1300)):
        sender.send(WEB_EXAMPLE, packets.TCP(sport=port, dport=9000, flags="S", options=[("MSS", offered)]))
        syn = outside.wait_for(partial(from_port, port), "the SYN")
        assert dict(syn["TCP"].options)["MSS"] == seen
