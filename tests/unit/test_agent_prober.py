"""What the agent accepts as a flow, and how it knows its own packets again."""

import struct
from typing import Any

import pytest

from emulator.agent import prober_packets as packets
from emulator.agent import protocol
from emulator.agent.prober_flow import Answer, Asked, NotAFlow, Request, decode, encode, parse
from emulator.kernel.checksum import checksum

TCP = Asked("web", "10.0.0.4", 0, "8.8.8.8", "tcp", 80, 0, 0, (("dns.example", 80),))


def there_and_back(request: Request) -> Request:
    return parse(protocol.decode(protocol.encode(encode(request))))


def test_there_and_back() -> None:
    request = Request((TCP, TCP._replace(protocol="icmp", port=0, icmp_type=8)), listen=False, window=0.5, payload=7)
    assert there_and_back(request) == request
    assert decode([["pass", "web", "10.0.0.4", "connected"]]) == [Answer("pass", "web", "10.0.0.4", "connected")]


@pytest.mark.parametrize(
    "changed",
    [
        {"protocol": "sctp"},
        {"port": 0},
        {"port": 65536},
        {"source_port": -1},
        {"to": "localhost"},
        {"source_ip": "10.0.0.4/24"},
        {"icmp_type": 256},
        {"receivers": (7,)},
    ],
    ids=str,
)
def test_what_is_no_flow(changed: dict[str, Any]) -> None:
    with pytest.raises(NotAFlow, match=r"is no flow|is no receiver|is not an address|has no port"):
        there_and_back(Request((TCP._replace(**changed),)))


@pytest.mark.parametrize("changed", [{"window": 0}, {"window": 1e9}, {"payload": 10**9}, {"payload": -1}], ids=str)
def test_limits(changed: dict[str, Any]) -> None:
    with pytest.raises(NotAFlow):
        there_and_back(Request((TCP,), **changed))


def test_a_probe_knows_its_own_token_and_no_other_run_s() -> None:
    token = packets.token(7, 42)
    assert packets.number(token + b"more", 7) == 42
    assert packets.number(token, 8) is None
    assert packets.number(token[:-1], 7) is None
    assert packets.number(b"GET / HTTP/1.0\r\n\r\n", 7) is None


def test_an_icmp_error_tells_what_it_is_about() -> None:
    about = ip(1, "10.0.0.4", "8.8.8.8") + packets.icmp(8, 0, 1, packets.token(7, 42))
    found = packets.packet(ip(1, "10.0.0.1", "10.0.0.4") + packets.icmp(3, 13, 0, about))
    assert found is not None
    what, data = packets.error_about(found) or ("", b"")
    assert what == "prohibited, says 10.0.0.1"
    assert packets.number(data, 7) == 42


@pytest.mark.parametrize("length", range(28))
def test_what_is_cut_off_is_nothing(length: int) -> None:
    whole = ip(1, "10.0.0.1", "10.0.0.4") + packets.icmp(3, 13, 0, b"")
    assert packets.packet(whole[:length]) is None


def test_a_checksum_makes_the_sum_zero() -> None:
    assert checksum(packets.icmp(8, 0, 4711, b"odd")) == 0


def ip(protocol_number: int, source: str, to: str) -> bytes:
    ends = [bytes(map(int, each.split("."))) for each in (source, to)]
    return struct.pack("!BBHHHBBH4s4s", 0x45, 0, 0, 0, 0, 64, protocol_number, 0, *ends)
