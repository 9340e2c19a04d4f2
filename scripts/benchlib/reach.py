"""Whether every instance can send and be reached, and how long until the last one could.

Each instance sends one datagram to the next one, round in a ring, through the VPC's router and its rules. Sockets are
opened inside the namespaces by this one process. Lost datagrams are sent again until all have arrived.
"""

import contextlib
import os
import select
import socket
import time
from collections.abc import Sequence

from .sandbox import switch

_AGAIN = 0.02  # seconds until those that have not arrived are sent again
_PATIENCE = 40.0  # the kernel's delayed carrier takes up to 20 s


class Unreachable(Exception):
    """Some instances never answered; names them."""


def ring(members: Sequence[tuple[str, str]], port: int) -> float:
    """Seconds until each of the members (name in /run/netns, address) has sent and has been reached."""
    start = time.monotonic()
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    sockets: list[socket.socket] = []
    try:
        try:
            for name, address in members:
                file = os.open(f"/run/netns/{name}", os.O_RDONLY | os.O_CLOEXEC)
                try:
                    switch(file)
                finally:
                    os.close(file)
                held = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
                sockets.append(held)
                held.bind((address, port))
        finally:
            switch(home)
        _exchange(members, sockets, port)
    finally:
        os.close(home)
        for held in sockets:
            held.close()
    return time.monotonic() - start


def _exchange(members: Sequence[tuple[str, str]], sockets: Sequence[socket.socket], port: int) -> None:
    poll = select.epoll(len(sockets))
    waiting = {held.fileno(): number for number, held in enumerate(sockets)}
    for number in waiting:
        poll.register(number, select.EPOLLIN)
    deadline, again = time.monotonic() + _PATIENCE, 0.0
    while waiting:
        now = time.monotonic()
        if now > deadline:
            missing = ", ".join(members[number][0] for number in sorted(waiting.values())[:10])
            raise Unreachable(f"{len(waiting)} of {len(members)} instances were not reached: {missing}")
        if now >= again:
            for number in waiting.values():
                with contextlib.suppress(OSError):  # no carrier yet
                    sockets[number - 1].sendto(b"?", (members[number][1], port))
            again = now + _AGAIN
        for file, _ in poll.poll(max(0.0, again - time.monotonic())):
            if file in waiting:
                del waiting[file]
                poll.unregister(file)
    poll.close()
