"""What the wire does with many flows at once: all are sent, answered, and judged within a moment.

Every host has raw sockets, which are given what is really delivered to it, and sends from them. TCP and UDP listeners
are at every address that a flow means, so a port is never closed; only the datagrams are answered from here.

A drop needs a positive control: when all flows are sent, every sender asks its own router for an echo over the same
link. The kernel carries packets in order, so once all controls are answered and nothing has come for a while, what has
not arrived was dropped.
"""

import os
import select
import socket
import struct
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from ipaddress import IPv4Address

from emulator.compile.eni import gateway_address
from emulator.kernel import netns
from emulator.kernel.checksum import checksum
from emulator.topology.addresses import INTERNET_ADDRESS
from emulator.topology.flows import Flow, Result, Verdict, owners
from emulator.topology.given import slot
from emulator.topology.reception import Reception
from tests.differential.questions import stopped
from tests.support.lab import Lab

QUIET = 0.03  # how long nothing has to come; a disagreement is looked at again with more patience
PATIENT = 0.5
_GIVE_UP = 20.0

_TCP, _UDP, _ICMP = socket.IPPROTO_TCP, socket.IPPROTO_UDP, socket.IPPROTO_ICMP
_SYN, _RST, _SYN_ACK = 0x02, 0x04, 0x12
_COOKIE = 0x5A000000  # TCP: the sequence number, less the flow's number
_ASK, _ANSWER = b"vpc?", b"vpc!"  # UDP and ICMP: the payload, before the flow's number
_CONTROL = 0xFFFF


class Unusable(AssertionError):
    """A host could not even ask its own router: whatever it says proves nothing."""


