"""A long TCP transfer between two nodes, with every byte checked, that a test runs while it changes the lab.

Two threads of the test process, with sockets that were opened inside the namespaces. It is paced, so that it is
there all the time without taking the machine from what is tested.
"""

import socket
import struct
import threading
from hashlib import blake2b
from types import TracebackType
from typing import Self

from tests.support.lifecycle import PATIENCE, Lab
from tests.support.wait import eventually

_BLOCK = 16 * 1024
_PAUSE = 0.002  # between two blocks: 8 MB/s at most
_USER_TIMEOUT = 18  # TCP_USER_TIMEOUT, in milliseconds: how long unanswered data is tried again
STALL = 15.0


class Transfer:
    """A context manager. `lives()` asserts that data comes through; at the end every byte must have been right."""

    def __init__(self, lab: Lab, source: str, target: str, ip: str, port: int) -> None:
        self._stop = threading.Event()
        self._trouble: list[str] = []
        self.received = 0
        self.seen_as = ""
        with lab.listener(target, port) as listener:
            self._out = lab.open_socket(source)
            self._out.settimeout(PATIENCE)
            self._out.connect((ip, port))
            self._in, (self.seen_as, _) = listener.accept()
        for end in (self._out, self._in):
            end.settimeout(STALL)
            end.setsockopt(socket.IPPROTO_TCP, _USER_TIMEOUT, int(STALL * 1000))
        self._threads = [threading.Thread(target=work, daemon=True) for work in (self._send, self._receive)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        self.lives()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(2 * STALL)
        for end in (self._out, self._in):
            end.close()
        if kind is None:
            assert not self._trouble, self._trouble

    def lives(self, enough: int = 8 * _BLOCK) -> None:
        """More data arrives from now on."""
        goal = self.received + enough
        eventually(lambda: self._trouble or self.received >= goal, "the transfer goes on", within=STALL)
        assert not self._trouble, self._trouble

    def retransmissions(self) -> int:
        """Segments that had to be sent again: tcpi_total_retrans."""
        return int(struct.unpack_from("=I", self._out.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104), 100)[0])

    def _send(self) -> None:
        number = 0
        try:
            while not self._stop.wait(_PAUSE):
                self._out.sendall(_block(number))
                number += 1
            self._out.shutdown(socket.SHUT_WR)
        except OSError as error:
            self._trouble.append(f"sending block {number}: {error!r}")

    def _receive(self) -> None:
        number, held = 0, bytearray()
        try:
            while piece := self._in.recv(4 * _BLOCK):
                held += piece
                self.received += len(piece)
                while len(held) >= _BLOCK:
                    if held[:_BLOCK] != _block(number):
                        self._trouble.append(f"block {number} is not what was sent")
                        return
                    del held[:_BLOCK]
                    number += 1
            if held:
                self._trouble.append(f"the end is missing: {len(held)} bytes of block {number}")
        except OSError as error:
            self._trouble.append(f"receiving block {number}: {error!r}")


def _block(number: int) -> bytes:
    """Every block is unlike every other, so that none can be lost, doubled or put elsewhere unnoticed."""
    return blake2b(number.to_bytes(8, "big")).digest() * (_BLOCK // 64)
