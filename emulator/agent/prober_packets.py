"""The bytes of probes, and how they are known again at the other end. Pure."""

import struct
from typing import NamedTuple

from emulator.kernel.checksum import checksum

MAGIC = b"vpcp"
TOKEN_BYTES = 12

_TOKEN = struct.Struct("!4sII")
_ICMP = struct.Struct("!BBHHH")
_ICMP_HEAD = 8
_PROXY = b"\r\n\r\n\0\r\nQUIT\n"  # proxy protocol v2
_PROXY_HEAD = 16
_UDP = struct.Struct("!HHHH")
ECHO_REPLY = 0
HOST_UNREACHABLE = b"\x03\x01"
ERRORS = (3, 11, 12)  # unreachable, time exceeded, parameter problem: they carry what they are about

UNREACHABLE = {
    0: "network unreachable",
    1: "host unreachable",
    2: "protocol unreachable",
    3: "port unreachable",
    4: "too large, and not to be fragmented",
    9: "network prohibited",
    10: "host prohibited",
    13: "prohibited",
}

# Classic BPF for sockets that see whole IP packets. (code, jump if true, jump if false, k)
_LOAD_IP_LENGTH = (0xB1, 0, 0, 0)  # x = 4 * (packet[0] & 15)
_KEEP, _DROP = (0x06, 0, 0, 0xFFFFFFFF), (0x06, 0, 0, 0)
# ICMP and UDP: the magic word follows a header of eight bytes.
OURS = (_LOAD_IP_LENGTH, (0x40, 0, 0, 8), (0x15, 0, 1, int.from_bytes(MAGIC, "big")), _KEEP, _DROP)
# TCP: SYN without ACK.
FIRST_SEGMENTS = (_LOAD_IP_LENGTH, (0x50, 0, 0, 13), (0x54, 0, 0, 0x12), (0x15, 0, 1, 0x02), _KEEP, _DROP)


def token(run: int, number: int) -> bytes:
    """What tells a probe from all others."""
    return _TOKEN.pack(MAGIC, run, number)


def number(data: bytes, run: int) -> int | None:
    """The number of the probe whose data begins so; None for anybody else's."""
    if len(data) < TOKEN_BYTES:
        return None
    magic, of, found = _TOKEN.unpack_from(data)
    return int(found) if magic == MAGIC and of == run else None


def icmp(kind: int, code: int, identity: int, data: bytes) -> bytes:
    """An ICMP message with its checksum."""
    bare = _ICMP.pack(kind, code, 0, identity, 1) + data
    return _ICMP.pack(kind, code, checksum(bare), identity, 1) + data


def udp(source_port: int, port: int, data: bytes) -> bytes:
    """A datagram without checksum, which IPv4 allows."""
    return _UDP.pack(source_port, port, _UDP.size + len(data), 0) + data


def without_proxy(data: bytes) -> bytes | None:
    """What a connection begins with, less a header of proxy protocol v2; None: that header is not complete."""
    if not data.startswith(_PROXY[: len(data)]):
        return data
    if len(data) < _PROXY_HEAD:
        return None
    end = _PROXY_HEAD + int.from_bytes(data[_PROXY_HEAD - 2 : _PROXY_HEAD], "big")
    return data[end:] if len(data) > end else None


class Packet(NamedTuple):
    """An IPv4 packet as a raw socket gives it."""

    source: str
    to: str
    body: bytes  # what follows the IP header

    @property
    def ports(self) -> tuple[int, int]:
        """Source and destination, of TCP and UDP."""
        first, second = struct.unpack_from("!HH", self.body)
        return first, second

    @property
    def data(self) -> bytes:
        """Of ICMP and UDP."""
        return self.body[8:]


def packet(raw: bytes) -> Packet | None:
    """None: cut off."""
    if len(raw) < 20:
        return None
    head = (raw[0] & 15) * 4
    if len(raw) < head + 8:
        return None
    return Packet(".".join(map(str, raw[12:16])), ".".join(map(str, raw[16:20])), raw[head:])


def error_about(found: Packet) -> tuple[str, bytes] | None:
    """Of an ICMP error: what it says, and what follows the ICMP header of the message it is about."""
    kind, code = found.body[0], found.body[1]
    if kind not in ERRORS:
        return None
    about = packet(found.body[_ICMP_HEAD:])
    if about is None:
        return None
    what = UNREACHABLE.get(code, f"unreachable, code {code}") if kind == 3 else f"ICMP type {kind} code {code}"
    return f"{what}, says {found.source}", about.data
