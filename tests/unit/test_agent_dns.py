"""DNS messages as values, read by somebody else's parser (Scapy) where it counts."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.agent import dns
from emulator.agent.dns import DnsSession, Zone, answer, make_zone

ZONE, _ = make_zone({"dns.example": "8.8.8.8", "Web": "10.0.10.4", "web.public": "10.0.10.4"})


def query(name: str, kind: int = 1, flags: int = 0x0100, class_: int = 1) -> bytes:
    wire = b"".join(bytes((len(label),)) + label.encode() for label in name.split(".") if label)
    return struct.pack("!HHHHHH", 77, flags, 1, 0, 0, 0) + wire + b"\0" + struct.pack("!HH", kind, class_)


def status(reply: bytes | None) -> int:
    assert reply is not None
    return int.from_bytes(reply[2:4], "big") & 15


def test_another_parser_understands_the_answer() -> None:
    scapy = pytest.importorskip("scapy.layers.dns")
    reply = scapy.DNS(answer(query("DNS.example"), ZONE, print))
    assert (reply.id, reply.qr, reply.aa, reply.rd, reply.ra, reply.rcode) == (77, 1, 1, 1, 1, 0)
    assert (reply.qdcount, reply.ancount) == (1, 1)
    assert reply.qd[0].qname == b"DNS.example."  # as it was asked, which some resolvers check
    assert (reply.an[0].rrname, reply.an[0].type, reply.an[0].rdata) == (b"DNS.example.", 1, "8.8.8.8")
    pointer = scapy.DNS(answer(query("8.8.8.8.in-addr.arpa", 12), ZONE, print))
    assert pointer.an[0].rdata == b"dns.example."


@pytest.mark.parametrize(
    ("name", "kind", "expected"),
    [
        ("dns.example", 1, bytes((8, 8, 8, 8))),
        ("dns.example", 255, bytes((8, 8, 8, 8))),
        ("web", 1, bytes((10, 0, 10, 4))),
        ("WEB.public", 1, bytes((10, 0, 10, 4))),
        ("4.10.0.10.in-addr.arpa", 12, b"\x03Web\0"),  # the first name that has the address
        ("dns.example", 28, None),
        ("dns.example", 16, None),
        ("8.8.8.8.in-addr.arpa", 1, None),
    ],
)
def test_names_it_knows(name: str, kind: int, expected: bytes | None) -> None:
    reply = answer(query(name, kind), ZONE, print)
    assert status(reply) == dns.NOERROR
    assert reply is not None
    assert int.from_bytes(reply[6:8], "big") == int(expected is not None)
    assert expected is None or reply.endswith(expected)


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (query("example"), dns.NXDOMAIN),
        (query(""), dns.NXDOMAIN),
        (query("dns.example", class_=3), dns.REFUSED),
        (query("dns.example", flags=0x2800), dns.NOTIMP),
        (struct.pack("!HHHHHH", 1, 0, 2, 0, 0, 0), dns.FORMERR),
        (struct.pack("!HHHHHH", 1, 0, 0, 0, 0, 0), dns.FORMERR),
    ],
)
def test_what_it_does_not_do(message: bytes, expected: int) -> None:
    assert status(answer(message, ZONE, print)) == expected


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"\0" * 11,
        query("dns.example", flags=0x8180),  # an answer: two servers must never talk to each other
        query("dns.example")[:-1],
        query("dns.example")[:20],
        struct.pack("!HHHHHH", 1, 0, 1, 0, 0, 0) + b"\xc0\x0c\0\1\0\1",
        struct.pack("!HHHHHH", 1, 0, 1, 0, 0, 0) + b"\x3f" + b"x" * 63 + b"\x3f",
        struct.pack("!HHHHHH", 1, 0, 1, 0, 0, 0) + (b"\x3f" + b"x" * 63) * 5 + b"\0\0\1\0\1",
    ],
)
def test_what_deserves_no_answer(message: bytes) -> None:
    assert answer(message, ZONE, print) is None


@given(st.binary(max_size=600))
def test_any_bytes_at_all(message: bytes) -> None:
    reply = answer(message, ZONE, _printable)
    assert reply is None or (reply[:2] == message[:2] and reply[2] & 0x80)
    assert reply is None or len(reply) <= len(message) + 300  # no use to an amplifier


@given(st.binary(max_size=60), st.integers(0, 65535))
def test_any_name_at_all(label: bytes, kind: int) -> None:
    message = struct.pack("!HHHHHH", 1, 0, 1, 0, 0, 0)
    name = bytes((len(label),)) + label + b"\0" if label else b"\0"
    message += name + struct.pack("!HH", kind, 1)
    notes: list[str] = []
    assert status(answer(message, ZONE, notes.append)) in (dns.NOERROR, dns.NXDOMAIN)
    assert len(notes) == 1
    _printable(notes[0])


def _printable(text: str) -> None:
    assert text.isprintable()


def test_a_zone_says_what_it_cannot_hold() -> None:
    zone, errors = make_zone({"a..b": "1.2.3.4", "x" * 64: "1.2.3.4", "ok": "1.2.3.256", "fine": "1.2.3.4"})
    assert errors == [
        "'a..b' is not a DNS name",
        f"'{'x' * 64}' is not a DNS name",
        "ok: '1.2.3.256' is not an IPv4 address",
    ]
    assert set(zone.forward) == {b"\x04fine\0"}
    assert make_zone({}) == (Zone({}, {}), [])


def test_tcp_puts_the_length_in_front_and_takes_several() -> None:
    session = DnsSession(lambda message: answer(message, ZONE, print))
    one, two = query("dns.example"), query("nowhere")
    replies = [answer(each, ZONE, print) or b"" for each in (one, two)]
    sent = b"".join(len(each).to_bytes(2, "big") + each for each in (one, two))
    heard = b"".join(session.received(bytes((byte,))) for byte in sent)
    assert heard == b"".join(len(each).to_bytes(2, "big") + each for each in replies)
    assert not session.done
    session.received(b"\xff\xff")
    assert session.done
