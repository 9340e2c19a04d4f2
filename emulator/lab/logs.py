"""logs: what the services of a node wrote. The agent keeps `logs/<node>/<service>.log` and rotates it to `.log.1`."""

import os
import time
from collections import deque
from collections.abc import Iterator
from typing import IO, NamedTuple

from emulator.errors import UsageError
from emulator.lab import places, view

_POLL = 0.2  # seconds; the agent's files live on a tmpfs, and a person is reading


class Line(NamedTuple):
    """One line of one service's log, without its end."""

    service: str
    text: str


def files(lab: str | None, node: str, service: str | None) -> dict[str, str]:
    """The log files that are meant, by service. Raises UsageError for names that do not exist."""
    seen = view.read(places.choose(lab))
    view.node(seen, node)
    directory = places.path(seen.lab, f"logs/{node}")
    found = {}
    if os.path.isdir(directory):
        found = {
            name.removesuffix(".log"): f"{directory}/{name}"
            for name in sorted(os.listdir(directory))
            if name.endswith(".log")
        }
    if service is None:
        return found
    if service not in found:
        known = ", ".join(found) or "none"
        raise UsageError(f"{node} has no log of a service called {service}", f"it has logs of: {known}")
    return {service: found[service]}


def tail(logs: dict[str, str], lines: int) -> Iterator[Line]:
    """The last lines of each log, one service after the other."""
    for service, path in logs.items():
        kept: deque[str] = deque(maxlen=lines)
        for name in (f"{path}.1", path):  # the rotated one first
            try:
                with open(name, encoding="utf-8", errors="replace") as file:
                    kept.extend(file)
            except FileNotFoundError:
                continue
        for text in kept:
            yield Line(service, text.rstrip("\n"))


def follow(logs: dict[str, str]) -> Iterator[Line]:
    """New lines as they come, for ever, across rotations."""
    streams = {service: _open(path) for service, path in logs.items()}
    for stream in streams.values():
        stream.seek(0, os.SEEK_END)
    partial = dict.fromkeys(logs, "")

    def drain(service: str) -> Iterator[Line]:
        while text := streams[service].readline():
            partial[service] += text
            if text.endswith("\n"):
                yield Line(service, partial[service].rstrip("\n"))
                partial[service] = ""

    while True:
        idle = True
        for service, path in logs.items():
            for line in drain(service):
                idle = False
                yield line
            if _rotated(streams[service], path):
                yield from drain(service)  # what was written between the two lines above
                streams[service].close()
                streams[service] = _open(path)
                idle = False
        if idle:
            time.sleep(_POLL)


def _open(path: str) -> IO[str]:
    return open(path, encoding="utf-8", errors="replace")


def _rotated(stream: IO[str], path: str) -> bool:
    try:
        there = os.stat(path)
    except FileNotFoundError:
        return False
    return there.st_ino != os.fstat(stream.fileno()).st_ino
