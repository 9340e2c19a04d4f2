"""The users' commands: started, watched, started again when they end, their output kept. How they run: `sandbox`."""

import os
import select
import signal
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from emulator.agent import sandbox, sockets, ssh
from emulator.agent.logs import Log, Logs
from emulator.agent.loop import READ, Loop, Timer
from emulator.agent.places import Places
from emulator.compile.state import Service

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 30.0  # seconds before it is started again: doubled each time
STEADY_SECONDS = 10.0  # a command that ran as long as this begins again with the first pause
READ_BYTES = 64 * 1024
DRAIN_BYTES = 256 * 1024  # read when it has ended; a pipe holds 64 KiB
TAIL_BYTES = 1024
END_SECONDS = 5.0


class Kennel:
    """What all commands of the lab share."""

    def __init__(self, places: Places, loop: Loop, logs: Logs) -> None:
        self.places = places
        self.loop = loop
        self.logs = logs
        self.files: dict[str, dict[str, str]] = {}  # by node: the texts of /etc/hosts and /etc/resolv.conf
        # Not pid_for_children, which `sandbox.spawn` changes and restores.
        self.own_processes = os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC)
        self._mounts: dict[bool, int] = {}

    def mounts(self, trusted: bool) -> int:
        """Made when the first command asks: most labs have none."""
        if trusted not in self._mounts:
            self._mounts[trusted] = sandbox.make_mounts(trusted)
        return self._mounts[trusted]


