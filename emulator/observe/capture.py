"""Frames as a node meets them, read from a socket inside it: nothing has to be started, and nothing is missed."""

import socket
import struct
import time
from collections.abc import Callable, Iterator
from typing import Final

from emulator.kernel import sockets
from emulator.observe.frames import Frame

_OUTGOING: Final = 4  # PACKET_OUTGOING
_LARGEST: Final = 65536 + 18
BUFFER: Final = 16 * 1024 * 1024  # bytes of kernel memory; more than that between two looks is lost


class Capture:
    """All frames that a node sends or receives on all its links, from now on.

    wanted: judges a frame's bytes. buffer: bytes of kernel memory for what was not looked at yet; more is lost.
    lo is a link, too.
    """

    def __init__(
        self,
        node: str,
        path: str,
        wanted: Callable[[bytes], bool] | None = None,
        *,
        buffer: int = BUFFER,
    ) -> None:
        self.node = node
        self._wanted = wanted
        self._frames: list[Frame] = []
        self._socket: sockets.Held | None = sockets.listener(path, buffer)

    def frames(self) -> list[Frame]:
        """Everything that has come until now."""
        self._read()
        return list(self._frames)

    def forget(self) -> None:
        """Start the record anew."""
        self._read()
        self._frames.clear()

    def until(self, look: Callable[[], bool], within: float) -> bool:
        """Call `look` after each arrival, until it says yes or the time is over."""
        deadline = time.monotonic() + within
        while True:
            self._read()
            if look():
                return True
            left = deadline - time.monotonic()
            if left <= 0 or self._socket is None:
                return False
            self._socket.readable(min(left, 0.1))

    def close(self) -> None:
        """Hear no more; what has come stays."""
        self._read()
        if self._socket:
            self._socket.close()
            self._socket = None

    def _read(self) -> None:
        if self._socket is not None:
            for frame in _waiting(self._socket, self.node):
                if self._wanted is None or self._wanted(frame.data):
                    self._frames.append(frame)


def _waiting(held: socket.socket, node: str) -> Iterator[Frame]:
    """What has come and was not read."""
    while True:
        try:
            data, told, _, (link, _, kind, *_rest) = held.recvmsg(_LARGEST, 64)
        except BlockingIOError:
            return
        yield Frame(node, link, kind == _OUTGOING, _stamp(told), data)


def _stamp(told: list[tuple[int, int, bytes]]) -> float:
    for level, kind, data in told:
        if level == socket.SOL_SOCKET and kind == sockets.STAMP:
            seconds, nanoseconds = struct.unpack("@ll", data[:16])
            return float(seconds + nanoseconds / 1e9)
    return time.time()
