"""`trace` names who dropped a packet, wherever that was, and lets the same kind of packet through beside it."""

from collections.abc import Iterator
from typing import NamedTuple

import pytest

from emulator.lab.trace import trace
from emulator.report.trace import render
from emulator.topology.flows import Component, Flow, Protocol, flow
from emulator.topology.traces import Trace
from tests.support import lab as labs
from tests.support.lab import Lab

TOPOLOGY = """
vpcs:
  main:
    cidr_block: 10.0.0.0/16
    internet_gateway: {name: igw, route_table: edge}
    subnets:
      public: {cidr_block: 10.0.10.0/24, route_table: public}
      private: {cidr_block: 10.0.20.0/24, route_table: private}
      alone: {cidr_block: 10.0.30.0/24}
      walled: {cidr_block: 10.0.40.0/24, network_acl: walled}
      deaf: {cidr_block: 10.0.50.0/24, network_acl: deaf}
      steered: {cidr_block: 10.0.60.0/24, route_table: steered}
      strict: {cidr_block: 10.0.70.0/24, route_table: strict}
    nat_gateways:
      nat: {subnet: public, elastic_ip: 52.195.125.184}
    route_tables:
      public: {routes: {0.0.0.0/0: igw}}
      private: {routes: {0.0.0.0/0: nat, 198.51.100.0/24: blackhole}}
      steered: {routes: {10.0.30.0/24: fw, 0.0.0.0/0: fw}}
      strict: {routes: {10.0.30.0/24: plain}}
      edge: {routes: {}}
    security_groups:
      open: {ingress: [{protocol: all, from: 0.0.0.0/0}]}
      web:
        ingress:
          - {protocol: tcp, port: 22, from: 10.0.20.0/24}
          - {protocol: tcp, port: [80, 443], from: 0.0.0.0/0}
          - {protocol: udp, port: 514, from: dev}
          - {protocol: tcp, port: 8080, from: dev}
      dev:
        ingress: []
        egress: [{protocol: tcp, port: 80-8080, to: 0.0.0.0/0}, {protocol: udp, port: 514, to: 0.0.0.0/0},
                 {protocol: tcp, port: 22, to: 0.0.0.0/0}]
    network_acls:
      walled:
        ingress:
          - {rule_number: 90, action: deny, protocol: tcp, port: 22, from: 0.0.0.0/0}
          - {rule_number: 100, action: allow, protocol: all, from: 0.0.0.0/0}
        egress:
          - {rule_number: 80, action: deny, protocol: tcp, port: 81, to: 0.0.0.0/0}
          - {rule_number: 100, action: allow, protocol: all, to: 0.0.0.0/0}
      deaf:
        ingress: [{rule_number: 100, action: allow, protocol: tcp, port: 80, from: 0.0.0.0/0}]
        egress: [{rule_number: 100, action: allow, protocol: tcp, port: 80, to: 0.0.0.0/0}]
    instances:
      web: {subnet: public, elastic_ip: 203.0.113.1, security_groups: [web]}
      bare: {subnet: public, security_groups: [open]}
      fw: {subnet: public, elastic_ip: 203.0.113.3, source_dest_check: false, security_groups: [open],
           services: [nat, {firewall: [23]}]}
      plain: {subnet: public, security_groups: [open]}
      blunt: {subnet: public, elastic_ip: 203.0.113.4, security_groups: [open]}
      dev: {subnet: private, security_groups: [dev]}
      any: {subnet: private, security_groups: [open]}
      lonely: {subnet: alone, security_groups: [open]}
      walled: {subnet: walled, security_groups: [open]}
      deaf: {subnet: deaf, security_groups: [open]}
      steered: {subnet: steered, security_groups: [open]}
      strict: {subnet: strict, security_groups: [open]}
internet:
  hosts:
    far: {ip: 45.83.64.9}
"""


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with labs.up(TOPOLOGY) as up:
        up.must("blunt", "nft 'table inet own { chain in { type filter hook input priority 0; tcp dport 23 drop; }; }'")
        up.must("blunt", "nft 'add rule inet own in tcp dport 24 reject with tcp reset'")
        yield up


class Case(NamedTuple):
    """A flow, and who drops it, with what words; no component: it is answered."""

    source: str
    to: str
    protocol: Protocol
    port: int
    dropped_at: Component | None = None
    words: str = ""
    back: bool = False

    def flow(self, lab: Lab) -> Flow:
        return flow(lab.topology, lab.addresses, self.source, self.to, self.protocol, self.port)