class Wire:
    """The sockets of a lab that is up."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self._poll = select.epoll()
        self._raw: dict[int, tuple[str, int, socket.socket]] = {}  # by descriptor: node, protocol, socket
        self._send: dict[tuple[str, IPv4Address], socket.socket] = {}
        self._listeners: dict[int, socket.socket] = {}
        topology = lab.topology
        guests = {node.name for node in topology.nodes() if node.kind in ("instance", "outside_host")}
        deaf = {node.name for node in topology.nodes()} - guests | stopped(topology)
        self._reception = Reception(topology, lab.addresses)
        self._own: dict[str, set[IPv4Address]] = {}
        for node, _, private, _ in owners(topology, lab.addresses):
            if node in deaf:
                continue
            self._own.setdefault(node, set()).add(private)
        self._controls = self._routers()
        for node in self._own:
            self._open(node)

    def _routers(self) -> dict[str, tuple[IPv4Address, IPv4Address]]:
        """For each sender: its own address, and its router's, which answers whatever groups and ACLs say."""
        lab = self._lab
        found = {host.name: (host.ip, INTERNET_ADDRESS) for host in lab.topology.internet.hosts}
        for vpc in lab.topology.vpcs:
            for instance in vpc.instances:
                own = lab.addresses.private[slot(instance.name, 0)]
                found[instance.name] = own, IPv4Address(gateway_address(vpc.subnet(instance.subnet)))
        return found

    def _open(self, node: str) -> None:
        with self._inside(node):
            for protocol in (_TCP, _UDP, _ICMP):
                made = socket.socket(socket.AF_INET, socket.SOCK_RAW, protocol)
                made.setblocking(False)
                self._raw[made.fileno()] = node, protocol, made
                self._poll.register(made, select.EPOLLIN)
            for address in self._own[node]:
                sender = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
                sender.bind((str(address), 0))  # its routes go by this, not by what the header says
                self._send[node, address] = sender

    @contextmanager
    def _inside(self, node: str) -> Iterator[None]:
        namespace = os.open(self._lab.namespace(node), os.O_RDONLY | os.O_CLOEXEC)
        try:
            with netns.enter(namespace):
                yield
        finally:
            os.close(namespace)

    def close(self) -> None:
        self._poll.close()
        for made in (*(raw for _, _, raw in self._raw.values()), *self._send.values(), *self._listeners.values()):
            made.close()

    # --- asking ------------------------------------------------------------------------------------------------

    def ask(self, flows: Sequence[Flow], quiet: float = QUIET) -> list[Verdict]:
        """What became of each. `refused` is an answer that no listener gave. Who dropped a packet is not known here."""
        self._listen(flows)
        self._flows = flows
        self._came: dict[int, tuple[str, IPv4Address]] = {}
        self._answers: dict[int, Result] = {}
        self._waiting = {flow.source for flow in flows}
        for number, flow in enumerate(flows):
            self._put(flow, number)
        for node in self._waiting:
            own, router = self._controls[node]
            self._out(node, own, router, _ICMP, _echo(8, 0, _CONTROL, 0))
        self._collect(quiet)
        return [self._verdict(number) for number in range(len(flows))]

    def _verdict(self, number: int) -> Verdict:
        receiver, seen_as = self._came.get(number, ("", None))
        result = self._answers.get(number, "drop")
        return Verdict(result, None, result == "drop" and bool(receiver), receiver, seen_as)

    def _listen(self, flows: Sequence[Flow]) -> None:
        """At whatever address of a node a flow may come out."""
        wanted: dict[str, set[tuple[str, str, int]]] = {}
        for flow in flows:
            for place in self._reception.of(flow) if flow.protocol != "icmp" else ():
                if place.node in self._own:
                    wanted.setdefault(place.node, set()).add((flow.protocol, str(place.address), place.port))
        for node, sockets in wanted.items():
            with self._inside(node):
                for protocol, own, port in sockets:
                    self._serve(protocol, own, port)

    def _serve(self, protocol: str, address: str, port: int) -> None:
        made = socket.socket(socket.AF_INET, socket.SOCK_STREAM if protocol == "tcp" else socket.SOCK_DGRAM)
        made.setblocking(False)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((address, port))
        self._listeners[made.fileno()] = made
        if protocol == "tcp":
            made.listen(64)
        else:
            self._poll.register(made, select.EPOLLIN)

    def _put(self, flow: Flow, number: int) -> None:
        if flow.protocol == "tcp":
            segment = struct.pack(
                "!HHIIBBHHH", flow.source_port, flow.port, _COOKIE + number, 0, 0x50, _SYN, 64240, 0, 0
            )
            total = checksum(flow.source_ip.packed + flow.to.packed + struct.pack("!HH", _TCP, len(segment)) + segment)
            data = segment[:16] + struct.pack("!H", total) + segment[18:]
        elif flow.protocol == "udp":
            payload = _ASK + struct.pack("!I", number)
            data = struct.pack("!HHHH", flow.source_port, flow.port, 8 + len(payload), 0) + payload  # 0: no checksum
        else:
            data = _echo(flow.icmp_type, flow.icmp_code, number, number)
        protocol = {"tcp": _TCP, "udp": _UDP, "icmp": _ICMP}[flow.protocol]
        self._out(flow.source, flow.source_ip, flow.to, protocol, data)

    def _out(self, node: str, source: IPv4Address, to: IPv4Address, protocol: int, data: bytes) -> None:
        header = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(data), 0, 0, 64, protocol, 0, source.packed, to.packed)
        with suppress(OSError):  # "no route", "network unreachable": the sender's own way of dropping it
            self._send[node, source].sendto(header + data, (str(to), 0))

    # --- listening ---------------------------------------------------------------------------------------------

    def _collect(self, quiet: float) -> None:
        deadline = time.monotonic() + _GIVE_UP
        while True:
            events = self._poll.poll(quiet)
            if not events and not self._waiting:
                return
            for number, _ in events:
                if number in self._raw:
                    self._read(*self._raw[number])
                else:
                    self._answer(self._listeners[number])
            if time.monotonic() > deadline:
                raise Unusable(f"no echo from the router of {', '.join(sorted(self._waiting))}")

    def _answer(self, listener: socket.socket) -> None:
        with suppress(BlockingIOError):
            while True:
                data, caller = listener.recvfrom(2048)
                if data.startswith(_ASK):
                    with suppress(OSError):
                        listener.sendto(_ANSWER + data[4:], caller)

    def _read(self, node: str, protocol: int, held: socket.socket) -> None:
        with suppress(BlockingIOError):
            while True:
                packet, _ = held.recvfrom(2048)
                source = IPv4Address(packet[12:16])
                body = packet[(packet[0] & 15) * 4 :]
                if protocol == _TCP:
                    self._segment(node, source, body)
                elif protocol == _UDP:
                    self._datagram(node, source, body)
                else:
                    self._message(node, source, body)

    def _arrived(self, node: str, source: IPv4Address, number: int) -> None:
        if number < len(self._flows):
            self._came.setdefault(number, (node, source))

    def _answered(self, node: str, source: IPv4Address, number: int, result: Result) -> None:
        """An answer counts if it seems to come from where the flow went."""
        if number < len(self._flows):
            flow = self._flows[number]
            if flow.source == node and flow.to == source:
                self._answers.setdefault(number, result)

    def _segment(self, node: str, source: IPv4Address, body: bytes) -> None:
        _, to_port, sequence, acknowledged, _, flags = struct.unpack_from("!HHIIBB", body)
        if flags & 0x3F == _SYN and sequence & 0xFF000000 == _COOKIE:
            self._arrived(node, source, sequence - _COOKIE)
        elif (acknowledged - 1) & 0xFF000000 == _COOKIE and flags & 0x10:
            number = acknowledged - 1 - _COOKIE
            if number < len(self._flows) and self._flows[number].source_port == to_port:
                self._answered(node, source, number, "refused" if flags & _RST else "pass")

    def _datagram(self, node: str, source: IPv4Address, body: bytes) -> None:
        payload = body[8:]
        if len(payload) == 8 and payload[:4] in (_ASK, _ANSWER):
            (number,) = struct.unpack("!I", payload[4:])
            if payload[:4] == _ASK:
                self._arrived(node, source, number)
            else:
                self._answered(node, source, number, "pass")

    def _message(self, node: str, source: IPv4Address, body: bytes) -> None:
        kind, code = body[0], body[1]
        if kind == 3:
            self._error(node, source, code, body[8:])
        elif len(body) >= 8:
            identity, number = struct.unpack_from("!HH", body, 4)
            if identity == _CONTROL:
                if kind == 0:
                    self._waiting.discard(node)
            elif body[8:12] == _ASK and kind in (8, 13):
                self._arrived(node, source, number)
            elif kind in (0, 14) and identity != _CONTROL:
                self._answered(node, source, number, "pass")

    def _error(self, node: str, source: IPv4Address, code: int, quoted: bytes) -> None:
        """Port unreachable, about a datagram of ours."""
        if code != 3 or len(quoted) < 28 or quoted[9] != _UDP:
            return
        to_port, to = struct.unpack_from("!H", quoted, 20)[0], IPv4Address(quoted[16:20])
        for number, flow in enumerate(self._flows):
            if flow.protocol == "udp" and flow.source == node and (flow.source_port, flow.to) == (to_port, to):
                self._answered(node, source, number, "refused")


def _echo(kind: int, code: int, identity: int, number: int) -> bytes:
    """An ICMP query. A timestamp request has three numbers where an echo has what it likes."""
    payload = _ASK + bytes(8)
    head = struct.pack("!BBHHH", kind, code, 0, identity, number)
    return head[:2] + struct.pack("!H", checksum(head + payload)) + head[4:] + payload
