"""`probe`: flows of a lab on the wire, and a lab that is as it was afterwards."""

import os
from ipaddress import IPv4Address

import pytest

from emulator import api
from emulator.errors import UsageError
from emulator.kernel import arp
from emulator.lab import places
from emulator.lab.probe import Outcome, probe
from emulator.topology.flows import Flow, Protocol, flow
from tests.support import lab as labs
from tests.support.lab import Lab

WINDOW = 0.3
# No service at all, so the lab has no agent of its own.
TOPOLOGY = """
vpcs:
  main:
    cidr_block: 10.0.0.0/16
    internet_gateway: igw
    subnets:
      public: {cidr_block: 10.0.1.0/24, route_table: public}
      private: {cidr_block: 10.0.2.0/24, route_table: private}
    nat_gateways:
      nat: {subnet: public, elastic_ip: 203.0.113.9}
    route_tables:
      public: {routes: {0.0.0.0/0: igw}}
      private: {routes: {0.0.0.0/0: nat}}
    security_groups:
      web: {ingress: [{protocol: tcp, port: 80, from: 0.0.0.0/0}, {protocol: udp, port: 53, from: dev}]}
      dev: {}
    instances:
      web: {subnet: public, security_groups: [web], associate_public_ip_address: true}
      dev: {subnet: private, security_groups: [dev]}
internet:
  hosts:
    outside: {ip: 198.51.100.7}
"""


def asked(lab: Lab, source: str, target: str, protocol: Protocol = "tcp", port: int = 0) -> Flow:
    return flow(lab.topology, lab.addresses, source, target, protocol, port)


def seen(outcomes: list[Outcome]) -> list[tuple[str, str, str]]:
    return [(each.verdict.result, each.verdict.receiver, str(each.verdict.seen_as or "")) for each in outcomes]


def test_a_lab_without_an_agent_is_probed_and_stays_settled() -> None:
    with labs.up(TOPOLOGY) as lab:
        assert api.status(lab.name)["agent"] == "not needed"
        flows = [
            asked(lab, "outside", "web", "tcp", 80),
            asked(lab, "dev", "outside", "tcp", 443),
            asked(lab, "dev", "outside", "icmp"),
            asked(lab, "dev", "web", "udp", 53),
            asked(lab, "outside", "web", "udp", 53),
            asked(lab, "outside", "dev", "tcp", 80),
            asked(lab, "web", "dev", "tcp", 80),
            asked(lab, "outside", "203.0.113.9", "tcp", 80),
        ]
        nat = "203.0.113.9"
        assert seen(probe(lab.name, flows, window=WINDOW)) == [
            ("pass", "web", "198.51.100.7"),
            ("pass", "outside", nat),
            ("pass", "outside", nat),
            ("pass", "web", lab.private("dev")),
            *[("drop", "", "")] * 4,
        ]
        assert seen(probe(lab.name, flows[:2], listen=False, window=WINDOW)) == [
            ("refused", "web", "198.51.100.7"),
            ("refused", "outside", nat),
        ]
        assert api.status(lab.name)["healthy"]
        assert not api.plan(lab.file).steps
        assert lab.up(TOPOLOGY).plan.steps == []
        lab.up(TOPOLOGY.replace("port: 80", "port: 8080"))
        assert seen(probe(lab.name, flows[:2], window=WINDOW)) == [("drop", "", ""), ("pass", "outside", nat)]
    assert not places.named_namespaces(lab.name)
    assert not os.path.exists(places.directory(lab.name))


def test_learnt_neighbours_are_forgotten_and_others_are_not() -> None:
    text = TOPOLOGY.replace("      dev: {subnet: private", "      two: {subnet: private}\n      dev: {subnet: private")
    with labs.up(text) as lab:
        lab.must("dev", f"ping -c 1 -W 1 {lab.private('two')} || true")  # asks for its MAC, whatever the groups say
        before = lab.run("dev", "ip", "neigh").output
        assert lab.private("two") in before
        arp.forget(lab.name, ["dev"])
        after = lab.run("dev", "ip", "neigh").output
        assert lab.private("two") not in after
        assert "PERMANENT" in after
        assert api.status(lab.name)["healthy"]


def test_the_sender_uses_the_port_it_is_told() -> None:
    with labs.up(TOPOLOGY) as lab:
        one = asked(lab, "outside", "web", "tcp", 80)
        lab.must("web", "nft add table ip t", "nft 'add chain ip t c { type filter hook input priority 0 ; }'")
        lab.must("web", "nft add rule ip t c tcp dport 80 tcp sport != 4711 drop")
        same = Flow(one.source, one.source_ip, one.to, "tcp", 80, source_port=4711)
        assert [each[0] for each in seen(probe(lab.name, [one, same], window=WINDOW))] == ["drop", "pass"]


def test_an_answer_lost_on_the_way_back_is_told_apart() -> None:
    with labs.up(TOPOLOGY) as lab:
        lab.must("web", "ip route replace blackhole 198.51.100.0/24")
        lost, other = probe(
            lab.name, [asked(lab, "outside", "web", "tcp", 80), asked(lab, "dev", "web", "udp", 53)], window=WINDOW
        )
        assert (lost.verdict.result, lost.verdict.receiver, lost.verdict.on_the_way_back) == ("drop", "web", True)
        assert lost.verdict.seen_as == IPv4Address("198.51.100.7")
        assert other.verdict.result == "pass"


def test_what_cannot_be_sent_is_an_error_and_no_drop() -> None:
    with labs.up(TOPOLOGY) as lab:
        lab.must("dev", "ip route del default")
        sent, unsent = probe(
            lab.name,
            [asked(lab, "outside", "web", "tcp", 80), asked(lab, "dev", "outside", "tcp", 80)],
            window=WINDOW,
        )
        assert sent.verdict.result == "pass"
        assert (unsent.verdict.result, unsent.detail) == ("error", "network is unreachable")


def test_a_lab_that_is_not_there() -> None:
    with pytest.raises(UsageError, match="no lab is called t-none"):
        probe("t-none", [])
