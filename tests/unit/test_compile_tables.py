"""The one route per destination, the longest prefix, and which kernel table a subnet uses."""

from ipaddress import IPv4Address, IPv4Network
from itertools import permutations
from pathlib import Path

import pytest

from emulator.compile.lab import compile_lab
from emulator.compile.tables import LOCAL, Candidate, Origin, candidates, effective, kernel_tables, lookup, number_for
from emulator.topology.addresses import assign
from emulator.topology.load import load
from emulator.topology.model import Target, Topology, Vpc

LESSONS = Path(__file__).parents[2] / "topologies"
BLOCK = "10.0.0.0/16"


def candidate(destination: str, name: str, origin: Origin) -> Candidate:
    if origin == "local":
        return Candidate(IPv4Network(destination), LOCAL, "local")
    return Candidate(IPv4Network(destination), Target("instance", name), origin)


def winner(address: str, *held: Candidate) -> str:
    found = {chosen(lookup(effective(order), IPv4Address(address))) for order in permutations(held)}
    assert len(found) == 1, f"the order of the candidates counts: {found}"
    return found.pop()


def chosen(candidate: Candidate | None) -> str:
    if candidate is None:
        return ""
    return candidate.target.name if isinstance(candidate.target, Target) else candidate.target


LOCAL_ROUTE = candidate(BLOCK, "", "local")


def test_RT_51_static_beats_prefix_list_beats_propagated() -> None:
    static = candidate("10.9.0.0/16", "static", "static")
    listed = candidate("10.9.0.0/16", "listed", "prefix_list")
    propagated = candidate("10.9.0.0/16", "propagated", "propagated")
    assert winner("10.9.1.1", static, listed, propagated) == "static"
    assert winner("10.9.1.1", listed, propagated) == "listed"
    assert winner("10.9.1.1", propagated, LOCAL_ROUTE) == "propagated"


def test_RT_50_RT_55_the_longer_prefix_whatever_its_origin() -> None:
    wide = candidate("172.16.0.0/12", "wide", "static")
    origins: tuple[Origin, ...] = ("prefix_list", "propagated")
    for origin in origins:
        narrow = candidate("172.16.5.0/24", "narrow", origin)
        assert winner("172.16.5.9", wide, narrow) == "narrow"
        assert winner("172.16.6.1", wide, narrow) == "wide"


def test_RT_12_local_beats_what_is_propagated_inside_the_VPC() -> None:
    inside = candidate("10.0.2.0/25", "vgw", "propagated")
    same = candidate(BLOCK, "vgw", "propagated")
    assert winner("10.0.2.1", LOCAL_ROUTE, inside, same) == LOCAL


def test_RT_04_RT_05_a_static_route_replaces_or_undercuts_local() -> None:
    assert winner("10.0.2.1", LOCAL_ROUTE, candidate("10.0.2.0/24", "fw", "static")) == "fw"
    assert winner("10.0.2.1", LOCAL_ROUTE, candidate(BLOCK, "fw", "static")) == "fw"


def test_no_route() -> None:
    assert winner("8.8.8.8", LOCAL_ROUTE) == ""


def topology(routes: str) -> Topology:
    text = f"""
name: lab
prefix_lists:
  office: {{entries: [10.0.1.0/24, 10.0.0.0/8, 10.9.0.0/16, 169.254.170.0/24, 100.64.0.0/16]}}
  branch: {{entries: [10.9.0.0/16, 10.8.0.0/16]}}
vpcs:
  main:
    cidr_block: 10.0.0.0/16
    secondary_cidr_blocks: [100.64.0.0/16]
    subnets:
      a: {{cidr_block: 10.0.1.0/24, route_table: t}}
      b: {{cidr_block: 10.0.2.0/24, route_table: t}}
      c: {{cidr_block: 100.64.1.0/24, route_table: t}}
    route_tables: {{t: {{routes: {{{routes}}}}}}}
    instances: {{fw: {{subnet: c, source_dest_check: false}}}}
"""
    loaded, problems = load(text)
    assert loaded is not None, problems
    return loaded


def vpc(routes: str) -> Vpc:
    return topology(routes).vpcs[0]


@pytest.mark.parametrize(
    ("routes", "variants"),
    [
        ("0.0.0.0/0: fw", ""),
        ("10.0.0.0/8: fw", ""),  # less specific than local, which wins
        ("10.0.2.0/24: fw", "b"),
        ("10.0.0.0/16: fw", "ab"),
        ("100.64.0.0/16: fw", "c"),
        ("office: fw", ""),  # its entries inside the VPC's blocks are passed over
    ],
)
def test_RT_08_only_a_subnet_whose_own_traffic_is_captured_gets_a_variant(routes: str, variants: str) -> None:
    held = vpc(routes)
    found = {table.subnet.name for table in kernel_tables(held) if table.subnet}
    assert found == set(variants)
    numbers = {number_for(held, subnet) for subnet in held.subnets}
    assert len(numbers) == len(variants) + (len(variants) < 3)
    assert numbers <= {table.number for table in kernel_tables(held)}


def test_RT_55_the_entries_of_a_prefix_list_that_count() -> None:
    lab = topology("office: fw, 10.9.0.0/16: blackhole, branch: fw")
    (main,) = (table for table in lab.vpcs[0].route_tables if table.name == "t")
    lists = {held.name: held for held in lab.prefix_lists}
    listed = [held for held in candidates(lab.vpcs[0], main, lists) if held.origin == "prefix_list"]
    assert [(str(held.destination), held.prefix_list) for held in listed] == [
        ("10.0.0.0/8", "office"),
        ("10.9.0.0/16", "office"),
        ("10.9.0.0/16", "branch"),
        ("10.8.0.0/16", "branch"),
    ]


def test_RT_55_of_two_lists_the_one_that_the_table_names_first() -> None:
    lab = topology("branch: blackhole, office: fw")
    (main,) = (table for table in lab.vpcs[0].route_tables if table.name == "t")
    chosen = effective(candidates(lab.vpcs[0], main, {held.name: held for held in lab.prefix_lists}))
    assert chosen[IPv4Network("10.9.0.0/16")].prefix_list == "branch"
    assert chosen[IPv4Network("10.0.0.0/8")].prefix_list == "office"


def test_TGW_05_a_route_that_drops_for_want_of_an_attachment_says_so() -> None:
    """What a trace tells of the drop; an attachment without the zone looks right in the route table."""
    topology, _ = load((LESSONS / "transit-gateway-pair.yaml").read_text(), "")
    assert topology
    labels = compile_lab(topology, assign(topology)[0]).labels
    told = [label for (node, _), label in labels.items() if node == "one.router" and "10.2.0.0/16 to tgw" in label]
    assert "route table main: 10.2.0.0/16 to tgw" in told
    assert "route table main: 10.2.0.0/16 to tgw: VPC one has no attachment in zone ap-northeast-1c" in told
