"""Idle flows are forgotten: after AWS's times, or those of the network interface."""

import socket
import time
from collections.abc import Iterator

import pytest

from tests.support import lab as labs
from tests.support.connection import Connection, remembered
from tests.support.lab import Held, Lab
from tests.support.wait import eventually

SLOW = """
settings: {time_scale: 15}
vpcs:
  main:
    cidr_block: 10.0.0.0/16
    subnets:
      one: {cidr_block: 10.0.1.0/24}
    security_groups:
      new: {}
      open: {ingress: [{protocol: all, from: 0.0.0.0/0}]}
      choosy: {ingress: [{protocol: all, from: 10.0.0.0/16}]}
    instances:
      caller: {subnet: one, security_groups: [new]}
      untracked: {subnet: one, security_groups: [open]}
      called: {subnet: one, security_groups: [open]}
      quick:
        subnet: one
        security_groups: [new]
        connection_tracking_specification: {tcp_established_timeout: 60, udp_stream_timeout: 60}
      patient: {subnet: one, security_groups: [choosy], connection_tracking_specification: {udp_timeout: 60}}
"""


@pytest.fixture(scope="module")
def slow() -> Iterator[Lab]:
    with labs.up(SLOW) as up:
        yield up


def test_T_50_an_idle_udp_flow_is_forgotten(slow: Lab) -> None:
    """The reply to a tracked one-way UDP flow that was idle for more than 30 s (here: 2 s) is dropped."""
    server = slow.open_socket("called", kind=socket.SOCK_DGRAM)
    server.bind(("0.0.0.0", 514))

    def asks(node: str) -> tuple[Held, tuple[str, int]]:
        made = slow.open_socket(node, kind=socket.SOCK_DGRAM)
        made.connect((slow.private("called"), 514))
        made.send(b"one way")
        assert server.readable(5)
        return made, server.recvfrom(100)[1]

    untracked = asks("untracked")
    flows = [asks("caller") for _ in range(40)]
    deadline = time.monotonic() + 20
    answered = []
    for number, (caller, address) in enumerate(flows):
        server.sendto(b"reply", address)
        answered.append(caller.readable(0.25))
        untracked[0].readable(0.2)  # nobody has answered it: this is the time that passes
        if number > 2 and not any(answered[-3:]):
            break
        assert time.monotonic() < deadline
    assert answered[0], "the reply to a flow that was not idle"
    assert answered[-3:] == [False] * 3, "a flow that was idle for long is remembered"
    server.sendto(b"reply", untracked[1])  # CT-01: it is judged by the rules, which let it in at any time
    assert untracked[0].readable(5)


def test_CT_05_a_running_lab_takes_on_another_time_scale(slow: Lab) -> None:
    """Idle flows are forgotten after AWS's times divided by the lab's time scale: 30 s, 180 s, 600 s and five days."""
    names = ("udp_timeout", "udp_timeout_stream", "generic_timeout", "tcp_timeout_established")

    def seconds() -> list[int]:
        keys = [f"net.netfilter.nf_conntrack_{name}" for name in names]
        return [int(line) for line in slow.run("main.router", "sysctl", "-n", *keys).output.split()]

    assert seconds() == [2, 12, 40, 28_800]
    slow.up(SLOW.replace("time_scale: 15", "time_scale: 1"))
    assert seconds() == [30, 180, 600, 432_000]
    slow.up(SLOW)
    assert seconds() == [2, 12, 40, 28_800]


def test_CT_05_CT_15_an_interface_has_idle_times_of_its_own(slow: Lab) -> None:
    """A TCP connection is forgotten after the interface's own time (here: 60 s in 4): the other side is not let in."""
    quick, usual = Connection(slow, "quick", "called", 81), Connection(slow, "caller", "called", 82)
    quick.lives()
    usual.lives()
    assert (remembered(slow, "tcp", "quick", "called") or 0) <= 4
    # Until the other end has acknowledged what was said last, the kernel waits for less.
    assert eventually(lambda: (remembered(slow, "tcp", "caller", "called") or 0) > 1000)
    assert eventually(lambda: remembered(slow, "tcp", "quick", "called") is None)
    quick.far.send(b"anybody there?")
    usual.lives()
    assert not quick.near.readable(0.3)


def test_CT_05_where_both_ends_track_the_shorter_time_counts(slow: Lab) -> None:
    """After one UDP packet an interface waits for its own time (60 s), but no longer than the caller's does (30 s)."""
    server = slow.open_socket("patient", kind=socket.SOCK_DGRAM)
    server.bind(("0.0.0.0", 601))

    def asks(source: str) -> None:
        made = slow.open_socket(source, kind=socket.SOCK_DGRAM)
        made.connect((slow.private("patient"), 601))
        made.send(b"one way")
        assert server.readable(5)
        server.recv(100)

    def shorter() -> bool:
        asks("untracked")  # CT-01: its end has no say
        asks("caller")  # later, so with the same time it would be remembered for longer
        alone, both = (remembered(slow, "udp", source, "patient") for source in ("untracked", "caller"))
        return None not in (alone, both) and alone > both  # type: ignore[operator]

    assert eventually(shorter)
