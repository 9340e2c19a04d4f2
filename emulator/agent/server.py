"""The agent itself: its life from fork to end, and the control socket."""

import fcntl
import os
import resource
import signal
import socket
import struct
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import emulator
from emulator.agent import dns, linux, protocol, sockets
from emulator.agent.logs import Logs
from emulator.agent.loop import READ, WRITE, Loop
from emulator.agent.places import Places
from emulator.agent.roster import Roster
from emulator.agent.services import Shared
from emulator.kernel import syscalls

if TYPE_CHECKING:
    from emulator.agent.prober import Run

WANTED_FILES = 65536
LOCK_TRIES = 10

_CREDENTIALS = struct.Struct("3i")


def run(places: Places) -> int:
    """Become the agent: returns in the parent once the socket listens, or with what was in the way."""
    os.umask(0o077)
    os.makedirs(places.run, 0o700, exist_ok=True)
    lock = _lock(places)
    if lock is None:
        sys.stderr.write(f"lab {places.lab} has an agent already\n")
        return protocol.EXIT_HAS_ONE
    with suppress(FileNotFoundError):
        os.unlink(places.socket)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    listener.bind(places.socket)
    listener.listen(16)

    # The agent is the first process of a pid namespace, and every command is in one below it: whatever ends the
    # agent, SIGKILL included, the kernel ends them all. (A command could undo PR_SET_PDEATHSIG; this it cannot.)
    syscalls.unshare(linux.NEW_PROCESSES)
    if os.fork():
        os._exit(0)
    _detach(places)
    pid = int(os.readlink("/proc/self"))  # the host's /proc, so the host's number
    os.truncate(lock, 0)
    os.pwrite(lock, f"{pid}\n".encode(), 0)
    Agent(places, listener, pid).run()
    return 0


