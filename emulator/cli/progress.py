"""A progress line on stderr: only on a terminal, and only for what takes over a second."""

import sys
import time

_PATIENCE = 1.0  # seconds before the first line
_PAUSE = 0.1  # seconds between two


class Progress:
    """Call it as often as you like; use it as a context, so that the line goes away."""

    def __init__(self) -> None:
        self._next = time.monotonic() + _PATIENCE
        self._terminal = sys.stderr.isatty()
        self._shown = False

    def __call__(self, what: str, done: int, total: int) -> None:
        now = time.monotonic()
        if not self._terminal or now < self._next:
            return
        self._next = now + _PAUSE
        self._shown = True
        share = f" {done:,} of {total:,}" if total else ""
        sys.stderr.write(f"\r\033[K{what}{share}")
        sys.stderr.flush()

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *exception: object) -> None:
        if self._shown:
            sys.stderr.write("\r\033[K")
            sys.stderr.flush()
