"""Route tables of the implicit router: the local route, the longest prefix, and targets that are gone."""

from collections.abc import Iterator

import pytest

from emulator.topology.load import load
from tests.support import lab as labs
from tests.support.lab import Lab, edited
from tests.support.probes import Probe, check, drops, passes

# T-14 and T-15 have a peering and a transit gateway as targets. What they show is the choice between two prefixes, so
# two NAT instances stand in for them: who was chosen shows in the source address that the far side sees.
TOPOLOGY = """
vpcs:
  main:
    cidr_block: 10.0.0.0/16
    internet_gateway: igw
    subnets:
      hq: {cidr_block: 10.0.1.0/24, route_table: q}
      hr: {cidr_block: 10.0.2.0/24}
      public: {cidr_block: 10.0.9.0/24, route_table: public}
    route_tables:
      q: {routes: {0.0.0.0/0: nat, 172.32.0.0/12: one, 172.33.5.0/24: two, 45.83.64.0/24: gone}}
      public: {routes: {0.0.0.0/0: igw}}
    nat_gateways:
      nat: {subnet: public, elastic_ip: 52.1.1.3}
    security_groups:
      open: {ingress: [{protocol: all, from: 0.0.0.0/0}]}
    instances:
      hq: {subnet: hq, security_groups: [open]}
      hr: {subnet: hr, security_groups: [open]}
      one: {subnet: public, elastic_ip: 52.1.1.1, source_dest_check: false, security_groups: [open], services: [nat]}
      two: {subnet: public, elastic_ip: 52.1.1.2, source_dest_check: false, security_groups: [open], services: [nat]}
      gone: {subnet: public, state: terminated}
internet:
  hosts:
    narrow: {ip: 172.33.5.9}
    wide: {ip: 172.33.6.1}
    rest: {ip: 93.184.216.34}
    hole: {ip: 45.83.64.9}
"""


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with labs.up(TOPOLOGY) as up:
        for node in ("hq", "hr", "one", "narrow", "wide", "rest", "hole"):
            up.serve(node, tcp=(80,))
        yield up


def refused(text: str, code: str) -> bool:
    topology, problems = load(f"name: lab\n{text}")
    return topology is None and [problem.code for problem in problems if not problem.warning] == [code]


def accepted(text: str) -> bool:
    return load(f"name: lab\n{text}")[0] is not None


def test_T_10_local(lab: Lab) -> None:
    """Two subnets of one VPC reach each other without any route being written."""
    check(lab, [Probe("hq", "hr", "tcp", 80, seen_as=lab.private("hq"))], passes("hr", "hq", "icmp"))


def test_T_12_the_local_route_cannot_be_deleted() -> None:
    """The local route cannot be deleted from a route table."""
    # A file has no way to say so: a table without routes has it, and each attempt to give its block nothing is refused.
    local = "0.0.0.0/0: nat, "
    assert accepted(TOPOLOGY)
    assert accepted(
        edited(TOPOLOGY, {"public: {routes: {0.0.0.0/0: igw}}": "public: {routes: {0.0.0.0/0: igw}}\n      bare: {}"})
    )
    assert refused(edited(TOPOLOGY, {local: f"{local}10.0.0.0/16: blackhole, "}), "RouteAlreadyExists")
    assert refused(edited(TOPOLOGY, {local: f"{local}10.0.0.0/16: none, "}), "InvalidGatewayID.NotFound")


def test_T_13_more_specific_than_local() -> None:
    """A route inside the VPC's block is for a whole subnet, and its target an instance or a NAT gateway."""

    def with_route(route: str) -> str:
        return edited(TOPOLOGY, {"0.0.0.0/0: nat, ": f"0.0.0.0/0: nat, {route}, "})

    assert refused(with_route("10.0.2.0/24: igw"), "InvalidParameterValue")
    assert refused(with_route("10.0.2.0/25: one"), "InvalidParameterValue")
    assert accepted(with_route("10.0.2.0/24: one"))
    assert accepted(with_route("10.0.2.0/24: nat"))


def test_T_14_the_longest_prefix(lab: Lab) -> None:
    """Of two routes that hold a destination the one with the longer prefix is used."""
    check(
        lab,
        [
            Probe("hq", "narrow", "tcp", 80, seen_as="52.1.1.2"),
            Probe("hq", "wide", "tcp", 80, seen_as="52.1.1.1"),
            Probe("hq", "rest", "tcp", 80, seen_as="52.1.1.3"),
        ],
    )


