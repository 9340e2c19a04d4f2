"""A NAT gateway forgets a TCP connection that has been idle for 350 seconds, here two."""

import errno
import socket
import time
from collections.abc import Iterator

import pytest

from emulator.compile.nat import IDLE_SECONDS
from tests.support import lab as labs
from tests.support import packets
from tests.support.connections import Connection
from tests.support.lab import Lab
from tests.support.packets import Tap, silent
from tests.support.wait import eventually

SCALE = "name: nat\nsettings: {time_scale: 175}\n"
WEB_EXAMPLE = "93.184.216.34"


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    text = (labs.TOPOLOGIES / "nat.yaml").read_text(encoding="utf-8")
    with labs.up(labs.edited(text, {"name: nat\n": SCALE})) as up:
        up.serve("web.example", tcp=(9000,))
        yield up


def idle(lab: Lab, silent_one: Connection, busy: Connection) -> None:
    """Until the idle timeout has passed for one connection, while the other one speaks now and then."""
    end = time.monotonic() + lab.topology.settings.seconds(IDLE_SECONDS) + 1
    while time.monotonic() < end:
        busy.carries()
        assert not silent_one.client.readable(0.2), "the inside host heard something while it was silent"


def test_T_30_the_inside_host_speaks_after_the_idle_timeout(lab: Lab) -> None:
    """An inside host that sends on a TCP connection after 350 idle seconds is answered with a RST by the NAT gateway.

    NAT-27: until then it hears nothing, no FIN either. NAT-29: a connection that speaks in time goes on.
    """
    forgotten, busy = (Connection(lab, "dev", WEB_EXAMPLE, 9000) for _ in range(2))
    forgotten.carries()
    dev, outside = Tap(lab, "dev"), Tap(lab, "web.example")
    idle(lab, forgotten, busy)
    late = packets.cookie()
    forgotten.client.send(late)
    reset = dev.wait_for(lambda packet: "TCP" in packet and packet["TCP"].flags.R, "a RST")
    assert (reset["IP"].src, reset["TCP"].sport) == (WEB_EXAMPLE, 9000)
    eventually(
        lambda: forgotten.client.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == errno.ECONNRESET, "reset by peer"
    )
    busy.carries()
    silent(outside, about=late)


def test_T_31_the_outside_host_speaks_after_the_idle_timeout(lab: Lab) -> None:
    """What an outside host sends on a TCP connection after 350 idle seconds is dropped, and neither side is told.

    NAT-28: there is no translation any more, so for the NAT gateway it is unsolicited.
    """
    forgotten, busy = (Connection(lab, "dev", WEB_EXAMPLE, 9000) for _ in range(2))
    forgotten.carries()
    idle(lab, forgotten, busy)
    dev, nat, outside = Tap(lab, "dev"), Tap(lab, "nat"), Tap(lab, "web.example")
    late = packets.cookie()
    forgotten.server.send(late)
    nat.wait(late)  # it gets as far as the NAT gateway, which sends nothing back
    busy.carries()
    silent(dev, about=late)
    assert not [f for f in outside.came() if "TCP" in f.packet and f.packet["TCP"].flags.R]
    assert not forgotten.client.readable(0)
