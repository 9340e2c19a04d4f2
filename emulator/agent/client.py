"""How the rest of vpcemu speaks to a lab's agent: start it, find it, tell it what to run, stop it."""

import fcntl
import os
import select
import signal
import socket
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import emulator
from emulator.agent import protocol
from emulator.agent.places import NETNS_BASE, RUN_BASE, Places
from emulator.compile.state import Service
from emulator.errors import VpcemuError

if TYPE_CHECKING:
    from emulator.agent.prober_flow import Answer, Request

HELLO_SECONDS = 5.0
START_SECONDS = 15.0
STOP_SECONDS = 15.0


class AgentError(VpcemuError):
    """The agent refused, broke off or does not answer."""


class Client:
    """A connection to the agent of one lab. Not for two threads at once."""

    def __init__(self, places: Places, connected: socket.socket) -> None:
        self._places = places
        self._socket = connected
        self._in = bytearray()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """The connection, not the agent."""
        self._socket.close()

    def hello(self) -> dict[str, Any]:
        """{"version": 2, "vpcemu": "0.1.0", "lab": ..., "pid": ..., "started": seconds since 1970}"""
        return self._ask({"op": "hello"}, HELLO_SECONDS)

    def services(self) -> dict[str, list[dict[str, Any]]]:
        """By node: name, kind, port, argv, user, state (running, backoff, failed), detail, pid, restarts."""
        found: dict[str, list[dict[str, Any]]] = self._ask({"op": "services"}, 30.0)["services"]
        return found

    def apply(
        self,
        add: Sequence[tuple[str, Service]],
        remove: Sequence[tuple[str, str]],
        hosts: Mapping[str, str] | None = None,
        resolv: Mapping[str, str] | None = None,
    ) -> list[str]:
        """Remove, then add; what runs already as asked is left alone. A sentence for each service that failed.

        hosts, resolv: /etc/hosts and /etc/resolv.conf for the commands of a node, by node; kept for later calls.
        """
        request = protocol.apply_request(add, remove, hosts or {}, resolv or {})
        errors: list[str] = self._ask(request, 30.0 + 0.05 * len(add))["errors"]
        return errors

    def zone(self, names: Mapping[str, str]) -> list[str]:
        """The names (and, reversed, the addresses) that the lab's dns services know, all of them."""
        errors: list[str] = self._ask({"op": "zone", "names": dict(names)}, 30.0)["errors"]
        return errors

    def probe(self, request: "Request") -> "list[Answer]":
        """Try flows; an answer for each, in their order, when all are known."""
        from emulator.agent import prober_flow  # most callers do not

        seconds = 30.0 + 0.02 * len(request.flows) + 2 * request.window * (1 + len(request.flows) // 100)
        return prober_flow.decode(self._ask(prober_flow.encode(request), seconds)["answers"])

    def stop(self) -> None:
        """End the agent and everything it runs; returns when it is gone. SIGKILL if it will not listen."""
        with suppress(AgentError):
            self._ask({"op": "stop"}, HELLO_SECONDS)
        self.close()
        if not _wait_for_end(self._places, STOP_SECONDS):
            _kill(self._places)

    def _ask(self, request: dict[str, Any], seconds: float) -> dict[str, Any]:
        deadline = time.monotonic() + seconds
        try:
            self._socket.settimeout(seconds)
            self._socket.sendall(protocol.encode(request))
            reply = protocol.decode(self._line(deadline))
        except TimeoutError:
            raise self._lost(f"does not answer within {seconds:.0f} seconds") from None
        except (OSError, EOFError, protocol.BadRequest) as error:
            raise self._lost(f"broke off: {error}") from None
        if not reply.get("ok"):
            raise AgentError(f"the agent of lab {self._places.lab}: {reply.get('error')}")
        return reply

    def _line(self, deadline: float) -> bytes:
        while (end := self._in.find(b"\n")) < 0:
            self._socket.settimeout(max(0.001, deadline - time.monotonic()))
            data = self._socket.recv(1024 * 1024)
            if not data:
                raise EOFError("it has ended")
            self._in += data
        line = bytes(self._in[:end])
        del self._in[: end + 1]
        return line

    def _lost(self, what: str) -> AgentError:
        self.close()  # a late answer must not be taken for the next one
        return AgentError(f"the agent of lab {self._places.lab} {what}", f"its own log is {self._places.own_log}")


def connect(lab: str, run_base: str = RUN_BASE, netns_base: str = NETNS_BASE) -> Client | None:
    """The lab's agent, or None if it has none. AgentError: there is one, and it does not answer."""
    places = Places(lab, run_base, netns_base)
    connected = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connected.settimeout(HELLO_SECONDS)
    try:
        connected.connect(places.socket)
    except (FileNotFoundError, ConnectionRefusedError, NotADirectoryError):
        connected.close()
        return None
    except OSError as error:
        connected.close()
        raise AgentError(f"the agent of lab {lab} does not answer: {error}") from None
    client = Client(places, connected)
    version = client.hello()["version"]
    if version != protocol.VERSION:
        client.close()
        raise AgentError(
            f"the agent of lab {lab} was started by another version of vpcemu",
            f"run `vpcemu down {lab}` with that version, or end process {_pid(places)}",
        )
    return client


def start(lab: str, run_base: str = RUN_BASE, netns_base: str = NETNS_BASE, hold: int | None = None) -> Client:
    """The lab's agent: a new one, or the one it has. Returns when it answers.

    hold: a descriptor that stays open until the agent listens, even if we are killed before that. With the lab's lock
    there, a `down` that follows waits for the agent to be, and finds it, instead of leaving it behind.
    """
    places = Places(lab, run_base, netns_base)
    code, said = _spawn(places, hold)
    if code not in (0, protocol.EXIT_HAS_ONE):
        raise AgentError(f"the agent of lab {lab} did not start: {said or f'exit status {code}'}")
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        client = connect(lab, run_base, netns_base)
        if client is not None:
            return client
        time.sleep(0.01)
    raise AgentError(f"the agent of lab {lab} does not answer", f"its own log is {places.own_log}")


def kill(lab: str, run_base: str = RUN_BASE, netns_base: str = NETNS_BASE) -> bool:
    """SIGKILL for an agent that does not answer; everything it runs ends with it. False: there was none."""
    return _kill(Places(lab, run_base, netns_base))


def _spawn(places: Places, hold: int | None) -> tuple[int, str]:
    """Run `python -m emulator.agent`, which ends when its child listens. Its exit code, the last line it said."""
    root = os.path.dirname(os.path.dirname(os.path.abspath(emulator.__file__)))
    heard, said = os.pipe()
    try:
        pid = os.posix_spawn(
            sys.executable,
            # -P: not the current directory, which may be a stranger's and hold a json.py; the agent is root.
            [sys.executable, *_bytecode(), "-P", "-s", "-m", "emulator.agent", *places],
            {"PATH": os.environ.get("PATH", os.defpath), "PYTHONPATH": root, "LANG": "C.UTF-8"},
            file_actions=[
                # As standard input, because the agent lets go of that as soon as it is on its own.
                (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0)
                if hold is None
                else (os.POSIX_SPAWN_DUP2, hold, 0),
                (os.POSIX_SPAWN_OPEN, 1, "/dev/null", os.O_WRONLY, 0),
                (os.POSIX_SPAWN_DUP2, said, 2),
            ],
        )
    except OSError as error:
        os.close(heard)
        raise AgentError(f"the agent of lab {places.lab} did not start: {error}") from None
    finally:
        os.close(said)
    text = _read_all(heard, time.monotonic() + START_SECONDS)
    if text is None:
        os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status), (text or b"").decode(errors="replace").strip().rpartition("\n")[2]


