"""What the agent does for a listener with proxy protocol: it carries bytes both ways, and passes on how an end ends."""

import errno
import os
import socket
from collections.abc import Iterator
from contextlib import suppress

import pytest

from emulator.agent.proxy_protocol import parse
from tests.support import lab as labs
from tests.support.lab import Held, Lab, edited
from tests.support.probes import check, drops, passes
from tests.support.wait import eventually

OPEN = "{ingress: [{protocol: all, from: 0.0.0.0/0}]}"
TOPOLOGY = f"""
settings: {{time_scale: 70}}
vpcs:
  p:
    cidr_block: 10.0.0.0/16
    subnets: {{p: {{cidr_block: 10.0.1.0/24}}}}
    security_groups: {{open: {OPEN}}}
    instances:
      target: {{subnet: p, private_ip: 10.0.1.10, security_groups: [open], services: [echo]}}
      inside: {{subnet: p, private_ip: 10.0.1.11, security_groups: [open]}}
    target_groups:
      echo: {{port: 7, protocol: TCP, targets: [target], proxy_protocol_v2: true}}
      datagrams: {{port: 7, protocol: UDP, targets: [target], health_check: {{port: 7}}}}
      nothing: {{port: 81, protocol: TCP, targets: [target], proxy_protocol_v2: true, health_check: {{port: 7}}}}
    load_balancers:
      nlb:
        load_balancer_type: network
        internal: true
        subnets: [p]
        listeners:
          - {{port: 7, protocol: TCP, target_group: echo}}
          - {{port: 8, protocol: UDP, target_group: datagrams}}
          - {{port: 81, protocol: TCP, target_group: nothing}}
    vpc_endpoint_services: {{svc: {{network_load_balancers: [nlb], acceptance_required: false}}}}
  c:
    cidr_block: 10.0.0.0/16
    subnets: {{c: {{cidr_block: 10.0.1.0/24}}}}
    security_groups: {{open: {OPEN}}}
    instances: {{client: {{subnet: c, private_ip: 10.0.1.10, security_groups: [open]}}}}
    vpc_endpoints: {{ep: {{service: svc, subnets: [c], security_groups: [open]}}}}
"""
CALLS = (("client", "ep.c"), ("inside", "nlb.p"))
each_way = pytest.mark.parametrize(("node", "to"), CALLS)


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with labs.up(TOPOLOGY) as up:
        yield up


def connected(lab: Lab, node: str, to: str, port: int) -> Held:
    client = lab.open_socket(node)
    client.settimeout(20)
    client.connect((lab.private(to), port))
    return client


@each_way
def test_what_goes_in_comes_out(lab: Lab, node: str, to: str) -> None:
    """Much more than any buffer holds, after one header; the target's end is the client's end."""
    sent = os.urandom(3_000_000)
    with connected(lab, node, to, 7) as client:
        client.settimeout(0)
        client.setblocking(False)
        left, got = sent, b""
        while len(got) < len(sent):
            if left:
                with suppress(BlockingIOError):
                    left = left[client.send(left) :]
            if client.readable(0.01 if left else 20):
                got += client.recv(1 << 20)
            told = parse(got[:100])
            if told is not None and len(got) >= told.size + len(sent):
                break
        told = parse(got[:100])
        assert told is not None
        assert told.client == (lab.private(node), client.getsockname()[1])
        assert told.server == (lab.private(to), 7)
        assert bool(told.endpoint) == (node == "client")
        assert got[told.size :] == sent


@each_way
def test_a_client_that_closes_is_forgotten(lab: Lab, node: str, to: str) -> None:
    """Both connections end: the agent keeps neither."""

    def held() -> str:
        return lab.run("nlb.p", "ss", "-Htn", "state", "established", "dport", "=", ":7").output

    with connected(lab, node, to, 7) as client:
        client.sendall(b"word")
        eventually(lambda: "10.0.1.10:7" in held(), "the second connection")
    eventually(lambda: "10.0.1.10:7" not in held(), "both are closed")


@each_way
def test_a_target_that_refuses_resets_the_client(lab: Lab, node: str, to: str) -> None:
    """Whichever of the three hears of it: the reset may come while the client still connects."""
    with pytest.raises(OSError) as failed:  # noqa: PT012
        client = connected(lab, node, to, 81)
        client.sendall(b"word")
        assert client.recv(16) == b"", "an answer"
        raise AssertionError("an end without a reset")
    assert failed.value.errno in (errno.ECONNRESET, errno.EPIPE)


def test_other_listeners_are_as_ever(lab: Lab) -> None:
    """Without proxy protocol, or without a listener at all."""
    for node, to in CALLS:
        check(lab, passes(node, to, "udp", 8), drops(node, to, "tcp", 8, 83), drops(node, to, "udp", 7))


def test_an_unknown_segment_is_reset(lab: Lab) -> None:
    """NLB-19: of a listener's port, in the middle of nothing. The kernel of the node answers, and not the agent."""
    from tests.support import packets
    from tests.support.packets import Sender, Tap

    for node, to in CALLS:
        tap = Tap(lab, node)
        Sender(lab, node).send(to, packets.TCP(sport=45000, dport=7, flags="A", seq=5, ack=5))
        tap.wait_for(lambda packet: "TCP" in packet and packet["TCP"].flags.R and packet["TCP"].dport == 45000, "a RST")


def test_a_target_that_falls_ill(lab: Lab) -> None:
    """NLB-15: its connections are reset, also those that the agent carries."""
    group = "echo: {port: 7, protocol: TCP, targets: [target]"
    ill = edited(TOPOLOGY, {group: f"{group}, health_check: {{port: 99}}"})
    with connected(lab, "inside", "nlb.p", 7) as client:
        client.sendall(b"word")
        assert parse(client.recv(100))
        try:
            lab.up(ill)
            client.setblocking(False)
            eventually(lambda: client.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == errno.ECONNRESET, within=40)
        finally:
            lab.up(TOPOLOGY)


def test_the_idle_time_is_the_listeners(lab: Lab) -> None:
    """After 350 seconds, here five, without a byte both ends are gone."""
    client = connected(lab, "client", "ep.c", 7)
    client.sendall(b"word")
    told = parse(client.recv(100))
    assert told is not None
    client.setblocking(False)

    def gone() -> bool:
        return client.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == errno.ECONNRESET

    eventually(gone, "a reset", within=40, every=0.2)
    client.close()
