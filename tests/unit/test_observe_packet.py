"""A trace's own packets: what they look like, and how they are known again after every rewriting."""

import struct
from ipaddress import IPv4Address

import pytest

from emulator.kernel.trace_wire import matches
from emulator.observe.packet import FLOWS_AT_MOST, TAG_END, Header, Known, build, read, recognise, refuses
from emulator.topology.flows import Flow, Protocol

TAG = b"\xaa\xbb" + bytes([TAG_END])
NUMBER = 7
PORT = 40000


def asked(protocol: Protocol, port: int = 443, icmp_type: int = 8) -> Flow:
    port = 0 if protocol == "icmp" else port
    return Flow("dev", IPv4Address("10.0.20.4"), IPv4Address("8.8.8.8"), protocol, port, icmp_type=icmp_type)


def header(data: bytes) -> Header:
    found = read(data[:40], data[20:40])
    assert found is not None
    return found


def ones_complement(data: bytes) -> int:
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total


def known(flow: Flow, packet: Header) -> Known | None:
    return recognise(packet, {NUMBER: flow}, TAG, {PORT: NUMBER} if flow.protocol == "udp" else {})


def rewritten(packet: Header, source: str = "52.0.0.1", port: int = 61000) -> Header:
    """As a NAT gateway and an internet gateway leave it."""
    ends = packet.ends._replace(source=source, source_port=port if packet.ends.source_port else 0)
    transport = packet.transport
    if packet.protocol != 1:
        transport = struct.pack("!H", port) + transport[2:]
    return packet._replace(ends=ends, ttl=60, transport=transport)


def swapped(packet: Header, transport: bytes) -> Header:
    ends = packet.ends._replace(
        source=packet.ends.destination,
        destination=packet.ends.source,
        source_port=packet.ends.destination_port,
        destination_port=packet.ends.source_port,
    )
    return packet._replace(ends=ends, identification=0, transport=transport)


FLOWS = [asked("tcp"), asked("udp"), asked("udp", 53), asked("icmp"), asked("icmp", icmp_type=13)]


@pytest.mark.parametrize("flow", FLOWS, ids=lambda flow: f"{flow.protocol}-{flow.port}-{flow.icmp_type}")
def test_a_packet_is_whole_and_known_again(flow: Flow) -> None:
    data = build(flow, NUMBER, TAG, PORT)
    length = int.from_bytes(data[2:4], "big")
    assert length == len(data)
    upper = data[20:]
    pseudo = b"" if flow.protocol == "icmp" else data[12:20] + struct.pack("!BBH", 0, data[9], len(upper))
    assert ones_complement(pseudo + upper) == 0xFFFF
    packet = header(data)
    assert known(flow, packet) == Known(NUMBER, "forward")
    assert known(flow, rewritten(packet)) == Known(NUMBER, "forward")
    assert recognise(packet, {NUMBER: flow}, b"\xaa\xbc\x01", {}) is None
    # The kernel's own rules find it by the same bytes.
    assert any(
        protocol == packet.protocol and all(upper[at : at + len(value)] == value for at, value in places)
        for protocol, places in matches(TAG, [])
    )


def test_the_answers_of_tcp() -> None:
    flow = asked("tcp")
    packet = header(build(flow, NUMBER, TAG, PORT))
    sequence = struct.unpack_from("!I", packet.transport, 4)[0]
    for flags, answer in ((0x12, "SYN-ACK"), (0x14, "RST")):
        back = struct.pack("!HHIIBBHHH", 443, PORT, 99, sequence + 1, 5 << 4, flags, 0, 0, 0)
        assert known(flow, swapped(packet, back)) == Known(NUMBER, "back", answer)
    # The sender's own reset, which ends what it never asked for, is no part of the trace.
    reset = struct.pack("!HHIIBBHHH", PORT, 443, sequence + 1, 0, 5 << 4, 0x04, 0, 0, 0)
    assert known(flow, packet._replace(transport=reset, identification=0)) is None


def test_the_answers_of_udp() -> None:
    """An echo, also to another port; any other payload by its ports."""
    flow = asked("udp")
    packet = header(build(flow, NUMBER, TAG, PORT))
    echoed = struct.pack("!HHHH", 443, 61000, 20, 0) + packet.transport[8:]
    back = packet._replace(ends=packet.ends._replace(source_port=443, destination_port=61000), transport=echoed)
    answer = Known(NUMBER, "back", "datagram")
    assert known(flow, back._replace(identification=0)) == answer
    assert known(flow, back) == answer  # its identification is the kernel's, and may be any
    # A NAT gateway that takes it for a question gives it another source port.
    back = back._replace(ends=back.ends._replace(source_port=1024), identification=0)
    assert known(flow, back) == answer
    other = struct.pack("!HHHH", 443, PORT, 20, 0) + b"hello there!"
    strange = swapped(packet, other)._replace(identification=NUMBER + 1)
    assert known(flow, strange) == answer
    assert known(flow, strange._replace(ends=strange.ends._replace(source_port=444))) is None


def test_an_echo_of_a_query_is_known_by_its_ports() -> None:
    """It has no room for the flow's number, and is not taken for flow 0's."""
    flows = {0: asked("udp", 444), NUMBER: asked("udp", 53)}
    packet = header(build(flows[NUMBER], NUMBER, TAG, PORT))
    echo = swapped(packet, struct.pack("!HHHH", 53, PORT, 20, 0) + packet.transport[8:])
    assert recognise(echo, flows, TAG, {PORT: NUMBER}) == Known(NUMBER, "back", "datagram")
    assert recognise(echo, flows, TAG, {}) is None


def test_an_echo_reply_and_an_error() -> None:
    flow = asked("icmp")
    packet = header(build(flow, NUMBER, TAG, PORT))
    assert known(flow, swapped(packet, b"\0" + packet.transport[1:])) == Known(NUMBER, "back", "echo reply")
    whole = build(asked("udp"), NUMBER, TAG, PORT)
    error = (b"\x03\x03\0\0\0\0\0\0" + whole)[:20]
    found = known(asked("udp"), Header(packet.ends, 1, 60, 0, error))
    assert found == Known(NUMBER, "back", "port unreachable")
    assert found is not None
    assert refuses(found.answer)
    assert not refuses("echo reply")


def test_flows_of_a_batch_are_told_apart() -> None:
    for flow in FLOWS[:4]:
        flows = dict.fromkeys(range(FLOWS_AT_MOST), flow)
        for number in flows:
            packet = header(build(flow, number, TAG, PORT))
            assert recognise(packet, flows, TAG, {}) == Known(number, "forward")
