"""Listening sockets inside a node's namespace: go there, open, come home. The agent itself never stays anywhere."""

import os
import socket
import sys
from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeVar

from emulator.kernel import syscalls

T = TypeVar("T")

BACKLOG = 512
IP_PKTINFO = 8  # not in Python 3.11's socket module


class Identity(NamedTuple):
    """Which namespace a name stands for: another one under the same name has another inode."""

    device: int
    inode: int


def identity(path: str) -> Identity | None:
    """None: there is no such namespace."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return Identity(found.st_dev, found.st_ino)


def identity_of(fd: int) -> Identity:
    """The same, of an open descriptor."""
    found = os.fstat(fd)
    return Identity(found.st_dev, found.st_ino)


class Home:
    """The namespace the agent started in. (`kernel.netns.enter` does the same; it brings all of netlink with it.)"""

    def __init__(self) -> None:
        self._fd = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)

    def call_inside(self, path: str, action: Callable[[], T]) -> tuple[Identity, T]:
        """`action()` inside the namespace at `path`, and which namespace that was. OSError as it comes."""
        there = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            found = identity_of(there)
            syscalls.setns(there)
            try:
                result = action()
            finally:
                self._return()
        finally:
            os.close(there)
        return found, result

    def _return(self) -> None:
        try:
            syscalls.setns(self._fd)
        except OSError as error:  # whatever came next would happen in a stranger's network
            sys.stderr.write(f"cannot return from a namespace: {error}\n")
            sys.stderr.flush()
            os._exit(70)


def listen(port: int, kinds: Sequence[socket.SocketKind]) -> list[socket.socket]:
    """One socket of each kind on `port`, on every address of the namespace we are in; all of them or none."""
    opened: list[socket.socket] = []
    try:
        for kind in kinds:
            made = socket.socket(socket.AF_INET, kind | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
            opened.append(made)
            if kind == socket.SOCK_STREAM:
                made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                made.bind(("0.0.0.0", port))
                made.listen(BACKLOG)
            else:
                made.setsockopt(socket.IPPROTO_IP, IP_PKTINFO, 1)
                made.bind(("0.0.0.0", port))
    except OSError:
        for made in opened:
            made.close()
        raise
    return opened