GROUPS_WEB = Component("security_group", "web", "main", "ingress")
GROUPS_DEV = Component("security_group", "dev", "main", "egress")
CASES = [
    Case("dev", "web", "tcp", 80),
    Case("dev", "web", "tcp", 81, GROUPS_WEB, "security group web, ingress: no rule allows it"),
    Case("dev", "web", "icmp", 0, GROUPS_DEV, "security group dev, egress: no rule allows it"),
    Case("dev", "web", "tcp", 9999, GROUPS_DEV, "security group dev, egress: no rule allows it"),
    Case("far", "web", "tcp", 8080, GROUPS_WEB, "security group web, ingress: no rule allows it"),
    Case("any", "walled", "tcp", 80),
    Case("any", "walled", "tcp", 22, Component("network_acl", "walled", "main", "ingress"), "rule 90 DENY"),
    Case("walled", "any", "tcp", 82),
    Case("walled", "any", "tcp", 81, Component("network_acl", "walled", "main", "egress"), "rule 80 DENY"),
    Case("any", "deaf", "udp", 53, Component("network_acl", "deaf", "main", "ingress"), "ingress rule * DENY"),
    Case("any", "deaf", "tcp", 80, Component("network_acl", "deaf", "main", "egress"), "egress rule * DENY", back=True),
    Case("any", "far", "tcp", 80),
    Case("any", "198.51.100.9", "tcp", 80, Component("route_table", "private", "main"), "198.51.100.0/24 to blackhole"),
    Case("lonely", "far", "tcp", 80, Component("route_table", "main", "main"), "no route to 45.83.64.9"),
    Case("bare", "far", "icmp", 0, Component("internet_gateway", "igw", "main", "egress"), "no public address"),
    Case("web", "far", "icmp", 0),
    Case("far", "203.0.113.99", "icmp", 0, Component("internet", "internet"), "knows no 203.0.113.99"),
    Case("far", "10.0.10.4", "icmp", 0, Component("internet", "internet"), "knows no 10.0.10.4"),
    Case("any", "9.9.9.9", "udp", 53, Component("internet", "internet"), "knows no 9.9.9.9"),
    Case("far", "nat", "tcp", 80, Component("nat_gateway", "nat", "main"), "nobody inside has asked for it"),
    Case("any", "10.0.99.99", "tcp", 80, Component("vpc", "main", "main"), "no interface of VPC main has 10.0.99.99"),
    Case("strict", "lonely", "icmp", 0, Component("network_interface", "plain", "main", "ingress"), "not addressed to"),
    Case("steered", "far", "tcp", 80),
    Case("steered", "far", "tcp", 23, Component("instance", "fw", "main"), "firewall: blocked port"),
    Case("far", "blunt", "tcp", 22),
    Case("far", "blunt", "tcp", 23, Component("instance", "blunt", "main"), "nft table inet own, chain in"),
    Case("any", "any", "tcp", 80),
]


@pytest.fixture(scope="module")
def traces(lab: Lab) -> dict[Case, Trace]:
    """All of them in one go."""
    found = trace(lab.name, [case.flow(lab) for case in CASES])
    return dict(zip(CASES, found, strict=True))


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.source}-{case.to}-{case.protocol}-{case.port}")
def test_who_drops_what(traces: dict[Case, Trace], case: Case) -> None:
    found = traces[case]
    if case.dropped_at is None:
        assert (found.verdict.result, found.dropped_at) == ("pass", None), found.reason
        assert found.back
        return
    assert (found.verdict.result, found.dropped_at) == ("drop", case.dropped_at), found.reason
    assert case.words in found.reason
    assert found.verdict.on_the_way_back is case.back
    assert bool(found.verdict.receiver) is case.back


@pytest.mark.parametrize("target", ["198.51.100.9", "10.0.99.99"])
def test_a_route_that_drops_has_the_last_word(lab: Lab, target: str) -> None:
    """It is told after what was met before it, and as a drop."""
    (found,) = trace(lab.name, [flow(lab.topology, lab.addresses, "any", target, "tcp", 80)])
    *_, before, last, _, _ = render(found)
    assert before.split()[0] == "allow"
    assert last.split()[0] == "DROP"
    assert found.reason in last
