"""What an endpoint does with large packets, with a TCP connection's segment size, and with one that has been idle."""

import errno
import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from typing import Any

import pytest

from emulator.compile.privatelink import IDLE_SECONDS
from tests.support import lab as labs
from tests.support import packets
from tests.support.connections import Connection
from tests.support.lab import Lab
from tests.support.packets import Sender, Tap, silent
from tests.support.wait import eventually

OPEN = "{ingress: [{protocol: all, from: 0.0.0.0/0}]}"
TOPOLOGY = f"""
settings: {{time_scale: 70}}
vpcs:
  p:
    cidr_block: 10.0.0.0/16
    subnets: {{p: {{cidr_block: 10.0.1.0/24}}}}
    security_groups: {{open: {OPEN}}}
    instances: {{target: {{subnet: p, private_ip: 10.0.1.10, security_groups: [open], services: [{{tcp: 81}}]}}}}
    target_groups:
      tcp: {{port: 9000, protocol: TCP, targets: [target], health_check: {{port: 81}}}}
      udp: {{port: 9000, protocol: UDP, targets: [target], health_check: {{port: 81}}}}
    load_balancers:
      nlb:
        load_balancer_type: network
        internal: true
        subnets: [p]
        listeners: [{{port: 9000, protocol: TCP, target_group: tcp}}, {{port: 53, protocol: UDP, target_group: udp}}]
    vpc_endpoint_services: {{svc: {{network_load_balancers: [nlb], acceptance_required: false}}}}
  c:
    cidr_block: 10.0.0.0/16
    subnets: {{c: {{cidr_block: 10.0.1.0/24}}}}
    security_groups: {{open: {OPEN}}}
    instances: {{client: {{subnet: c, private_ip: 10.0.1.10, security_groups: [open]}}}}
    vpc_endpoints: {{ep: {{service: svc, subnets: [c], security_groups: [open]}}}}
"""


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with labs.up(TOPOLOGY) as up:
        up.serve("target", tcp=(9000,), udp=(9000,))
        yield up


def from_port(port: int, packet: Any) -> bool:
    return "TCP" in packet and bool(packet["TCP"].dport == port or packet["TCP"].sport == port)


def test_PL_30_MTU_06_a_packet_larger_than_8500_bytes(lab: Lab) -> None:
    """An endpoint drops a packet of more than 8,500 bytes and tells nobody; one of 8,500 bytes passes."""
    ours, target, node = Tap(lab, "client"), Tap(lab, "target"), Tap(lab, "ep.c")
    sender, endpoint = Sender(lab, "client"), lab.private("ep.c")
    for flags in ("DF", 0):
        large, fits = packets.cookie(), packets.cookie()
        for mark, length in ((large, 8501), (fits, 8500)):
            payload = (mark * 500)[: length - 28]
            sender.send(endpoint, packets.UDP(sport=40010, dport=53) / packets.Raw(payload), flags=flags)
        target.wait(fits)
        assert node.holding(large), "it never came to the endpoint"
        silent(target, about=large)
    assert not [frame for frame in ours.came() if "ICMP" in frame.packet]


def test_PL_30_MTU_07_the_segment_size_is_clamped(lab: Lab) -> None:
    """An endpoint lowers the MSS of a TCP connection to what fits into 8,500 bytes, both ways, and never raises it."""
    ours, target = Tap(lab, "client"), Tap(lab, "target")
    sender = Sender(lab, "client")
    for port, offered, seen in ((40020, 8961, 8460), (40021, 1300, 1300)):
        target.forget()
        options = [("MSS", offered)]
        sender.send(lab.private("ep.c"), packets.TCP(sport=port, dport=9000, flags="S", options=options))
        syn = target.wait_for(lambda p: "TCP" in p and p["TCP"].flags == "S" and p["TCP"].dport == 9000, "the SYN")
        assert dict(syn["TCP"].options)["MSS"] == seen
        answer = ours.wait_for(partial(from_port, port), "the SYN-ACK")
        assert dict(answer["TCP"].options)["MSS"] <= 8460


def test_PL_29_an_idle_connection(lab: Lab) -> None:
    """A client that sends on a TCP connection after 350 idle seconds is answered with a RST, and nothing passes.

    One that speaks in time goes on.
    """
    endpoint = lab.private("ep.c")
    forgotten, busy = (Connection(lab, "client", endpoint, 9000) for _ in range(2))
    ours, target = Tap(lab, "client"), Tap(lab, "target")
    end = time.monotonic() + lab.topology.settings.seconds(IDLE_SECONDS) + 1
    while time.monotonic() < end:
        busy.carries()
        assert not forgotten.client.readable(0.2), "the client heard something while it was silent"
    late = packets.cookie()
    forgotten.client.send(late)
    reset = ours.wait_for(lambda packet: "TCP" in packet and packet["TCP"].flags.R, "a RST")
    assert (reset["IP"].src, reset["TCP"].sport) == (endpoint, 9000)
    eventually(lambda: forgotten.client.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == errno.ECONNRESET, "a reset")
    busy.carries()
    silent(target, about=late)
    with suppress(OSError):
        forgotten.close()
    busy.close()