def _bytecode() -> list[str]:
    """Where our own bytecode goes, the agent's goes too: root must not leave files in a user's clone."""
    return ["-X", f"pycache_prefix={sys.pycache_prefix}"] if sys.pycache_prefix else []


def _read_all(fd: int, deadline: float) -> bytes | None:
    """All there is until every writer has closed; None if they do not in time."""
    ears = select.poll()
    ears.register(fd, select.POLLIN)
    text = b""
    try:
        while ears.poll(max(0.0, deadline - time.monotonic()) * 1000):
            data = os.read(fd, 65536)
            if not data:
                return text
            text += data
    finally:
        os.close(fd)
    return None


def _pid(places: Places) -> int | None:
    """The agent's pid, while it lives: the one who holds the lock has written it there."""
    try:
        fd = os.open(places.lock, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        text = os.pread(fd, 32, 0).strip()
        return int(text) if text.isdigit() else None
    finally:
        os.close(fd)
    return None


def _kill(places: Places) -> bool:
    pid = _pid(places)
    if pid is None:
        return False
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    _wait_for_end(places, STOP_SECONDS)
    with suppress(FileNotFoundError):
        os.unlink(places.socket)
    return True


def _wait_for_end(places: Places, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if _pid(places) is None:
            return True
        time.sleep(0.005)
    return False
