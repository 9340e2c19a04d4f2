"""The default VPC, and DHCP options as an instance sees them."""

from collections.abc import Iterator

import pytest

from tests.support import lab as labs
from tests.support import probes
from tests.support.lab import Lab
from tests.support.lifecycle import vpcemu
from tests.support.probes import drops, passes

TEXT = """
name: lab
vpcs:
  home:
    default: true
    dhcp_options: {domain_name: corp.example, domain_name_servers: [8.8.4.4, 8.8.8.8]}
    subnets: {inner: {cidr_block: 172.31.48.0/24, route_table: inner}}
    route_tables: {inner: {}}
    security_groups: {web: {ingress: [{protocol: tcp, port: 80, from: 0.0.0.0/0}]}}
    instances:
      web: {security_groups: [web], services: [http]}
      far: {subnet: default-c, security_groups: [web], services: [http]}
      db: {subnet: inner, security_groups: [web], services: [http]}
  plain:
    cidr_block: 10.0.0.0/16
    subnets: {a: {cidr_block: 10.0.1.0/24}}
    instances: {app: {subnet: a}}
  usual:
    cidr_block: 10.1.0.0/16
    subnets: {a: {cidr_block: 10.1.1.0/24}}
    dhcp_options: {}
    instances: {dev: {subnet: a}}
internet:
  hosts:
    web.example: {ip: 93.184.216.34, services: [http]}
    dns.example: {ip: 8.8.8.8, services: [dns]}
"""


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with labs.up(TEXT) as up:
        yield up


def test_VPC_20_default_vpc(lab: Lab) -> None:
    """Instances of a default VPC talk to the internet both ways without a line about gateways or routes."""
    assert [lab.private(name) for name in ("web", "far")] == ["172.31.0.4", "172.31.32.4"]
    probes.check(
        lab,
        passes("web", "93.184.216.34", "tcp", 80),
        passes("far", "93.184.216.34", "tcp", 80),
        passes("web.example", lab.public("web"), "tcp", 80),
        passes("web.example", lab.public("far"), "tcp", 80),
        passes("web", "db", "tcp", 80),
        drops("db", "93.184.216.34", "tcp", 80),  # its subnet's table is not the main one
    )


def _inside(lab: Lab, node: str, file: str) -> list[str]:
    return vpcemu("exec", "-l", lab.name, node, "--", "cat", file).stdout.splitlines()


def test_DHCP_01_default_set(lab: Lab) -> None:
    """A DHCP options set without a domain gives AWS's own domain and name server."""
    assert _inside(lab, "dev", "/etc/resolv.conf") == ["search ec2.internal", "nameserver 8.8.8.8"]
    assert "10.1.1.4 dev dev.ec2.internal" in _inside(lab, "dev", "/etc/hosts")


def test_DHCP_02_domain_and_servers(lab: Lab) -> None:
    """Instances are told the domain and the name servers of their VPC's DHCP options set, in its order."""
    assert _inside(lab, "web", "/etc/resolv.conf") == [
        "search corp.example",
        "nameserver 8.8.4.4",
        "nameserver 8.8.8.8",
    ]
    hosts = _inside(lab, "web", "/etc/hosts")
    assert "172.31.0.4 web web.corp.example" in hosts
    assert "172.31.32.4 far far.corp.example" in hosts
    assert "93.184.216.34 web.example" in hosts
    assert "10.0.1.4 app" in _inside(lab, "app", "/etc/hosts")
    assert _inside(lab, "app", "/etc/resolv.conf") == ["nameserver 8.8.8.8"]
