"""Waiting for the machine: poll to a deadline, never a bare sleep."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def eventually(look: Callable[[], T], what: str = "", within: float = 10.0, every: float = 0.02) -> T:
    """The first true value of `look()`. An AssertionError raised by it counts as "not yet" and is shown at the end."""
    deadline = time.monotonic() + within
    while True:
        reason: AssertionError | None = None
        try:
            seen = look()
            if seen:
                return seen
        except AssertionError as error:
            seen, reason = None, error
        if time.monotonic() > deadline:
            last = reason or f"last seen: {seen!r}"
            raise AssertionError(f"not within {within:g} s: {what or look.__name__}: {last}") from reason
        time.sleep(every)
