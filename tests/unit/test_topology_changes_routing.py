"""What an edit of routes, gateways and blocks changes, in AWS's words."""

import pytest

from emulator.topology.changes import Change, changes
from emulator.topology.load import load
from emulator.topology.model import Topology
from tests.support.lab import edited

BASE = """
name: lab
prefix_lists:
  office: {entries: [198.51.100.0/24]}
vpcs:
  main:
    cidr_block: 10.0.0.0/16
    secondary_cidr_blocks: [100.64.0.0/16]
    internet_gateway: {name: igw, route_table: edge}
    subnets:
      a: {cidr_block: 10.0.1.0/24}
      b: {cidr_block: 10.0.2.0/24, route_table: inner}
    route_tables:
      main: {routes: {0.0.0.0/0: igw}}
      inner: {routes: {0.0.0.0/0: nat, office: fw}}
      spare: {}
      edge: {routes: {10.0.2.0/24: fw}}
    nat_gateways: {nat: {subnet: a}}
    instances:
      fw: {subnet: a, elastic_ip: 203.0.113.9, source_dest_check: false, services: [router]}
"""
VPC = "vpcs.main"
INNER = f"{VPC}.route_tables.inner.routes"


def parse(text: str) -> Topology:
    topology, problems = load(text)
    assert topology is not None, problems
    return topology


def change(verb: str, path: str, noun: str, text: str) -> Change:
    return Change(verb, path, "main", noun, text)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("office: fw", "office: nat", [change("replace", f"{INNER}.office", "route", "prefix list office: fw -> nat")]),
        (", office: fw", "", [change("remove", f"{INNER}.office", "route", "prefix list office to fw")]),
        (
            "spare: {}",
            "spare: {routes: {office: blackhole}}",
            [change("add", f"{VPC}.route_tables.spare.routes.office", "route", "prefix list office to blackhole")],
        ),
        (
            "office: fw",
            "198.51.100.0/24: fw",  # the same packets, and another route: a static one (RT-51)
            [
                change("remove", f"{INNER}.office", "route", "prefix list office to fw"),
                change("add", f"{INNER}.198.51.100.0/24", "route", "198.51.100.0/24 to fw"),
            ],
        ),
        ("0.0.0.0/0: nat, office: fw", "office: fw, 0.0.0.0/0: nat", []),
        (
            "{nat: {subnet: a}}",
            "{nat: {subnet: a, state: deleted}}",
            [
                change("replace", f"{INNER}.0.0.0.0/0", "route", "0.0.0.0/0: nat -> blackhole (nat is gone)"),
                change("remove", f"{VPC}.nat_gateways.nat", "NAT gateway", "nat in a"),
            ],
        ),
        (
            "secondary_cidr_blocks: [100.64.0.0/16]",
            "secondary_cidr_blocks: []",
            [change("replace", f"{VPC}.secondary_cidr_blocks", "VPC", "secondary_cidr_blocks: 100.64.0.0/16 -> none")],
        ),
        (
            "{name: igw, route_table: edge}",
            "igw",
            [
                change(
                    "replace",
                    f"{VPC}.internet_gateway.route_table",
                    "VPC",
                    "internet_gateway.route_table: edge -> none",
                )
            ],
        ),
        (
            ", route_table: inner}",
            ", route_table: spare}",
            [change("replace", f"{VPC}.subnets.b.route_table", "subnet", "route_table: inner -> spare")],
        ),
        (
            "    cidr_block: 10.0.0.0/16\n",
            "    cidr_block: 10.0.0.0/16\n    main_route_table: spare\n",
            [
                change("replace", f"{VPC}.main_route_table", "VPC", "main_route_table: main -> spare"),
                change("replace", f"{VPC}.subnets.a.route_table", "subnet", "route_table: main -> spare"),
            ],
        ),
        (
            "      spare: {}\n",
            "",
            [change("remove", f"{VPC}.route_tables.spare", "route table", "spare")],
        ),
        (
            "source_dest_check: false",
            "source_dest_check: true",
            [
                change(
                    "replace", f"{VPC}.instances.fw.source_dest_check", "instance", "source_dest_check: false -> true"
                )
            ],
        ),
        (
            "services: [router]",
            "services: [router], connection_tracking_specification: {udp_timeout: 45}",
            [
                change(
                    "replace",
                    f"{VPC}.instances.fw.connection_tracking_specification.udp_timeout",
                    "instance",
                    "connection_tracking_specification.udp_timeout: 30 -> 45",
                )
            ],
        ),
        (
            "services: [router]",
            "services: [router], state: stopped",
            [change("replace", f"{VPC}.instances.fw.state", "instance", "state: running -> stopped")],
        ),
        (
            "services: [router]",
            "services: [nat, {firewall: [23]}]",
            [change("replace", f"{VPC}.instances.fw.services", "instance", "forwards: router -> nat, firewall 23")],
        ),
    ],
)
def test_one_edit(old: str, new: str, expected: list[Change]) -> None:
    assert changes(parse(BASE), parse(edited(BASE, {old: new}))) == expected


def test_a_gateway_is_detached() -> None:
    text = edited(BASE, {"elastic_ip: 203.0.113.9, ": "", "nat_gateways: {nat: {subnet: a}}": ""})
    text = edited(text, {"0.0.0.0/0: nat, ": ""})
    detached = edited(text, {"{name: igw, route_table: edge}": "{name: igw, attached: false}"})
    assert changes(parse(text), parse(detached))[1:] == [
        change("remove", f"{VPC}.internet_gateway", "internet gateway", "igw"),
        change("add", f"{VPC}.internet_gateway", "internet gateway", "igw (detached)"),
        change(
            "replace", f"{VPC}.route_tables.main.routes.0.0.0.0/0", "route", "0.0.0.0/0: igw -> blackhole (igw is gone)"
        ),
    ]


def test_reservations_of_a_subnet() -> None:
    """SUB-19."""
    subnet = "a: {cidr_block: 10.0.1.0/24}"
    reserved = parse(
        edited(BASE, {subnet: "a: {cidr_block: 10.0.1.0/24, cidr_reservations: {10.0.1.64/28: explicit}}"})
    )
    (change,) = changes(parse(BASE), reserved)
    assert (change.verb, change.path) == ("replace", f"{VPC}.subnets.a.cidr_reservations")
    assert change.text == "cidr_reservations: none -> 10.0.1.64/28 (explicit)"
