"""What an edit changes, in AWS's words."""

from pathlib import Path

import pytest

from emulator.topology.changes import Change, changes
from emulator.topology.load import load
from emulator.topology.model import Topology

BASE = """
name: lab
vpcs:
  main:
    cidr_block: 10.0.0.0/16
    internet_gateway: igw
    subnets:
      a: {cidr_block: 10.0.1.0/24}
      b: {cidr_block: 10.0.2.0/24}
    route_tables:
      main: {routes: {0.0.0.0/0: igw, 192.0.2.0/24: blackhole}}
      spare: {}
    nat_gateways: {nat: {subnet: a}}
    security_groups:
      web:
        ingress:
          - {protocol: tcp, port: 443, from: 0.0.0.0/0}
          - {protocol: tcp, port: 80, from: 10.0.0.0/8, description: plain}
      db: {}
    instances:
      web: {subnet: a, security_groups: [web, db], services: [http, {tcp: 5432}]}
internet:
  hosts:
    dns.example: {ip: 8.8.8.8, services: [dns]}
expect:
  - {from: web, to: dns.example, port: 53, result: pass}
"""


def parse(text: str) -> Topology:
    topology, problems = load(text)
    assert topology is not None, problems
    return topology


def edit(*pairs: tuple[str, str]) -> list[Change]:
    text = BASE
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new)
    return changes(parse(BASE), parse(text))


def test_a_peering_connection() -> None:
    peered = BASE.replace(
        "internet:\n",
        "  other: {cidr_block: 10.1.0.0/16}\nvpc_peering_connections:\n"
        "  link: {vpc: main, peer_vpc: other}\ninternet:\n",
    )
    accepted = peered.replace("peer_vpc: other}", "peer_vpc: other, accepted: true}")
    place, noun = "vpc_peering_connections.link", "VPC peering connection"
    waiting = Change("add", place, "", noun, "link between main and other, pending-acceptance")
    assert waiting in changes(parse(BASE), parse(peered))
    assert changes(parse(peered), parse(accepted)) == [
        Change("replace", f"{place}.state", "", noun, "state: pending-acceptance -> active")
    ]