def test_RT_40_a_terminated_instance(lab: Lab) -> None:
    """A route to a terminated instance stays in its table as a blackhole."""
    check(lab, drops("hq", "hole", "tcp", 80), passes("hq", "rest", "tcp", 80), passes("one", "hole", "tcp", 80))


def test_T_15_a_target_is_deleted() -> None:
    """The route to a target that is deleted is a blackhole: it drops, though a default route is there."""
    with labs.up(TOPOLOGY) as lab:
        for node in ("narrow", "wide", "rest"):
            lab.serve(node, tcp=(80,))
        check(lab, passes("hq", "wide", "tcp", 80), passes("hq", "narrow", "tcp", 80))
        lab.up(edited(TOPOLOGY, {" one: {subnet: public,": " one: {state: terminated, subnet: public,"}))
        check(
            lab,
            drops("hq", "wide", "tcp", 80),
            passes("hq", "narrow", "tcp", 80),
            [Probe("hq", "rest", "tcp", 80, seen_as="52.1.1.3")],
        )


def test_RT_41_a_blackhole_wins(lab: Lab) -> None:
    """A blackhole still wins by its prefix, and the default route beside it is not used instead."""
    check(lab, drops("hq", "hole", "icmp"), drops("hq", "hole", "tcp", 80), passes("hq", "rest", "icmp"))


def test_T_18_an_association_is_removed() -> None:
    """A subnet whose association with a route table is removed uses the main one at once."""
    with labs.up(TOPOLOGY) as lab:
        lab.serve("rest", tcp=(80,))
        lab.serve("hr", tcp=(80,))
        check(lab, passes("hq", "rest", "tcp", 80))
        lab.up(edited(TOPOLOGY, {"hq: {cidr_block: 10.0.1.0/24, route_table: q}": "hq: {cidr_block: 10.0.1.0/24}"}))
        check(lab, drops("hq", "rest", "tcp", 80), passes("hq", "hr", "tcp", 80))


def test_T_19_an_edge_table_with_a_default_route() -> None:
    """A route table that holds 0.0.0.0/0 cannot be associated with an internet gateway."""
    gateway = "internet_gateway: igw"
    assert refused(
        edited(TOPOLOGY, {gateway: "internet_gateway: {name: igw, route_table: public}"}), "InvalidParameterValue"
    )


def test_GRT_02_what_an_edge_table_holds() -> None:
    """An edge route table holds the VPC's blocks and whole subnets, and nothing else."""

    def with_route(route: str) -> str:
        table = f"edge: {{routes: {{{route}}}}}\n      public: {{routes: {{0.0.0.0/0: igw}}}}"
        changes = {"internet_gateway: igw": "internet_gateway: {name: igw, route_table: edge}"}
        return edited(TOPOLOGY, {**changes, "public: {routes: {0.0.0.0/0: igw}}": table})

    for route in ("10.0.2.0/24: one", "10.0.0.0/16: one", "10.0.0.0/16: local"):
        assert accepted(with_route(route)), route
    for route in ("10.0.2.0/25: one", "192.0.2.0/24: one", "10.0.2.0/24: nat"):
        assert refused(with_route(route), "InvalidParameterValue"), route


def test_T_25_detaching_the_internet_gateway() -> None:
    """An internet gateway cannot be detached while public addresses of the VPC are mapped."""
    assert refused(
        edited(TOPOLOGY, {"internet_gateway: igw": "internet_gateway: {name: igw, attached: false}"}),
        "DependencyViolation",
    )


def test_IGW_15_a_detached_gateway_leaves_blackholes() -> None:
    """The routes to a detached internet gateway stay as blackholes."""
    text = """
vpcs:
  main:
    cidr_block: 10.0.0.0/16
    internet_gateway: igw
    subnets: {a: {cidr_block: 10.0.1.0/24}, b: {cidr_block: 10.0.2.0/24, route_table: b}}
    route_tables: {main: {routes: {0.0.0.0/0: igw}}, b: {}}
    security_groups: {open: {ingress: [{protocol: all, from: 0.0.0.0/0}]}}
    instances:
      a: {subnet: a, security_groups: [open]}
      b: {subnet: b, security_groups: [open]}
internet: {hosts: {far: {ip: 45.83.64.9}}}
"""
    with labs.up(text) as lab:
        lab.serve("b", tcp=(80,))
        lab.up(edited(text, {"internet_gateway: igw": "internet_gateway: {name: igw, attached: false}"}))
        assert "igw" not in lab.state.namespaces
        assert any("igw" in label for label in lab.state.labels.values())
        check(lab, drops("a", "far", "tcp", 80), passes("a", "b", "tcp", 80))
