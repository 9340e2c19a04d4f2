"""Proxy protocol, version 2: the header by which a load balancer tells a target who the client is. Pure.

The form is that of the HAProxy project's paper; of its optional fields only AWS's own is known here (PL-25).
"""

import struct
from ipaddress import IPv4Address
from typing import NamedTuple

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
_FIXED = struct.Struct("!12sBBH")
_IPV4 = struct.Struct("!4s4sHH")
_FIELD = struct.Struct("!BH")
_PROXY, _TCP_OVER_IPV4 = 0x21, 0x11
_AWS, _ENDPOINT = 0xEA, b"\x01"  # PL-25
LONGEST = _FIXED.size + 0xFFFF

Socket = tuple[str, int]


class Told(NamedTuple):
    """What a header says. endpoint: the id of the VPC endpoint, "" for none. size: of the header, in bytes."""

    client: Socket
    server: Socket
    endpoint: str
    size: int


class NoHeader(ValueError):
    """What came is no header."""


def header(client: Socket, server: Socket, endpoint: str = "") -> bytes:
    """For a TCP connection of `client` to `server`."""
    ends = _IPV4.pack(IPv4Address(client[0]).packed, IPv4Address(server[0]).packed, client[1], server[1])
    value = _ENDPOINT + endpoint.encode() if endpoint else b""
    field = _FIELD.pack(_AWS, len(value)) + value if endpoint else b""
    return _FIXED.pack(SIGNATURE, _PROXY, _TCP_OVER_IPV4, len(ends) + len(field)) + ends + field


def parse(data: bytes) -> Told | None:
    """What begins a connection; None: there is more to come. NoHeader: it is something else."""
    if data[: len(SIGNATURE)] != SIGNATURE[: len(data)]:
        raise NoHeader("no proxy protocol header")
    if len(data) < _FIXED.size:
        return None
    _, command, family, length = _FIXED.unpack_from(data)
    size = _FIXED.size + length
    if command != _PROXY or family != _TCP_OVER_IPV4 or length < _IPV4.size:
        raise NoHeader("a proxy protocol header of another kind")
    if len(data) < size:
        return None
    source, destination, port, own_port = _IPV4.unpack_from(data, _FIXED.size)
    endpoint, at = "", _FIXED.size + _IPV4.size
    while at + _FIELD.size <= size:
        kind, long = _FIELD.unpack_from(data, at)
        value = data[at + _FIELD.size : min(at + _FIELD.size + long, size)]
        if kind == _AWS and value[:1] == _ENDPOINT:
            endpoint = value[1:].decode("ascii", "replace")
        at += _FIELD.size + long
    return Told((str(IPv4Address(source)), port), (str(IPv4Address(destination)), own_port), endpoint, size)
