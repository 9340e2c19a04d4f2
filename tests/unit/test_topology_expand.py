"""Expectations spelled out: who is meant by a list, a subnet, a group, the internet, and at which address."""

from pathlib import Path

import pytest

from emulator.topology import expand as expanding
from emulator.topology.addresses import assign
from emulator.topology.expand import Expected, expand
from emulator.topology.fields_expect import EXPECTATION
from emulator.topology.load import load

ROOT = Path(__file__).parents[2]
LAB = """
name: lab
vpcs:
  main:
    cidr_block: 10.0.0.0/16
    internet_gateway: igw
    subnets:
      public: {cidr_block: 10.0.1.0/24, route_table: public}
      private: {cidr_block: 10.0.2.0/24}
    route_tables: {public: {routes: {0.0.0.0/0: igw}}}
    nat_gateways: {nat: {subnet: public, elastic_ip: 203.0.113.9}}
    security_groups: {web: {}, db: {}}
    instances:
      web: {subnet: public, security_groups: [web], private_ip: 10.0.1.10, public_ip: 203.0.113.10}
      one: {subnet: private, security_groups: [db], private_ip: 10.0.2.11}
      two: {subnet: private, security_groups: [db, web], private_ip: 10.0.2.12}
  other:
    cidr_block: 10.9.0.0/16
    subnets: {private: {cidr_block: 10.9.1.0/24}}
    instances: {far: {subnet: private, private_ip: 10.9.1.10}}
internet:
  hosts: {client: {ip: 198.51.100.7}, server: {ip: 198.51.100.8}}
expect:
"""
LAB = LAB.replace("public_ip: 203.0.113.10", "elastic_ip: 203.0.113.10")


def expanded(line: str) -> list[Expected]:
    topology, problems = load(f"{LAB}  - {line}\n")
    assert topology is not None, problems
    found, wrong = expand(topology, assign(topology)[0])
    assert not wrong
    return found


def flows(line: str) -> set[tuple[str, str, int]]:
    return {(each.flow.source, str(each.flow.to), each.flow.port) for each in expanded(line)}


def test_one_flow_is_one_flow() -> None:
    (found,) = expanded("{from: one, to: client, port: 443, result: drop}")
    assert (str(found.flow.source_ip), str(found.flow.to), found.source, found.target) == (
        "10.0.2.11",
        "198.51.100.7",
        "one",
        "client",
    )


@pytest.mark.parametrize("key", ["port", "ports"])
def test_every_source_to_every_target_on_every_port(key: str) -> None:
    assert flows(f"{{from: [one, client], to: [web, 10.0.2.12], {key}: [80, 443], result: drop}}") == {
        (source, to, port)
        for source, near in (("one", "10.0.1.10"), ("client", "203.0.113.10"))  # each by the address it would use
        for to in (near, "10.0.2.12")
        for port in (80, 443)
    }


def test_a_subnet_s_name_means_that_of_every_vpc_unless_one_is_named() -> None:
    assert {each[0] for each in flows("{from: {subnet: private}, to: web, port: 1, result: drop}")} == {
        "one",
        "two",
        "far",
    }
    assert {each[0] for each in flows("{from: {subnet: private, vpc: main}, to: web, port: 1, result: drop}")} == {
        "one",
        "two",
    }


@pytest.mark.parametrize(
    ("selector", "names"),
    [
        ("{group: web}", {"web", "two"}),
        ("{security_group: web}", {"web", "two"}),
        ("{group: web, subnet: private}", {"two"}),
        ("{vpc: main}", {"web", "one", "two"}),
        ("internet", {"client", "server"}),
        ("[{group: db}, two, client]", {"one", "two", "client"}),
    ],
)
def test_who_is_meant(selector: str, names: set[str]) -> None:
    found = expanded(f"{{from: {selector}, to: 10.0.9.9, port: 1, result: drop}}")
    assert {each.source for each in found} == names
    assert len(found) == len(names), "each once"


def test_of_a_group_with_itself_only_the_others_are_meant() -> None:
    assert flows("{from: {group: db}, to: {group: db}, port: 1, result: drop}") == {
        ("one", "10.0.2.12", 1),
        ("two", "10.0.2.11", 1),
    }
    assert flows("{from: one, to: one, port: 1, result: drop}") == {("one", "10.0.2.11", 1)}, "but who says so is heard"


