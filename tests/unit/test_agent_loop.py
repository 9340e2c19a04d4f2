"""The event loop: timers in order, stale events, and a handler's mistake that stays its own."""

import os
from functools import partial

import pytest

from emulator.agent.loop import READ, Loop


def test_timers_come_in_order_and_can_be_cancelled() -> None:
    loop = Loop()
    seen: list[str] = []
    loop.later(0.02, loop.stop)
    loop.later(0.01, lambda: seen.append("second"))
    loop.later(0.0, lambda: seen.append("first"))
    loop.later(0.0, lambda: seen.append("never")).cancel()
    loop.run()
    assert seen == ["first", "second"]


def test_a_mistake_is_printed_and_the_others_go_on(capsys: pytest.CaptureFixture[str]) -> None:
    loop = Loop()
    loop.later(0.0, lambda: print(1 // 0))
    loop.later(0.01, loop.stop)
    loop.run()
    assert "ZeroDivisionError" in capsys.readouterr().err


def test_a_handler_forgotten_in_the_same_round_is_not_called() -> None:
    loop = Loop()
    seen: list[int] = []
    pipes = [os.pipe() for _ in range(2)]

    def handler(index: int) -> None:
        seen.append(index)
        loop.forget(pipes[1 - index][0])
        loop.stop()

    for index, (reader, writer) in enumerate(pipes):
        os.write(writer, b"x")
        loop.watch(reader, READ, partial(handler, index))
    loop.run()
    assert len(seen) == 1
    for pipe in pipes:
        for fd in pipe:
            os.close(fd)


def test_forgetting_twice_is_forgetting_once() -> None:
    loop = Loop()
    reader, writer = os.pipe()
    loop.watch(reader, READ, loop.stop)
    loop.forget(reader)
    loop.forget(reader)
    os.close(reader)
    os.close(writer)
