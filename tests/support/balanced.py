"""Calls to a load balancer: who answered, as whom the caller was seen; and what `status` says of targets."""

import re
import socket
from collections.abc import Iterable
from contextlib import suppress
from typing import NamedTuple

from emulator.lab.status import status
from tests.support.lab import Held, Lab
from tests.support.wait import eventually

BLOCK = "add table ip ill; add chain ip ill in { type filter hook input priority 0; }; "
BLOCK += "add rule ip ill in tcp flags & (syn | ack) == syn tcp dport 80 reject with tcp reset"


class Answer(NamedTuple):
    """The first words of a built-in tcp service."""

    node: str
    seen_as: str


SILENCE = Answer("", "")


class Call:
    """A TCP connection to a load balancer, under way."""

    def __init__(self, lab: Lab, source: str, to: str, port: int) -> None:
        self.socket: Held = lab.open_socket(source)
        with suppress(BlockingIOError):
            self.socket.connect((to, port))

    def answer(self, within: float = 10.0) -> Answer:
        """Who greets us. ConnectionError: refused or reset."""
        if not self.socket.readable(within):
            return SILENCE
        found = re.match(rb"(\S+) tcp/\d+: hello (\S+)", self.socket.recv(200))
        assert found, "no greeting"
        return Answer(found[1].decode(), found[2].decode())


def call(lab: Lab, source: str, to: str, port: int = 80) -> Answer:
    """One connection, which must be answered."""
    made = Call(lab, source, to, port)
    try:
        found = made.answer()
        assert found != SILENCE, f"{source} hears nothing from {to}:{port}"
        return found
    finally:
        made.socket.close()


def answering(lab: Lab, source: str, to: str, times: int, port: int = 80) -> list[str]:
    """Who answers so many connections, sorted."""
    return sorted(call(lab, source, to, port).node for _ in range(times))


def hears_nothing(lab: Lab, source: str, to: str, port: int, control: tuple[str, int], within: float = 0.4) -> None:
    """No answer and no reset, while a control of the same source is answered."""
    silent = Call(lab, source, to, port)
    call(lab, source, *control)
    assert silent.answer(within) == SILENCE, f"{source} is answered by {to}:{port}"
    assert silent.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0
    silent.socket.close()
    call(lab, source, *control)


class Health(NamedTuple):
    state: str
    reason: str


def health(lab: Lab) -> dict[tuple[str, str], Health]:
    """By target group and target, what `status` says."""
    return {
        (group["name"], target["id"]): Health(target["state"], target["reason"])
        for vpc in status(lab.name)["vpcs"]
        for group in vpc["target_groups"]
        for target in group["targets"]
    }


def become(lab: Lab, wanted: dict[tuple[str, str], str], within: float = 40.0) -> None:
    """Wait until these targets have these states."""

    def there() -> bool:
        found = health(lab)
        seen = {key: found[key].state for key in wanted}
        assert seen == wanted
        return True

    eventually(there, "the health of targets", within, every=0.1)


def all_healthy(lab: Lab, groups: Iterable[str] = ()) -> None:
    """Wait until every target that is checked is healthy."""

    def there() -> bool:
        found = {key: held for key, held in health(lab).items() if not groups or key[0] in groups}
        assert {held.state for held in found.values()} <= {"healthy", "unused"}, found
        return True

    eventually(there, "healthy targets", 40, every=0.1)


def ill(lab: Lab, *nodes: str) -> None:
    """New connections to port 80 of these are refused from now on; those that are there go on."""
    for node in nodes:
        lab.must(node, f"nft '{BLOCK}'")
    become(lab, {("web", node): "unhealthy" for node in nodes})


def well(lab: Lab, *nodes: str) -> None:
    for node in nodes:
        lab.must(node, "nft delete table ip ill")
    become(lab, {("web", node): "healthy" for node in nodes})
