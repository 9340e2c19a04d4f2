"""A progress line for work that cannot say how far it is."""

import threading
from collections.abc import Callable
from typing import TypeVar

from emulator.lab.up import Progress

_T = TypeVar("_T")
_TICK = 0.2  # seconds between two looks


def ticking(progress: Progress, what: str, work: Callable[[], _T]) -> _T:
    """`work()`, in a thread, while the progress line says that it goes on. Ctrl-C is not kept waiting."""
    result: list[_T] = []
    failed: list[BaseException] = []

    def run() -> None:
        try:
            result.append(work())
        except BaseException as error:  # noqa: BLE001 - raised again by the one who waits
            failed.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    while thread.is_alive():
        progress(what, 0, 0)
        thread.join(_TICK)
    if failed:
        raise failed[0]
    return result[0]
