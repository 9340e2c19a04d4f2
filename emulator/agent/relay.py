"""A listener whose target group has proxy protocol (NLB-14): the agent takes the connection and passes it on.

It listens where the client's address is still known: in an endpoint's node, else in the load balancer's own. It calls a
target from the load balancer's node, says who the client is, and then carries bytes both ways until either end closes.
"""

import errno
import json
import socket
import struct
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from zlib import crc32

from emulator.agent import proxy_protocol, sockets
from emulator.agent.health import Balancers
from emulator.agent.logs import Log
from emulator.agent.loop import READ, WRITE
from emulator.agent.services import Shared
from emulator.compile.state import Service

_AT_ONCE = 64 * 1024
_ACCEPTS_PER_TURN = 32
_MOST = 512
_RESET = struct.pack("ii", 1, 0)


class Relay:
    """One listener in one node: a service, as far as the roster is concerned."""

    def __init__(
        self, shared: Shared, balancers: Balancers, netns: Callable[[str], str], node: str, service: Service, log: Log
    ) -> None:
        self.service = service
        self.node = node
        self.namespace: sockets.Identity | None = None
        self.log = log
        self.shared = shared
        self.connections: set[_Pair] = set()
        self._balancers = balancers
        words: dict[str, Any] = json.loads(service.argv[0])
        self.idle: float = words["idle"]
        self.endpoint: str = words["endpoint"]
        self._balancer: str = words["balancer"]
        self._group: str = words["group"]
        self._path = netns(self._balancer)
        self._listener: socket.socket | None = None
        self._next = 0

    def open(self, home: sockets.Home, path: str) -> None:
        """OSError: nothing was opened."""
        self._home = home
        self.namespace, opened = home.call_inside(
            path, lambda: sockets.listen(self.service.port, (socket.SOCK_STREAM,))
        )
        self._listener = opened[0]
        self.shared.loop.watch(self._listener.fileno(), READ, self._accept)
        self._balancers.relays.add(self)

    def cut(self, node: str, group: str, target: tuple[str, int]) -> None:
        """NLB-15: the target is unhealthy, says that node."""
        if (node, group) == (self._balancer, self._group):
            for pair in [held for held in self.connections if held.target == target]:
                pair.close()

    def close(self) -> None:
        self._balancers.relays.discard(self)
        if self._listener:
            self.shared.loop.forget(self._listener.fileno())
            self._listener.close()
            self._listener = None
        for pair in list(self.connections):
            pair.close()

    def report(self) -> dict[str, Any]:
        return {"state": "running", "detail": "", "pid": 0, "restarts": 0}

    def _accept(self) -> None:
        for _ in range(_ACCEPTS_PER_TURN if self._listener else 0):
            assert self._listener is not None
            try:
                client, source = self._listener.accept()
            except OSError:  # nobody is there any more
                return
            client.setblocking(False)
            full = len(self.connections) >= _MOST or len(self.shared.connections) >= self.shared.max_connections
            target = None if full else self._choose(source[0])
            if target is None:
                self.log.line(f"{source[0]}:{source[1]} refused: {'too many connections' if full else 'no target'}")
                _reset(client)
                continue
            try:
                _, server = self._home.call_inside(self._path, _stream)
            except OSError as error:
                self.log.line(f"{source[0]}:{source[1]} refused: {error}")
                _reset(client)
                continue
            self.log.line(f"{source[0]}:{source[1]} to {target[0]}:{target[1]}")
            said = proxy_protocol.header(source, (client.getsockname()[0], self.service.port), self.endpoint)
            _Pair(self, client, server, target, said).start()

    def _choose(self, client: str) -> tuple[str, int] | None:
        """The next one of those that get new flows now; with stickiness, the client's (NLB-13)."""
        checker = self._balancers.nodes.get(self._balancer)
        found = checker.serving(self._group) if checker else []
        if not checker or not found:
            return None
        if checker.is_sticky(self._group):
            return found[crc32(client.encode()) % len(found)]
        self._next += 1
        return found[self._next % len(found)]


class _Pair:
    """The connection of a client, and the one to its target."""

    def __init__(
        self, relay: Relay, client: socket.socket, server: socket.socket, target: tuple[str, int], said: bytes
    ) -> None:
        self.target = target
        self._relay = relay
        self._ends = (client, server)
        self._waiting = {client: b"", server: said}  # what is to be sent there
        self._ended: set[socket.socket] = set()  # has said all that it will say
        self._closed: set[socket.socket] = set()  # has been told so of the other
        self._watched: dict[socket.socket, int] = {}
        self._connected = False
        self.deadline = time.monotonic() + relay.idle

    def start(self) -> None:
        self._relay.connections.add(self)
        self._relay.shared.opened(self)
        code = self._ends[1].connect_ex(self.target)
        if code not in (0, errno.EINPROGRESS):
            self.close()
            return
        self._want()

    def close(self) -> None:
        """Both ends are reset: whoever closes properly has been told before."""
        self._relay.connections.discard(self)
        self._relay.shared.connections.discard(self)
        for end in self._ends:
            if end in self._watched:
                self._relay.shared.loop.forget(end.fileno())
            if end.fileno() >= 0:
                _reset(end) if len(self._closed) < len(self._ends) else end.close()
        self._watched.clear()

    def _other(self, end: socket.socket) -> socket.socket:
        return self._ends[1] if end is self._ends[0] else self._ends[0]

    def _want(self) -> None:
        """READ while the other end has room, WRITE while there is something to send."""
        loop = self._relay.shared.loop
        for end in self._ends:
            room = len(self._waiting[self._other(end)]) < _AT_ONCE
            wanted = READ if self._connected and end not in self._ended and room else 0
            if self._waiting[end] or (end is self._ends[1] and not self._connected):
                wanted |= WRITE
            if wanted == self._watched.get(end, 0):
                continue
            if not wanted:  # an end of which nothing is wanted would wake us for ever once it hangs up
                loop.forget(end.fileno())
                del self._watched[end]
                continue
            if end in self._watched:
                loop.change(end.fileno(), wanted)
            else:
                loop.watch(end.fileno(), wanted, lambda end=end: self._ready(end))  # type: ignore[misc]
            self._watched[end] = wanted

    def _ready(self, end: socket.socket) -> None:
        if end.fileno() < 0:
            return
        try:
            self._turn(end)
        except OSError:  # reset, refused, timed out: the other end shall know
            self.close()

    def _turn(self, end: socket.socket) -> None:
        if not self._connected and end is self._ends[1]:
            if code := end.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                raise OSError(code, "connect")
            self._connected = True
        if self._waiting[end]:
            with suppress(BlockingIOError):
                self._waiting[end] = self._waiting[end][end.send(self._waiting[end]) :]
        other = self._other(end)
        if self._connected and end not in self._ended and len(self._waiting[other]) < _AT_ONCE:
            with suppress(BlockingIOError):
                data = end.recv(_AT_ONCE)
                self.deadline = time.monotonic() + self._relay.idle
                self._waiting[other] += data
                if not data:
                    self._ended.add(end)
        for one in self._ends:
            if self._other(one) in self._ended and not self._waiting[one] and one not in self._closed:
                self._closed.add(one)
                one.shutdown(socket.SHUT_WR)
        if len(self._closed) == len(self._ends):
            self.close()
        else:
            self._want()


def _reset(end: socket.socket) -> None:
    with suppress(OSError):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    end.close()


def _stream() -> socket.socket:
    return socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
