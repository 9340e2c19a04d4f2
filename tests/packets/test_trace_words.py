"""What `trace` says of a packet's way: the golden text, and that every number in it is the file's."""

import json
from collections.abc import Iterator

import pytest
from click.testing import CliRunner

from emulator.cli.entry import group
from emulator.lab.trace import trace
from emulator.report.trace import render
from emulator.topology.flows import Component, Protocol, flow
from emulator.topology.traces import Trace, TraceHop
from tests.support import lab as labs
from tests.support.lab import TOPOLOGIES, Lab, edited

RULES = """
vpcs:
  main:
    cidr_block: 10.0.0.0/16
    subnets:
      left: {cidr_block: 10.0.1.0/24}
      right: {cidr_block: 10.0.2.0/24, network_acl: walls}
    security_groups:
      client: {ingress: [], egress: [{protocol: icmp, to: 10.0.0.0/16}, {protocol: all, to: 10.0.2.0/24}]}
      server:
        ingress:
          - {protocol: tcp, port: [22, 80], from: 10.9.0.0/16}
          - {protocol: tcp, port: 80-90, from: client}
          - {protocol: tcp, port: 443, from: client}
          - {protocol: udp, port: 514, from: 0.0.0.0/0}
          - {protocol: icmp, icmp_type: 8, from: 10.0.1.0/24}
          - {protocol: tcp, port: 81, from: 10.0.1.0/24}
    network_acls:
      walls:
        ingress:
          - {rule_number: 30, action: allow, protocol: udp, port: 514, from: 0.0.0.0/0}
          - {rule_number: 50, action: allow, protocol: tcp, port: 80-443, from: 10.0.1.0/24}
          - {rule_number: 70, action: allow, protocol: icmp, icmp_type: all, from: 0.0.0.0/0}
        egress:
          - {rule_number: 20, action: deny, protocol: tcp, port: 9, to: 0.0.0.0/0}
          - {rule_number: 40, action: allow, protocol: all, to: 0.0.0.0/0}
    instances:
      client: {subnet: left, security_groups: [client]}
      server: {subnet: right, security_groups: [server]}
"""


def traced(lab: Lab, source: str, to: str, protocol: Protocol = "icmp", port: int = 0) -> Trace:
    (found,) = trace(lab.name, [flow(lab.topology, lab.addresses, source, to, protocol, port)])
    return found


def words(hops: tuple[TraceHop, ...]) -> list[str]:
    return [met.words for hop in hops for met in hop.rules]


def nodes(hops: tuple[TraceHop, ...]) -> list[str]:
    return [hop.node for hop in hops]


@pytest.fixture(scope="module")
def rules() -> Iterator[Lab]:
    with labs.up(RULES) as up:
        yield up


@pytest.fixture(scope="module")
def nat() -> Iterator[Lab]:
    with labs.up(TOPOLOGIES / "nat.yaml") as up:
        yield up


@pytest.mark.parametrize(
    ("protocol", "port", "receiver", "acl"),
    [
        ("tcp", 80, "2: members of client", 50),
        ("tcp", 90, "2: members of client", 50),
        ("tcp", 443, "3: members of client", 50),
        ("tcp", 81, "6", 50),  # rule 2 allows it, too
        ("udp", 514, "4", 30),
        ("icmp", 0, "5", 70),
    ],
)
def test_every_number_is_the_files(rules: Lab, protocol: Protocol, port: int, receiver: str, acl: int) -> None:
    found = traced(rules, "client", "server", protocol, port)
    assert found.verdict.result == "pass", found.reason
    said = words(found.forward)
    assert "security group client, egress rule 2" in said  # of rules 1 and 2
    assert f"security group server, ingress rule {receiver}" in said
    assert f"network ACL walls, ingress rule {acl} ALLOW" in said
    assert "network ACL walls, egress rule 40 ALLOW" in words(found.back)
    assert "security groups: part of an allowed flow" in words(found.back)


def test_a_rule_that_goes_is_no_longer_named(rules: Lab) -> None:
    """The words come from the rules that are there now."""
    rules.up(edited(RULES, {"          - {protocol: tcp, port: 443, from: client}\n": ""}))
    try:
        found = traced(rules, "client", "server", "udp", 514)
        assert "security group server, ingress rule 3" in words(found.forward)
        gone = traced(rules, "client", "server", "tcp", 443)
        assert (gone.verdict.result, gone.reason) == ("drop", "security group server, ingress: no rule allows it")
    finally:
        rules.up(RULES)


def normalised(found: Trace, target: str) -> str:
    """Without what differs from run to run: the source port."""
    port = str(found.forward[0].entered.source_port)
    return "\n".join(render(found, target=target)).replace(f":{port}", ":PORT")


def test_the_text_of_a_trace(nat: Lab) -> None:
    assert normalised(traced(nat, "dev", "web.example", "tcp", 80), "web.example") == GOLDEN.strip()


