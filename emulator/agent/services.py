"""The built-in services: http, echo, dns, tcp, udp. A service is its sockets, its connections and its log."""

import socket
import struct
import time
from collections.abc import Callable
from contextlib import suppress
from errno import EMFILE, ENFILE
from typing import Any, Protocol

from emulator.agent import dns, http, sockets
from emulator.agent.logs import Log
from emulator.agent.loop import READ, WRITE, Loop
from emulator.compile.state import PROXY_PROTOCOL, Service

TCP, UDP = socket.SOCK_STREAM, socket.SOCK_DGRAM

KINDS: dict[str, tuple[socket.SocketKind, ...]] = {
    "http": (TCP,),
    "echo": (TCP, UDP),
    "dns": (UDP, TCP),
    "tcp": (TCP,),
    "udp": (UDP,),
}

MAX_CONNECTIONS = 512  # of one service
ACCEPTS_PER_TURN = 32  # so that one service under load does not starve the others
DATAGRAMS_PER_TURN = 32
MAX_DATAGRAM = 64 * 1024
OUT_OF_DESCRIPTORS_SECONDS = 0.5
SWEEP_SECONDS = 5.0
LINGER_SECONDS = 2.0
LINGER_BYTES = 1024 * 1024
_PKTINFO = struct.Struct("=I4s4s")


class Session(Protocol):
    """One connection's conversation, without the socket."""

    done: bool  # close when what was returned has been sent
    idle_seconds: float
    read_bytes: int  # at most this at once, which bounds what the answer can grow to

    def opened(self) -> bytes: ...

    def received(self, data: bytes) -> bytes: ...


class Timed(Protocol):
    """What `Shared` ends when its time is over."""

    deadline: float

    def close(self) -> None: ...


class EchoSession:
    """Says `greeting`, then gives back what it gets. Patient: idle time outs of NAT gateways are a subject of labs."""

    done = False
    idle_seconds = 3600.0
    read_bytes = 64 * 1024

    def __init__(self, greeting: bytes = b"") -> None:
        self._greeting = greeting

    def opened(self) -> bytes:
        return self._greeting

    def received(self, data: bytes) -> bytes:
        return data


class Shared:
    """What all services of the lab have in common."""

    def __init__(self, lab: str, loop: Loop, max_connections: int) -> None:
        self.lab = lab
        self.loop = loop
        self.zone = dns.Zone()
        self.connections: set[Timed] = set()
        self.max_connections = max_connections
        self.echo_ports: dict[int, int] = {}  # UDP ports that answer anything, and how many services have them
        self._sweeping = False

    def opened(self, connection: Timed) -> None:
        self.connections.add(connection)
        if not self._sweeping:
            self._sweeping = True
            self.loop.later(SWEEP_SECONDS, self._sweep)

    def _sweep(self) -> None:
        now = time.monotonic()
        for connection in [each for each in self.connections if each.deadline < now]:
            connection.close()
        self._sweeping = bool(self.connections)
        if self._sweeping:
            self.loop.later(SWEEP_SECONDS, self._sweep)


