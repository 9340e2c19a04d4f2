"""What a valid file means: the nouns, the defaults, and the spellings that are understood."""

from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

import pytest

from emulator.topology.expectations import Expectation
from emulator.topology.instances import Instance, Service
from emulator.topology.load import load
from emulator.topology.model import GroupReference, Route, RouteTable, SecurityGroupRule, Target, Topology, Vpc
from emulator.topology.nat import NatGateway, SecondaryAddress

TOPOLOGIES = sorted((Path(__file__).parents[2] / "topologies").glob("*.yaml"))
ANYWHERE = IPv4Network("0.0.0.0/0")
ALL_OUT = (SecurityGroupRule(-1, 0, 65535, ANYWHERE, 1),)


def loaded(text: str) -> Topology:
    topology, problems = load(text)
    assert topology is not None, [problem.render("file") for problem in problems]
    return topology


def vpc(inside: str) -> Vpc:
    """A VPC with an internet gateway, a public subnet `a`, and these further keys (JSON-like, on one level)."""
    start = "name: lab\nvpcs:\n  main:\n    cidr_block: 10.0.0.0/16\n    internet_gateway: igw\n"
    subnets = "" if "subnets:" in inside else "    subnets: {a: {cidr_block: 10.0.1.0/24}}\n"
    return loaded(start + subnets + "".join(f"    {line}\n" for line in inside.split("\n"))).vpcs[0]


def instance(keys: str) -> Instance:
    return vpc(f"instances: {{web: {{subnet: a, {keys}}}}}").instances[0]


def rules(rule: str, direction: str = "ingress") -> list[tuple[int, int, int, object]]:
    group = vpc(f"security_groups: {{dev: {{}}, web: {{{direction}: [{rule}]}}}}").security_groups[-1]
    chosen = group.ingress if direction == "ingress" else group.egress
    return [(rule.protocol, rule.from_port, rule.to_port, rule.peer) for rule in chosen]


@pytest.mark.parametrize("file", TOPOLOGIES, ids=lambda file: file.stem)
def test_examples_load_without_an_error(file: Path) -> None:
    """A warning can be the lesson: tests/topologies looks at those."""
    topology, problems = load(file.read_text(), file.name)
    assert topology is not None
    assert all(problem.warning for problem in problems)


def test_the_smallest_file() -> None:
    topology = loaded("name: lab\nvpcs: {main: {cidr_block: 10.0.0.0/16}}")
    assert topology.region == "us-east-1"
    assert topology.internet.hosts == ()
    main = topology.vpcs[0]
    # VPC-19: a main route table with local routes only, and the default group.
    assert (main.main_route_table, main.route_tables) == ("main", (RouteTable("main", ()),))
    assert [group.name for group in main.security_groups] == ["default"]
    assert main.internet_gateway is None


# ---- VPC, subnets, routes ------------------------------------------------------------------------------------------


def test_host_bits_are_cleared_without_a_word() -> None:  # VPC-03
    topology, problems = load(
        "name: lab\nvpcs: {main: {cidr_block: 10.0.3.4/16, internet_gateway: igw,"
        " subnets: {a: {cidr_block: 10.0.1.77/24}}, route_tables: {main: {routes: {198.51.100.9/24: igw}}}}}"
    )
    assert topology is not None
    assert problems == []
    main = topology.vpcs[0]
    assert main.cidr_block == IPv4Network("10.0.0.0/16")
    assert main.subnets[0].cidr_block == IPv4Network("10.0.1.0/24")
    assert main.route_tables[0].routes[0].destination == IPv4Network("198.51.100.0/24")


@pytest.mark.parametrize(
    ("zone", "full"), [("", "a"), (", availability_zone: c", "c"), (", availability_zone: us-east-1b", "b")]
)
def test_availability_zones(zone: str, full: str) -> None:
    assert vpc(f"subnets: {{a: {{cidr_block: 10.0.1.0/24{zone}}}}}").subnets[0].availability_zone == f"us-east-1{full}"


def test_a_subnet_may_be_the_whole_vpc() -> None:  # SUB-04
    assert vpc("subnets: {all: {cidr_block: 10.0.0.0/16}}").subnets[0].route_table == "main"


