"""Endpoints that no rule can tell apart, and those that some rule does."""

import pytest

from emulator.topology.addresses import assign
from emulator.topology.alike import classes
from emulator.topology.load import load

LAB = """
name: lab
vpcs:
  main:
    cidr_block: 10.0.0.0/16
    internet_gateway: igw
    subnets:
      a: {cidr_block: 10.0.1.0/24, route_table: public}
      b: {cidr_block: 10.0.2.0/24}
    route_tables: {public: {routes: {0.0.0.0/0: igw}}}
    security_groups:
      one: {ingress: [{protocol: tcp, port: 80, from: 10.0.0.0/16}]}
      two: {}
    instances:
      x: {subnet: a, security_groups: [one], private_ip: 10.0.1.10}
      y: {subnet: a, security_groups: [one], private_ip: 10.0.1.20}
internet:
  hosts: {client: {ip: 198.51.100.7}, server: {ip: 198.51.100.8}}
"""


def alike(*changes: tuple[str, str]) -> bool:
    """Whether x and y are."""
    text = LAB
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    topology, problems = load(text)
    assert topology is not None, problems
    found = [{endpoint.name for endpoint in each} for each in classes(topology, assign(topology)[0])]
    assert {name for each in found for name in each} >= {"x", "client", "server"}
    return {"x", "y"} in found


def test_what_nothing_tells_apart_is_alike() -> None:
    assert alike()
    assert alike(("private_ip: 10.0.1.20", "private_ip: 10.0.1.21"))
    assert alike(("from: 10.0.0.0/16", "from: 10.0.1.0/24")), "the same side of the block"


@pytest.mark.parametrize(
    "change",
    [
        ("security_groups: [one], private_ip: 10.0.1.20", "security_groups: [two], private_ip: 10.0.1.20"),
        ("{subnet: a, security_groups: [one], private_ip: 10.0.1.20}", "{subnet: b, security_groups: [one]}"),
        ("private_ip: 10.0.1.20", "private_ip: 10.0.1.20, associate_public_ip_address: true"),
        ("private_ip: 10.0.1.20", "private_ip: 10.0.1.20, services: [{firewall: [23]}]"),
        ("private_ip: 10.0.1.20", "private_ip: 10.0.1.20, state: stopped"),
        ("from: 10.0.0.0/16", "from: 10.0.1.20/32"),
        ("from: 10.0.0.0/16", "from: 10.0.1.16/28"),
        ("two: {}", "two: {egress: [{protocol: tcp, port: 80, to: 10.0.1.0/28}]}"),
        ("{0.0.0.0/0: igw}", "{0.0.0.0/0: igw, 192.0.2.0/24: y}"),
    ],
    ids=str,
)
def test_what_a_rule_tells_apart_is_not(change: tuple[str, str]) -> None:
    assert not alike(change)


def test_outside_hosts_are_alike_unless_a_rule_names_one() -> None:
    def hosts(text: str) -> list[set[str]]:
        topology, problems = load(text)
        assert topology is not None, problems
        found = [{endpoint.name for endpoint in each} for each in classes(topology, assign(topology)[0])]
        return [each for each in found if each & {"client", "server"}]

    assert hosts(LAB) == [{"client", "server"}]
    assert hosts(LAB.replace("from: 10.0.0.0/16", "from: 198.51.100.7/32")) == [{"client"}, {"server"}]
