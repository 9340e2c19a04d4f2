"""The near side of probes: real connections, datagrams and ICMP messages from inside the sender's namespace."""

import errno
import os
import socket
from typing import Protocol

from emulator.agent import prober_packets as packets
from emulator.agent.loop import READ, WRITE, Loop
from emulator.agent.prober_flow import ECHO_REQUEST, Attempt, Result

LONG_ENOUGH = 1200  # bytes of a datagram: more would be fragmented on the internet
_RECEIVE_ERRORS = 11  # IP_RECVERR, not in Python 3.11's socket module: an ICMP error is not silence
_BY_ICMP = 2  # SO_EE_ORIGIN_ICMP
_BIND_TRIES = 50
_FLAGS = socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC
_RESET_ON_CLOSE = b"\1\0\0\0\0\0\0\0"  # struct linger
_REQUEST = b"GET / HTTP/1.0\r\n\r\n"  # what makes most services say something


class Run(Protocol):
    """What a sender needs of the run it belongs to."""

    loop: Loop
    payload: int

    def token(self, attempt: Attempt) -> bytes: ...

    def find(self, data: bytes) -> Attempt | None: ...

    def next_port(self) -> int: ...

    def sent(self, attempt: Attempt, source_port: int) -> None:
        """Before the first TCP segment goes: the receivers are to know it by its port."""

    def we_listen(self, attempt: Attempt) -> bool: ...

    def settle(self, attempt: Attempt, result: Result, detail: str) -> None: ...


def failure(error: OSError) -> tuple[Result, str]:
    """An error of a socket as a result and what to say of it."""
    if error.errno == errno.ECONNREFUSED:
        return "refused", "refused: the port is closed"
    text = os.strerror(error.errno) if error.errno else str(error)
    return "error", text[:1].lower() + text[1:]


class _Socket:
    """A probe that has a socket of its own."""

    def __init__(self, run: Run, attempt: Attempt) -> None:
        self._run = run
        self._attempt = attempt
        self._data = run.token(attempt)
        self._socket: socket.socket

    def close(self) -> None:
        if self._socket.fileno() >= 0:
            self._run.loop.forget(self._socket.fileno())
            self._socket.close()

    def _bind(self) -> int:
        """To the sender's address and a port that no other flow of the run has; which one."""
        asked = self._attempt.asked
        for _ in range(_BIND_TRIES if not asked.source_port else 1):
            port = asked.source_port or self._run.next_port()
            try:
                self._socket.bind((asked.source_ip, port))
                return port
            except OSError as error:
                if error.errno != errno.EADDRINUSE or asked.source_port:
                    raise
        raise OSError(errno.EADDRINUSE, "no port is free")

    def _fail(self, error: OSError) -> None:
        if error.errno == errno.EHOSTUNREACH and _offender(self._socket) == self._attempt.asked.source_ip:
            self.close()  # L2-02: its own kernel has given up asking for a MAC; the network has said nothing
            return
        self._end(*failure(error))

    def _end(self, result: Result, detail: str) -> None:
        self.close()
        self._run.settle(self._attempt, result, detail)


class Tcp(_Socket):
    """Connects; where we listen, the data must come back too."""

    def open_inside(self) -> None:
        asked = self._attempt.asked
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM | _FLAGS)
        self._connected = False
        self._unsent = b""
        self._back = 0
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self._socket.setsockopt(socket.IPPROTO_IP, _RECEIVE_ERRORS, 1)
            self._run.sent(self._attempt, self._bind())
            self._run.loop.watch(self._socket.fileno(), WRITE, self._ready)
            self._socket.connect((asked.to, asked.port))
        except BlockingIOError:
            pass
        except OSError as error:
            self._end(*failure(error))

    def _ready(self) -> None:
        if self._socket.fileno() < 0:
            return
        try:
            if not self._connected:
                code = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
                if code:
                    raise OSError(code, "")
                self._socket.getpeername()  # not connected: called for nothing
                self._connect()
            elif self._unsent:
                self._send()
            else:
                self._read()
        except BlockingIOError:
            return
        except OSError as error:
            if error.errno == errno.ENOTCONN:
                return
            self._broken(error)

    def _connect(self) -> None:
        self._connected = True
        self._ours = self._run.we_listen(self._attempt)
        if not self._ours and not self._run.payload:
            self._end("pass", "connected")
            return
        self._attempt.said = "no data came back, though it connected"
        if self._ours:
            # Closed by a reset: thousands of connections would wait in the tables of every gateway otherwise.
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
            self._unsent = self._data.ljust(self._run.payload, b".")
        else:
            self._unsent = _REQUEST
        self._send()

    def _send(self) -> None:
        self._unsent = self._unsent[self._socket.send(self._unsent) :]
        if not self._unsent:
            self._run.loop.change(self._socket.fileno(), READ)

    def _read(self) -> None:
        data = self._socket.recv(65536)
        self._back += len(data)
        wanted = max(len(self._data), self._run.payload) if self._ours else 1
        if self._back >= wanted:
            self._end("pass", f"connected, {self._back} bytes {'echoed' if self._ours else 'answered'}")
        elif not data:
            self._end("error", "connected, and closed without a word")

    def _broken(self, error: OSError) -> None:
        if self._connected:
            self._end("error", f"connected, then: {failure(error)[1]}")
        else:
            self._fail(error)