def _lock(places: Places) -> int | None:
    fd = os.open(places.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    for _ in range(LOCK_TRIES):  # a client that asks whether we live holds it for a moment
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(0.02)
        else:
            return fd
    os.close(fd)
    return None


def _detach(places: Places) -> None:
    """No terminal, no current directory, no keyring and no environment of the one who started us."""
    os.setsid()
    os.chdir("/")
    linux.new_session_keyring()
    linux.set_process_name("vpcemu-agent")
    nothing = os.open("/dev/null", os.O_RDONLY)
    log = os.open(places.own_log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.dup2(nothing, 0)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.close(nothing)
    os.close(log)


def _raise_file_limit() -> int:
    """As many descriptors as we want, or as we may have. One service needs one or two, a connection one."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    for limit in (max(WANTED_FILES, hard), hard):
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
        except (OSError, ValueError):
            continue
        break
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


class Agent:
    """The control socket and its requests. The services themselves are the roster's."""

    def __init__(self, places: Places, listener: socket.socket, pid: int) -> None:
        self._places = places
        self._listener = listener
        self._pid = pid
        self._started = time.time()
        self._loop = Loop()
        logs = Logs(self._loop, places.log)
        self._logs = logs
        self._descriptors = _raise_file_limit()
        self._shared = Shared(places.lab, self._loop, self._descriptors)
        self._home = sockets.Home()
        self._roster = Roster(places, self._shared, self._home, logs)

    def run(self) -> None:
        self._watch_signals()
        self._loop.watch(self._listener.fileno(), READ, self._accept)
        try:
            self._loop.run()
        finally:
            self._end()

    def handle(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """One request. BadRequest, with a sentence for the caller."""
        match request.get("op"):
            case "hello":
                return {
                    "version": protocol.VERSION,
                    "vpcemu": emulator.__version__,
                    "lab": self._places.lab,
                    "pid": self._pid,
                    "started": self._started,
                }
            case "services":
                return {"services": self._roster.report()}
            case "apply":
                return {"errors": self._roster.apply(*protocol.parse_apply(request))}
            case "zone":
                self._shared.zone, errors = dns.make_zone(protocol.texts(request, "names"))
                return {"errors": errors}
            case "stop":
                self._loop.stop()
                return {}
            case other:
                raise protocol.BadRequest(f"unknown operation {other!r}")

    def probe(self, request: Mapping[str, Any], done: Callable[[dict[str, Any]], None]) -> "Run":
        """Try flows; `done` gets the answer later. BadRequest at once."""
        from emulator.agent import prober, prober_flow  # not for an `up`, which waits for us to start

        try:
            asked = prober_flow.parse(request)
        except prober_flow.NotAFlow as error:
            raise protocol.BadRequest(str(error)) from None
        spare = self._descriptors - len(os.listdir("/proc/self/fd"))
        run = prober.Run(
            self._loop, self._home, self._places.netns, asked, spare, lambda found: done({"answers": found})
        )
        run.start()
        return run

    def _watch_signals(self) -> None:
        inbox, outbox = socket.socketpair()
        inbox.setblocking(False)
        outbox.setblocking(False)
        self._signals = (inbox, outbox)
        signal.set_wakeup_fd(outbox.fileno(), warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, lambda *_: None)
        self._loop.watch(inbox.fileno(), READ, self._loop.stop)

    def _accept(self) -> None:
        try:
            accepted, _ = self._listener.accept()
        except OSError:
            return
        # The directory is closed to others already; this is the second lock on the same door.
        _, uid, _ = _CREDENTIALS.unpack(accepted.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
        if uid != os.getuid():
            accepted.close()
            return
        _Control(self, self._loop, accepted)

    def _end(self) -> None:
        with suppress(FileNotFoundError):
            os.unlink(self._places.socket)
        self._listener.close()
        self._roster.close()
        self._logs.flush()


class _Control:
    """One caller at the control socket."""

    def __init__(self, agent: Agent, loop: Loop, accepted: socket.socket) -> None:
        accepted.setblocking(False)
        self._agent = agent
        self._loop = loop
        self._socket = accepted
        self._in = bytearray()
        self._out = bytearray()
        self._pending: Run | None = None  # its answer comes before the next request is read
        loop.watch(accepted.fileno(), READ, self._ready)

    def _ready(self) -> None:
        try:
            if self._out:
                self._write()
            else:
                self._read()
        except BlockingIOError:
            return
        except OSError:
            self._close()

    def _read(self) -> None:
        data = self._socket.recv(1024 * 1024)
        if not data or len(self._in) > protocol.MAX_LINE:
            self._close()
            return
        self._in += data
        self._work(max(0, len(self._in) - len(data)))

    def _work(self, start: int = 0) -> None:
        """Do all that is asked completely. `start`: there is no end of line before."""
        while self._pending is None and (end := self._in.find(b"\n", start)) >= 0:
            line = bytes(self._in[:end])
            del self._in[: end + 1]
            answer = self._answer(line)
            if answer is not None:
                self._out += protocol.encode(answer)
            start = 0
        if self._out:
            self._write()

    def _answer(self, line: bytes) -> dict[str, Any] | None:
        """None: later."""
        try:
            request = protocol.decode(line)
            if request.get("op") == "probe":
                self._pending = self._agent.probe(request, self._probed)
                return None
            return {"ok": True, **self._agent.handle(request)}
        except protocol.BadRequest as error:
            return {"ok": False, "error": str(error)}
        except Exception as error:  # noqa: BLE001 - a mistake of ours: the caller learns of it, the services go on
            import traceback

            traceback.print_exc()
            return {"ok": False, "error": f"the agent failed: {error!r}"}

    def _probed(self, answer: dict[str, Any]) -> None:
        self._pending = None
        self._out += protocol.encode({"ok": True, **answer})
        try:
            self._work()
        except BlockingIOError:
            self._loop.change(self._socket.fileno(), WRITE)
        except OSError:
            self._close()

    def _write(self) -> None:
        sent = self._socket.send(self._out)
        del self._out[:sent]
        self._loop.change(self._socket.fileno(), WRITE if self._out else READ)

    def _close(self) -> None:
        if self._pending is not None:
            self._pending.cancel()
            self._pending = None
        self._loop.forget(self._socket.fileno())
        self._socket.close()
