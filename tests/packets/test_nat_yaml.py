"""topologies/nat.yaml as a newcomer meets it, written with the pytest plugin as its users write tests: the private
subnet is outbound-only, and the outside sees the Elastic IP.
"""

import re

import pytest
from scapy.layers.dns import DNS, DNSQR
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.packet import Raw

from emulator.testing import Lab, LabFactory
from tests.support import packets

ELASTIC_IP = "52.195.125.184"
WEB_EXAMPLE = "93.184.216.34"


@pytest.fixture(scope="session")
def vpc(vpcemu_lab: LabFactory) -> Lab:
    return vpcemu_lab("topologies/nat.yaml")


def test_private_is_outbound_only(vpc: Lab) -> None:
    """T-24: dev calls out as the NAT gateway's Elastic IP, and nobody calls dev."""
    assert vpc.reaches("dev", "8.8.8.8", tcp=443, seen_as=ELASTIC_IP)
    assert vpc.reaches("dev", "web.example", tcp=80, seen_as="nat")
    assert vpc.reaches("dev", "8.8.8.8", udp=53, seen_as=ELASTIC_IP)
    assert vpc.reaches("dev", "8.8.8.8", icmp=True, seen_as=ELASTIC_IP)
    assert vpc.reaches("dev", "web", tcp=80, seen_as=vpc["dev"].private_ip)
    assert not vpc.reaches("attacker", vpc["dev"].private_ip, tcp=80)
    assert not vpc.reaches("web", "dev", tcp=80)


@pytest.mark.parametrize("port", [22, 80, 443])
def test_the_elastic_ip_leads_nowhere(vpc: Lab, port: int) -> None:
    """NAT-23: the attacker's packets get as far as the NAT gateway, which drops what it did not ask for."""
    answer = vpc.reaches("attacker", ELASTIC_IP, tcp=port)
    assert not answer
    assert answer.trace.dropped_at is not None
    assert answer.trace.dropped_at.kind == "nat_gateway"


def test_the_web_server_is_public_on_its_port_alone(vpc: Lab) -> None:
    """SG-01: what the group allows, and nothing else."""
    assert vpc.reaches("attacker", "web", tcp=80)
    for port in (22, 8080):
        answer = vpc.reaches("attacker", "web", tcp=port)
        assert not answer
        assert answer.trace.dropped_at is not None
        assert answer.trace.dropped_at[:2] == ("security_group", "web")


def test_expectations_of_the_file(vpc: Lab) -> None:
    """T-24: everything that nat.yaml says under `expect:`."""
    assert vpc.test()


def test_dev_pings_the_internet(vpc: Lab) -> None:
    """IGW-16: instance, NAT gateway, internet gateway, and back, with the command that people type."""
    assert "1 received" in vpc["dev"].run("ping -n -c 1 -W 5 8.8.8.8", check=True).stdout


def test_dev_asks_dns(vpc: Lab) -> None:
    """SG-42: 8.8.8.8 is an ordinary host; UDP through the NAT gateway."""
    asked = DNS(id=77, rd=1, qd=DNSQR(qname="web.example", qtype="A"))
    answer = vpc["dev"].sr1(IP(dst="8.8.8.8") / UDP(sport=4053, dport=53) / asked, timeout=10)
    assert answer is not None, "no answer from 8.8.8.8"
    assert (answer[DNS].id, answer[DNS].an[0].rdata) == (77, WEB_EXAMPLE)


def test_the_web_server_outside_says_who_called(vpc: Lab) -> None:
    """NAT-21, IGW-16: the outside sees the NAT gateway's Elastic IP; names are in /etc/hosts."""
    page = vpc["dev"].run(["curl", "-sS", "--max-time", "5", "http://web.example"], check=True).stdout
    assert re.search(rf"^you are {re.escape(ELASTIC_IP)}$", page, re.MULTILINE), page


@pytest.mark.parametrize("protocol", ["tcp", "udp", "icmp"])
def test_two_translations_in_series(vpc: Lab, protocol: str) -> None:
    """W-03, NAT-21, IGW-01: the NAT gateway rewrites to its private address and a port of 1024-65535 (or a query id);
    the internet gateway rewrites the address alone. Nobody touches the destination.
    """
    mark = packets.cookie()
    upper = {"tcp": TCP(sport=443, dport=80, flags="S"), "udp": UDP(sport=443, dport=80), "icmp": ICMP(id=99)}[protocol]
    with vpc["nat"].sniff(protocol) as nat, vpc["igw"].sniff(protocol) as igw, vpc["web.example"].sniff() as web:
        vpc["dev"].send(IP(dst=WEB_EXAMPLE) / upper / Raw(mark))
        at_web = web.wait_for(lambda packet: mark in bytes(packet) and packet[IP].dst == WEB_EXAMPLE, within=10)
    there = [packet for packet in (*nat, *igw) if mark in bytes(packet) and packet[IP].dst == WEB_EXAMPLE]
    [at_nat] = [packet for packet in there if packet.sniffed_on == "eth0" and packet.outgoing]
    [at_igw] = [packet for packet in there if packet.sniffed_on == "vpc" and not packet.outgoing]
    seen = [packet[IP].src for packet in (at_nat, at_igw, at_web)]
    assert seen == [vpc["nat"].private_ip, vpc["nat"].private_ip, ELASTIC_IP]
    if protocol == "icmp":
        assert at_nat[ICMP].id == at_web[ICMP].id
    else:
        port = at_nat[upper.__class__].sport
        assert 1024 <= port <= 65535
        assert at_web[upper.__class__].sport == port
        assert at_web[upper.__class__].dport == 80


def test_NAT_20_protocols_that_a_nat_gateway_does_not_know(vpc: Lab) -> None:
    """NAT-20: TCP, UDP and ICMP pass; GRE, ESP, SCTP and the rest do not."""
    dropped, passed = packets.cookie(), packets.cookie()
    with vpc["igw"].sniff() as igw, vpc["web.example"].sniff() as web:
        for protocol in (4, 41, 47, 50, 51, 132):
            vpc["dev"].send(IP(dst=WEB_EXAMPLE, proto=protocol) / Raw(dropped))
        vpc["dev"].send(IP(dst=WEB_EXAMPLE) / UDP(sport=40000, dport=9) / Raw(passed))
        web.wait_for(lambda packet: passed in bytes(packet))  # the wire is in order: what was before it does not come
        assert not [frame for frame in (*igw.frames, *web.frames) if dropped in frame.data]


@pytest.mark.parametrize("source", ["dev", "web", "attacker"])
def test_NAT_23_the_nat_gateway_does_not_answer_ping(vpc: Lab, source: str) -> None:
    """NAT-23: neither on its private address nor on its Elastic IP, and nothing listens there."""
    addresses = {ELASTIC_IP} if source == "attacker" else {ELASTIC_IP, vpc["nat"].private_ip}
    for address in sorted(addresses):
        assert not vpc.reaches(source, address, icmp=True)
        assert not vpc.reaches(source, address, tcp=22)
        assert not vpc.reaches(source, address, udp=53)


def test_dev_has_only_its_private_address(vpc: Lab) -> None:
    """IGW-02, SUB-16: no interface in the VPC carries a public address."""
    for node in ("dev", "web", "nat", "main.router", "igw"):
        shown = vpc[node].run("ip -o -4 addr show", check=True).stdout
        assert ELASTIC_IP not in shown
        assert vpc["web"].public_ip not in shown
