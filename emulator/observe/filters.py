"""The filter of a capture: the words that people know from tcpdump, judged here so that no libpcap is needed. Pure.

    tcp port 80 and host 10.0.20.4
    icmp or arp
    src net 10.0.0.0/16 and not (udp dst port 53)

Known: tcp, udp, icmp, arp, ip; [src|dst] host ADDRESS, [src|dst] net BLOCK, [src|dst] port N, [src|dst] portrange A-B;
and, or, not, parentheses. A protocol may stand before host, net and port. `and` and `or` bind alike from the
left, as in tcpdump, and `not` binds tightest.
"""

import re
from collections.abc import Callable
from ipaddress import IPv4Address, IPv4Network
from typing import Final, TypeVar

from emulator.errors import UsageError
from emulator.observe.frames import Headers, headers

Test = Callable[[Headers], bool]
_T = TypeVar("_T")

_PROTOCOLS: Final = ("tcp", "udp", "icmp", "arp", "ip")
_EXAMPLE: Final = "for example `tcp port 80 and host 10.0.20.4`"


def compiled(text: str) -> Callable[[bytes], bool]:
    """Whether a frame passes the filter; an empty one lets every frame pass. UsageError if the text is none."""
    if not text.strip():
        return lambda data: True
    parser = _Parser(text)
    test = parser.all()
    return lambda data: test(headers(data))


class _Parser:
    """Recursive descent over the words."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.words = re.findall(r"[()!]|&&|\|\||[^\s()!]+", text)
        self.at = 0

    def all(self) -> Test:
        test = self.either()
        if self.at < len(self.words):
            raise self.wrong(f"{self.words[self.at]} is not expected there")
        return test

    def either(self) -> Test:
        test = self.single()
        while (word := self.peek()) in ("and", "&&", "or", "||"):
            self.at += 1
            test = _joined(test, self.single(), word in ("and", "&&"))
        return test

    def single(self) -> Test:
        if self.take("not", "!"):
            inner = self.single()
            return lambda seen: not inner(seen)
        if self.take("("):
            inner = self.either()
            if not self.take(")"):
                raise self.wrong("a parenthesis is not closed")
            return inner
        return self.primitive()

    def primitive(self) -> Test:
        protocol = self.take(*_PROTOCOLS)
        direction = self.take("src", "dst")
        kind = self.take("host", "net", "port", "portrange")
        if not kind:
            if not protocol or direction:
                raise self.wrong(f"{self.peek() or 'the end'} is not expected there")
            return _protocol(protocol)
        value = self.peek()
        self.at += 1
        try:
            test = _addresses(kind, value, direction) if kind in ("host", "net") else _ports(kind, value, direction)
        except ValueError:
            raise self.wrong(f"{value or 'nothing'} is no {kind}") from None
        return _joined(_protocol(protocol), test, True) if protocol else test

    def peek(self) -> str:
        return self.words[self.at] if self.at < len(self.words) else ""

    def take(self, *wanted: str) -> str:
        word = self.peek()
        if word not in wanted:
            return ""
        self.at += 1
        return word

    def wrong(self, what: str) -> UsageError:
        return UsageError(f"the filter `{self.text}` cannot be read: {what}", _EXAMPLE)


def _joined(one: Test, other: Test, both: bool) -> Test:
    if both:
        return lambda seen: one(seen) and other(seen)
    return lambda seen: one(seen) or other(seen)


def _protocol(wanted: str) -> Test:
    if wanted == "ip":
        return lambda seen: seen.protocol not in ("arp", "ether")
    return lambda seen: seen.protocol == wanted


def _addresses(kind: str, value: str, direction: str) -> Test:
    block = IPv4Network(f"{IPv4Address(value)}/32" if kind == "host" else value)

    def test(seen: Headers) -> bool:
        ends = _ends(seen.source, seen.target, direction)
        return any(end is not None and end in block for end in ends)

    return test


def _ports(kind: str, value: str, direction: str) -> Test:
    first, _, last = value.partition("-") if kind == "portrange" else (value, "", value)
    low, high = int(first), int(last)

    def test(seen: Headers) -> bool:
        return any(port and low <= port <= high for port in _ends(seen.source_port, seen.port, direction))

    return test


def _ends(source: _T, target: _T, direction: str) -> tuple[_T, ...]:
    return (source,) if direction == "src" else (target,) if direction == "dst" else (source, target)
