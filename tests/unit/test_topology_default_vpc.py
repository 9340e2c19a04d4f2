"""A default VPC is what the same file says in full; DHCP options are AWS's where the file leaves them out."""

import pytest

from emulator.topology.changes import changes
from emulator.topology.load import load
from emulator.topology.model import DhcpOptions, Topology

SHORT = """
name: lab
vpcs:
  home:
    default: true
    subnets: {more: {cidr_block: 172.31.48.0/20, route_table: inner}}
    route_tables: {inner: {}}
    instances: {web: {}, db: {subnet: more}, app: {subnet: default-c, associate_public_ip_address: false}}
"""
IN_FULL = """
name: lab
vpcs:
  home:
    cidr_block: 172.31.0.0/16
    internet_gateway: home-igw
    subnets:
      default-a: {cidr_block: 172.31.0.0/20, availability_zone: a, map_public_ip_on_launch: true}
      default-b: {cidr_block: 172.31.16.0/20, availability_zone: b, map_public_ip_on_launch: true}
      default-c: {cidr_block: 172.31.32.0/20, availability_zone: c, map_public_ip_on_launch: true}
      more: {cidr_block: 172.31.48.0/20, route_table: inner}
    route_tables: {main: {routes: {0.0.0.0/0: home-igw}}, inner: {}}
    instances:
      web: {subnet: default-a}
      db: {subnet: more}
      app: {subnet: default-c, associate_public_ip_address: false}
"""


def loaded(text: str) -> Topology:
    topology, problems = load(text)
    assert topology is not None, problems
    assert problems == []
    return topology


def test_it_is_what_the_file_says_in_full() -> None:
    """VPC-20, SUB-16"""
    assert loaded(SHORT) == loaded(IN_FULL)
    assert [instance.public_ip for instance in loaded(SHORT).vpcs[0].instances] == ["auto", None, None]


def test_what_the_file_names_itself_is_kept() -> None:
    """An internet gateway's name, further routes of the main table, another table as the main one."""
    text = "name: lab\nvpcs: {home: {default: true, internet_gateway: igw, route_tables: {T: {routes: {R}}}}}"
    (vpc,) = loaded(text.replace("T:", "main:").replace("R", "192.0.2.0/24: blackhole")).vpcs
    (main,) = vpc.route_tables
    assert [(str(route.destination), route.target.name) for route in main.routes] == [
        ("0.0.0.0/0", "igw"),
        ("192.0.2.0/24", ""),
    ]
    other = text.replace("T:", "all:").replace("R", "0.0.0.0/0: igw").replace("}}}}}", "}}}, main_route_table: all}}")
    (vpc,) = loaded(other).vpcs
    assert [(table.name, len(table.routes)) for table in vpc.route_tables] == [("all", 1)]


@pytest.mark.parametrize("default", ["default: false, ", ""])
def test_one_that_is_not_the_default_is_as_ever(default: str) -> None:
    assert loaded(f"name: lab\nvpcs: {{a: {{{default}cidr_block: 10.0.0.0/16}}}}").vpcs[0].subnets == ()


def options(region: str, keys: str) -> DhcpOptions | None:
    text = f"name: lab\nregion: {region}\nvpcs: {{a: {{cidr_block: 10.0.0.0/16, dhcp_options: {{{keys}}}}}}}"
    return loaded(text).vpcs[0].dhcp_options


def test_domain_and_servers() -> None:
    """DHCP-01, DHCP-02"""
    assert str(options("us-east-1", "")) == "ec2.internal, AmazonProvidedDNS"
    assert str(options("eu-west-1", "domain_name_servers: [amazonprovideddns]")).startswith(
        "eu-west-1.compute.internal"
    )
    assert str(options("eu-west-1", "domain_name: corp.example, domain_name_servers: [8.8.8.8]")) == (
        "corp.example, 8.8.8.8"
    )


def test_other_options_are_a_change_of_the_vpc() -> None:
    text = "name: lab\nvpcs: {a: {cidr_block: 10.0.0.0/16, dhcp_options: {}}}"
    found = changes(loaded(text), loaded(text.replace("{}", "{domain_name: corp.example}")))
    assert [(change.verb, change.text) for change in found] == [
        ("replace", "dhcp_options: ec2.internal, AmazonProvidedDNS -> corp.example, AmazonProvidedDNS")
    ]