def test_main_route_table_by_another_name() -> None:  # RT-20
    main = vpc("main_route_table: private\nroute_tables: {private: {}, public: {}}")
    assert main.main_route_table == "private"
    assert main.subnets[0].route_table == "private"
    assert [table.name for table in main.route_tables] == ["private", "public"]


def test_an_undeclared_main_table_can_be_named() -> None:
    main = vpc("main_route_table: main\nsubnets: {a: {cidr_block: 10.0.1.0/24, route_table: main}}")
    assert [table.name for table in main.route_tables] == ["main"]


def test_route_targets() -> None:
    main = vpc(
        "nat_gateways: {nat: {subnet: a}}\n"
        "route_tables: {main: {routes: {0.0.0.0/0: igw}}, t: {routes: {0.0.0.0/0: nat, 192.0.2.0/24: blackhole,"
        " 10.0.0.0/16: local}}}"
    )
    assert main.route_tables[0].routes == (Route(ANYWHERE, Target("internet_gateway", "igw")),)
    assert main.route_tables[1].routes == (  # RT-02: local is there anyway
        Route(ANYWHERE, Target("nat_gateway", "nat")),
        Route(IPv4Network("192.0.2.0/24"), Target("blackhole")),
    )


def test_a_route_for_a_whole_subnet_may_lead_to_a_nat_gateway() -> None:  # RT-05, RT-06
    main = vpc(
        "nat_gateways: {nat: {subnet: a}}\n"
        "route_tables: {main: {routes: {0.0.0.0/0: igw}}, t: {routes: {10.0.1.0/24: nat}}}"
    )
    assert main.route_tables[1].routes[0].destination == IPv4Network("10.0.1.0/24")


def test_a_larger_block_than_the_reserved_one_is_accepted() -> None:  # RT-11
    assert vpc("route_tables: {main: {routes: {169.254.0.0/16: blackhole}}}").route_tables[0].routes


def test_nat_gateway() -> None:
    main = vpc(
        "nat_gateways: {one: {subnet: a}, two: {subnet: a, elastic_ip: 52.1.2.3, private_ip: 10.0.1.9,"
        " connectivity_type: public}}\nroute_tables: {main: {routes: {0.0.0.0/0: igw}}}"
    )
    assert main.nat_gateways == (
        NatGateway("one", "a", None, None),
        NatGateway("two", "a", IPv4Address("10.0.1.9"), IPv4Address("52.1.2.3")),
    )


def test_secondary_addresses_of_a_nat_gateway() -> None:  # NAT-25
    main = vpc(
        "nat_gateways: {one: {subnet: a, secondary_elastic_ips: [52.1.2.3], secondary_private_ips: [10.0.1.8]},"
        " two: {subnet: a, secondary_elastic_ips: [52.1.2.4]},"
        " three: {subnet: a, connectivity_type: private, secondary_private_ip_address_count: 2}}\n"
        "route_tables: {main: {routes: {0.0.0.0/0: igw}}}"
    )
    assert [gateway.connectivity_type for gateway in main.nat_gateways] == ["public", "public", "private"]
    assert [gateway.secondary for gateway in main.nat_gateways] == [
        (SecondaryAddress(IPv4Address("10.0.1.8"), IPv4Address("52.1.2.3")),),
        (SecondaryAddress(None, IPv4Address("52.1.2.4")),),
        (SecondaryAddress(), SecondaryAddress()),
    ]


def test_a_deleted_nat_gateway_is_gone_and_its_routes_are_blackholes() -> None:  # NAT-08, RT-40
    main = vpc("nat_gateways: {nat: {subnet: a, state: deleted}}\nroute_tables: {main: {routes: {0.0.0.0/0: nat}}}")
    assert main.nat_gateways == ()
    assert [route.target for route in main.route_tables[0].routes] == [Target("blackhole", "nat")]


# ---- instances -----------------------------------------------------------------------------------------------------


def test_an_instance_without_a_group_has_the_default_one() -> None:  # SG-08
    assert instance("").security_groups == ("default",)
    assert instance("security_groups: []").security_groups == ("default",)


def test_vpc_security_group_ids_is_the_same_key() -> None:
    assert instance("vpc_security_group_ids: [default]") == instance("security_groups: [default]")


PUBLIC = "subnets: {{a: {{cidr_block: 10.0.1.0/24, map_public_ip_on_launch: {}}}}}\n"


