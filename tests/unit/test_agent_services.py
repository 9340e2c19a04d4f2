"""Connections and listeners over a socket pair: idle ones end, slow ones are waited for, and nothing spins."""

import os
import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from errno import EMFILE
from pathlib import Path
from typing import Any, cast

import pytest

from emulator.agent import services
from emulator.agent.logs import Logs
from emulator.agent.loop import READ, Loop
from emulator.agent.services import Builtin, Connection, EchoSession, Shared
from emulator.compile.state import Service


@pytest.fixture
def shared() -> Shared:
    return Shared("lab", Loop(), 100)


@pytest.fixture
def builtin(shared: Shared, tmp_path: Path) -> Builtin:
    log = Logs(shared.loop, lambda node, name: f"{tmp_path}/{node}/{name}.log").open("web", "tcp")
    return Builtin(shared, "web", Service("tcp", "tcp", 9000, (), ""), log)


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    theirs.settimeout(5)
    with ours, theirs:
        yield ours, theirs


def run(shared: Shared, seconds: float) -> None:
    shared.loop.later(seconds, shared.loop.stop)
    shared.loop.run()


def test_an_idle_connection_ends(
    shared: Shared, builtin: Builtin, pair: tuple[socket.socket, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services, "SWEEP_SECONDS", 0.02)
    session = EchoSession(b"hello")
    session.idle_seconds = 0.05
    Connection(shared, builtin, pair[0], session).start()
    run(shared, 0.3)
    assert pair[1].recv(100) == b"hello"
    assert pair[1].recv(100) == b""
    assert not shared.connections
    assert not builtin.connections


def test_a_caller_that_does_not_read_is_not_read_from(
    shared: Shared, builtin: Builtin, pair: tuple[socket.socket, socket.socket]
) -> None:
    connection = Connection(shared, builtin, pair[0], EchoSession())
    connection.start()
    pair[1].setblocking(False)
    sent = heard = 0
    began = time.process_time()
    for turn in range(130):
        with suppress(BlockingIOError):
            while True:
                sent += pair[1].send(b"x" * 65536)
        if turn >= 30:  # at first not at all, then a little
            heard += len(pair[1].recv(20_000))
        run(shared, 0.005)
        shared.loop._stopping = False
        assert len(connection._out) <= EchoSession.read_bytes
    assert len(connection._out) > 0
    for _ in range(400):  # and then all the rest, with nothing new to prompt it
        with suppress(BlockingIOError):
            heard += len(pair[1].recv(100_000))
        run(shared, 0.002)
        shared.loop._stopping = False
    assert heard == sent
    assert time.process_time() - began < 0.3, "it spins"


def test_what_is_left_is_sent_though_nothing_more_comes(
    shared: Shared, builtin: Builtin, pair: tuple[socket.socket, socket.socket]
) -> None:
    connection = Connection(shared, builtin, pair[0], EchoSession())
    connection.start()
    sent = heard = 0
    while not connection._out:
        sent += pair[1].send(b"x" * 50_000)
        run(shared, 0.002)
        shared.loop._stopping = False
    pair[1].setblocking(False)
    for _ in range(200):
        with suppress(BlockingIOError):
            heard += len(pair[1].recv(100_000))
        run(shared, 0.002)
        shared.loop._stopping = False
    assert heard == sent


def test_out_of_descriptors_is_waited_out_not_spun_on(shared: Shared, builtin: Builtin) -> None:
    reader, writer = os.pipe()
    os.write(writer, b"x")  # ready for ever, as a listener with a caller in its queue

    class Listener:
        accepts = 0

        def fileno(self) -> int:
            return reader

        def accept(self) -> Any:
            self.accepts += 1
            raise OSError(EMFILE, "Too many open files")

    listener = Listener()
    shared.loop.watch(reader, READ, builtin._acceptor(cast(socket.socket, listener)))
    began = time.process_time()
    run(shared, 0.7)
    assert listener.accepts == 2
    assert time.process_time() - began < 0.2
    os.close(reader)
    os.close(writer)