class Command:
    """One command: running, in "backoff" until it is started again, or "failed" because it cannot be started."""

    def __init__(self, kennel: Kennel, node: str, service: Service, log: Log) -> None:
        self.service = service
        self.namespace: sockets.Identity | None = None
        self._kennel = kennel
        self._loop = kennel.loop
        self._node = node
        self._log = log
        self._state = "failed"
        self._problem = ""  # why it failed
        self._ending = ""  # how it ended last time
        self._tail = b""
        self._pid = 0  # in the agent's pid namespace
        self._machine_pid = 0
        self._handle = -1
        self._output = -1
        self._status = -1
        self._said = b""
        self._started = 0.0
        self._starts = 0
        self._pause = FIRST_PAUSE
        self._timer: Timer | None = None

    @property
    def failed(self) -> str:
        """Why it cannot be started, or ""."""
        return self._problem if self._state == "failed" else ""

    @property
    def unsettled(self) -> int:
        """The descriptor that tells whether it has become the program; -1 once that is known."""
        return self._status

    def open(self) -> None:
        """Start it. What goes wrong is in `failed`, now or once it is settled."""
        self._timer = None
        self.namespace = sockets.identity(self._kennel.places.netns(self._node))
        try:
            self._launch()
        except LookupError as error:
            self._fail(str(error.args[0]))
        except FileNotFoundError:
            self._fail("its namespace does not exist")
        except OSError as error:
            self._fail(error.strerror or str(error))

    def kill(self) -> None:
        """With all it started. It is not started again."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._pid:
            with suppress(ProcessLookupError):
                os.kill(self._pid, signal.SIGKILL)

    def close(self) -> None:
        """Kill it, and wait until it is gone."""
        self.kill()
        if self._pid:
            watch = select.poll()
            watch.register(self._handle, select.POLLIN)
            watch.poll(END_SECONDS * 1000)
            self._reap()

    def report(self) -> dict[str, Any]:
        return {
            "state": self._state,
            "detail": self._detail(),
            "pid": self._machine_pid if self._pid else 0,
            "restarts": max(0, self._starts - 1),
        }

    def settle(self) -> None:
        """Read what the command's side says before it becomes the program."""
        if self._status < 0:
            return
        try:
            while data := os.read(self._status, 4096):
                self._said += data
        except BlockingIOError:
            return
        self._status = self._forget(self._status)
        number, _, problem = self._said.partition(b"\n")
        self._machine_pid = int(number) if number.isdigit() else 0
        self._problem = _harmless(problem)
        self._state = "failed" if self._problem else "running"

    def wait_until_it_listens(self, deadline: float) -> None:
        """Whoever calls right after `up` must find the door open. Only sshd says that it listens."""
        while (
            self.service.kind == "ssh"
            and self._output >= 0
            and ssh.LISTENING not in self._tail
            and time.monotonic() < deadline
        ):
            watch = select.poll()
            watch.register(self._output, select.POLLIN)
            watch.poll(max(0.0, deadline - time.monotonic()) * 1000)
            self._read()

    def _launch(self) -> None:
        places, service = self._kennel.places, self.service
        who = sandbox.identity(places.lab, service.user)
        argv: Sequence[str] = service.argv
        files = self._kennel.files.get(self._node, {})
        if service.kind == "ssh":
            argv, files = ssh.argv(service.port), files | ssh.files(f"{places.run}/{ssh.KEYS}", who)
        network = os.open(places.netns(self._node), os.O_RDONLY | os.O_CLOEXEC)
        ends = [network]
        try:
            self._output, output = os.pipe2(os.O_CLOEXEC)
            ends.append(output)
            self._status, status = os.pipe2(os.O_CLOEXEC)
            ends.append(status)
            job = sandbox.Job(
                argv=argv,
                env={
                    "PATH": sandbox.PATH,
                    "HOME": who.home,
                    "LANG": "C.UTF-8",
                    "VPCEMU_LAB": places.lab,
                    "VPCEMU_NODE": self._node,
                },
                identity=who,
                hostname=self._node,
                files=files,
                network=network,
                mounts=self._kennel.mounts(who.trusted),
                output=output,
                status=status,
            )
            self._pid = sandbox.spawn(job, self._kennel.own_processes)
            self._handle = os.pidfd_open(self._pid)
        except OSError:
            if self._pid:  # no descriptor left to watch it by
                os.kill(self._pid, signal.SIGKILL)
                os.waitpid(self._pid, 0)
                self._pid = 0
            self._output, self._status = self._forget(self._output), self._forget(self._status)
            raise
        finally:
            for end in ends:
                os.close(end)
        self._started = time.monotonic()
        self._starts += 1
        self._state, self._problem, self._said, self._tail = "starting", "", b"", b""
        for fd, handler in ((self._output, self._read), (self._status, self.settle), (self._handle, self._ended)):
            os.set_blocking(fd, False)
            self._loop.watch(fd, READ, handler)

    def _read(self) -> None:
        if self._output < 0:
            return
        room = self._log.room
        if room <= 0:  # let it wait, as it would on a slow disk, until the log has been written
            self._loop.forget(self._output)
            self._kennel.logs.after_flush(self._resume)
            return
        try:
            data = os.read(self._output, min(READ_BYTES, room))
        except BlockingIOError:
            return
        if data:
            self._keep(data)
        else:
            self._output = self._forget(self._output)

    def _resume(self) -> None:
        if self._output >= 0:
            self._loop.watch(self._output, READ, self._read)

    def _keep(self, data: bytes) -> None:
        self._log.raw(data)
        self._tail = (self._tail + data)[-TAIL_BYTES:]

    def _ended(self) -> None:
        if not self._pid or not self._reap():
            return
        if self._problem:
            self._fail(self._problem)
            return
        lived = time.monotonic() - self._started
        if lived >= STEADY_SECONDS:
            self._pause = FIRST_PAUSE
        self._state = "backoff"
        self._log.line(f"(vpcemu) {self._ending}; starts again in {self._pause:.0f} s")
        self._timer = self._loop.later(self._pause, self.open)
        self._pause = min(self._pause * 2, LONGEST_PAUSE)

    def _reap(self) -> bool:
        """Its exit status and the rest of its output; False if it lives. All it started has ended with it."""
        try:
            pid, status = os.waitpid(self._pid, os.WNOHANG)
        except ChildProcessError:
            pid, status = self._pid, 0
        if not pid:
            return False
        self.settle()
        with suppress(OSError):
            left = DRAIN_BYTES
            while self._output >= 0 and left > 0 and (data := os.read(self._output, READ_BYTES)):
                self._keep(data)
                left -= len(data)
        self._output = self._forget(self._output)
        self._status = self._forget(self._status)
        self._handle = self._forget(self._handle)
        self._pid = 0
        self._ending = _ending(os.waitstatus_to_exitcode(status))
        return True

    def _fail(self, problem: str) -> None:
        self._state, self._problem = "failed", problem
        self._log.line(f"(vpcemu) {problem}")

    def _forget(self, fd: int) -> int:
        """Close a descriptor; what to put in its place."""
        if fd >= 0:
            self._loop.forget(fd)
            os.close(fd)
        return -1

    def _detail(self) -> str:
        if self._state == "failed":
            return self._problem
        parts = [self._ending] if self._ending else []
        if self._state == "backoff":
            last = _last_line(self._tail)
            parts += [f"last line: {last}"] if last else []
        elif self._ending:
            parts[0] = f"last time: {self._ending}"
        return "; ".join(parts)


def settle(commands: Sequence[Command], seconds: float) -> None:
    """Wait until each has become its program or has said why it could not."""
    deadline = time.monotonic() + seconds
    for command in commands:
        while command.unsettled >= 0 and time.monotonic() < deadline:
            watch = select.poll()
            watch.register(command.unsettled, select.POLLIN)
            watch.poll(max(0.0, deadline - time.monotonic()) * 1000)
            command.settle()
        command.wait_until_it_listens(deadline)


def files(hosts: Mapping[str, str], resolv: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """By node, the texts by path."""
    found: dict[str, dict[str, str]] = {}
    for path, texts in (("/etc/hosts", hosts), ("/etc/resolv.conf", resolv)):
        for node, text in texts.items():
            found.setdefault(node, {})[path] = text
    return found


def _ending(code: int) -> str:
    if code >= 0:
        return f"exit status {code}"
    try:
        return f"killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"killed by signal {-code}"


def _last_line(tail: bytes) -> str:
    """The last line that says something."""
    lines = [line.strip() for line in tail.splitlines() if line.strip()]
    return _harmless(lines[-1]) if lines else ""


def _harmless(data: bytes) -> str:
    text = data.decode(errors="replace")[:200]
    return "".join(character if character.isprintable() else "?" for character in text)
