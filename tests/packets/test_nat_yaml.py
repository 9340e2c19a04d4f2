"""topologies/nat.yaml as a newcomer meets it: out works, and the outside sees the Elastic IP."""

import re
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.support import lab as labs
from tests.support import packets
from tests.support.lab import Lab
from tests.support.packets import Sender, Tap
from tests.support.probes import Probe, check, drops, passes

ELASTIC_IP = "52.195.125.184"
WEB_EXAMPLE = "93.184.216.34"


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with labs.up(labs.TOPOLOGIES / "nat.yaml") as up:
        yield up


def vpcemu(lab: Lab, node: str, *argv: str) -> str:
    """What a person types."""
    command = [sys.executable, "-m", "emulator", "exec", "-l", lab.name, node, "--", *argv]
    root = labs.TOPOLOGIES.parent
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_dev_pings_the_internet(lab: Lab) -> None:
    """IGW-16: instance, NAT gateway, internet gateway, and back."""
    assert "1 received" in vpcemu(lab, "dev", "ping", "-n", "-c", "1", "-W", "5", "8.8.8.8")


def test_dev_asks_dns(lab: Lab) -> None:
    """SG-42: 8.8.8.8 is an ordinary host; UDP through the NAT gateway."""
    socket = lab.open_socket("dev", kind=2)
    socket.connect(("8.8.8.8", 53))
    socket.send(bytes(packets.DNS(id=77, rd=1, qd=packets.DNSQR(qname="web.example", qtype="A"))))
    assert socket.readable(10), "no answer from 8.8.8.8"
    answer = packets.DNS(socket.recv(2048))
    assert (answer.id, answer.an[0].rdata) == (77, WEB_EXAMPLE)


def test_the_web_server_outside_says_who_called(lab: Lab) -> None:
    """NAT-21, IGW-16: the outside sees the NAT gateway's Elastic IP."""
    page = vpcemu(lab, "dev", "curl", "-sS", "--max-time", "5", "http://web.example")
    assert re.search(rf"^you are {re.escape(ELASTIC_IP)}$", page, re.MULTILINE), page


def test_expectations_of_the_file(lab: Lab) -> None:
    """T-24: everything that nat.yaml says under `expect:`."""
    check(
        lab,
        passes("dev", "8.8.8.8", "icmp"),
        [Probe("dev", WEB_EXAMPLE, "tcp", 80, seen_as=ELASTIC_IP), Probe("dev", "8.8.8.8", "tcp", 80)],
        passes("attacker", lab.public("web"), "tcp", 80),
        drops("attacker", lab.public("web"), "tcp", 22, 8080),
        drops("attacker", ELASTIC_IP, "tcp", 22, 80, 443),
        drops("attacker", ELASTIC_IP, "icmp"),
        drops("attacker", lab.private("dev"), "tcp", 80),
        drops("web", "dev", "tcp", 80),
        passes("dev", "web", "tcp", 80),
    )


@pytest.mark.parametrize("protocol", ["tcp", "udp", "icmp"])
def test_two_translations_in_series(lab: Lab, protocol: str) -> None:
    """W-03, NAT-21, IGW-01: the NAT gateway rewrites to its private address and a port of 1024-65535 (or a query id);
    the internet gateway rewrites the address alone. Nobody touches the destination.
    """
    nat, igw, web = Tap(lab, "nat"), Tap(lab, "igw"), Tap(lab, "web.example")
    mark = packets.cookie()
    upper = {
        "tcp": packets.TCP(sport=443, dport=80, flags="S"),
        "udp": packets.UDP(sport=443, dport=80),
        "icmp": packets.ICMP(id=99),
    }[protocol]
    Sender(lab, "dev").send("web.example", upper / packets.Raw(mark))
    at_web = web.wait(mark)
    there = [f for f in (*nat.left(), *igw.came()) if mark in f.data and f.packet["IP"].dst == WEB_EXAMPLE]
    at_nat, at_igw = (frame.packet for frame in there)
    seen = [packet["IP"].src for packet in (at_nat, at_igw, at_web)]
    assert seen == [lab.private("nat"), lab.private("nat"), ELASTIC_IP]
    assert {packet["IP"].dst for packet in (at_nat, at_igw, at_web)} == {WEB_EXAMPLE}
    if protocol == "icmp":
        assert at_nat["ICMP"].id == at_web["ICMP"].id
    else:
        port = at_nat[protocol.upper()].sport
        assert 1024 <= port <= 65535
        assert at_web[protocol.upper()].sport == port
        assert at_web[protocol.upper()].dport == 80


def test_NAT_20_protocols_that_a_nat_gateway_does_not_know(lab: Lab) -> None:
    """NAT-20: TCP, UDP and ICMP pass; GRE, ESP, SCTP and the rest do not."""
    web, igw = Tap(lab, "web.example"), Tap(lab, "igw")
    sender = Sender(lab, "dev")
    dropped, passed = packets.cookie(), packets.cookie()
    for protocol in (4, 41, 47, 50, 51, 132):
        sender.send("web.example", packets.Raw(dropped), proto=protocol)
    sender.send("web.example", packets.UDP(sport=40000, dport=9) / packets.Raw(passed))
    web.wait(passed)
    packets.silent(web, igw, about=dropped)


def test_NAT_23_the_nat_gateway_does_not_answer_ping(lab: Lab) -> None:
    """NAT-23: neither on its private address nor on its Elastic IP, and nothing listens there."""
    check(
        lab,
        drops("dev", lab.private("nat"), "icmp"),
        drops("web", lab.private("nat"), "icmp"),
        drops("dev", ELASTIC_IP, "icmp"),
        drops("web", ELASTIC_IP, "icmp"),
        drops("attacker", ELASTIC_IP, "icmp"),
        drops("dev", lab.private("nat"), "tcp", 22, 80),
        drops("dev", lab.private("nat"), "udp", 53),
        passes("dev", "8.8.8.8", "icmp"),
        passes("web", "8.8.8.8", "icmp"),
        passes("dev", lab.public("web"), "tcp", 80),
    )


def test_dev_has_only_its_private_address(lab: Lab) -> None:
    """IGW-02, SUB-16: no interface in the VPC carries a public address."""
    for node in ("dev", "web", "nat", "main.router", "igw"):
        shown = lab.run(node, "ip", "-o", "-4", "addr", "show").output
        assert ELASTIC_IP not in shown
        assert lab.public("web") not in shown
