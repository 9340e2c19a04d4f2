"""A load balancer forgets idle flows, TCP after 350 s, here two, UDP after 120 s, here one; it holds 55,000, here 4."""

import errno
import socket
import struct
import time
from collections.abc import Iterator

import pytest

from emulator.compile.balancer import TCP_IDLE, UDP_IDLE
from tests.support import lab as labs
from tests.support.balanced import SILENCE, Call, call
from tests.support.lab import Held, Lab
from tests.support.packets import Tap
from tests.support.wait import eventually

TOPOLOGY = """
name: balanced
settings: {time_scale: 175, load_balancer_connections: 4}
vpcs:
  main:
    cidr_block: 10.0.0.0/16
    internet_gateway: igw
    subnets:
      a: {cidr_block: 10.0.1.0/24, route_table: public}
    route_tables:
      public: {routes: {0.0.0.0/0: igw}}
    security_groups:
      web: {ingress: [{protocol: all, from: 0.0.0.0/0}]}
    instances:
      one: {subnet: a, security_groups: [web], services: [{tcp: 80}]}
      two: {subnet: a, security_groups: [web], services: [{tcp: 80}]}
    target_groups:
      web: {port: 80, protocol: TCP, targets: [one], health_check: {unhealthy_threshold: 10}}
      other: {port: 80, protocol: TCP, targets: [two], health_check: {unhealthy_threshold: 10}}
      udp: {port: 53, protocol: UDP, targets: [one, two], health_check: {port: 80, unhealthy_threshold: 10}}
    load_balancers:
      nlb:
        load_balancer_type: network
        subnets: [a]
        listeners:
          - {port: 80, protocol: TCP, target_group: web}
          - {port: 81, protocol: TCP, target_group: web, tcp_idle_timeout_seconds: 6000}
          - {port: 82, protocol: TCP, target_group: other}
          - {port: 53, protocol: UDP, target_group: udp}
internet:
  hosts:
    client.example: {ip: 198.51.100.7}
"""


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with labs.up(TOPOLOGY) as up:
        for node in ("one", "two"):
            up.serve(node, udp=(53,))
        yield up


def silent_for(client: Held, seconds: float) -> None:
    """Until the idle timeout has passed; meanwhile nothing comes."""
    end = time.monotonic() + seconds + 1
    while time.monotonic() < end:
        assert not client.readable(0.2), "somebody speaks while the flow is idle"


def test_NLB_05_NLB_06_T_82_tcp(lab: Lab) -> None:
    """Who speaks on a TCP connection after 350 idle seconds is reset; a listener may be given more patience."""
    node = lab.public("nlb.a")
    idle, patient = Call(lab, "client.example", node, 80), Call(lab, "client.example", node, 81)
    assert idle.answer().node == patient.answer().node == "one"
    heard = Tap(lab, "client.example")
    silent_for(idle.socket, lab.topology.settings.seconds(TCP_IDLE))
    idle.socket.send(b"word")
    reset = heard.wait_for(lambda packet: "TCP" in packet and packet["TCP"].flags.R, "a RST")
    assert (reset["IP"].src, reset["TCP"].sport) == (node, 80)
    eventually(lambda: idle.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == errno.ECONNRESET, "reset")
    patient.socket.send(b"word")
    assert patient.socket.readable(10)
    assert patient.socket.recv(10) == b"word"


def test_NLB_05_NLB_12_udp(lab: Lab) -> None:
    """After 120 idle seconds the same client and port are a new flow, which may go to another target."""
    client = lab.open_socket("client.example", kind=socket.SOCK_DGRAM)
    client.connect((lab.public("nlb.a"), 53))
    chosen: list[str] = []
    while len(chosen) < 2:
        if chosen:
            silent_for(client, lab.topology.settings.seconds(UDP_IDLE))
        client.send(b"word")
        (server,) = eventually(lambda: [held for held in lab.servers if held.socket.readable(0)], "a datagram")
        server.socket.recvfrom(100)
        chosen.append(server.node)
    assert sorted(chosen) == ["one", "two"]


def test_NLB_10_so_many_connections_to_a_target(lab: Lab) -> None:
    """A node holds 55,000 connections to one target; another one fails, until one of them has ended."""
    node = lab.public("nlb.a")
    held = [Call(lab, "client.example", node, 82) for _ in range(4)]
    assert {made.answer().node for made in held} == {"two"}
    further = Call(lab, "client.example", node, 82)
    assert call(lab, "client.example", node, 81).node == "one"
    assert further.answer(0.3) == SILENCE
    held[0].socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    held[0].socket.close()
    assert further.answer().node == "two"  # its SYN has been repeated
    for made in (*held, further):
        made.socket.close()
