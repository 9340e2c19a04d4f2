"""One health check: a real connection from a node of a load balancer to a target, and what became of it."""

import errno
import socket
from collections.abc import Callable
from typing import NamedTuple

from emulator.agent.loop import READ, WRITE, Loop, Timer

TIMEOUT, FAILED, MISMATCH = "Target.Timeout", "Target.FailedHealthChecks", "Target.ResponseCodeMismatch"  # LB-07
_ANSWER_BYTES = 64 * 1024


class Kind(NamedTuple):
    """What a check asks, and what counts as healthy. timeout in seconds; host: for HTTP's Host header (LB-15)."""

    protocol: str
    path: str
    matcher: tuple[tuple[int, int], ...]
    timeout: float
    host: str


class Found(NamedTuple):
    """reason: "" for a success, else one of AWS's."""

    reason: str = ""
    description: str = ""


class Check:
    """Begins at once; `done` is called once, later. `cancel` if nobody wants to know any more."""

    def __init__(
        self, loop: Loop, opened: socket.socket, to: tuple[str, int], kind: Kind, done: Callable[[Found], None]
    ) -> None:
        self._loop = loop
        self._socket = opened
        self._kind = kind
        self._done = done
        self._answer = b""
        self._timer: Timer = loop.later(kind.timeout, self._late)
        code = opened.connect_ex(to)
        if code in (0, errno.EINPROGRESS):
            loop.watch(opened.fileno(), WRITE, self._connected)
        else:
            self._timer.cancel()
            self._timer = loop.later(0, lambda: self._end(Found(FAILED, "Health checks failed")))

    def cancel(self) -> None:
        self._timer.cancel()
        if self._socket.fileno() >= 0:
            self._loop.forget(self._socket.fileno())
            self._socket.close()

    def _end(self, found: Found) -> None:
        if self._socket.fileno() >= 0:
            self.cancel()
            self._done(found)

    def _late(self) -> None:
        self._end(Found(TIMEOUT, "Request timed out"))

    def _connected(self) -> None:
        if self._socket.fileno() < 0:
            return
        code = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code:
            self._end(Found(TIMEOUT if code == errno.ETIMEDOUT else FAILED, "Health checks failed"))
        elif self._kind.protocol == "TCP":
            self._end(Found())
        else:
            agent = "ELB-HealthChecker/2.0"
            request = f"GET {self._kind.path} HTTP/1.1\r\nHost: {self._kind.host}\r\nConnection: close\r\n"
            try:
                self._socket.send(f"{request}User-Agent: {agent}\r\n\r\n".encode())
            except OSError:
                self._end(Found(FAILED, "Health checks failed"))
                return
            self._loop.forget(self._socket.fileno())
            self._loop.watch(self._socket.fileno(), READ, self._heard)

    def _heard(self) -> None:
        if self._socket.fileno() < 0:
            return
        try:
            data = self._socket.recv(4096)
        except BlockingIOError:
            return
        except OSError:
            self._end(Found(FAILED, "Health checks failed"))
            return
        self._answer += data
        line, complete, _ = self._answer.partition(b"\n")
        if complete or not data or len(self._answer) > _ANSWER_BYTES:
            self._end(judged(line, self._kind.matcher))


def judged(line: bytes, matcher: tuple[tuple[int, int], ...]) -> Found:
    """What the first line of an HTTP answer says of health."""
    words = line.split()
    if len(words) < 2 or not words[0].startswith(b"HTTP/") or not words[1].isdigit():
        return Found(FAILED, "Health checks failed")
    code = int(words[1])
    if any(first <= code <= last for first, last in matcher):
        return Found()
    return Found(MISMATCH, f"Health checks failed with these codes: [{code}]")
