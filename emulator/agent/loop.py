"""The event loop: epoll and timers. asyncio would cost 50 ms at start and 2 KB for each of 1,000 idle sockets."""

import select
import sys
import time
from collections.abc import Callable
from heapq import heappop, heappush

READ = select.EPOLLIN
WRITE = select.EPOLLOUT


class Timer:
    """A callback to come. `cancel` is cheap and may come late."""

    __slots__ = ("callback",)

    def __init__(self, callback: Callable[[], None]) -> None:
        self.callback: Callable[[], None] | None = callback

    def cancel(self) -> None:
        self.callback = None


class Loop:
    """Calls one handler at a time. A handler must bear being called for nothing: its descriptor may be a new one
    with the number of one that was closed earlier in the same round."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._handlers: dict[int, Callable[[], None]] = {}
        self._timers: list[tuple[float, int, Timer]] = []
        self._count = 0
        self._errors_left = 100
        self._stopping = False

    def watch(self, fd: int, events: int, handler: Callable[[], None]) -> None:
        self._epoll.register(fd, events)
        self._handlers[fd] = handler

    def change(self, fd: int, events: int) -> None:
        self._epoll.modify(fd, events)

    def forget(self, fd: int) -> None:
        """Before the descriptor is closed."""
        if self._handlers.pop(fd, None) is not None:
            self._epoll.unregister(fd)

    def later(self, seconds: float, callback: Callable[[], None]) -> Timer:
        timer = Timer(callback)
        self._count += 1
        heappush(self._timers, (time.monotonic() + seconds, self._count, timer))
        return timer

    def stop(self) -> None:
        self._stopping = True

    def run(self) -> None:
        while not self._stopping:
            for fd, _ in self._epoll.poll(self._wait(), 256):
                handler = self._handlers.get(fd)
                if handler is not None:
                    self._call(handler)
            now = time.monotonic()
            while self._timers and self._timers[0][0] <= now:
                callback = heappop(self._timers)[2].callback
                if callback is not None:
                    self._call(callback)

    def _wait(self) -> float:
        while self._timers and self._timers[0][2].callback is None:
            heappop(self._timers)
        return max(0.0, self._timers[0][0] - time.monotonic()) if self._timers else -1

    def _call(self, callback: Callable[[], None]) -> None:
        try:
            callback()
        except Exception:  # noqa: BLE001 - one service's mistake must not end the others
            if self._errors_left:
                self._errors_left -= 1
                import traceback

                traceback.print_exc(file=sys.stderr)
