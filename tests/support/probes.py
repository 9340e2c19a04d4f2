"""Who reaches whom: many probes at once, what should pass beside what should not, and one table if it is otherwise.

A probe that should be dropped proves nothing by itself, so `check` wants one that passes in the same run. Those that
pass are waited for; silence is judged a moment after the last of them. TCP passes when it is connected; if the probe
says as whom the source must be seen, the server (ours, or the lab's http) is asked.
"""

import errno
import re
import select
import socket
import struct
import time
from collections.abc import Iterable
from contextlib import suppress
from typing import Literal, NamedTuple

from tests.support.lab import Held, Lab

Result = Literal["pass", "drop", "refused"]
SILENCE = 0.25  # how long nothing has to come after everything expected has come
_IP_RECVERR = 11


class Probe(NamedTuple):
    """One attempt. `to` is a node (its own address) or an address."""

    source: str
    to: str
    protocol: Literal["tcp", "udp", "icmp"]
    port: int = 0
    result: Result = "pass"
    seen_as: str = ""  # the address the other side must see
    bound: str = ""  # the source's own address to call from, where it has several

    def __str__(self) -> str:
        own = f" ({self.bound})" if self.bound else ""
        return f"{self.source}{own} -> {self.to} {self.protocol}{f' {self.port}' if self.port else ''}"


def passes(source: str, to: str, protocol: Literal["tcp", "udp", "icmp"] = "tcp", *ports: int) -> list[Probe]:
    return [Probe(source, to, protocol, port) for port in ports or (0,)]


def drops(source: str, to: str, protocol: Literal["tcp", "udp", "icmp"] = "tcp", *ports: int) -> list[Probe]:
    return [Probe(source, to, protocol, port, "drop") for port in ports or (0,)]


def refused(source: str, to: str, protocol: Literal["tcp", "udp", "icmp"] = "tcp", *ports: int) -> list[Probe]:
    return [Probe(source, to, protocol, port, "refused") for port in ports or (0,)]


def check(lab: Lab, *groups: Iterable[Probe], within: float = 10.0) -> None:
    """All probes behave as they say."""
    probes = [probe for group in groups for probe in group]
    assert any(probe.result != "drop" for probe in probes), "a drop proves nothing without something that passes"
    attempts = [_Attempt(lab, probe) for probe in probes]
    deadline = time.monotonic() + within
    silent_until = time.monotonic() + SILENCE
    while (now := time.monotonic()) < deadline:
        waiting = [attempt for attempt in attempts if attempt.probe.result != "drop" and not attempt.outcome]
        if waiting:
            silent_until = now + SILENCE
        elif now >= silent_until or not any(attempt.probe.result == "drop" for attempt in attempts):
            break
        _pump(lab, attempts, 0.05)
    for attempt in attempts:
        attempt.socket.close()
    wrong = [attempt.line() for attempt in attempts if not attempt.as_expected()]
    if wrong:
        right = [attempt.line() for attempt in attempts if attempt.as_expected()]
        raise AssertionError("\n".join(["not as expected:", *wrong, "as expected:", *right]))


class _Attempt:
    """A probe under way."""

    def __init__(self, lab: Lab, probe: Probe) -> None:
        self.probe = probe
        self.outcome = ""
        self.seen_as = ""
        self.waits_for = select.POLLOUT if probe.protocol == "tcp" else select.POLLIN
        address = (lab.resolve(probe.to), probe.port)
        kind = {"tcp": socket.SOCK_STREAM, "udp": socket.SOCK_DGRAM, "icmp": socket.SOCK_RAW}[probe.protocol]
        self.socket: Held = lab.open_socket(
            probe.source, kind=kind, proto=socket.IPPROTO_ICMP if probe.protocol == "icmp" else 0
        )
        self.socket.setsockopt(socket.IPPROTO_IP, _IP_RECVERR, 1)  # an ICMP error is not silence
        if probe.bound:
            self.socket.bind((probe.bound, 0))
        try:
            self.socket.connect(address)
        except BlockingIOError:
            pass
        except OSError as reason:
            self.outcome = f"not sent: {reason.strerror}"
            return
        if probe.protocol == "udp":
            self._send(b"who am I?")
        elif probe.protocol == "icmp":
            self._send(_echo_request(id(self) & 0xFFFF))

    def _send(self, data: bytes) -> None:
        try:
            self.socket.send(data)
        except OSError as reason:
            self.outcome = f"not sent: {reason.strerror}"

    def look(self) -> None:
        """Something happened on the socket."""
        code = self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if not code and not self.waits_for & select.POLLIN:
            self._connected()
            return
        if not code:
            try:
                answer = self.socket.recv(2048)
            except BlockingIOError:
                return
            except OSError as reason:
                code = reason.errno or errno.EIO
        if code:
            self.outcome = "refused" if code == errno.ECONNREFUSED else f"error: {errno.errorcode[code]}"
        elif self.probe.protocol == "icmp":
            kind, _, _, identity = struct.unpack_from("!BBHH", answer, (answer[0] & 15) * 4)
            if (kind, identity) == (0, id(self) & 0xFFFF):
                self.outcome = "pass"
        else:
            self.outcome = "pass"
            self.seen_as = "".join(re.findall(r"(?:you are|hello) (\S+)", answer.decode(errors="replace")))

    def _connected(self) -> None:
        if self.probe.seen_as:
            self.waits_for = select.POLLIN
            self._send(b"GET / HTTP/1.0\r\n\r\n")
        else:
            self.outcome = "pass"

    def as_expected(self) -> bool:
        if (self.outcome or "drop") != self.probe.result:
            return False
        return not self.probe.seen_as or self.seen_as == self.probe.seen_as

    def line(self) -> str:
        wanted = f"{self.probe.result}{f' as {self.probe.seen_as}' if self.probe.seen_as else ''}"
        actual = f"{self.outcome or 'drop'}{f' as {self.seen_as}' if self.seen_as else ''}"
        return f"  {self.probe!s:<48} expected {wanted:<8} actual {actual}"


def _pump(lab: Lab, attempts: list[_Attempt], patience: float) -> None:
    """Wait for events, and serve: who connects or sends is told its address and port."""
    clients = {attempt.socket.fileno(): attempt for attempt in attempts if not attempt.outcome}
    servers = {server.socket.fileno(): server.socket for server in lab.servers}
    poller = select.poll()
    for number in servers:
        poller.register(number, select.POLLIN)
    for number, attempt in clients.items():
        poller.register(number, attempt.waits_for)
    for number, _ in poller.poll(patience * 1000):
        if number in clients:
            clients[number].look()
        else:
            _answer(lab, servers[number])


def _answer(lab: Lab, server: Held) -> None:
    with suppress(OSError):  # the caller is gone, or may not be answered
        if server.type == socket.SOCK_DGRAM:
            _, caller = server.recvfrom(2048)
            server.sendto(f"you are {caller[0]}".encode(), caller)
        else:
            connection, caller = server.accept()
            lab.keep(connection)
            connection.sendall(f"you are {caller[0]}".encode())


def _echo_request(identity: int) -> bytes:
    head = struct.pack("!BBHHH", 8, 0, 0, identity, 1)
    total = sum(struct.unpack("!4H", head))
    return struct.pack("!BBHHH", 8, 0, ~((total & 0xFFFF) + (total >> 16)) & 0xFFFF, identity, 1)