RULE = "          - {protocol: tcp, port: 443, from: 0.0.0.0/0}\n"
GROUP = "vpcs.main.security_groups.web"
ROUTES = "vpcs.main.route_tables.main.routes"
SUBNET = "vpcs.main.subnets.b"
NAT = "vpcs.main.nat_gateways.nat"
WEB = "vpcs.main.instances.web"


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (RULE, "", [Change("remove", f"{GROUP}.ingress[0]", "main", "security group rule", "tcp 443 from 0.0.0.0/0")]),
        (
            "port: 443,",
            "port: 8443,",
            [
                Change("remove", f"{GROUP}.ingress[0]", "main", "security group rule", "tcp 443 from 0.0.0.0/0"),
                Change("add", f"{GROUP}.ingress[0]", "main", "security group rule", "tcp 8443 from 0.0.0.0/0"),
            ],
        ),
        (
            "description: plain",
            "description: text",
            [
                Change(
                    "replace",
                    f"{GROUP}.ingress[1]",
                    "main",
                    "security group rule",
                    "description of tcp 80 from 10.0.0.0/8: plain -> text",
                )
            ],
        ),
        (
            "web:\n        ingress:",
            "web:\n        egress: []\n        ingress:",
            [Change("remove", f"{GROUP}.egress[0]", "main", "security group rule", "all traffic to 0.0.0.0/0")],
        ),
        (
            "nat: {subnet: a}",
            "nat: {subnet: a, secondary_elastic_ips: [52.1.2.3]}",
            [Change("replace", f"{NAT}.secondary", "main", "NAT gateway", "secondary addresses: none -> 52.1.2.3")],
        ),
        (
            "nat: {subnet: a}",
            "nat: {subnet: a, connectivity_type: private}",
            [
                Change(
                    "replace", f"{NAT}.connectivity_type", "main", "NAT gateway", "connectivity_type: public -> private"
                )
            ],
        ),
        (
            "0.0.0.0/0: igw,",
            "0.0.0.0/0: nat,",
            [Change("replace", f"{ROUTES}.0.0.0.0/0", "main", "route", "0.0.0.0/0: igw -> nat")],
        ),
        (
            ", 192.0.2.0/24: blackhole",
            "",
            [Change("remove", f"{ROUTES}.192.0.2.0/24", "main", "route", "192.0.2.0/24 to blackhole")],
        ),
        (
            "10.0.2.0/24}",
            "10.0.2.0/24, availability_zone: c, map_public_ip_on_launch: true}",
            [
                Change("replace", f"{SUBNET}.{key}", "main", "subnet", f"{key}: {text}")
                for key, text in (
                    ("availability_zone", "us-east-1a -> us-east-1c"),
                    ("map_public_ip_on_launch", "false -> true"),
                )
            ],
        ),
        (
            "      b: {cidr_block: 10.0.2.0/24}\n",
            "",
            [Change("remove", "vpcs.main.subnets.b", "main", "subnet", "b 10.0.2.0/24 in us-east-1a")],
        ),
        (
            "nat: {subnet: a}",
            "nat: {subnet: a, elastic_ip: 52.1.2.3}",
            [Change("replace", f"{NAT}.elastic_ip", "main", "NAT gateway", "elastic_ip: none -> 52.1.2.3")],
        ),
        (
            "[web, db]",
            "[web]",
            [Change("replace", f"{WEB}.security_groups", "main", "instance", "security_groups: web, db -> web")],
        ),
        (
            "[http, {tcp: 5432}]",
            "[{tcp: 5433}, http]",
            [
                Change("remove", f"{WEB}.services", "main", "service", "tcp-5432: tcp on port 5432"),
                Change("add", f"{WEB}.services[0]", "main", "service", "tcp-5433: tcp on port 5433"),
            ],
        ),
        (
            "ip: 8.8.8.8",
            "ip: 8.8.4.4",
            [Change("replace", "internet.hosts.dns.example.ip", "", "outside host", "ip: 8.8.8.8 -> 8.8.4.4")],
        ),
        (
            "internet:\n",
            "internet:\n  uplink: true\n",
            [Change("add", "internet.uplink", "", "uplink", "to the real network of this machine")],
        ),
        (
            "port: 53, result: pass",
            "port: 53, result: drop",
            [
                Change("remove", "expect[0]", "", "expectation", "tcp 53 from web to dns.example: pass"),
                Change("add", "expect[0]", "", "expectation", "tcp 53 from web to dns.example: drop"),
            ],
        ),
        ("name: lab", "name: other", [Change("replace", "name", "", "topology", "name: lab -> other")]),
        # What says the same in other words or in another order is no change.
        ("10.0.1.0/24", "10.0.1.9/24", []),
        ("[web, db]", "[db, web]", []),
        ("nat: {subnet: a}", "nat: {connectivity_type: public, subnet: a}", []),
        ("spare: {}", "spare: {routes: {10.0.0.0/16: local}}", []),
        ("name: lab\n", "name: lab\nregion: us-east-1\n", []),
    ],
)  # fmt: skip
def test_one_edit(old: str, new: str, expected: list[Change]) -> None:
    assert edit((old, new)) == expected


def test_the_internet_gateway() -> None:
    found = edit(("internet_gateway: igw", "internet_gateway: gate"), ("0.0.0.0/0: igw", "0.0.0.0/0: gate"))
    assert found[:2] == [
        Change("remove", "vpcs.main.internet_gateway", "main", "internet gateway", "igw"),
        Change("add", "vpcs.main.internet_gateway", "main", "internet gateway", "gate"),
    ]
    assert found[2].text == "0.0.0.0/0: igw -> gate"