class Udp(_Socket):
    """Sends a datagram and waits for its answer."""

    def open_inside(self) -> None:
        asked = self._attempt.asked
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | _FLAGS)
        self._data = self._data.ljust(min(self._run.payload, LONG_ENOUGH), b".")
        try:
            self._socket.setsockopt(socket.IPPROTO_IP, _RECEIVE_ERRORS, 1)
            self._bind()
            self._socket.connect((asked.to, asked.port))
            self._run.loop.watch(self._socket.fileno(), READ, self._ready)
            self._socket.send(self._data)
        except OSError as error:
            self._end(*failure(error))

    def again(self) -> None:
        if self._socket.fileno() >= 0:
            try:
                self._socket.send(self._data)
            except BlockingIOError:
                return
            except OSError as error:
                self._fail(error)

    def _ready(self) -> None:
        if self._socket.fileno() < 0:
            return
        try:
            data = self._socket.recv(65536)
        except BlockingIOError:
            return
        except OSError as error:
            self._fail(error)
            return
        self._end("pass", f"{len(data)} bytes answered")


class Icmp:
    """All ICMP probes of one address of a node: they share a raw socket."""

    def __init__(self, run: Run, source_ip: str) -> None:
        self._run = run
        self._source_ip = source_ip
        self._socket: socket.socket

    def open_inside(self) -> None:
        """OSError: the node does not have the address."""
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_RAW | _FLAGS, socket.IPPROTO_ICMP)
        try:
            self._socket.bind((self._source_ip, 0))
        except OSError:
            self._socket.close()
            raise
        self._run.loop.watch(self._socket.fileno(), READ, self._ready)

    def close(self) -> None:
        if self._socket.fileno() >= 0:
            self._run.loop.forget(self._socket.fileno())
            self._socket.close()

    def send(self, attempt: Attempt, identity: int) -> None:
        asked = attempt.asked
        data = self._run.token(attempt).ljust(min(self._run.payload, LONG_ENOUGH), b".")
        try:
            self._socket.sendto(packets.icmp(asked.icmp_type, asked.icmp_code, identity, data), (asked.to, 0))
        except BlockingIOError:
            return
        except OSError as error:
            self._run.settle(attempt, *failure(error))

    def _ready(self) -> None:
        while True:
            try:
                found = packets.packet(self._socket.recv(65536))
            except OSError:
                return
            if found is not None:
                self._heard(found)

    def _heard(self, found: packets.Packet) -> None:
        if found.body[0] == packets.ECHO_REPLY:
            attempt = self._run.find(found.data)
            if attempt is not None and _asks(attempt) and attempt.asked.source_ip == self._source_ip:
                self._run.settle(attempt, "pass", "answered")
            return
        about = packets.error_about(found)
        if about is None or (found.source == self._source_ip and found.body[:2] == packets.HOST_UNREACHABLE):
            return  # L2-02, as of sockets
        attempt = self._run.find(about[1])
        if attempt is not None and attempt.asked.source_ip == self._source_ip:
            self._run.settle(attempt, "error", about[0])


def _asks(attempt: Attempt) -> bool:
    return attempt.asked.protocol == "icmp" and attempt.asked.icmp_type == ECHO_REQUEST


def _offender(sock: socket.socket) -> str:
    """Who sent the ICMP error that a socket with IP_RECVERR has met; "" if it was none. Takes it off the queue."""
    try:
        _, ancillary, _, _ = sock.recvmsg(0, 512, socket.MSG_ERRQUEUE)
    except OSError:
        return ""
    for level, kind, data in ancillary:
        if (level, kind) == (socket.IPPROTO_IP, _RECEIVE_ERRORS) and len(data) >= 24 and data[4] == _BY_ICMP:
            return socket.inet_ntoa(data[20:24])  # struct sock_extended_err, then struct sockaddr_in
    return ""
