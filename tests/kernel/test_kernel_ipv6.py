"""IPv6 is not emulated: no link of a lab says anything in it of its own accord."""

import os
import select
import socket
import time

from emulator.compile.state import LinkUp, Netns, State, Step, Sysctl, Veth
from emulator.kernel import netns
from emulator.kernel.host import Host

PAIR = Veth("r", "eni-g", "0a:00:00:00:00:01", "g", "eth0", "0a:00:00:00:00:02", 9001)
_PARTS = [Step("add", "r", Netns("router"), ""), Step("add", "g", Netns("instance"), "")]
_UP = [
    Step("replace", node, LinkUp(link), "") for node, link in (("r", "lo"), ("r", "eni-g"), ("g", "lo"), ("g", "eth0"))
]


def listener(name: str, link: str) -> socket.socket:
    """All that arrives at or leaves by a link."""
    namespace = netns.open_namespace(name)
    try:
        with netns.enter(namespace):
            packets = socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_NONBLOCK, socket.htons(3))
            packets.bind((link, 0))
    finally:
        os.close(namespace)
    return packets


def test_no_ipv6_packet_when_links_come_up(lab_name: str) -> None:
    host = Host()
    host.execute([*_PARTS, Step("add", "r", PAIR, "")], lab_name)
    # The address of a link that gives itself one is announced at once, and tried within a second.
    end = time.monotonic() + 1.5
    seen = []
    with listener(f"{lab_name}.r", "eni-g") as packets:
        host.execute(_UP, lab_name)
        while (left := end - time.monotonic()) > 0:
            if select.select([packets], [], [], left)[0]:
                try:
                    seen.append(packets.recv(65536)[12:14])
                except OSError:
                    continue  # "the network is down": so it was at first
    assert seen == []
    found = host.observe(lab_name, State(lab_name, {}, frozenset()))
    assert {node: held.up for node, held in found.namespaces.items()} == {"r": {"lo", "eni-g"}, "g": {"lo", "eth0"}}


def test_a_namespace_with_ipv6_off_does_not_mind(lab_name: str) -> None:
    off = [Step("replace", "r", Sysctl(f"net/ipv6/conf/{which}/disable_ipv6", "1"), "") for which in ("all", "default")]
    Host().execute([*_PARTS, *off, Step("add", "r", PAIR, ""), *_UP], lab_name)


def test_a_link_without_ipv6_comes_up_all_the_same(lab_name: str) -> None:
    """The kernel refuses to hear of IPv6 on a link below IPv6's least MTU, as it does on all links without IPv6."""
    Host().execute([*_PARTS, Step("add", "r", PAIR._replace(mtu=1000), ""), *_UP], lab_name)
    found = Host().observe(lab_name, State(lab_name, {}, frozenset()))
    assert found.namespaces["g"].up == {"lo", "eth0"}
