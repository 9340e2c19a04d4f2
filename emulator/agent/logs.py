"""Log files that cost little: lines are gathered in memory, written four times a second, and bounded on disk."""

import os
import time
from collections.abc import Callable

from emulator.agent.loop import Loop

FLUSH_SECONDS = 0.25
ROTATE_BYTES = 1024 * 1024  # then the file becomes `.log.1`, and the one before that is gone
ROOM_BYTES = 256 * 1024  # what one log may gather between two flushes


class Log:
    """The log of one service. The file is open only while it is written: 1,000 services, no descriptor."""

    __slots__ = ("_lines", "_logs", "_lost", "_path", "_size")

    def __init__(self, logs: "Logs", path: str) -> None:
        self._logs = logs
        self._path = path
        self._lines: list[bytes] = []
        self._size = 0
        self._lost = 0

    @property
    def room(self) -> int:
        """Bytes that this log still takes before the next flush."""
        return ROOM_BYTES - self._size

    def line(self, text: str) -> None:
        """One line with the time in front; dropped, and counted, when there is no room."""
        if self.room <= 0:
            self._lost += 1
            return
        self.raw(f"{_now()} {text}\n".encode("utf-8", "backslashreplace"))

    def raw(self, data: bytes) -> None:
        if not self._lines:
            self._logs.dirty(self)
        self._lines.append(data)
        self._size += len(data)

    def flush(self) -> None:
        if self._lost:
            self._lines.append(f"{_now()} ({self._lost} more lines left out)\n".encode())
        data = b"".join(self._lines)
        self._lines, self._size, self._lost = [], 0, 0
        try:
            self._write(data)
        except FileNotFoundError:
            try:
                os.makedirs(os.path.dirname(self._path), 0o700, exist_ok=True)
                self._write(data)
            except OSError:
                pass  # a full disk must not stop a service; the line is lost
        except OSError:
            pass

    def _write(self, data: bytes) -> None:
        fd = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            if os.fstat(fd).st_size + len(data) > ROTATE_BYTES:
                os.replace(self._path, self._path + ".1")
                os.close(fd)
                fd = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            os.write(fd, data)
        finally:
            os.close(fd)


class Logs:
    """All logs of the lab: those with unwritten lines, and the one timer that writes them."""

    def __init__(self, loop: Loop, path: Callable[[str, str], str]) -> None:
        self._loop = loop
        self._path = path
        self._dirty: list[Log] = []
        self._after: list[Callable[[], None]] = []

    def open(self, node: str, service: str) -> Log:
        return Log(self, self._path(node, service))

    def dirty(self, log: Log) -> None:
        if not self._dirty and not self._after:
            self._loop.later(FLUSH_SECONDS, self.flush)
        self._dirty.append(log)

    def after_flush(self, callback: Callable[[], None]) -> None:
        """Once, when there is room again. Only for a log that is full, so a flush is due."""
        self._after.append(callback)

    def flush(self) -> None:
        logs, self._dirty = self._dirty, []
        callbacks, self._after = self._after, []
        for log in logs:
            log.flush()
        for callback in callbacks:
            callback()


_second = (0, "")


def _now() -> str:
    """2026-01-31T12:00:00.123Z; the part up to the second is made once a second."""
    global _second
    now = time.time()
    whole = int(now)
    if _second[0] != whole:
        _second = (whole, time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(whole)))
    return f"{_second[1]}.{int(now % 1 * 1000):03d}Z"
