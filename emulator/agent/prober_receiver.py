"""The far side of probes: who arrives at a node, and somebody who answers there for as long as the probe lasts.

Arrivals are seen on raw sockets, which get a copy of what is delivered to the node, so a service of the user's may
have the port and keeps it. (A packet socket would see as much, and cost an RCU grace period each when it is closed.)
"""

import ctypes
import errno
import socket
import struct
from collections.abc import Callable
from contextlib import suppress

from emulator.agent import prober_packets as packets
from emulator.agent.loop import READ, WRITE, Loop
from emulator.agent.prober_flow import Attempt
from emulator.agent.sockets import IP_PKTINFO

BACKLOG = 4096
_ATTACH_FILTER = 26  # not in Python 3.11's socket module
_RECEIVE_BUFFER_FORCE = 33
_BUFFER = 4 * 1024 * 1024
_PKTINFO = struct.Struct("=I4s4s")
_NUMBERS = {"icmp": socket.IPPROTO_ICMP, "tcp": socket.IPPROTO_TCP, "udp": socket.IPPROTO_UDP}
_FLAGS = socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC
_PER_TURN = 256

Find = Callable[[bytes], Attempt | None]  # by the token at the beginning of the data


class Receiver:
    """One node at which probes are to arrive. `open_inside` in its namespace; `close` at the end."""

    def __init__(self, node: str, loop: Loop, find: Find, arrived: Callable[[Attempt], None]) -> None:
        self.node = node
        self.listens: set[tuple[str, int]] = set()  # protocol and port
        self._loop = loop
        self._find = find
        self._arrived = arrived
        self._sockets: list[socket.socket] = []
        self._watches: list[tuple[socket.socket, Callable[[packets.Packet], None]]] = []
        self._connections: set[socket.socket] = set()
        self._by_ports: dict[tuple[int, int], list[Attempt]] = {}
        self._taken: set[tuple[str, int]] = set()  # by somebody else

    def open_inside(self, protocols: set[str], ports: set[tuple[str, int]]) -> None:
        """Watch for these protocols, and listen on these ports as far as they are free."""
        for protocol in protocols:
            self._watch(protocol)
        for protocol, port in ports:
            try:
                self._listen(protocol, port)
                self.listens.add((protocol, port))
            except OSError as error:
                if error.errno == errno.EADDRINUSE:
                    self._taken.add((protocol, port))

    def expect(self, attempt: Attempt, source_port: int, port: int) -> None:
        """TCP: its first segment carries no data of ours, and is known by its ports."""
        self._by_ports.setdefault((source_port, port), []).append(attempt)

    def look(self) -> None:
        """Take in what has arrived until now."""
        for watch, seen in self._watches:
            while _drain(watch, seen):
                pass

    def close(self) -> None:
        """What has arrived counts, even if nobody has looked yet: the answer to it may have been faster."""
        self.look()
        self._watches = []
        for each in [*self._sockets, *self._connections]:
            self._loop.forget(each.fileno())
            each.close()
        self._sockets, self._connections = [], set()

    def _watch(self, protocol: str) -> None:
        made = socket.socket(socket.AF_INET, socket.SOCK_RAW | _FLAGS, _NUMBERS[protocol])
        self._sockets.append(made)
        _filter(made, packets.FIRST_SEGMENTS if protocol == "tcp" else packets.OURS)
        made.setsockopt(socket.SOL_SOCKET, _RECEIVE_BUFFER_FORCE, _BUFFER)

        def datagram(found: packets.Packet) -> None:
            self._datagram(made, found)

        seen = {"tcp": self._segment, "udp": datagram, "icmp": self._message}[protocol]
        self._watches.append((made, seen))

        def ready() -> None:
            _drain(made, seen)

        self._loop.watch(made.fileno(), READ, ready)

    def _segment(self, found: packets.Packet) -> None:
        same = self._by_ports.get(found.ports, [])
        waiting = [attempt for attempt in same if not attempt.receiver]
        sent = [attempt for attempt in waiting if attempt.asked.source_ip == found.source]
        for attempt in (sent or waiting)[:1]:
            attempt.arrived(self.node, found.source)

    def _datagram(self, watch: socket.socket, found: packets.Packet) -> None:
        source_port, port = found.ports
        attempt = self._find(found.data)
        if attempt is None or attempt.asked.protocol != "udp" or (self.node, port) not in attempt.asked.receivers:
            return
        attempt.arrived(self.node, found.source)
        if ("udp", port) in self._taken:
            # Whoever has the port may not care for our words, so they are answered in its place.
            with suppress(OSError):
                watch.sendmsg([packets.udp(port, source_port, found.data)], _from(found.to), 0, (found.source, 0))

    def _message(self, found: packets.Packet) -> None:
        attempt = self._find(found.data)
        if attempt is not None and (attempt.asked.protocol, attempt.asked.icmp_type) == ("icmp", found.body[0]):
            attempt.arrived(self.node, found.source)
            self._arrived(attempt)

    def _listen(self, protocol: str, port: int) -> None:
        kind = socket.SOCK_STREAM if protocol == "tcp" else socket.SOCK_DGRAM
        made = socket.socket(socket.AF_INET, kind | _FLAGS)
        try:
            if protocol == "tcp":
                made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                made.bind(("0.0.0.0", port))
                made.listen(BACKLOG)
            else:
                made.setsockopt(socket.IPPROTO_IP, IP_PKTINFO, 1)
                made.setsockopt(socket.SOL_SOCKET, _RECEIVE_BUFFER_FORCE, _BUFFER)
                made.bind(("0.0.0.0", port))
        except OSError:
            made.close()
            raise
        self._sockets.append(made)
        ready = self._accept if protocol == "tcp" else self._reply
        self._loop.watch(made.fileno(), READ, lambda: ready(made))

    def _accept(self, listener: socket.socket) -> None:
        for _ in range(_PER_TURN):
            try:
                accepted, _ = listener.accept()
            except OSError:
                return
            accepted.setblocking(False)
            self._connections.add(accepted)
            self._loop.watch(accepted.fileno(), READ, _Echo(self, accepted).ready)

    def _reply(self, listener: socket.socket) -> None:
        for _ in range(_PER_TURN):
            try:
                data, extra, _, caller = listener.recvmsg(65536, 64)
            except BlockingIOError:
                return
            except OSError:  # an ICMP error about an earlier answer
                continue
            to = next((item[8:12] for level, kind, item in extra if (level, kind) == (0, IP_PKTINFO)), b"")
            with suppress(OSError):
                listener.sendmsg([data], _from(socket.inet_ntoa(to)) if to else [], 0, caller)

    def identify(self, data: bytes, caller: str) -> None:
        """The first words on a connection that we accepted: now it is known for certain who that is."""
        attempt = self._find(data)
        if attempt is not None:
            attempt.receiver, attempt.seen_as = self.node, caller

    def end(self, connection: socket.socket) -> None:
        self._connections.discard(connection)
        self._loop.forget(connection.fileno())
        connection.close()

    def turn(self, connection: socket.socket, events: int) -> None:
        self._loop.change(connection.fileno(), events)


