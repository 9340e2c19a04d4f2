"""ICMP errors about a translated flow find their way back to dev, and what they quote is what dev sent."""

import errno
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support import lab as labs
from tests.support import packets
from tests.support.lab import Lab
from tests.support.packets import Sender, Tap, silent

ELASTIC_IP = "52.195.125.184"
WEB_EXAMPLE = "93.184.216.34"
INTERNET = "192.0.2.1"


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with labs.up(labs.TOPOLOGIES / "nat.yaml") as up:
        yield up


def quoted(error: Any) -> tuple[str, str, int, int]:
    """The flow an ICMP error is about, as it says."""
    inner = error["IPerror"]
    ports = inner["UDPerror"] if "UDPerror" in inner else inner["TCPerror"]
    return inner.src, inner.dst, ports.sport, ports.dport


def is_error(packet: Any, kind: int, code: int) -> bool:
    return "IPerror" in packet and (packet["ICMP"].type, packet["ICMP"].code) == (kind, code)


def test_port_unreachable(lab: Lab) -> None:
    """CT-10, GEN-02: the outside host's own refusal reaches the program in dev, with the addresses dev knows."""
    dev = Tap(lab, "dev")
    client = lab.open_socket("dev", kind=socket.SOCK_DGRAM)
    client.connect((WEB_EXAMPLE, 9))
    client.send(b"anybody there?")
    error = dev.wait_for(lambda packet: is_error(packet, 3, 3), "port unreachable")
    assert (error["IP"].src, error["IP"].dst) == (WEB_EXAMPLE, lab.private("dev"))
    assert quoted(error) == (*client.getsockname()[:1], WEB_EXAMPLE, client.getsockname()[1], 9)
    assert client.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == errno.ECONNREFUSED


@pytest.mark.parametrize("port", [500, 40000])
@pytest.mark.parametrize(("kind", "code"), [(3, 1), (3, 4), (3, 13), (11, 0), (11, 1), (12, 0)])
def test_errors_from_on_the_way(lab: Lab, port: int, kind: int, code: int) -> None:
    """CT-10: whoever on the way sends it, about a port that was translated (500) or kept (40000)."""
    dev, web = Tap(lab, "dev"), Tap(lab, "web.example")
    mark = packets.cookie()
    Sender(lab, "dev").send(WEB_EXAMPLE, packets.UDP(sport=port, dport=5353) / packets.Raw(mark))
    sent = web.wait(mark)
    error = packets.ICMP(type=kind, code=code) / packets.IP(bytes(sent["IP"])[:28])
    Sender(lab, "attacker").send(ELASTIC_IP, error)
    came = dev.wait_for(lambda packet: is_error(packet, kind, code), f"ICMP {kind}/{code}")
    assert (came["IP"].src, came["IP"].dst) == (lab.public("attacker"), lab.private("dev"))
    assert quoted(came) == (lab.private("dev"), WEB_EXAMPLE, port, 5353)


def test_fragmentation_needed(lab: Lab) -> None:
    """MTU-03, MTU-05: beyond the internet gateway 1,500 bytes fit. A larger packet that may not be cut is dropped, and
    dev is told so; one that may be cut arrives.
    """
    dev, web = Tap(lab, "dev"), Tap(lab, "web.example")
    large, cut = packets.cookie(), packets.cookie()
    sender = Sender(lab, "dev")
    sender.send(WEB_EXAMPLE, packets.UDP(sport=40001, dport=9) / packets.Raw(large * 200), flags="DF")
    error = dev.wait_for(lambda packet: is_error(packet, 3, 4), "fragmentation needed")
    assert error["ICMP"].nexthopmtu == 1500
    assert error["IP"].dst == lab.private("dev")
    assert quoted(error) == (lab.private("dev"), WEB_EXAMPLE, 40001, 9)
    sender.send(WEB_EXAMPLE, packets.UDP(sport=40002, dport=9) / packets.Raw(cut * 200))
    web.wait(cut)
    silent(web, about=large)