@pytest.mark.parametrize(
    ("subnet", "keys", "public_ip"),
    [
        ("false", "", None),
        ("true", "", "auto"),  # SUB-16
        ("true", ", associate_public_ip_address: false", None),
        ("false", ", associate_public_ip_address: true", "auto"),
        ("true", ", elastic_ip: 52.1.2.3", IPv4Address("52.1.2.3")),  # EIP-02
        ("false", ", elastic_ip: 52.1.2.3, associate_public_ip_address: false", IPv4Address("52.1.2.3")),
    ],
)
def test_public_ip(subnet: str, keys: str, public_ip: object) -> None:
    main = vpc(PUBLIC.format(subnet) + f"instances: {{web: {{subnet: a{keys}}}}}")
    assert main.instances[0].public_ip == public_ip


# ---- security groups -----------------------------------------------------------------------------------------------


def test_the_default_group() -> None:  # SG-05
    default = vpc("").security_groups[0]
    assert default.ingress == (SecurityGroupRule(-1, 0, 65535, GroupReference("default"), 1),)
    assert default.egress == ALL_OUT


def test_the_default_groups_rules_can_be_edited() -> None:  # SG-05
    default = vpc("security_groups: {default: {ingress: []}}").security_groups[0]
    assert (default.ingress, default.egress) == ((), ALL_OUT)
    default = vpc("security_groups: {default: {egress: []}}").security_groups[0]
    assert default.ingress[0].peer == GroupReference("default")
    assert default.egress == ()


def test_a_new_group_lets_nothing_in_and_everything_out() -> None:  # SG-07
    group = vpc("security_groups: {web: {}}").security_groups[1]
    assert (group.ingress, group.egress) == ((), ALL_OUT)
    assert vpc("security_groups: {web: {egress: []}}").security_groups[1].egress == ()


def test_lists_in_a_rule_are_multiplied_out() -> None:  # SG-22
    assert rules("{protocol: tcp, port: [80, 8000-8100], from: [10.1.2.3/8, dev, self]}") == [
        (6, first, last, peer)
        for first, last in ((80, 80), (8000, 8100))
        for peer in (IPv4Network("10.0.0.0/8"), GroupReference("dev"), GroupReference("web"))
    ]


@pytest.mark.parametrize(
    ("terraform", "vpcemu"),
    [
        (
            "protocol: tcp, from_port: 443, to_port: 443, cidr_blocks: [10.0.0.0/8]",
            "protocol: tcp, port: 443, from: 10.0.0.0/8",
        ),
        ("protocol: udp, from_port: 0, to_port: 65535, security_groups: [dev]", "protocol: udp, port: all, from: dev"),
        ('protocol: "-1", from_port: 0, to_port: 0, self: true', "protocol: all, from: self"),
        (
            "protocol: icmp, from_port: 8, to_port: 0, cidr_blocks: [0.0.0.0/0]",
            "protocol: icmp, icmp_type: 8, icmp_code: 0, from: 0.0.0.0/0",
        ),
        ("protocol: icmp, from_port: -1, to_port: -1, cidr_blocks: [0.0.0.0/0]", "protocol: icmp, from: 0.0.0.0/0"),
        (
            "protocol: 6, from_port: 1, to_port: 2, cidr_blocks: [10.0.0.0/8], self: true",
            "protocol: tcp, port: 1-2, from: [10.0.0.0/8, self]",
        ),
    ],
)  # fmt: skip
def test_terraforms_spelling_means_the_same(terraform: str, vpcemu: str) -> None:
    assert rules(f"{{{terraform}}}") == rules(f"{{{vpcemu}}}")


@pytest.mark.parametrize(
    ("protocol", "expected"),
    [
        ("all", (-1, 0, 65535)),
        ("-1", (-1, 0, 65535)),
        ("icmp", (1, -1, -1)),
        ("1", (1, -1, -1)),
        ("icmpv6", (58, 0, 65535)),
        ("esp", (50, 0, 65535)),
        ("132", (132, 0, 65535)),
        ("0", (0, 0, 65535)),
        ("255", (255, 0, 65535)),
    ],
)
def test_protocols(protocol: str, expected: tuple[int, int, int]) -> None:  # SG-20, SG-21
    assert rules(f"{{protocol: {protocol}, from: 10.0.0.0/8}}") == [(*expected, IPv4Network("10.0.0.0/8"))]


