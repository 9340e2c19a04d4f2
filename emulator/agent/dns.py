"""A small authoritative DNS server. Pure: a message in, a message out.

It knows the lab's names (A) and their reverse (PTR), answers an empty NOERROR for other types of a name it knows, and
NXDOMAIN for the rest. What is not a well-formed query gets no answer at all, so two servers never talk to each other.
"""

import struct
from collections.abc import Callable, Mapping
from typing import NamedTuple

_HEADER = struct.Struct("!HHHHHH")
_ANSWER = struct.Struct("!HHHIH")

A, PTR, ANY = 1, 12, 255
IN = 1
NOERROR, FORMERR, NXDOMAIN, NOTIMP, REFUSED = 0, 1, 3, 4, 5
TTL = 60  # AWS's own for instance names

MAX_TCP_MESSAGE = 4096


class Zone(NamedTuple):
    """Every name of the lab: wire names in lower case to addresses, reverse names to wire names."""

    forward: Mapping[bytes, bytes] = {}
    reverse: Mapping[bytes, bytes] = {}


class Question(NamedTuple):
    name: bytes  # as it came, in wire form, for the answer
    kind: int
    class_: int


def make_zone(names: Mapping[str, str]) -> tuple[Zone, list[str]]:
    """The zone, and a sentence for each name that cannot be in one."""
    forward: dict[bytes, bytes] = {}
    reverse: dict[bytes, bytes] = {}
    errors: list[str] = []
    for name, ip in names.items():
        wire = _wire(name)
        parts = str(ip).split(".")
        if wire is None:
            errors.append(f"{name!r} is not a DNS name")
        elif len(parts) != 4 or not all(p.isascii() and p.isdigit() and int(p) < 256 for p in parts):
            errors.append(f"{name}: {ip!r} is not an IPv4 address")
        else:
            forward[wire.lower()] = bytes(int(part) for part in parts)
            pointer = _wire(".".join((*reversed(parts), "in-addr.arpa")))
            if pointer is not None:
                reverse.setdefault(pointer, wire)
    return Zone(forward, reverse), errors


def _wire(name: str) -> bytes | None:
    labels = [label.encode("utf-8", "surrogatepass") for label in name.rstrip(".").split(".")]
    if not all(0 < len(label) < 64 for label in labels):
        return None
    wire = b"".join(bytes((len(label),)) + label for label in labels) + b"\0"
    return wire if len(wire) <= 255 else None


def spell(wire: bytes) -> str:
    """A wire name as text, harmless to a terminal."""
    labels: list[str] = []
    position = 0
    while position < len(wire) and wire[position]:
        label = wire[position + 1 : position + 1 + wire[position]]
        labels.append("".join(chr(c) if 33 <= c <= 126 else f"\\{c:03d}" for c in label))
        position += 1 + wire[position]
    return ".".join(labels) or "."


def answer(message: bytes, zone: Zone, note: Callable[[str], None]) -> bytes | None:
    """The reply, or None if the message deserves none."""
    if len(message) < _HEADER.size:
        return None
    number, flags, questions, _, _, _ = _HEADER.unpack_from(message)
    if flags & 0x8000:
        return None  # an answer: two servers must never talk to each other
    opcode = flags >> 11 & 15
    if opcode:
        return _reply(number, flags, NOTIMP)
    if questions != 1:
        return _reply(number, flags, FORMERR)
    question = _question(message)
    if question is None:
        return None
    asked = question.name + struct.pack("!HH", question.kind, question.class_)
    status, data = _look_up(question, zone)
    note(f"{spell(question.name)} {_KINDS.get(question.kind, f'TYPE{question.kind}')} {_STATUSES[status]}")
    return _reply(number, flags, status, asked, data)


_KINDS = {1: "A", 2: "NS", 5: "CNAME", 6: "SOA", 12: "PTR", 15: "MX", 16: "TXT", 28: "AAAA", 65: "HTTPS", 255: "ANY"}
_STATUSES = {NOERROR: "NOERROR", NXDOMAIN: "NXDOMAIN", REFUSED: "REFUSED"}


def _question(message: bytes) -> Question | None:
    position = _HEADER.size
    while True:
        if position >= len(message):
            return None
        length = message[position]
        if length == 0:
            break
        if length > 63:  # a pointer has nothing to point at in the first name
            return None
        position += 1 + length
    end = position + 1
    if end - _HEADER.size > 255 or end + 4 > len(message):
        return None
    kind, class_ = struct.unpack_from("!HH", message, end)
    return Question(message[_HEADER.size : end], kind, class_)


def _look_up(question: Question, zone: Zone) -> tuple[int, tuple[int, bytes] | None]:
    """The status, and the type and data of the one record, if there is one."""
    if question.class_ not in (IN, ANY):
        return REFUSED, None
    name = question.name.lower()
    address = zone.forward.get(name)
    if address is not None:
        return NOERROR, (A, address) if question.kind in (A, ANY) else None
    pointer = zone.reverse.get(name)
    if pointer is not None:
        return NOERROR, (PTR, pointer) if question.kind in (PTR, ANY) else None
    return NXDOMAIN, None


def _reply(number: int, flags: int, status: int, asked: bytes = b"", data: tuple[int, bytes] | None = None) -> bytes:
    # QR and AA are ours, opcode and RD come back, and RA says that recursion is of no use elsewhere.
    flags = 0x8480 | flags & 0x7900 | status
    head = _HEADER.pack(number, flags, 1 if asked else 0, 1 if data else 0, 0, 0)
    if data is None:
        return head + asked
    kind, content = data
    # 0xC00C points at the name in the question.
    return head + asked + _ANSWER.pack(0xC00C, kind, IN, TTL, len(content)) + content


class DnsSession:
    """DNS over one TCP connection: each message behind its length."""

    idle_seconds = 30.0
    read_bytes = 4 * 1024

    def __init__(self, reply: Callable[[bytes], bytes | None]) -> None:
        self.done = False
        self._reply = reply
        self._buffer = bytearray()

    def opened(self) -> bytes:
        return b""

    def received(self, data: bytes) -> bytes:
        self._buffer += data
        out = bytearray()
        while len(self._buffer) >= 2:
            length = int.from_bytes(self._buffer[:2], "big")
            if length > MAX_TCP_MESSAGE:
                self.done = True
                break
            if len(self._buffer) < 2 + length:
                break
            reply = self._reply(bytes(self._buffer[2 : 2 + length]))
            del self._buffer[: 2 + length]
            if reply is None:
                self.done = True
                break
            out += len(reply).to_bytes(2, "big") + reply
        return bytes(out)
