"""`trace` where an instance has several network interfaces and addresses: each is called by its own name."""

from collections.abc import Iterator
from ipaddress import IPv4Address

import pytest

from emulator.lab.trace import trace
from emulator.topology.flows import Component, Flow, flow
from emulator.topology.traces import Trace
from tests.support import lab as labs
from tests.support.lab import Lab

TOPOLOGY = """
vpcs:
  main:
    cidr_block: 10.0.0.0/16
    internet_gateway: igw
    subnets:
      front: {cidr_block: 10.0.1.0/24, route_table: public}
      back: {cidr_block: 10.0.2.0/24, route_table: public, network_acl: back}
      app: {cidr_block: 10.0.3.0/24, route_table: app}
    route_tables:
      public: {routes: {0.0.0.0/0: igw}}
      app: {routes: {0.0.0.0/0: fw.eth1}}
    security_groups:
      open: {ingress: [{protocol: all, from: 0.0.0.0/0}]}
      admin: {ingress: [{protocol: tcp, port: 22, from: 10.0.3.0/24}]}
    network_acls:
      back:
        ingress: [{rule_number: 10, action: deny, protocol: tcp, port: 81, from: 0.0.0.0/0},
                  {rule_number: 20, action: allow, protocol: all, from: 0.0.0.0/0}]
        egress: [{rule_number: 20, action: allow, protocol: all, to: 0.0.0.0/0}]
    instances:
      two:
        subnet: front
        private_ip: 10.0.1.10
        elastic_ip: 203.0.113.1
        secondary_private_ips: [{private_ip: 10.0.1.11, elastic_ip: 203.0.113.2}]
        security_groups: [open]
        network_interfaces:
          - {subnet: back, security_groups: [admin], private_ip: 10.0.2.10, elastic_ip: 203.0.113.3}
      fw:
        subnet: front
        elastic_ip: 203.0.113.9
        source_dest_check: false
        security_groups: [open]
        services: [nat]
        network_interfaces: [{subnet: back, security_groups: [open], source_dest_check: false}]
      app: {subnet: app, security_groups: [open]}
internet:
  hosts:
    far: {ip: 45.83.64.9}
"""


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with labs.up(TOPOLOGY) as up:
        yield up


def traced(lab: Lab, asked: Flow) -> Trace:
    (found,) = trace(lab.name, [asked])
    return found


def ask(lab: Lab, source: str, to: str, port: int) -> Flow:
    return flow(lab.topology, lab.addresses, source, to, "tcp", port)


def test_an_interface_is_dropped_at_under_its_own_name(lab: Lab) -> None:
    assert traced(lab, ask(lab, "app", "10.0.1.10", 80)).verdict.result == "pass"
    second = traced(lab, ask(lab, "app", "10.0.2.10", 80))
    assert second.dropped_at == Component("security_group", "two.eth1", "main", "ingress")
    walled = traced(lab, ask(lab, "app", "10.0.2.10", 81))
    assert walled.dropped_at == Component("network_acl", "back", "main", "ingress")
    admin = traced(lab, ask(lab, "app", "10.0.2.10", 22))
    assert admin.verdict.result == "pass"
    assert "security group admin, ingress rule 1" in [met.words for hop in admin.forward for met in hop.rules]


def test_each_address_sends_by_its_own_interface(lab: Lab) -> None:
    for own, link, public in (("10.0.1.10", "eth0", 1), ("10.0.1.11", "eth0", 2), ("10.0.2.10", "eth1", 3)):
        asked = Flow("two", IPv4Address(own), IPv4Address("45.83.64.9"), "tcp", 80)
        found = traced(lab, asked)
        assert found.verdict.result == "pass", found.reason
        assert found.forward[0].left == link
        assert str(found.verdict.seen_as) == f"203.0.113.{public}"
        assert found.back[-1].came == link


def test_through_an_appliance_with_two_interfaces(lab: Lab) -> None:
    """In by one, out by the other, and its address is that of the other."""
    found = traced(lab, ask(lab, "app", "far", 80))
    assert found.verdict.result == "pass", found.reason
    (through,) = (hop for hop in found.forward if hop.node == "fw")
    assert (through.came, through.left) == ("eth1", "eth0")
    assert str(found.verdict.seen_as) == "203.0.113.9"
    assert [hop.node for hop in found.back] == [hop.node for hop in found.forward][::-1]
