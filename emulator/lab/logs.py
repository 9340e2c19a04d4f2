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
    """The log files that are meant, by service; one appears when its service has something to say.

    Raises UsageError for names that do not exist.
    """
    seen = view.read(places.choose(lab))
    known = view.node(seen, node).get("services", [])
    directory = places.path(seen.lab, f"logs/{node}")
    written = os.listdir(directory) if os.path.isdir(directory) else []
    # A log outlives its service; so there may be logs of services that the file has no more.
    services = {*known, *(name.removesuffix(".log") for name in written if name.endswith(".log"))}
    if service is not None and service not in services:
        raise UsageError(f"{node} has no service called {service}", f"it has {', '.join(sorted(services)) or 'none'}")
    wanted = services if service is None else {service}
    return {name: f"{directory}/{name}.log" for name in sorted(wanted)}


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
    """New lines as they come, for ever, across rotations; also of logs that are not there yet."""
    streams: dict[str, IO[str] | None] = {service: _open(path) for service, path in logs.items()}
    for there in filter(None, streams.values()):
        there.seek(0, os.SEEK_END)
    partial = dict.fromkeys(logs, "")

    def drain(service: str, stream: IO[str]) -> Iterator[Line]:
        while text := stream.readline():
            partial[service] += text
            if text.endswith("\n"):
                yield Line(service, partial[service].rstrip("\n"))
                partial[service] = ""

    while True:
        idle = True
        for service, path in logs.items():
            stream = streams[service] or _open(path)
            if stream is None:
                continue
            streams[service] = stream
            for line in drain(service, stream):
                idle = False
                yield line
            if _rotated(stream, path):
                yield from drain(service, stream)  # what was written between the two lines above
                stream.close()
                streams[service] = _open(path)
                idle = False
        if idle:
            time.sleep(_POLL)


def _open(path: str) -> IO[str] | None:
    try:
        return open(path, encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return None


def _rotated(stream: IO[str], path: str) -> bool:
    try:
        there = os.stat(path)
    except FileNotFoundError:
        return False
    return there.st_ino != os.fstat(stream.fileno()).st_ino
