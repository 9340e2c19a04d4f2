"""Labs that go down by themselves, and what a fresh one looks like."""

import json
import os
from collections.abc import Callable, Iterator

import pytest

from emulator.kernel import syscalls
from tests.conftest import LabNames
from tests.support.lifecycle import Document, Lab
from tests.support.picture import Picture

Make = Callable[[Document], Lab]
Fresh = Callable[[Document], Picture]


@pytest.fixture
def make(lab_names: LabNames) -> Iterator[Make]:
    """`make(document)`: a lab, not up yet. It goes down at the end of the test."""
    made: list[Lab] = []

    def one(document: Document) -> Lab:
        made.append(Lab(lab_names(), document))
        return made[-1]

    yield one
    for lab in made:
        lab.close()
        lab.down()


_pictures: dict[str, Picture] = {}


@pytest.fixture
def fresh(make: Make) -> Fresh:
    """`fresh(document)`: what a lab looks like that was made from nothing. Made once for each document."""

    def one(document: Document) -> Picture:
        key = json.dumps(document)
        if key not in _pictures:
            lab = make(document)
            lab.up()
            _pictures[key] = lab.picture()
            lab.down()
        return _pictures[key]

    return one


@pytest.fixture
def own_run() -> Iterator[None]:
    """A /run that nobody else has, in a mount namespace of our own: `gc` sees only the labs of this test.

    Otherwise it would sweep what others on this machine, and tests in other processes, have left or are just making.
    """
    home = os.open("/proc/self/ns/mnt", os.O_RDONLY | os.O_CLOEXEC)
    here = os.getcwd()
    syscalls.unshare(syscalls.NEW_MOUNTS)
    try:
        syscalls.mount("", "/", "none", syscalls.SLAVE | syscalls.RECURSIVE)
        syscalls.mount("tmpfs", "/run", "tmpfs", 0)
        yield
    finally:
        syscalls.setns(home, syscalls.NEW_MOUNTS)
        os.chdir(here)  # joining a mount namespace moves to its root
        os.close(home)