class Builtin:
    """A service that listens. Opened by `open`; `close` ends it with its connections, which hold the namespace."""

    def __init__(self, shared: Shared, node: str, service: Service, log: Log) -> None:
        self.service = service
        self.node = node
        self.namespace: sockets.Identity | None = None
        self.log = log
        self.connections: set[Connection] = set()
        self._shared = shared
        self._sockets: list[socket.socket] = []
        self._answers_anything = service.kind in ("echo", "udp")

    def open(self, home: sockets.Home, path: str) -> None:
        """OSError: nothing was opened."""
        port, kinds = self.service.port, KINDS[self.service.kind]
        self.namespace, self._sockets = home.call_inside(path, lambda: sockets.listen(port, kinds))
        for each in self._sockets:
            ready = self._acceptor(each) if each.type == TCP else self._receiver(each)
            self._shared.loop.watch(each.fileno(), READ, ready)
        if self._answers_anything:
            self._shared.echo_ports[port] = self._shared.echo_ports.get(port, 0) + 1

    def close(self) -> None:
        for each in self._sockets:
            self._shared.loop.forget(each.fileno())
            each.close()
        if self._sockets and self._answers_anything:
            left = self._shared.echo_ports.pop(self.service.port) - 1
            if left:
                self._shared.echo_ports[self.service.port] = left
        self._sockets = []
        for connection in list(self.connections):
            connection.close()

    def report(self) -> dict[str, Any]:
        return {"state": "running", "detail": "", "pid": 0, "restarts": 0}

    def _session(self, client: str, port: int) -> Session:
        kind = self.service.kind

        def note(text: str) -> None:
            self.log.line(f"{client}:{port} {text}")

        if kind == "http":
            proxied = PROXY_PROTOCOL in self.service.argv
            return http.HttpSession(self._shared.lab, self.node, client, port, note, proxied)
        if kind == "dns":
            return dns.DnsSession(lambda message: dns.answer(message, self._shared.zone, note))
        note("connected")
        if kind == "tcp":
            return EchoSession(f"{self.node} tcp/{self.service.port}: hello {client}\n".encode())
        return EchoSession()

    def _acceptor(self, listener: socket.socket) -> Callable[[], None]:
        def ready() -> None:
            for _ in range(ACCEPTS_PER_TURN):
                try:
                    accepted, (client, port) = listener.accept()
                except BlockingIOError:
                    return
                except OSError as error:
                    if error.errno in (EMFILE, ENFILE):  # the caller stays in the queue: do not spin on it
                        self._pause(listener, ready)
                    return
                full = len(self.connections) >= MAX_CONNECTIONS
                if full or len(self._shared.connections) >= self._shared.max_connections:
                    accepted.close()
                    self.log.line(f"{client}:{port} refused: too many connections")
                    continue
                Connection(self._shared, self, accepted, self._session(client, port)).start()

        return ready

    def _pause(self, listener: socket.socket, ready: Callable[[], None]) -> None:
        def resume() -> None:
            if listener.fileno() >= 0:
                self._shared.loop.watch(listener.fileno(), READ, ready)

        self.log.line("out of file descriptors")
        self._shared.loop.forget(listener.fileno())
        self._shared.loop.later(OUT_OF_DESCRIPTORS_SECONDS, resume)

    def _receiver(self, receiver: socket.socket) -> Callable[[], None]:
        def ready() -> None:
            for _ in range(DATAGRAMS_PER_TURN):
                try:
                    data, extra, _, source = receiver.recvmsg(MAX_DATAGRAM, 64)
                except BlockingIOError:
                    return
                except OSError:  # an ICMP error that an earlier answer of ours brought home
                    continue
                reply = self._datagram(data, *source)
                if reply is not None:
                    with suppress(OSError):  # full, or no way back: that is UDP
                        receiver.sendmsg([reply], _from_same_address(extra), 0, source)

        return ready

    def _datagram(self, data: bytes, client: str, port: int) -> bytes | None:
        def note(text: str) -> None:
            self.log.line(f"{client}:{port} udp {text}")

        if self.service.kind == "dns":
            return dns.answer(data, self._shared.zone, note)
        if port in self._shared.echo_ports or port == 0:
            return None  # CVE-1999-0103: one forged packet would make two echo services talk for ever
        note(f"{len(data)} bytes")
        return data


def _from_same_address(extra: list[tuple[int, int, bytes]]) -> list[tuple[int, int, bytes]]:
    """Answer from the address that was asked, which need not be the one the route back would pick."""
    for level, kind, data in extra:
        if level == socket.IPPROTO_IP and kind == sockets.IP_PKTINFO:
            _, local, _ = _PKTINFO.unpack(data[: _PKTINFO.size])
            return [(socket.IPPROTO_IP, sockets.IP_PKTINFO, _PKTINFO.pack(0, local, b"\0\0\0\0"))]
    return []


class Connection:
    """A TCP connection of a service: reads while there is nothing to write, writes while there is."""

    __slots__ = ("_lingered", "_lingering", "_out", "_service", "_session", "_shared", "_socket", "deadline")

    def __init__(self, shared: Shared, service: Builtin, accepted: socket.socket, session: Session) -> None:
        accepted.setblocking(False)
        self._shared = shared
        self._service = service
        self._socket = accepted
        self._session = session
        self._out = b""
        self._lingering = False
        self._lingered = 0
        self.deadline = time.monotonic() + session.idle_seconds

    def start(self) -> None:
        self._service.connections.add(self)
        self._shared.opened(self)
        self._shared.loop.watch(self._socket.fileno(), READ, self._ready)
        self._guard(lambda: self._send(self._session.opened()))

    def close(self) -> None:
        if self._socket.fileno() >= 0:
            self._shared.loop.forget(self._socket.fileno())
            self._socket.close()
        self._service.connections.discard(self)
        self._shared.connections.discard(self)

    def _ready(self) -> None:
        self._guard(self._turn)

    def _guard(self, action: Callable[[], None]) -> None:
        try:
            action()
        except OSError:  # reset, timed out, unreachable: the other side's affair
            self.close()
        except Exception:  # ours: it is printed by the loop, and must not be repeated for ever
            self.close()
            raise

    def _turn(self) -> None:
        if self._out:
            self._send(b"")
            return
        try:
            data = self._socket.recv(self._session.read_bytes)
        except BlockingIOError:
            return
        if not data:
            self.close()
        elif self._lingering:
            self._lingered += len(data)
            if self._lingered > LINGER_BYTES:
                self.close()
        else:
            self.deadline = time.monotonic() + self._session.idle_seconds
            self._send(self._session.received(data))

    def _send(self, data: bytes) -> None:
        waiting = bool(self._out)
        self._out += data
        if self._out:
            with suppress(BlockingIOError):
                self._out = self._out[self._socket.send(self._out) :]
        if bool(self._out) != waiting:
            self._shared.loop.change(self._socket.fileno(), WRITE if self._out else READ)
        if self._session.done and not self._out and not self._lingering:
            # Closing with unread bytes sends a reset, which can overtake the answer: say goodbye, then listen a while.
            self._lingering = True
            self._socket.shutdown(socket.SHUT_WR)
            self.deadline = time.monotonic() + LINGER_SECONDS
