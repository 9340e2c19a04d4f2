"""The packets that a trace sends, and how it knows them and their answers again on their way. Pure.

Every packet is a real one, made by hand so that it carries a tag where nobody rewrites it (see `kernel.trace_wire`):
TCP in its sequence number, which an answer acknowledges; UDP and ICMP in their payload, which an echo gives back. The
IP identification is the flow's number, so that an ICMP error, which quotes it, is known too.
"""

import struct
from socket import inet_ntoa
from typing import Final, Literal, NamedTuple

from emulator.kernel.checksum import checksum
from emulator.kernel.trace_wire import ICMP, TCP, UDP
from emulator.topology.flows import ECHO_REQUEST, NUMBERS, Flow
from emulator.topology.traces import Ends

Direction = Literal["forward", "back"]
FLOWS_AT_MOST: Final = 100  # of one tag: a TCP flow's number is seven bits of its sequence number
TAG_END: Final = 0x01  # a DNS query's flags begin so; the tag is its number and this

_IP: Final = struct.Struct("!BBHHHBBH4s4s")
_DO_NOT_FRAGMENT: Final = 0x4000
_SYN, _RST = 0x02, 0x04
_MSS: Final = struct.pack("!BBH", 2, 4, 8961)  # what an instance says (MTU-01)
TIME_EXCEEDED: Final = "time exceeded"
_ERRORS: Final = {
    3: "destination unreachable",
    4: "source quench",
    5: "redirect",
    11: TIME_EXCEEDED,
    12: "bad header",
}
_UNREACHABLE: Final = {
    0: "network unreachable", 1: "host unreachable", 2: "protocol unreachable", 3: "port unreachable",
    4: "fragmentation needed", 9: "network prohibited", 10: "host prohibited", 13: "administratively prohibited",
}  # fmt: skip
_ANSWERS: Final = {0: "echo reply", 14: "timestamp reply"}
ANSWERED: Final = (ECHO_REQUEST, 13)  # ICMP types that are questions; no host answers any other
_DNS_QUESTION: Final = b"\x01\x00\x00\x01\0\0\0\0\0\0" + b"\x05trace\x06vpcemu\0" + b"\0\1\0\1"
_DNS: Final = 53
_WORDS: Final = b"vpcemu trace\n"


class Header(NamedTuple):
    """What is read of a traced packet's first bytes."""

    ends: Ends
    protocol: int
    ttl: int
    identification: int
    transport: bytes


class Known(NamedTuple):
    """Which flow of the batch a packet is of, in which direction; answer: what kind of one it is, "" if it is none."""

    number: int
    direction: Direction
    answer: str = ""


def build(flow: Flow, number: int, tag: bytes, source_port: int) -> bytes:
    """The packet, from its IP header on. number: of the flow, below FLOWS_AT_MOST."""
    cookie = tag + bytes([2 * number])
    if flow.protocol == "tcp":
        upper = struct.pack("!HH4sIBBHHH", source_port, flow.port, cookie, 0, 6 << 4, _SYN, 64240, 0, 0) + _MSS
        upper = _with_checksum(flow, upper, 16)
    elif flow.protocol == "udp":
        payload = tag[:2] + _DNS_QUESTION if flow.port == _DNS else cookie + _WORDS
        upper = struct.pack("!HHHH", source_port, flow.port, 8 + len(payload), 0) + payload
        upper = _with_checksum(flow, upper, 6)
    else:
        upper = (
            struct.pack("!BBHHH", flow.icmp_type, flow.icmp_code, 0, source_port, number + 1)
            + cookie
            + b"vpcemu trace\n"
        )
        upper = upper[:2] + struct.pack("!H", checksum(upper)) + upper[4:]
    length = 20 + len(upper)
    ends = (flow.source_ip.packed, flow.to.packed)
    return _IP.pack(0x45, 0, length, number + 1, _DO_NOT_FRAGMENT, 64, NUMBERS[flow.protocol], 0, *ends) + upper


def read(network: bytes, transport: bytes) -> Header | None:
    """None: no IPv4 header."""
    if len(network) < 20 or network[0] >> 4 != 4:
        return None
    _, _, _, identification, _, ttl, protocol, _, source, destination = _IP.unpack_from(network)
    ports = struct.unpack_from("!HH", transport) if protocol in (TCP, UDP) and len(transport) >= 4 else (0, 0)
    return Header(Ends(inet_ntoa(source), inet_ntoa(destination), *ports), protocol, ttl, identification, transport)


def recognise(header: Header, flows: dict[int, Flow], tag: bytes, ports: dict[int, int]) -> Known | None:
    """Whose packet it is. ports: the number of the flow that sends from each UDP port."""
    data, number = header.transport, header.identification - 1
    if header.protocol == TCP and len(data) >= 14:
        if data[4:7] == tag and data[13] == _SYN and data[7] // 2 in flows:
            return Known(data[7] // 2, "forward")
        if data[8:11] == tag and data[11] & 1 and data[11] // 2 in flows and data[13] & (_SYN | _RST):
            return Known(data[11] // 2, "back", "RST" if data[13] & _RST else "SYN-ACK")
    elif header.protocol == UDP:
        return _udp(header, flows, tag, ports)
    elif header.protocol == ICMP and len(data) >= 8:
        kind, code = data[0], data[1]
        flow = flows.get(number)
        if flow and (flow.protocol, flow.icmp_type) == ("icmp", kind) and data[8:11] == tag:
            return Known(number, "forward")
        if kind in _ANSWERS and data[8:11] == tag and data[11] // 2 in flows:
            return Known(data[11] // 2, "back", _ANSWERS[kind])
        inner = int.from_bytes(data[12:14], "big") - 1 if len(data) >= 20 else -1
        if kind in _ERRORS and inner in flows:
            return Known(inner, "back", _UNREACHABLE.get(code, _ERRORS[kind]) if kind == 3 else _ERRORS[kind])
    return None


def _udp(header: Header, flows: dict[int, Flow], tag: bytes, ports: dict[int, int]) -> Known | None:
    number, ends = header.identification - 1, header.ends
    flow = flows.get(number)
    # Answers are identified by the kernel that makes them, and one in 65,536 happens to have our number.
    onward = flow is not None and (flow.port != ends.source_port or flow.port == ends.destination_port)
    if flow and flow.protocol == "udp" and header.transport[8:10] == tag[:2] and onward:
        return Known(number, "forward")
    number = ports.get(ends.destination_port, -1)
    if number not in flows or flows[number].port != ends.source_port:
        # An echo, whatever has become of its ports. A query of DNS has no room for a number.
        whole = header.transport[8:11] == tag and header.transport[12:20] == _WORDS[:8]
        number = header.transport[11] // 2 if whole else -1
    flow = flows.get(number)
    return Known(number, "back", "datagram") if flow and flow.protocol == "udp" else None


def refuses(answer: str) -> bool:
    """Whether an answer says no: the port is closed, or somebody in between says that it may not be."""
    return answer == "RST" or answer in _ERRORS.values() or answer in _UNREACHABLE.values()


def _with_checksum(flow: Flow, upper: bytes, at: int) -> bytes:
    pseudo = flow.source_ip.packed + flow.to.packed + struct.pack("!BBH", 0, NUMBERS[flow.protocol], len(upper))
    found = checksum(pseudo + upper) or 0xFFFF
    return upper[:at] + struct.pack("!H", found) + upper[at + 2 :]
