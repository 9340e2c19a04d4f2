"""A packet as an analysis carries it about: addresses are numbers here, since millions of them are compared."""

from dataclasses import replace
from ipaddress import IPv4Address
from typing import NamedTuple

from emulator.topology.flows import NUMBERS, Flow

ICMP, TCP, UDP = NUMBERS["icmp"], NUMBERS["tcp"], NUMBERS["udp"]

Ports = tuple[int, int]  # first and last, inclusive

NO_PORTS: Ports = (0, 0)
LINUX_EPHEMERAL: Ports = (32768, 60999)  # ACL-13
NAT_GATEWAY_PORTS: Ports = (1024, 65535)  # NAT-21, ACL-13

ECHO_REPLY, ECHO_REQUEST, TIMESTAMP, TIMESTAMP_REPLY = 0, 8, 13, 14
_ANSWERS = {ECHO_REQUEST: ECHO_REPLY, TIMESTAMP: TIMESTAMP_REPLY}


class Packet(NamedTuple):
    """One packet, or all packets that differ in an unknown port only: then the port is a range.

    For icmp, `icmp` is type and code, and the ports are NO_PORTS.
    """

    source: int
    destination: int
    protocol: int
    source_ports: Ports
    ports: Ports
    icmp: tuple[int, int] = (0, 0)

    @property
    def source_ip(self) -> IPv4Address:
        return IPv4Address(self.source)

    @property
    def destination_ip(self) -> IPv4Address:
        return IPv4Address(self.destination)


def first(flow: Flow) -> Packet:
    """The packet that opens the flow."""
    if flow.protocol == "icmp":
        icmp = (flow.icmp_type, flow.icmp_code)
        return Packet(int(flow.source_ip), int(flow.to), ICMP, NO_PORTS, NO_PORTS, icmp)
    own = (flow.source_port, flow.source_port) if flow.source_port else LINUX_EPHEMERAL
    return Packet(int(flow.source_ip), int(flow.to), NUMBERS[flow.protocol], own, (flow.port, flow.port))


def of_arrival(flow: Flow, arrival: Packet | None) -> Flow:
    """The flow with the port at which it arrived, which a load balancer may have changed."""
    return flow if arrival is None else replace(flow, port=arrival.ports[0])


def answer(packet: Packet) -> Packet | None:
    """What the receiver sends back. None: nothing, as to an ICMP message that asks for nothing."""
    icmp = packet.icmp
    if packet.protocol == ICMP:
        if icmp[0] not in _ANSWERS:
            return None
        icmp = (_ANSWERS[icmp[0]], icmp[1] if icmp[0] == ECHO_REQUEST else 0)  # Linux gives an echo its code back
    return Packet(packet.destination, packet.source, packet.protocol, packet.ports, packet.source_ports, icmp)


def traffic(packet: Packet) -> str:
    """`tcp 443`, `udp 32768-60999`, `icmp type 8`."""
    if packet.protocol == ICMP:
        return f"icmp type {packet.icmp[0]}" + (f" code {packet.icmp[1]}" if packet.icmp[1] else "")
    return f"{'tcp' if packet.protocol == TCP else 'udp'} {span(packet.ports)}"


def span(ports: Ports) -> str:
    """`443`, `1024-65535`."""
    return str(ports[0]) if ports[0] == ports[1] else f"{ports[0]}-{ports[1]}"


def address(number: int) -> str:
    """`10.0.0.4`: without the detour by an IPv4Address."""
    return f"{number >> 24}.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
