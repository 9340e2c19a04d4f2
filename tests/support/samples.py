"""A small lab as values: nat.yaml in miniature, and the means to edit it."""

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network
from typing import Any

from emulator.compile.lab import compile_lab
from emulator.compile.state import State
from emulator.topology.given import Addresses
from emulator.topology.instances import Instance, NetworkInterface, PrivateAddress, Service
from emulator.topology.model import (
    Internet,
    OutsideHost,
    Route,
    RouteTable,
    SecurityGroup,
    SecurityGroupRule,
    Subnet,
    Target,
    Topology,
    Vpc,
)
from emulator.topology.nat import NatGateway

ANYWHERE = IPv4Network("0.0.0.0/0")
EVERYTHING = SecurityGroupRule(-1, 0, 65535, ANYWHERE, 1)
EMPTY = State("sample", {}, frozenset())


def tcp(port: int, peer: str = "0.0.0.0/0", number: int = 1) -> SecurityGroupRule:
    return SecurityGroupRule(6, port, port, IPv4Network(peer), number)


def instance(
    name: str, subnet: str, group: str, address: PrivateAddress | None = None, services: tuple[Service, ...] = ()
) -> Instance:
    """One with one interface and one group."""
    return Instance(name, (NetworkInterface(name, 0, subnet, (group,), (address or PrivateAddress(),)),), services)


def vpc(name: str = "main") -> Vpc:
    """Public subnet with `web` and the NAT gateway, private one with `dev`. Other VPCs' nodes carry their name."""
    mine = "" if name == "main" else f"-{name}"
    return Vpc(
        name=name,
        cidr_block=IPv4Network("10.0.0.0/16"),
        internet_gateway=f"igw{mine}",
        main_route_table="main",
        subnets=(
            Subnet("public", IPv4Network("10.0.10.0/24"), "us-east-1a", "public", map_public_ip_on_launch=True),
            Subnet("private", IPv4Network("10.0.20.0/24"), "us-east-1a", "private"),
        ),
        route_tables=(
            RouteTable("main", ()),
            RouteTable("public", (Route(ANYWHERE, Target("internet_gateway", f"igw{mine}")),)),
            RouteTable("private", (Route(ANYWHERE, Target("nat_gateway", f"nat{mine}")),)),
        ),
        nat_gateways=(NatGateway(f"nat{mine}", "public", None, IPv4Address("52.195.125.184")),),
        security_groups=(
            SecurityGroup("default", (), (EVERYTHING,)),
            SecurityGroup("web", (tcp(80),), (EVERYTHING,)),
            SecurityGroup("dev", (), (EVERYTHING,)),
        ),
        instances=(
            instance(
                f"web{mine}", "public", "web", PrivateAddress(None, "auto"), services=(Service("http", "http", 80),)
            ),
            instance(f"dev{mine}", "private", "dev"),
        ),
    )


def topology(*vpcs: Vpc) -> Topology:
    return Topology(
        "sample",
        "us-east-1",
        vpcs or (vpc(),),
        Internet(
            (OutsideHost("dns.example", IPv4Address("8.8.8.8")), OutsideHost("attacker", IPv4Address("45.83.64.9")))
        ),
    )


ADDRESSES = Addresses(
    private={
        "nat": IPv4Address("10.0.10.4"),
        "web": IPv4Address("10.0.10.5"),
        "dev": IPv4Address("10.0.20.4"),
        "new": IPv4Address("10.0.20.5"),
        "nat-other": IPv4Address("10.0.10.4"),
        "web-other": IPv4Address("10.0.10.5"),
        "dev-other": IPv4Address("10.0.20.4"),
    },
    public={
        "nat": IPv4Address("52.195.125.184"),
        "web": IPv4Address("203.0.113.1"),
        "nat-other": IPv4Address("52.195.125.185"),
        "web-other": IPv4Address("203.0.113.2"),
        "dns.example": IPv4Address("8.8.8.8"),
        "attacker": IPv4Address("45.83.64.9"),
    },
)


def state(held: Topology | None = None, addresses: Addresses = ADDRESSES) -> State:
    return compile_lab(held or topology(), addresses)


def with_vpc(**changes: Any) -> Topology:
    """The sample with some fields of its VPC replaced."""
    return topology(replace(vpc(), **changes))


def with_group(name: str, *ingress: SecurityGroupRule) -> Topology:
    groups = tuple(replace(held, ingress=ingress) if held.name == name else held for held in vpc().security_groups)
    return with_vpc(security_groups=groups)
