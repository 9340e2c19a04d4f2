"""Connections that run while a lab is edited: each asks a question in each round, and whoever hears it answers."""

import select
import socket
import struct
import time
from collections.abc import Collection, Iterator
from contextlib import suppress
from typing import NamedTuple

from emulator.kernel import sockets
from emulator.kernel.checksum import checksum
from emulator.topology.flows import Flow
from emulator.topology.reception import Reception
from tests.support.lab import Lab

QUIET = 0.1  # how long nothing has to come, once all has come that is expected
PATIENT = 1.0
_SHORT = 0.02
_GIVE_UP = 4.0
_FORM = struct.Struct("!4sII")  # of a question and its answer: number of the conversation, round
_MAGIC = b"talk"
_ECHO, _ECHO_REPLY = 8, 0


class Heard(NamedTuple):
    """What came of one round."""

    arrived: frozenset[int]
    answered: frozenset[int]


class Conversations:
    """All of a lab, by number. Made in it, and closed with it."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self._poll = select.epoll()
        self._sockets: dict[int, tuple[socket.socket, str, int]] = {}  # by descriptor: whose kind, of which number
        self._clients: dict[int, tuple[Flow, socket.socket]] = {}
        self._servers: dict[tuple[str, str, str, int], socket.socket] = {}
        self._reception = Reception(lab.topology, lab.addresses)
        self._round = 0
        self._arrived: set[int] = set()
        self._answered: set[int] = set()

    def begin(self, number: int, flow: Flow, receiver: str) -> bool:
        """Listen at the receiver and connect; False: another one has these ports."""
        try:
            if flow.protocol != "icmp":
                for place in self._reception.of(flow):
                    if place.node == receiver:
                        self._serve(flow.protocol, place.node, str(place.address), place.port)
            self._connect(number, flow)
        except OSError:
            return False
        return True

    def _serve(self, protocol: str, node: str, address: str, port: int) -> None:
        key = protocol, node, address, port
        if key in self._servers:
            return
        made = self._open(node, protocol)
        made.bind((address, port))
        if protocol == "tcp":
            made.listen(64)
        self._servers[key] = made
        self._watch(made, "listener" if protocol == "tcp" else "server", -1)

    def _connect(self, number: int, flow: Flow) -> None:
        made = self._open(flow.source, flow.protocol)
        made.bind((str(flow.source_ip), flow.source_port if flow.protocol != "icmp" else 0))
        with suppress(BlockingIOError):
            made.connect((str(flow.to), flow.port if flow.protocol != "icmp" else 0))
        self._clients[number] = flow, made
        self._watch(made, flow.protocol, number)

    def _open(self, node: str, protocol: str) -> socket.socket:
        kinds = {
            "tcp": (socket.SOCK_STREAM, 0),
            "udp": (socket.SOCK_DGRAM, 0),
            "icmp": (socket.SOCK_RAW, socket.IPPROTO_ICMP),
        }
        kind, proto = kinds[protocol]
        made = sockets.open_in(self._lab.namespace(node), socket.AF_INET, kind, proto)
        made.setblocking(False)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        return made

    def _watch(self, made: socket.socket, kind: str, number: int) -> None:
        self._sockets[made.fileno()] = made, kind, number
        self._poll.register(made, select.EPOLLIN)

    def forget(self, number: int) -> None:
        """One that was cut: TCP would wait ever longer before it tries again."""
        _, made = self._clients.pop(number)
        self._drop(made)

    def close(self) -> None:
        for made, _, _ in [*self._sockets.values()]:
            self._drop(made)
        self._poll.close()

    def _drop(self, made: socket.socket) -> None:
        if self._sockets.pop(made.fileno(), None):
            self._poll.unregister(made)
        made.close()

    # --- a round -----------------------------------------------------------------------------------------------

    def ask(self, expected: Collection[int], quiet: float = QUIET) -> Heard:
        """Everybody asks. expected: whose answers are worth waiting for; what else comes meanwhile counts, too."""
        self._round += 1
        self._arrived, self._answered = set(), set()
        waiting = set(self._clients)
        deadline = time.monotonic() + _GIVE_UP
        while True:
            for number in sorted(waiting):
                if self._send(number):
                    waiting.discard(number)
            done = set(expected) <= self._answered
            events = self._poll.poll(quiet if done else _SHORT)
            for descriptor, _ in events:
                if descriptor in self._sockets:
                    self._read(*self._sockets[descriptor])
            if (not events and done) or time.monotonic() > deadline:
                return Heard(frozenset(self._arrived), frozenset(self._answered))

    def _send(self, number: int) -> bool:
        """False: TCP has not connected yet."""
        flow, made = self._clients[number]
        body = _FORM.pack(_MAGIC, number, self._round)
        if flow.protocol == "icmp":
            head = struct.pack("!BBHHH", _ECHO, flow.icmp_code, 0, number + 1, self._round)
            body = head[:2] + struct.pack("!H", checksum(head + body)) + head[4:] + body
        try:
            made.send(body)
        except (BlockingIOError, ConnectionError):
            return flow.protocol != "tcp"
        except OSError:  # the sender's own kernel has no way
            return flow.protocol != "tcp"
        return True

    def _read(self, made: socket.socket, kind: str, number: int) -> None:
        with suppress(BlockingIOError, ConnectionError):
            if kind == "listener":
                while True:
                    caller, _ = made.accept()
                    caller.setblocking(False)
                    self._watch(caller, "accepted", -1)
            elif kind == "server":
                while True:
                    data, caller_at = made.recvfrom(2048)
                    for body in self._questions(data):
                        made.sendto(body, caller_at)
            elif kind == "accepted":
                data = made.recv(65536)
                if not data:
                    self._drop(made)
                for body in self._questions(data):
                    made.send(body)
            else:
                self._listen(made, kind, number)

    def _questions(self, data: bytes) -> Iterator[bytes]:
        for magic, number, which in _FORM.iter_unpack(data[: len(data) // _FORM.size * _FORM.size]):
            if magic == _MAGIC and which == self._round:
                self._arrived.add(number)
            yield _FORM.pack(magic, number, which)

    def _listen(self, made: socket.socket, kind: str, number: int) -> None:
        while True:
            data = made.recv(65536)
            if kind == "icmp":
                data = data[(data[0] & 15) * 4 :]
                if data[0] != _ECHO_REPLY:
                    continue
                data = data[8:]
            if not data:
                return
            for magic, whose, which in _FORM.iter_unpack(data[: len(data) // _FORM.size * _FORM.size]):
                if (magic, whose, which) == (_MAGIC, number, self._round):
                    self._answered.add(number)