def test_the_text_of_a_drop(nat: Lab) -> None:
    found = traced(nat, "attacker", "web", "tcp", 22)
    assert normalised(found, "web").splitlines()[-4:] == [
        "    route     local",
        "    DROP      security group web, ingress: no rule allows it",
        "",
        "dropped at the interface web: security group web, ingress: no rule allows it",
    ]


def test_the_command(nat: Lab) -> None:
    """Exit code 0 for what is answered, 1 for what is dropped, 2 for what is not there."""

    def run(*arguments: str) -> tuple[int, str]:
        command = ["trace", "-l", nat.name, *arguments]
        found = CliRunner().invoke(group, command, standalone_mode=False)
        return found.return_value or found.exit_code, found.output

    code, output = run("dev", "dns.example", "--json")
    shape = json.loads(output)
    assert (code, shape["result"], shape["seen_as"]) == (0, "pass", "52.195.125.184")
    assert [hop["node"] for hop in shape["forward"]][:3] == ["dev", "main.router", "nat"]
    assert shape["forward"][2]["rewrites"] == ["source 10.0.20.4 to 10.0.10.4"]
    code, output = run("attacker", "web", "--port", "22", "--json")
    shape = json.loads(output)
    assert (code, shape["result"]) == (1, "drop")
    assert shape["dropped_at"] == {"kind": "security_group", "name": "web", "vpc": "main", "direction": "ingress"}
    code, output = run("dev", "dns.example", "--port", "80", "--source-port", "1234", "--json")
    assert json.loads(output)["forward"][0]["entered"]["source_port"] == 1234
    assert run("dev", "dns.exampel")[0] == 2
    assert run("dev", "dns.example", "--protocol", "udp")[0] == 2


def test_through_a_service_that_is_there(nat: Lab) -> None:
    """The lab's own services answer: http a SYN, the name server a query."""
    for protocol, port, answer in (("tcp", 80, "SYN-ACK"), ("udp", 53, "datagram"), ("icmp", 0, "echo reply")):
        found = traced(nat, "dev", "dns.example", protocol, port)  # type: ignore[arg-type]
        assert (found.verdict.result, found.answer) == ("pass", answer)
        assert nodes(found.back) == nodes(found.forward)[::-1]


def test_queries_beside_other_datagrams(nat: Lab) -> None:
    """A query of DNS has no room for the flow's number, whether a name server answers it or an echo does."""
    ends = [("attacker", 444), ("web.example", 53), ("dns.example", 53), ("attacker", 53)]
    found = trace(nat.name, [flow(nat.topology, nat.addresses, "dev", to, "udp", port) for to, port in ends])
    assert [(each.verdict.result, each.verdict.receiver) for each in found] == [("pass", to) for to, _ in ends]
    assert [nodes(each.back)[0] for each in found] == [to for to, _ in ends]


def test_an_answer_that_refuses(nat: Lab) -> None:
    """Nobody serves the resolver's address, and the router says so."""
    for protocol, answer in (("tcp", "RST"), ("udp", "port unreachable")):
        found = traced(nat, "dev", "10.0.0.2", protocol, 53)  # type: ignore[arg-type]
        assert (found.verdict.result, found.answer, found.verdict.receiver) == ("refused", answer, "main.router")


def test_a_guest_that_rejects(nat: Lab) -> None:
    """An owner's own firewall is named by its table, and its reset makes the flow refused."""
    table = "table inet own { chain in { type filter hook input priority 0; tcp dport 80 reject with tcp reset; }; }"
    nat.must("web", f"nft '{table}'")
    try:
        found = traced(nat, "attacker", "web", "tcp", 80)
    finally:
        nat.must("web", "nft delete table inet own")
    assert (found.verdict.result, found.answer) == ("refused", "RST")
    assert found.dropped_at is not None
    assert (found.dropped_at.kind, found.dropped_at.name) == ("instance", "web")
    assert "nft table inet own, chain in" in found.reason
    assert traced(nat, "attacker", "web", "tcp", 80).verdict.result == "pass"


def test_an_icmp_message_that_nobody_answers(nat: Lab) -> None:
    asked = flow(nat.topology, nat.addresses, "dev", "dns.example", "icmp")
    (found,) = trace(nat.name, [type(asked)(asked.source, asked.source_ip, asked.to, "icmp", icmp_type=4)])
    assert nodes(found.forward)[-1] in ("dns.example", "nat")  # a NAT gateway begins no flow with it
    assert not found.back


def test_a_guest_without_a_route(nat: Lab) -> None:
    nat.must("dev", "ip route del default")
    try:
        found = traced(nat, "dev", "dns.example")
    finally:
        nat.must("dev", "ip route add default via 10.0.20.1")
    assert (found.verdict.result, found.forward) == ("drop", ())
    assert found.reason == "dev could not send it: network is unreachable"
    assert traced(nat, "dev", "dns.example").verdict.result == "pass"


