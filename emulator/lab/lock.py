"""One `up` or `down` of a lab at a time, and no lock file left behind.

The lock lives in the lab's directory and is unlinked with it by `down`. So a process that waited may wake up holding a
lock on a file that is no longer there; it compares inodes and tries again. (Keeping lock files for ever would be
simpler, but 200 labs would leave 200 files; `flock` on the directory itself has the same race and cannot be cured so.)
"""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from emulator.lab import places

NAME = "lock"


class Held:
    """The lock, while it is held. `remove()` unlinks it together with the lab's directory."""

    def __init__(self, lab: str, fd: int) -> None:
        self._lab = lab
        self.fd = fd  # whoever inherits it holds the lock, too

    def remove(self) -> None:
        """Unlink the lock file and the then empty directories. The lock stays held until the context ends."""
        os.unlink(places.path(self._lab, NAME))
        for directory in (places.directory(self._lab), places.RUN):
            try:
                os.rmdir(directory)
            except OSError:  # another process has already made itself at home there
                return


@contextmanager
def hold(lab: str, waiting: Callable[[str], None] = lambda holder: None) -> Iterator[Held]:
    """Hold the lab's lock. If another process has it, `waiting` is called once with its process id, then we wait."""
    fd = _acquire(lab, waiting)
    try:
        yield Held(lab, fd)
    finally:
        os.close(fd)  # and with it the lock


def busy(lab: str) -> bool:
    """Whether some process holds the lab's lock right now."""
    try:
        fd = os.open(places.path(lab, NAME), os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return False
    except BlockingIOError:
        return True
    finally:
        os.close(fd)


def _acquire(lab: str, waiting: Callable[[str], None]) -> int:
    told = False
    name = places.path(lab, NAME)
    while True:
        try:
            places.make(lab)
            fd = os.open(name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except FileNotFoundError:  # a `down` removed the directory in between
            continue
        try:
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if not told:
                    told = True
                    waiting(os.pread(fd, 20, 0).decode(errors="replace").strip() or "unknown")
                fcntl.flock(fd, fcntl.LOCK_EX)
            if same(fd, name):
                os.ftruncate(fd, 0)
                os.pwrite(fd, f"{os.getpid()}\n".encode(), 0)
                return fd
        except BaseException:
            os.close(fd)
            raise
        os.close(fd)


def same(fd: int, name: str) -> bool:
    """Whether the open file is still the one of that name."""
    try:
        there = os.stat(name)
    except FileNotFoundError:
        return False
    here = os.fstat(fd)
    return (there.st_dev, there.st_ino) == (here.st_dev, here.st_ino)
