"""The only file that starts processes or ends them; `enter.py` becomes one."""

import os
import signal
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from select import POLLIN, poll
from typing import IO, TYPE_CHECKING, Final, NamedTuple

from emulator.errors import KernelError
from emulator.kernel import netns

if TYPE_CHECKING:
    from subprocess import Popen

_DEATH: Final = 5.0  # seconds that killed processes have to be gone


class Done(NamedTuple):
    """A process that has ended."""

    code: int
    stdout: str
    stderr: str


def run(argv: Sequence[str], namespace: int | None = None, stdin: str = "") -> Done:
    """Run a program to its end, in a namespace or (None) at home. Raises FileNotFoundError if there is none."""
    return begin(argv, namespace, stdin).done()


class Begun(NamedTuple):
    """A process under way, that has been told all it will be told."""

    child: "Popen[str]"

    def done(self) -> Done:
        """Wait for its end."""
        stdout, stderr = self.child.communicate()
        return Done(self.child.returncode, stdout, stderr)


def begin(argv: Sequence[str], namespace: int | None = None, stdin: str = "") -> Begun:
    """Start a program that reads all of its input before it says anything. As `run`, without waiting for its end."""
    import subprocess

    with _birthplace(namespace):
        child = subprocess.Popen(
            argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace"
        )
    assert child.stdin is not None
    with suppress(BrokenPipeError):  # it has given up, and `done` says why
        child.stdin.write(stdin)
        child.stdin.flush()
    with suppress(BrokenPipeError):
        child.stdin.close()
    child.stdin = None
    return Begun(child)


class TooLong(Exception):
    """A process had not ended in time, and was killed. What it had said until then."""

    def __init__(self, seconds: float, stdout: str, stderr: str) -> None:
        super().__init__(f"not done within {seconds:g} s")
        self.stdout = stdout
        self.stderr = stderr


def run_at_most(seconds: float, argv: Sequence[str], stdin: str = "") -> Done:
    """Run a program at home, in a session of its own: when the time is over, or at Ctrl-C, all it started dies too.

    Raises TooLong. Whatever the program has put into yet another session is its own affair.
    """
    import subprocess

    child = subprocess.Popen(
        argv,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        start_new_session=True,
    )
    with child:
        try:
            stdout, stderr = child.communicate(stdin, timeout=seconds)
        except BaseException as reason:
            with suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)  # not reaped yet, so the number is still its own
            if not isinstance(reason, subprocess.TimeoutExpired):
                raise
            try:
                said = child.communicate(timeout=_DEATH)
            except subprocess.TimeoutExpired:
                said = ("", "")  # somebody in another session holds the other end
            raise TooLong(seconds, *said) from None
    return Done(child.returncode, stdout, stderr)


def start(
    argv: Sequence[str],
    namespace: int | None = None,
    *,
    env: Mapping[str, str] | None = None,
    user: str | int | None = None,
    group: str | int | None = None,
    cwd: str | None = None,
    stdin: int | IO[bytes] | None = None,
    stdout: int | IO[bytes] | None = None,
    stderr: int | IO[bytes] | None = None,
) -> "Popen[bytes]":
    """Start a program in a session of its own, in a namespace or (None) at home. stdin None: /dev/null.

    `user` given: without any supplementary group.
    """
    import subprocess

    with _birthplace(namespace):
        return subprocess.Popen(
            argv,
            env=env,
            user=user,
            group=group,
            extra_groups=[] if user is not None else None,
            cwd=cwd,
            stdin=subprocess.DEVNULL if stdin is None else stdin,
            stdout=stdout,
            stderr=stderr,
            start_new_session=True,
        )


@contextmanager
def _birthplace(namespace: int | None) -> Iterator[None]:
    """A child is born in the namespace of the thread that starts it, and with its signal mask."""
    if namespace is None:
        yield
        return
    with netns.enter(namespace):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, netns.INTERRUPTS)
        try:
            yield
        finally:
            signal.pthread_sigmask(signal.SIG_BLOCK, netns.INTERRUPTS)


# --- ending ----------------------------------------------------------------------------------------------------


def living_in(inodes: Collection[int]) -> dict[int, int]:
    """Process id to namespace inode, for every process in one of these network namespaces; never ourselves."""
    if not inodes:
        return {}
    found = {}
    own = os.getpid()
    for entry in os.listdir("/proc"):
        if entry.isdigit() and int(entry) != own and (inode := _namespace_of(entry)) in inodes:
            found[int(entry)] = inode
    return found


def _namespace_of(process_id: str | int) -> int:
    try:
        return os.stat(f"/proc/{process_id}/ns/net").st_ino
    except OSError:
        return 0  # gone, or a zombie


def kill_in(inodes: Collection[int]) -> list[int]:
    """Kill every process that lives in one of these network namespaces, and wait until they are gone."""
    killed: list[int] = []
    deadline = time.monotonic() + _DEATH
    while living := living_in(inodes):  # again: one of them may have forked meanwhile
        handles = [handle for process_id in living if (handle := _kill(process_id, inodes)) is not None]
        killed += [process_id for process_id in living if process_id not in killed]
        try:
            _wait_for(handles, deadline)
        finally:
            for handle in handles:
                os.close(handle)
        if time.monotonic() > deadline:
            raise KernelError(f"processes survive being killed: {', '.join(map(str, living))}")
    return killed


def _kill(process_id: int, inodes: Collection[int]) -> int | None:
    """Through a handle, checked again after it was opened: the number may belong to somebody else by now."""
    try:
        handle = os.pidfd_open(process_id)
    except OSError:
        return None
    if _namespace_of(process_id) in inodes:
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(handle, signal.SIGKILL)
        return handle
    os.close(handle)
    return None


def _wait_for(handles: Sequence[int], deadline: float) -> None:
    """A handle becomes readable when its process has ended."""
    for handle in handles:
        poller = poll()  # not select, which knows no descriptor above 1023
        poller.register(handle, POLLIN)
        poller.poll(max(0.0, deadline - time.monotonic()) * 1000)
