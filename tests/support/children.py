"""Work in forked children: one that kills itself at a chosen moment, several at once that share the work.

Forks of the test process, and not new programs: a child starts in a millisecond with everything imported.
"""

import json
import os
import signal
import time
import traceback
from collections.abc import Callable
from typing import Any, NoReturn

Checkpoint = Callable[[str], None]
PATIENCE = 240  # seconds; SIGALRM ends a child that hangs


class Failed(AssertionError):
    """What a child raised, as text."""


def killed_at(number: int, action: Callable[[Checkpoint], object]) -> str | None:
    """Run `action(checkpoint)` in a child that gets SIGKILL at its checkpoint `number`, counted from 0.

    Returns the words of that checkpoint; None if the child came to its end without it.
    """
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        os.close(reader)
        _child(writer, lambda: action(_fuse(number, writer)))
    os.close(writer)
    said = _all(reader)
    if _ended(child) == -signal.SIGKILL:
        return said
    if said:
        raise Failed(said)
    return None


def killed_after(seconds: float, action: Callable[[], object]) -> bool:
    """Run `action()` in a child that gets SIGKILL after so long. False: it came to its end before."""
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        os.close(reader)
        _child(writer, action)
    os.close(writer)
    time.sleep(seconds)  # this is no wait for something: it is the moment that is tested
    os.kill(child, signal.SIGKILL)
    said = _all(reader)
    if _ended(child) == -signal.SIGKILL:
        return True
    if said:
        raise Failed(said)
    return False


def at_once(*actions: Callable[[], Any]) -> list[Any]:
    """Run each action in a child of its own, all at the same time; what they return (as JSON), in order."""
    running = []
    for action in actions:
        reader, writer = os.pipe()
        child = os.fork()
        if not child:
            os.close(reader)
            _child(writer, _reporting(action, writer))
        os.close(writer)
        running.append((child, reader))
    ends = [(_all(reader), _ended(child)) for child, reader in running]
    for said, code in ends:
        if code:
            raise Failed(said or f"a child ended with {code}")
    return [json.loads(said) for said, _ in ends]


def _reporting(action: Callable[[], Any], writer: int) -> Callable[[], object]:
    return lambda: os.write(writer, json.dumps(action()).encode())


def _fuse(number: int, writer: int) -> Checkpoint:
    left = number

    def checkpoint(what: str) -> None:
        nonlocal left
        if not left:
            os.write(writer, what.encode())
            os.kill(os.getpid(), signal.SIGKILL)
        left -= 1

    return checkpoint


def _child(writer: int, action: Callable[[], object]) -> NoReturn:
    """The child's whole life. pytest, whose copy this is, must never see it return."""
    try:
        signal.alarm(PATIENCE)
        action()
        os._exit(0)
    except BaseException:  # noqa: BLE001 - told to the parent, which raises it again
        os.write(writer, traceback.format_exc().encode()[-60_000:])
    finally:
        os._exit(1)


def _all(reader: int) -> str:
    """Until the child has closed it. Whatever the child started must not have inherited the other end."""
    said = b""
    while piece := os.read(reader, 65536):
        said += piece
    os.close(reader)
    return said.decode(errors="replace")


def _ended(child: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
