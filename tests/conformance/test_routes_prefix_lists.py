"""Prefix lists as destinations of routes: who wins, what counts, and what an edit of a list moves."""

from collections.abc import Iterator

import pytest

from emulator.topology.load import load
from tests.support import lab as labs
from tests.support.lab import Lab, edited
from tests.support.probes import Probe, check, passes

FIRST, SECOND, THIRD = "203.0.113.1", "203.0.113.2", "203.0.113.3"

# Which NAT gateway a packet took shows in the source address that the far side sees.
TOPOLOGY = """
prefix_lists:
  office: {entries: [198.51.100.0/24, 45.83.64.0/24, 93.184.216.0/24, 10.0.2.0/24, 10.0.0.0/16]}
  branch: {max_entries: 10, entries: [93.184.216.0/24, 198.51.100.130/32]}
vpcs:
  main:
    cidr_block: 10.0.0.0/16
    internet_gateway: igw
    subnets:
      hq: {cidr_block: 10.0.1.0/24, route_table: q}
      hr: {cidr_block: 10.0.2.0/24}
      public: {cidr_block: 10.0.9.0/24, route_table: public}
    route_tables:
      q: {routes: {0.0.0.0/0: first, office: second, 198.51.100.0/28: first, 45.83.64.0/24: third, branch: third}}
      public: {routes: {everywhere: igw}}
    nat_gateways:
      first: {subnet: public, elastic_ip: 203.0.113.1}
      second: {subnet: public, elastic_ip: 203.0.113.2}
      third: {subnet: public, elastic_ip: 203.0.113.3}
    security_groups:
      open: {ingress: [{protocol: all, from: 0.0.0.0/0}]}
    instances:
      hq: {subnet: hq, security_groups: [open]}
      hr: {subnet: hr, security_groups: [open]}
internet:
  hosts:
    listed: {ip: 198.51.100.77}
    static: {ip: 198.51.100.7}
    narrow: {ip: 198.51.100.130}
    equal: {ip: 45.83.64.9}
    both: {ip: 93.184.216.34}
    rest: {ip: 8.8.8.8}
"""
TOPOLOGY = edited(TOPOLOGY, {"prefix_lists:\n": "prefix_lists:\n  everywhere: {entries: [0.0.0.0/0]}\n"})


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with labs.up(TOPOLOGY) as up:
        serve(up)
        yield up


def serve(lab: Lab) -> None:
    for node in ("hq", "hr", "listed", "static", "narrow", "equal", "both", "rest"):
        lab.serve(node, tcp=(80,))


def leaves(to: str, gateway: str) -> list[Probe]:
    return [Probe("hq", to, "tcp", 80, seen_as=gateway)]


def codes(text: str) -> list[str]:
    return [problem.code for problem in load(f"name: lab\n{text}")[1] if not problem.warning]


def test_RT_51_static_beats_a_prefix_list() -> None:
    """Of a static route and a prefix list's entry for the same block the static one is used; without it, the list."""
    with labs.up(TOPOLOGY) as lab:
        serve(lab)
        check(lab, leaves("equal", THIRD), leaves("listed", SECOND))
        lab.up(edited(TOPOLOGY, {" 45.83.64.0/24: third,": ""}))
        check(lab, leaves("equal", SECOND), leaves("listed", SECOND))


def test_RT_55_the_more_specific_wins(lab: Lab) -> None:
    """Between a static route and a prefix list's entry, and between two lists, the longer prefix wins."""
    check(lab, leaves("listed", SECOND), leaves("static", FIRST), leaves("narrow", THIRD), leaves("rest", FIRST))


def test_RT_55_two_lists_hold_one_block() -> None:
    """Of two prefix lists that hold the same block one is chosen, and kept when another list comes after it."""
    with labs.up(TOPOLOGY) as lab:
        serve(lab)
        check(lab, leaves("both", SECOND))
        more = "third}"
        lab.up(
            edited(
                TOPOLOGY,
                {
                    f"branch: {more}": f"branch: third, {'more: first}'}",
                    "vpcs:\n": "  more: {entries: [93.184.216.0/24]}\nvpcs:\n",
                },
            )
        )
        check(lab, leaves("both", SECOND))


def test_RT_05_an_entry_inside_the_VPC(lab: Lab) -> None:
    """A prefix list's entry inside the VPC's own block is passed over: local goes on to decide there."""
    check(lab, [Probe("hq", "hr", "tcp", 80, seen_as=lab.private("hq"))], passes("hr", "hq", "icmp"))


def test_RT_55_a_list_is_edited() -> None:
    """An entry that comes, goes or moves in a prefix list moves the routes of a running lab at once."""
    with labs.up(TOPOLOGY) as lab:
        serve(lab)
        check(lab, leaves("listed", SECOND), leaves("rest", FIRST))
        outcome = lab.up(edited(TOPOLOGY, {"{entries: [198.51.100.0/24, ": "{entries: [8.8.8.0/24, "}))
        check(lab, leaves("listed", FIRST), leaves("rest", SECOND))
        assert [(change.verb, change.text) for change in outcome.plan.changes] == [
            ("remove", "198.51.100.0/24 of office"),
            ("add", "8.8.8.0/24 of office"),
        ]
        assert any("8.8.8.0/24 (prefix list office) to second" in step.reason for step in outcome.plan.steps)


def test_RT_56_a_list_counts_for_what_it_may_hold() -> None:
    """A prefix list counts as its maximum number of entries against the quota of a route table."""
    limit = "max_entries: 10, "
    assert codes(edited(TOPOLOGY, {limit: "max_entries: 992, "})) == []  # 992, 5 of office and 3 routes
    assert codes(edited(TOPOLOGY, {limit: "max_entries: 993, "})) == ["RouteLimitExceeded"]


def test_GRT_04_no_prefix_list_in_an_edge_table() -> None:
    """A prefix list cannot be a destination in the route table of an internet gateway."""

    def with_edge(route: str) -> str:
        table = f"      edge: {{routes: {{{route}}}}}\n      public: {{"
        gateway = {"internet_gateway: igw": "internet_gateway: {name: igw, route_table: edge}"}
        return edited(TOPOLOGY, {**gateway, "      public: {routes": f"{table}routes"})

    assert codes(with_edge("10.0.2.0/24: hr")) == []
    assert codes(with_edge("office: hr")) == ["InvalidParameterValue"]
