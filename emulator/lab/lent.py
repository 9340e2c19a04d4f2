"""A lab that `test` has brought up for itself: it goes again, also if that `test` is killed and another one finds it.

The sign is a file in the lab's directory, locked for as long as the test runs; it goes with the directory. A lab whose
sign nobody holds is left from a killed test, and is nobody's.
"""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from emulator.lab import lock, places
from emulator.lab.down import down


@contextmanager
def lent(lab: str, say: Callable[[str], None]) -> Iterator[bool]:
    """True: no such lab is up, and until the end of the block it is the caller's. False: it is up, and somebody's.

    Waits for another test that has it, and takes down what a killed one has left. say: gets a sentence of what it does.
    """
    sign = _take(lab, say)
    try:
        yield sign is not None
    finally:
        if sign is not None:
            os.close(sign)


def adopt(lab: str) -> None:
    """What a killed test has left is from now on the lab of who calls `up`."""
    with suppress(FileNotFoundError, BlockingIOError):  # BlockingIOError: a test has it, perhaps the caller
        sign = os.open(_sign(lab), os.O_RDWR | os.O_CLOEXEC)
        try:
            fcntl.flock(sign, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.unlink(_sign(lab))
        finally:
            os.close(sign)


def _take(lab: str, say: Callable[[str], None]) -> int | None:
    told = False
    while True:
        there = lab in places.recorded()
        if there and not os.path.exists(_sign(lab)):
            return None
        try:
            places.make(lab)
            sign = os.open(_sign(lab), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except FileNotFoundError:  # a `down` removed the directory in between
            continue
        try:
            try:
                fcntl.flock(sign, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if not told:
                    say(f"another `vpcemu test` has lab {lab}: waiting for it")
                told = True
                fcntl.flock(sign, fcntl.LOCK_EX)
            mine = lock.same(sign, _sign(lab))
            if mine and not there:
                return sign
            if mine:
                say(f"lab {lab} is left from a test that was killed: taking it down")
                down(lab)
        except BaseException:
            os.close(sign)
            raise
        os.close(sign)


def _sign(lab: str) -> str:
    return places.path(lab, places.TEST)
