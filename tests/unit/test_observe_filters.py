"""The filters of captures, on frames that Scapy made."""

from typing import Any

import pytest

from emulator.errors import UsageError
from emulator.lab.scapy_packets import layer
from emulator.observe.filters import compiled
from emulator.observe.frames import headers


def frame(name: str) -> bytes:
    Ether, IP, TCP, UDP, ICMP, ARP, Raw = map(layer, ("Ether", "IP", "TCP", "UDP", "ICMP", "ARP", "Raw"))
    there: dict[str, Any] = {"src": "10.0.20.4", "dst": "93.184.216.34"}
    made = {
        "syn": lambda: IP(**there) / TCP(sport=40000, dport=80, flags="S"),
        "dns": lambda: IP(**there) / UDP(sport=40001, dport=53),
        "ping": lambda: IP(**there) / ICMP(type=8),
        "gre": lambda: IP(**there, proto=47) / Raw(b"\0" * 8),
        "fragment": lambda: IP(**there, proto=6, frag=100) / Raw(b"\0\x50\0\x50" * 4),
        "options": lambda: IP(**there, options=b"\1\1\1\1") / TCP(sport=40000, dport=80, flags="SA"),
        "arp": lambda: ARP(op=1, psrc="10.0.20.4", pdst="10.0.20.1", hwsrc="02:00:00:00:00:01"),
    }[name]()
    return bytes(Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02") / made)


ALL = ("syn", "dns", "ping", "gre", "fragment", "options", "arp")


@pytest.mark.parametrize(
    ("text", "passing"),
    [
        ("", "syn dns ping gre fragment options arp"),
        ("tcp", "syn fragment options"),
        ("tcp port 80", "syn options"),  # a later fragment has no ports, whatever its bytes look like
        ("port 53 or icmp", "dns ping"),
        ("src port 80", ""),
        ("dst port 80", "syn options"),
        ("udp dst port 53", "dns"),
        ("portrange 50-60", "dns"),
        ("host 10.0.20.1", "arp"),
        ("ip and src net 10.0.0.0/16 and not tcp", "dns ping gre"),
        ("not ip", "arp"),
        ("!(tcp or udp) && host 93.184.216.34", "ping gre"),
        ("icmp or tcp and port 53", ""),  # as in tcpdump: from the left, so (icmp or tcp) and port 53
        ("icmp or (udp and port 53)", "dns ping"),
        ("dst host 10.0.20.4", ""),
    ],
)
def test_what_passes(text: str, passing: str) -> None:
    wanted = compiled(text)
    assert [name for name in ALL if wanted(frame(name))] == passing.split()


@pytest.mark.parametrize(
    "text",
    ["tcp port", "port http", "(tcp", "tcp)", "host web", "net 10.0.0.0/33", "nonsense", "tcp udp", "and", "src"],
)
def test_a_filter_that_is_none_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(UsageError, match="cannot be read") as refused:
        compiled(text)
    assert "tcp port 80" in refused.value.hint


def test_a_frame_in_one_line() -> None:
    assert str(headers(frame("syn"))) == "tcp 10.0.20.4:40000 > 93.184.216.34:80 S"
    assert str(headers(frame("ping"))) == "icmp 10.0.20.4 > 93.184.216.34 echo request"
    assert str(headers(frame("arp"))) == "arp 10.0.20.4 > 10.0.20.1 who-has"
    assert str(headers(b"\0" * 14)) == "ether 0x0000"
    assert str(headers(b"")) == "ether 0x0000"
