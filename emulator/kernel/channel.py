"""A netlink socket: batches of requests out, refusals and dumps in.

A socket belongs for ever to the namespace in which it was opened, so the work goes on from home: enter, open, leave.
Only the last message of a batch asks for an ACK. The kernel works through a whole batch whatever happens and answers
each refused message with its sequence number; so a refusal does not stop what stands behind it in the same batch.
"""

import os
from collections.abc import Sequence
from contextlib import suppress
from errno import EBUSY, EINTR, ENOENT
from socket import AF_NETLINK, SOCK_CLOEXEC, SOCK_RAW, socket
from struct import Struct
from typing import Final, NamedTuple

from emulator.kernel.wire import ACK, DONE, DUMP, ERROR, HEADER, REQUEST, Request

ROUTE_FAMILY, NETFILTER_FAMILY = 0, 12
_SOL_NETLINK, _CAP_ACK, _EXT_ACK, _STRICT = 270, 10, 11, 12
# Each refusal takes some 800 bytes of the socket's 200 KB receive buffer, so more than this could overflow it.
BATCH: Final = 200
_ANSWERS: Final = 32  # the same for whole answers of up to 4 KB
_ROOM: Final = 65536
_INTERRUPTED: Final = 0x10  # NLM_F_DUMP_INTR: the table changed while it was dumped
_CAPPED, _HAS_TEXT = 0x100, 0x200
_INT: Final = Struct("=i")
_ATTRIBUTE: Final = Struct("=HH")


class Refusal(NamedTuple):
    """The kernel's answer to request number `position` of those sent: an errno, and its own words if it has any."""

    position: int
    errno: int
    text: str


class Part(NamedTuple):
    """One message of an answer: its type, and the place of its body in `data`."""

    type: int
    data: bytes
    start: int
    end: int