def test_icmp_has_a_type_and_a_code() -> None:
    def numbers(more: str) -> tuple[int, int]:
        (found,) = expanded(f"{{from: one, to: two, protocol: icmp, result: drop{more}}}")
        return found.flow.icmp_type, found.flow.icmp_code

    assert [numbers(""), numbers(", icmp_type: 0"), numbers(", icmp_type: 3, icmp_code: 4")] == [(8, 0), (0, 0), (3, 4)]


def test_what_cannot_be_a_sender_is_a_problem_with_its_place() -> None:
    topology, _ = load(f"{LAB}  - {{from: 9.9.9.9, to: web, port: 1, result: drop}}\n")
    assert topology is not None
    found, wrong = expand(topology, assign(topology)[0])
    assert not found
    assert [problem.what for problem in wrong] == ["nobody in this lab sends from 9.9.9.9"]
    assert wrong[0].where.path == "expect[0]"


def test_too_many_flows_are_a_problem_and_no_hour_of_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(expanding, "LIMIT", 3)
    topology, _ = load(f"{LAB}  - {{from: {{vpc: main}}, to: {{vpc: main}}, port: 1, result: drop}}\n")
    assert topology is not None
    found, wrong = expand(topology, assign(topology)[0])
    assert len(found) <= 4
    assert [problem.what for problem in wrong] == ["more than 3 flows are expected up to here"]


def test_an_expectation_in_words() -> None:
    topology, _ = load(
        f"{LAB}  - {{from: [one, {{subnet: private}}], to: client, ports: [80, 443], result: pass,"
        " seen_as: 203.0.113.9, via: [nat, igw], payload: true}\n"
        "  - {from: one, to: two, protocol: icmp, icmp_type: 13, result: drop}\n"
    )
    assert topology is not None
    assert [str(each) for each in topology.expect] == [
        "tcp 80, 443 from one and subnet private to client: pass, seen as 203.0.113.9, via nat and igw, with a payload",
        "icmp 13/0 from one to two: drop",
    ]


def test_RT_42_of_several_senders_a_stopped_one_is_left_out() -> None:
    text = """
name: lab
vpcs:
  main:
    cidr_block: 10.0.0.0/16
    subnets: {a: {cidr_block: 10.0.1.0/24}}
    instances: {one: {subnet: a}, two: {subnet: a, state: stopped}}
expect:
  - {from: {subnet: a}, to: {subnet: a}, protocol: tcp, port: 80, result: drop}
"""
    topology, problems = load(text)
    assert topology is not None, problems
    found, _ = expand(topology, assign(topology)[0])
    assert [(expected.source, expected.target) for expected in found] == [("one", "two")]


def test_the_documented_example_is_one_for_the_lesson_nat() -> None:
    text = (ROOT / "docs" / "expectations.md").read_text().partition("```yaml\n")[2].partition("```")[0]
    lesson = (ROOT / "topologies" / "nat.yaml").read_text().partition("expect:\n")[0]
    topology, problems = load(lesson + text)
    assert topology is not None, problems
    found, wrong = expand(topology, assign(topology)[0])
    assert not wrong
    assert len(found) == 6 + 8 + 1


def test_every_key_is_documented() -> None:
    text = (ROOT / "docs" / "expectations.md").read_text()
    assert not [key for key in EXPECTATION.keys if f"`{key}`" not in text]


BALANCED = """
name: lab
vpcs:
  p:
    cidr_block: 10.0.0.0/16
    subnets:
      a: {cidr_block: 10.0.1.0/24, availability_zone: a}
      c: {cidr_block: 10.0.2.0/24, availability_zone: c}
    instances: {web: {subnet: a}, client: {subnet: c}}
    target_groups: {web: {port: 80, protocol: TCP, targets: [web]}}
    load_balancers:
      nlb:
        load_balancer_type: network
        internal: true
        subnets: [a, c]
        listeners: [{port: 80, protocol: TCP, target_group: web}]
expect:
  - {from: client, to: nlb, port: 80, result: pass}
"""


@pytest.mark.parametrize(
    ("crossing", "nodes"), [("", ["nlb.a"]), ("enable_cross_zone_load_balancing: true", ["nlb.a", "nlb.c"])]
)
def test_a_load_balancers_name_is_its_nodes_that_have_targets(crossing: str, nodes: list[str]) -> None:
    """LB-03, LB-22: a node without any is out of DNS."""
    topology, problems = load(BALANCED.replace("internal: true", f"internal: true\n        {crossing}"))
    assert topology is not None, problems
    found, wrong = expand(topology, assign(topology)[0])
    assert not wrong
    assert [each.target for each in found] == nodes
