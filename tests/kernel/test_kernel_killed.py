"""SIGKILL at every single change of the machine: what is left can be removed, and can be repaired."""

import os
import signal
from collections.abc import Callable

import pytest

from emulator.compile.state import State
from emulator.kernel.host import Host
from tests.support.leaks import traces
from tests.support.small_lab import plan, small_lab, without_text

LIMIT = 400  # more checkpoints than a small lab has


def in_child(work: Callable[[Callable[[str], None]], object], die_at: int) -> tuple[bool, str]:
    """Run it in a process of its own that is killed at the given checkpoint. Was it, and at what?"""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        count = 0

        def checkpoint(what: str) -> None:
            nonlocal count
            count += 1
            if count == die_at:
                os.write(writer, what.encode())
                os.kill(os.getpid(), signal.SIGKILL)

        try:
            work(checkpoint)
            os._exit(0)
        finally:
            os._exit(1)
    os.close(writer)
    what = os.read(reader, 500).decode()
    os.close(reader)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0, f"the child failed at {what or 'no checkpoint'}"
    return os.WIFSIGNALED(status), what


def build(wanted: State) -> Callable[[Callable[[str], None]], object]:
    def work(checkpoint: Callable[[str], None]) -> None:
        host = Host(checkpoint)
        host.execute(plan(host.observe(wanted.lab, wanted), wanted), wanted.lab)

    return work


def test_killed_while_building_then_destroyed(lab_name: str) -> None:
    wanted = small_lab(lab_name)
    seen = []
    for at in range(1, LIMIT):
        killed, what = in_child(build(wanted), at)
        if not killed:
            break
        seen.append(what)
        Host().destroy(lab_name)
        assert traces(lab_name) == [], f"killed before: {what}"
        assert Host().observe(lab_name, wanted) == State(lab_name, {}, frozenset())
    assert len(seen) > 20
    assert any("mount the namespace" in what for what in seen)
    assert any("ruleset" in what for what in seen)
    Host().destroy(lab_name)


def test_killed_while_building_then_repaired(lab_name: str) -> None:
    wanted = small_lab(lab_name)
    host = Host()
    for at in range(1, LIMIT):
        killed, what = in_child(build(wanted), at)
        host.execute(plan(host.observe(lab_name, wanted), wanted), lab_name)
        assert host.observe(lab_name, wanted) == without_text(wanted), f"killed before: {what}"
        host.destroy(lab_name)
        if not killed:
            return
    pytest.fail("it never ends")


def test_killed_while_destroying_then_destroyed(lab_name: str) -> None:
    wanted = small_lab(lab_name)
    for at in range(1, LIMIT):
        build(wanted)(lambda what: None)
        killed, what = in_child(lambda checkpoint: Host(checkpoint).destroy(lab_name), at)
        Host().destroy(lab_name)
        assert traces(lab_name) == [], f"killed before: {what}"
        if not killed:
            return
    pytest.fail("it never ends")