class Channel:
    """A netlink socket of the namespace in which it is made."""

    __slots__ = ("_sequence", "_socket")

    def __init__(self, family: int = ROUTE_FAMILY) -> None:
        self._socket = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, family)
        self._socket.setsockopt(_SOL_NETLINK, _EXT_ACK, 1)
        self._socket.setsockopt(_SOL_NETLINK, _CAP_ACK, 1)  # a refusal does not carry the request back
        with suppress(OSError):  # Linux 4.20: dumps can be narrowed. Before, they hold more than was asked for
            self._socket.setsockopt(_SOL_NETLINK, _STRICT, 1)
        self._sequence = 0

    def close(self) -> None:
        self._socket.close()

    def __enter__(self) -> "Channel":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def send(self, requests: Sequence[Request]) -> list[Refusal]:
        """All of them, in order; what was refused."""
        refusals: list[Refusal] = []
        for start in range(0, len(requests), BATCH):
            refusals += self._send_batch(requests[start : start + BATCH], start)
        return refusals

    def _send_batch(self, requests: Sequence[Request], offset: int) -> list[Refusal]:
        first = sequence = self._sequence + 1
        last = first + len(requests) - 1
        pieces: list[bytes] = []
        pack = HEADER.pack
        for kind, flags, body in requests:
            acknowledge = ACK if sequence == last else 0
            pieces += (pack(16 + len(body), kind, flags | REQUEST | acknowledge, sequence, 0), body)
            if len(body) & 3:
                pieces.append(b"\0" * (4 - (len(body) & 3)))
            sequence += 1
        self._sequence = last
        self._socket.send(b"".join(pieces))
        refusals: list[Refusal] = []
        while True:
            data = self._socket.recv(_ROOM)
            at = 0
            while at < len(data):
                length, kind, flags, number, _ = HEADER.unpack_from(data, at)
                if kind == ERROR and first <= number <= last:
                    code = -_INT.unpack_from(data, at + 16)[0]
                    if code:
                        text = _words(data, at + 36, at + length) if flags & _HAS_TEXT else ""
                        refusals.append(Refusal(offset + number - first, code, text))
                    if number == last:
                        return refusals
                at += (length + 3) & ~3

    def transact(self, requests: Sequence[Request]) -> Refusal | None:
        """All of a netfilter batch, or none of it; its first refusal.

        requests: with the messages that begin and end the batch. Those two are not relied on for an answer: a kernel
        before 6.10 acknowledges neither, and no kernel acknowledges the end of a batch that failed.
        """
        first = self._sequence + 1
        last = first + len(requests) - 2  # the last of those that do something
        self._sequence += len(requests)
        self._socket.send(
            b"".join(
                HEADER.pack(16 + len(body), kind, flags | REQUEST | (ACK if sequence == last else 0), sequence, 0)
                + body
                for sequence, (kind, flags, body) in enumerate(requests, first)
            )
        )
        while True:
            data = self._socket.recv(_ROOM)
            at = 0
            while at < len(data):
                length, kind, flags, number, _ = HEADER.unpack_from(data, at)
                if kind == ERROR and first <= number < first + len(requests):
                    code = -_INT.unpack_from(data, at + 16)[0]
                    if code:
                        text = _words(data, at + 36, at + length) if flags & _HAS_TEXT else ""
                        return Refusal(number - first, code, text)
                    if number == last:
                        return None
                at += (length + 3) & ~3

    def ask(self, requests: Sequence[Request]) -> list[Part | Refusal]:
        """One answer for each request, in order. For requests that are answered with one message and no ACK."""
        answers: list[Part | Refusal] = []
        for start in range(0, len(requests), _ANSWERS):
            answers += self._ask_batch(requests[start : start + _ANSWERS], start)
        return answers

    def _ask_batch(self, requests: Sequence[Request], offset: int) -> list[Part | Refusal]:
        first = self._sequence + 1
        self._sequence += len(requests)
        self._socket.send(
            b"".join(
                HEADER.pack(16 + len(body), kind, flags | REQUEST, first + position, 0) + body
                for position, (kind, flags, body) in enumerate(requests)
            )
        )
        answers: list[Part | Refusal] = []
        while len(answers) < len(requests):
            data = self._socket.recv(_ROOM)
            at = 0
            while at < len(data):
                length, kind, flags, number, _ = HEADER.unpack_from(data, at)
                if number >= first:
                    if kind == ERROR:
                        code = -_INT.unpack_from(data, at + 16)[0]
                        text = _words(data, at + 36, at + length) if flags & _HAS_TEXT else ""
                        answers.append(Refusal(offset + number - first, code, text))
                    else:
                        answers.append(Part(kind, data, at + 16, at + length))
                at += (length + 3) & ~3
        return answers

    def dump(self, request: Request) -> list[Part]:
        """Every message of a dump. A dump during which the table changed is taken again."""
        for _ in range(20):
            parts = self._dump_once(request)
            if parts is not None:
                return parts
        raise OSError(EINTR, "the kernel's tables never kept still")

    def _dump_once(self, request: Request) -> list[Part] | None:
        self._sequence += 1
        sequence = self._sequence
        kind, flags, body = request
        self._socket.send(HEADER.pack(16 + len(body), kind, flags | REQUEST | DUMP, sequence, 0) + body)
        parts: list[Part] = []
        torn = False
        unpack = HEADER.unpack_from
        while True:
            data = self._socket.recv(_ROOM)
            at, size = 0, len(data)
            while at < size:
                length, kind, flags, number, _ = unpack(data, at)
                if number == sequence:
                    if flags & _INTERRUPTED:
                        torn = True
                    if kind == DONE:
                        code = -_INT.unpack_from(data, at + 16)[0] if length >= 20 else 0
                        if code not in (0, ENOENT):  # ENOENT: the table asked for has never held anything
                            raise OSError(code, os.strerror(code))
                        return None if torn else parts
                    if kind == ERROR:
                        code = -_INT.unpack_from(data, at + 16)[0]
                        if code == EBUSY:
                            return None
                        raise OSError(code, _words(data, at + 36, at + length) if flags & _HAS_TEXT else "")
                    parts.append(Part(kind, data, at + 16, at + length))
                at += (length + 3) & ~3


def _words(data: bytes, start: int, end: int) -> str:
    """The text of an extended ACK (NLMSGERR_ATTR_MSG)."""
    while start + 4 <= end:
        length, kind = _ATTRIBUTE.unpack_from(data, start)
        if length < 4:
            break
        if kind & 0x3FFF == 1:
            return data[start + 4 : start + length].rstrip(b"\0").decode(errors="replace")
        start += (length + 3) & ~3
    return ""
