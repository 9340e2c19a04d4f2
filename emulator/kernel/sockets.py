"""Sockets that live in a node and are used from outside it: a socket stays in the namespace it was made in."""

import os
import select
import socket
from contextlib import suppress
from typing import Final

from emulator.kernel import netns

_EVERY_PROTOCOL: Final = 0x0003  # ETH_P_ALL
_RECEIVE_BUFFER_FORCE: Final = 33  # SO_RCVBUFFORCE
_TIMESTAMP: Final = 35  # SO_TIMESTAMPNS
STAMP: Final = _TIMESTAMP  # the kind of the ancillary message that carries one


class Held(socket.socket):
    """A socket in a node."""

    def readable(self, within: float = 0.0) -> bool:
        """Whether something can be read, waiting for it for so many seconds."""
        poller = select.poll()  # not select, which knows no descriptor above 1023
        poller.register(self, select.POLLIN)
        return bool(poller.poll(within * 1000))


def open_in(path: str, family: int = socket.AF_INET, kind: int = socket.SOCK_STREAM, proto: int = 0) -> Held:
    """A non-blocking socket in the namespace at this path. The caller closes it: it keeps the namespace alive."""
    namespace = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        with netns.enter(namespace):
            made = Held(family, kind, proto)
    finally:
        os.close(namespace)
    made.setblocking(False)
    return made


def wire(path: str, link: str) -> Held:
    """A socket that puts frames on a link of that namespace as they are, and receives nothing."""
    made = open_in(path, socket.AF_PACKET, socket.SOCK_RAW)  # protocol 0
    try:
        made.bind((link, 0))  # packet(7): the link is looked up in the socket's own namespace
    except OSError:
        made.close()
        raise
    return made


def listener(path: str, buffer: int) -> Held:
    """A socket that hears every frame on every link of that namespace, with the time it came.

    buffer: bytes of kernel memory for frames that nobody has read yet; more are lost. Small ones take about 1 kB each.
    """
    made = open_in(path, socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_EVERY_PROTOCOL))
    made.setsockopt(socket.SOL_SOCKET, _TIMESTAMP, 1)
    with suppress(PermissionError):  # root of a user namespace has to do with less
        made.setsockopt(socket.SOL_SOCKET, _RECEIVE_BUFFER_FORCE, buffer)
    return made
