"""A frame that a node met, what its headers say, and many of them as a pcapng file. Pure."""

import struct
from collections.abc import Iterable
from ipaddress import IPv4Address
from typing import Final, NamedTuple

_IPV4, _ARP, _VLAN = 0x0800, 0x0806, 0x8100
_PROTOCOLS: Final = {1: "icmp", 6: "tcp", 17: "udp"}
SNAP: Final = 2048  # bytes of each frame that a file keeps: headers and then some; a captured segment may have 64 kB


class Frame(NamedTuple):
    """A frame as a node met it.

    link: the node's link. outgoing: the node sent it. time: seconds since the epoch. Where a link leaves checksums or
    segmentation to the other end, as veths do, the frame has no checksum yet, or is larger than the MTU.
    """

    node: str
    link: str
    outgoing: bool
    time: float
    data: bytes

    def __str__(self) -> str:
        return f"{self.node:<14} {self.link:<15} {'out' if self.outgoing else 'in':<3} {headers(self.data)}"


class Headers(NamedTuple):
    """What the headers of a frame say. protocol: icmp, tcp, udp, arp, ip (any other one), or ether. No port: 0."""

    protocol: str
    source: IPv4Address | None = None
    target: IPv4Address | None = None
    source_port: int = 0
    port: int = 0
    more: str = ""

    def __str__(self) -> str:
        if self.source is None:
            return f"{self.protocol} {self.more}".strip()
        source = f"{self.source}:{self.source_port}" if self.source_port else str(self.source)
        target = f"{self.target}:{self.port}" if self.port else str(self.target)
        return f"{self.protocol} {source} > {target} {self.more}".rstrip()


def headers(data: bytes) -> Headers:
    """Read an Ethernet frame as far as that goes."""
    kind, start = _ether_type(data)
    if kind == _ARP and len(data) >= start + 28:
        verb = "reply" if data[start + 7] == 2 else "who-has"
        return Headers("arp", _ip(data, start + 14), _ip(data, start + 24), more=verb)
    if kind != _IPV4 or len(data) < start + 20:
        return Headers("ether", more=f"0x{kind:04x}")
    number = data[start + 9]
    protocol = _PROTOCOLS.get(number, "ip")
    source, target = _ip(data, start + 12), _ip(data, start + 16)
    upper = data[start + (data[start] & 15) * 4 :]
    if int.from_bytes(data[start + 6 : start + 8], "big") & 0x1FFF:
        return Headers(protocol, source, target, more="fragment")
    if protocol in ("tcp", "udp") and len(upper) >= 8:
        source_port, port = struct.unpack_from("!HH", upper)
        return Headers(protocol, source, target, source_port, port, _flags(upper) if protocol == "tcp" else "")
    if protocol == "icmp" and len(upper) >= 4:
        return Headers(protocol, source, target, more=_icmp(upper[0], upper[1]))
    return Headers(protocol, source, target, more=f"protocol {number}" if protocol == "ip" else "")


def _ip(data: bytes, at: int) -> IPv4Address:
    return IPv4Address(data[at : at + 4])


def _ether_type(data: bytes) -> tuple[int, int]:
    """The type of what the frame carries and where that begins."""
    kind, start = int.from_bytes(data[12:14], "big"), 14
    if kind == _VLAN:
        kind, start = int.from_bytes(data[16:18], "big"), 18
    return kind, start


def _flags(tcp: bytes) -> str:
    bits = tcp[13] if len(tcp) > 13 else 0
    return "".join(letter for bit, letter in enumerate("FSRPAU") if bits >> bit & 1)


def _icmp(kind: int, code: int) -> str:
    known = {0: "echo reply", 8: "echo request", 11: "time exceeded"}
    unreachable = {0: "net", 1: "host", 2: "protocol", 3: "port", 4: "too big", 13: "prohibited"}
    return known.get(kind) or (f"unreachable ({unreachable.get(code, code)})" if kind == 3 else f"type {kind}/{code}")


# --- pcapng ----------------------------------------------------------------------------------------------------
# draft-ietf-opsawg-pcapng. Not the older format: there, the same packet on two links of a router looks sent twice.


def pcapng(frames: Iterable[Frame]) -> bytes:
    """A capture file, in which each link of each node is an interface of its own: "main.router eni-dev"."""
    head = struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1)
    blocks = [_block(0x0A0D0D0A, head)]
    numbers: dict[tuple[str, str], int] = {}
    for frame in sorted(frames, key=lambda frame: frame.time):
        link = (frame.node, frame.link)
        if link not in numbers:
            numbers[link] = len(numbers)
            options = _option(2, " ".join(link).encode()) + _option(9, b"\x09") + _option(0, b"")
            blocks.append(_block(1, struct.pack("<HHI", 1, 0, SNAP) + options))  # link type 1: Ethernet
        stamp = int(frame.time * 1e9)
        kept = frame.data[:SNAP]
        body = struct.pack("<IIIII", numbers[link], stamp >> 32, stamp & 0xFFFFFFFF, len(kept), len(frame.data))
        direction = _option(2, struct.pack("<I", 2 if frame.outgoing else 1)) + _option(0, b"")
        blocks.append(_block(6, body + _padded(kept) + direction))
    return b"".join(blocks)


def _block(kind: int, body: bytes) -> bytes:
    length = struct.pack("<I", len(body) + 12)
    return struct.pack("<I", kind) + length + body + length


def _option(code: int, value: bytes) -> bytes:
    return struct.pack("<HH", code, len(value)) + _padded(value)


def _padded(data: bytes) -> bytes:
    return data + b"\0" * (-len(data) % 4)