def test_egress_rules() -> None:
    assert rules("{protocol: tcp, port: all, to: [10.0.0.0/8]}", "egress") == [(6, 0, 65535, IPv4Network("10.0.0.0/8"))]


def test_a_rule_knows_its_number_and_description() -> None:
    group = vpc(
        "security_groups: {web: {ingress: [{protocol: tcp, port: [1, 2], from: self},"
        " {protocol: udp, port: 1, from: self, description: why}]}}"
    ).security_groups[1]
    assert [(rule.number, rule.description) for rule in group.ingress] == [(1, ""), (1, ""), (2, "why")]
    assert group.ingress[2].where.path == "vpcs.main.security_groups.web.ingress[1]"


# ---- services, outside, expectations -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "service"),
    [
        ("http", Service("http", "http", 80)),
        ("{http: 80}", Service("http", "http", 80)),
        ("{http: 8080}", Service("http-8080", "http", 8080)),
        ("echo", Service("echo", "echo", 7)),
        ("dns", Service("dns", "dns", 53)),
        ("{tcp: 5432}", Service("tcp-5432", "tcp", 5432)),
        ("{udp: 514, name: syslog}", Service("syslog", "udp", 514)),
        ("ssh", Service("ssh", "ssh", 22)),
        ("{ssh: 2222}", Service("ssh-2222", "ssh", 2222)),
        ("{command: sleep 60}", Service("sleep", "command", 0, ("/bin/sh", "-c", "sleep 60"))),
        ("{command: [/usr/bin/env, -i]}", Service("env", "command", 0, ("/usr/bin/env", "-i"))),
        (
            '{command: "./run me", name: x, user: root}',
            Service("x", "command", 0, ("/bin/sh", "-c", "./run me"), "root"),
        ),
        ('{command: "$(id)"}', Service("command", "command", 0, ("/bin/sh", "-c", "$(id)"))),
        ("{command: [true, 1]}", Service("true", "command", 0, ("true", "1"))),
    ],
)
def test_services(written: str, service: Service) -> None:
    assert instance(f"services: [{written}]").services == (service,)


def test_two_services_on_one_number_of_two_transports() -> None:
    assert len(instance("services: [{tcp: 514}, {udp: 514}]").services) == 2


def test_internet_and_expectations() -> None:
    topology = loaded(
        "name: lab\nvpcs: {main: {cidr_block: 10.0.0.0/16, internet_gateway: igw,"
        " subnets: {a: {cidr_block: 10.0.1.0/24}}, nat_gateways: {nat: {subnet: a}}, instances: {web: {subnet: a}},"
        " route_tables: {main: {routes: {0.0.0.0/0: igw}}}}}\n"
        "internet: {uplink: true, hosts: {dns.example: {ip: 8.8.8.8, services: [dns]}}}\n"
        "expect:\n"
        "  - {from: web, to: dns.example, port: 53, result: pass, seen_as: 1.2.3.4}\n"
        "  - {from: dns.example, to: nat, protocol: icmp, result: drop}\n"
        "  - {from: 9.9.9.9, to: 10.0.1.4, port: 22, result: refused}\n"
    )
    assert topology.internet.uplink
    assert topology.internet.hosts[0].services[0].kind == "dns"
    assert topology.expect == (
        Expectation(("web",), ("dns.example",), "tcp", (53,), "pass", IPv4Address("1.2.3.4")),
        Expectation(("dns.example",), ("nat",), "icmp", (), "drop"),
        Expectation(("9.9.9.9",), ("10.0.1.4",), "tcp", (22,), "refused"),
    )


# ---- places --------------------------------------------------------------------------------------------------------


def test_every_noun_knows_its_place_and_a_place_is_no_difference() -> None:
    text = "name: lab\nvpcs:\n  main:\n    cidr_block: 10.0.0.0/16\n    subnets:\n      a: {cidr_block: 10.0.1.0/24}\n"
    one, two = loaded(text), loaded("# a comment\n\n" + text)
    assert one.vpcs[0].subnets[0].where == (6, 7, "vpcs.main.subnets.a")
    assert two.vpcs[0].subnets[0].where.line == 8
    assert one == two
    assert hash(one) == hash(two)


def test_an_alias_repeats_a_value() -> None:
    main = vpc("instances: {one: &one {subnet: a, services: [http]}, two: *one}")
    assert main.instances[0].services == main.instances[1].services