def test_an_instance_brings_its_services_and_takes_them_along() -> None:
    line = "      web: {subnet: a, security_groups: [web, db], services: [http, {tcp: 5432}]}\n"
    found = edit((line, line + line.replace("web: {", "app: {")))
    assert [(change.verb, change.noun, change.text) for change in found] == [
        ("add", "instance", "app in a"),
        ("add", "service", "http on port 80"),
        ("add", "service", "tcp-5432: tcp on port 5432"),
    ]


def test_the_order_of_rules_is_no_change() -> None:  # SG-02
    assert edit((RULE, ""), ("description: plain}\n", "description: plain}\n" + RULE)) == []


def test_from_nothing_and_to_nothing() -> None:
    topology = parse(BASE)
    added, removed = changes(None, topology), changes(topology, None)
    assert {change.verb for change in added} == {"add"}
    assert {change.verb for change in removed} == {"remove"}
    assert sorted(change[1:] for change in added if change.noun != "service") == sorted(
        change[1:] for change in removed if change.noun != "service"
    )
    assert added[0] == Change("add", "vpcs.main", "main", "VPC", "main 10.0.0.0/16")
    nouns = {change.noun for change in added}
    assert nouns >= {"VPC", "subnet", "route", "route table", "NAT gateway", "security group", "security group rule"}
    assert nouns >= {"instance", "internet gateway", "outside host", "service", "expectation"}
    assert changes(None, None) == []


@pytest.mark.parametrize(
    "file", sorted((Path(__file__).parents[2] / "topologies").glob("*.yaml")), ids=lambda file: file.stem
)
def test_nothing_changes_nothing(file: Path) -> None:
    assert changes(parse(file.read_text()), parse("# a comment\n" + file.read_text())) == []


def test_prefix_lists() -> None:
    """A rule names a list; what the list holds changes beside it."""
    rule = "          - {protocol: tcp, port: 80, from: 10.0.0.0/8, description: plain}\n"
    lists = "prefix_lists:\n  corp: {max_entries: 3, entries: [10.1.0.0/16, {cidr: 10.2.0.0/16, description: x}]}\n"
    assert edit(("internet:\n", lists + "internet:\n"), (rule, rule.replace("10.0.0.0/8", "corp"))) == [
        Change("remove", f"{GROUP}.ingress[1]", "main", "security group rule", "tcp 80 from 10.0.0.0/8"),
        Change("add", f"{GROUP}.ingress[1]", "main", "security group rule", "tcp 80 from corp"),
        Change("add", "prefix_lists.corp", "", "prefix list", "corp"),
        Change("add", "prefix_lists.corp.entries[0]", "", "prefix list entry", "10.1.0.0/16 of corp"),
        Change("add", "prefix_lists.corp.entries[1]", "", "prefix list entry", "10.2.0.0/16 of corp"),
    ]
    before = parse(BASE + lists)
    after = parse(BASE + lists.replace("3", "4").replace("10.1.0.0", "10.9.0.0").replace(", description: x", ""))
    assert changes(before, after) == [
        Change("replace", "prefix_lists.corp.max_entries", "", "prefix list", "max_entries: 3 -> 4"),
        Change("remove", "prefix_lists.corp.entries[0]", "", "prefix list entry", "10.1.0.0/16 of corp"),
        Change("add", "prefix_lists.corp.entries[0]", "", "prefix list entry", "10.9.0.0/16 of corp"),
        Change(
            "replace",
            "prefix_lists.corp.entries[1]",
            "",
            "prefix list entry",
            "description of 10.2.0.0/16 of corp: x -> none",
        ),
    ]


def test_a_list_is_not_a_group_of_the_same_name() -> None:
    """A rule that named a group names a prefix list from now on: another rule, under the same word."""
    word = ("from: 10.0.0.0/8, description: plain", "from: office")
    before = BASE.replace(*word).replace("      db: {}", "      db: {}\n      office: {}")
    after = BASE.replace(*word) + "prefix_lists: {office: {entries: [10.0.0.0/8]}}\n"
    found = changes(parse(before), parse(after))
    assert [change.verb for change in found if change.text == "tcp 80 from office"] == ["remove", "add"]