def test_a_link_that_is_down(nat: Lab) -> None:
    nat.must("web", "ip link set eth0 down")
    try:
        found = traced(nat, "attacker", "web", "tcp", 80)
    finally:
        nat.up(nat.text)
    assert (found.verdict.result, found.dropped_at) == ("drop", Component("instance", "web", "main"))
    assert found.reason == "it left main.router by eni-web and never came to web"
    assert traced(nat, "attacker", "web", "tcp", 80).verdict.result == "pass"


def test_hairpin() -> None:
    """An instance that calls another's public address: out, and back in by the same gateway."""
    with labs.up(TOPOLOGIES / "hairpin.yaml") as lab:
        found = traced(lab, "one", lab.public("open"), "tcp", 80)
        assert found.verdict.result == "pass", found.reason
        assert nodes(found.forward) == ["one", "main.router", "igw", "main.router", "open"]
        assert nodes(found.back) == ["open", "main.router", "igw", "main.router", "one"]
        assert str(found.verdict.seen_as) == lab.public("one")
        assert len(found.forward[2].rewrites) == 2
        # A group is known by private addresses, and it comes from a public one.
        lost = traced(lab, "one", lab.public("two"), "tcp", 80)
        assert lost.dropped_at == Component("security_group", "two", "main", "ingress")


def test_through_a_firewall() -> None:
    """An appliance's flows pass the router twice: both passes are told, in their order, and so is what it blocks."""
    with labs.up(TOPOLOGIES / "firewall-routing.yaml") as lab:
        found = traced(lab, "app", "db", "tcp", 80)
        assert found.verdict.result == "pass", found.reason
        assert nodes(found.forward) == ["app", "main.router", "fw", "main.router", "db"]
        assert [hop.route for hop in found.forward if hop.route] == [
            "route table app: 10.0.2.0/24 to fw",
            "route table firewall: 10.0.0.0/16 local",
        ]
        inwards = traced(lab, "attacker", "web", "tcp", 80)
        assert nodes(inwards.forward)[2:] == ["igw", "main.router", "fw", "main.router", "web"]
        assert "route table edge: 10.0.3.0/24 to fw" in [hop.route for hop in inwards.forward]
        blocked = traced(lab, "app", "db", "tcp", 8080)
        assert blocked.dropped_at == Component("instance", "fw", "main")
        assert blocked.reason == "firewall: blocked port"


def test_through_a_NAT_instance() -> None:
    with labs.up(TOPOLOGIES / "nat-instance.yaml") as lab:
        inside = next(
            name for name in lab.addresses.private if name not in lab.addresses.public and name in lab.state.namespaces
        )
        outside = lab.topology.internet.hosts[0].name
        for protocol, port in (("tcp", 80), ("udp", 514), ("icmp", 0)):
            found = traced(lab, inside, outside, protocol, port)  # type: ignore[arg-type]
            assert found.verdict.result == "pass", found.reason
            (nat,) = (hop for hop in found.forward if hop.node == "nat")
            assert nat.rewrites == (f"source {lab.private(inside)} to {lab.private('nat')}",)
            assert "NAT instance" in [met.words for met in nat.rules]


GOLDEN = """
dev (10.0.20.4) to web.example (93.184.216.34), tcp 80

there
  dev  instance, out eth0
    packet    10.0.20.4:PORT to 93.184.216.34:80
  main.router  VPC router, in eni-dev, out eni-nat
    allow     source/destination check: sent from an address of its own
    route     route table private: 0.0.0.0/0 to nat
    allow     security group dev, egress rule 1
  nat  NAT gateway, in eth0, out eth0
    note      NAT gateway: TCP segments of at most 8460 bytes (MSS)
    note      NAT gateway: chooses one of its addresses
    allow     NAT gateway: outbound
    allow     NAT gateway: its own address becomes the source
    rewrite   source 10.0.20.4 to 10.0.10.4
  main.router  VPC router, in eni-nat, out igw
    allow     source/destination check: off
    route     route table public: 0.0.0.0/0 to igw
  igw  internet gateway, in vpc, out internet
    allow     internet gateway: outbound
    allow     internet gateway: private to public
    rewrite   source 10.0.10.4 to 52.195.125.184
  internet  in igw-main, out out-web.example
  web.example  outside host, in eth0
    arrives

and back: SYN-ACK
  web.example  outside host, out eth0
    packet    93.184.216.34:80 to 52.195.125.184:PORT
  internet  in out-web.example, out igw-main
  igw  internet gateway, in internet, out vpc
    allow     internet gateway: a known flow
    rewrite   destination 52.195.125.184 to 10.0.10.4
  main.router  VPC router, in igw, out eni-nat
    route     local
    allow     security groups: part of an allowed flow
  nat  NAT gateway, in eth0, out eth0
    note      NAT gateway: TCP segments of at most 8460 bytes (MSS)
    allow     NAT gateway: a known connection
    rewrite   destination 10.0.10.4 to 10.0.20.4
  main.router  VPC router, in eni-nat, out eni-dev
    allow     source/destination check: off
    route     route table public: 10.0.0.0/16 local
    allow     security groups: part of an allowed flow
  dev  instance, in eth0
    arrives

pass: answered with SYN-ACK; web.example saw 52.195.125.184
"""