class _Echo:
    """One accepted connection: gives back what it gets."""

    def __init__(self, receiver: Receiver, accepted: socket.socket) -> None:
        self._receiver = receiver
        self._socket = accepted
        self._caller = ""
        self._first = b""
        self._known = False  # whether enough has come to tell whose it is
        self._out = b""

    def ready(self) -> None:
        try:
            if not self._out:
                self._read()
            if self._out:
                self._write()
        except BlockingIOError:
            return
        except OSError:
            self._receiver.end(self._socket)

    def _read(self) -> None:
        data = self._socket.recv(65536)
        if not data:
            raise ConnectionResetError
        if not self._known:
            before = packets.without_proxy(self._first) or b""
            self._first += data
            told = packets.without_proxy(self._first)
            if told is None:  # the header is not complete yet
                return
            data, self._known = told[len(before) :], len(told) >= packets.TOKEN_BYTES
            self._receiver.identify(told, self._socket.getpeername()[0])
        self._out = data

    def _write(self) -> None:
        try:
            self._out = self._out[self._socket.send(self._out) :]
        finally:
            self._receiver.turn(self._socket, WRITE if self._out else READ)


def _drain(watch: socket.socket, seen: Callable[[packets.Packet], None]) -> bool:
    """Look at what has come, a turn's worth of it; whether there may be more."""
    for _ in range(_PER_TURN):
        try:
            found = packets.packet(watch.recv(65536))
        except OSError:
            return False
        if found is not None:
            seen(found)
    return True


def _from(address: str) -> list[tuple[int, int, bytes]]:
    """Send from this address of ours, which need not be the one the route back would pick."""
    return [(socket.IPPROTO_IP, IP_PKTINFO, _PKTINFO.pack(0, socket.inet_aton(address), b"\0\0\0\0"))]


def _filter(made: socket.socket, program: tuple[tuple[int, int, int, int], ...]) -> None:
    """Only what the program keeps reaches us, however much the node receives."""
    code = b"".join(struct.pack("=HBBI", *step) for step in program)
    held = ctypes.create_string_buffer(code, len(code))
    made.setsockopt(socket.SOL_SOCKET, _ATTACH_FILTER, struct.pack("@HP", len(program), ctypes.addressof(held)))
