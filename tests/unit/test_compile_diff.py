"""What changes, in which order, and with which reason."""

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network

import pytest

from emulator import names
from emulator.compile.diff import TAMPERED, diff
from emulator.compile.state import (
    MAIN_RULE,
    NO_RULESET,
    Address,
    FlushConntrack,
    LinkUp,
    Netns,
    Route,
    Ruleset,
    Service,
    State,
    Step,
    Sysctl,
    Veth,
)
from emulator.topology.model import Topology
from tests.support.samples import ADDRESSES, EMPTY, instance, state, tcp, topology, vpc, with_group, with_vpc

ADDED = with_vpc(instances=(*vpc().instances, instance("new", "private", "dev")))


def kinds(steps: list[Step]) -> list[tuple[str, str, str]]:
    return [(step.verb, step.node, type(step.item).__name__) for step in steps]


def observed(held: State, node: str, **changes: object) -> State:
    """The state, with something in one namespace not as it should be."""
    return held._replace(namespaces={**held.namespaces, node: held.namespaces[node]._replace(**changes)})  # type: ignore[arg-type]


@pytest.mark.parametrize("held", [topology(), ADDED, topology(vpc(), vpc("other"))])
def test_nothing_to_do_when_all_is_as_it_should_be(held: Topology) -> None:
    assert diff(state(held), state(held)) == []


def test_a_new_lab_is_closed_before_it_is_open() -> None:
    """Rules before links are up, links before routes, routing tables before the rules that look them up."""
    steps = diff(EMPTY, state())

    def first(kind: type, node: str) -> int:
        return next(i for i, step in enumerate(steps) if isinstance(step.item, kind) and step.node == node)

    def last(kind: type, node: str) -> int:
        return max(i for i, step in enumerate(steps) if isinstance(step.item, kind) and step.node == node)

    for node in ("main.router", "igw", "nat", "internet"):
        assert last(Netns, node) < first(Ruleset, node) < first(LinkUp, node) < first(Route, node)
    assert last(Veth, "main.router") < first(LinkUp, "main.router")
    assert steps.index(Step("replace", "main.router", Sysctl("net/ipv4/ip_forward", "1"), "setting")) > first(
        Ruleset, "main.router"
    )
    assert isinstance(steps[-1].item, Service)


def test_rules_that_are_gone_are_told_from_those_of_a_new_namespace() -> None:
    (step,) = diff(observed(state(), "main.router", ruleset=None), state())
    assert (step.node, step.reason) == ("main.router", "the rules are gone")


def test_one_rule_changed_is_one_ruleset_replaced() -> None:
    steps = diff(state(), state(with_group("web", tcp(8080))))
    assert kinds(steps) == [("replace", "main.router", "Ruleset")]


def test_a_new_instance_touches_its_router_and_nothing_else() -> None:
    steps = diff(state(), state(ADDED))
    assert {step.node for step in steps} == {"new", "main.router"}
    assert not any(step.verb == "remove" for step in steps)
    assert [step for step in steps if isinstance(step.item, Veth)] == [
        Step("add", "main.router", next(v for v in state(ADDED).veths if v.peer_node == "new"), "the link to new")
    ]


def test_an_instance_gone_takes_its_link_and_namespace() -> None:
    steps = diff(state(ADDED), state())
    removed = [step.item for step in steps if step.verb == "remove"]
    assert [type(item) for item in removed] == [Veth, Netns]
    assert kinds(steps)[0] == ("replace", "main.router", "Ruleset")
    # The kernel drops what hangs on a deleted link by itself.
    assert not any(isinstance(item, Route) for item in removed)


def test_a_changed_route_is_replaced_in_place() -> None:
    tables = tuple(replace(table, routes=()) if table.name == "private" else table for table in vpc().route_tables)
    steps = diff(state(), state(with_vpc(route_tables=tables)))
    assert kinds(steps) == [("replace", "main.router", "Route")]
    assert steps[0].item == Route(names.route_table("private"), "0.0.0.0/0", "blackhole")


def test_a_new_private_address_is_a_new_eni() -> None:
    moved = ADDRESSES._replace(private={**ADDRESSES.private, "dev": IPv4Address("10.0.20.9")})
    steps = diff(state(), state(addresses=moved))
    assert [step.verb for step in steps if isinstance(step.item, Veth)] == ["remove", "add"]
    inside = [step.item for step in steps if step.node == "dev"]
    assert Address("eth0", "10.0.20.9", 24) in inside
    assert LinkUp("eth0") in inside
    assert not any(isinstance(item, Netns) for item in inside)


def test_a_translator_forgets_when_its_map_changes_and_a_nat_gateway_not_when_it_is_repaired() -> None:
    other = ADDRESSES._replace(public={**ADDRESSES.public, "web": IPv4Address("203.0.113.9")})
    assert ("replace", "igw", "FlushConntrack") in kinds(diff(state(), state(addresses=other)))
    broken = observed(state(), "nat", ruleset=Ruleset(TAMPERED))
    steps = diff(broken, state())
    assert kinds(steps) == [("replace", "nat", "Ruleset")]
    assert "somebody else" in steps[0].reason
    # An internet gateway's flows find their translation again, whatever somebody let in meanwhile is cut.
    broken = observed(state(), "igw", ruleset=Ruleset(TAMPERED))
    assert kinds(diff(broken, state())) == [("replace", "igw", "Ruleset"), ("replace", "igw", "FlushConntrack")]


def test_NAT_10_a_nat_gateway_forgets_the_address_that_goes_before_it_goes() -> None:
    held = state().namespaces["nat"].addresses
    more = observed(state(), "nat", addresses=held | {Address("lo", "10.0.10.9", 32)})
    steps = diff(more, state())
    assert [(step.verb, step.item) for step in steps] == [
        ("replace", FlushConntrack("10.0.10.9")),
        ("remove", Address("lo", "10.0.10.9", 32)),
    ]
    fewer = observed(state(), "nat", ruleset=Ruleset("other rules"))
    assert kinds(diff(fewer, state())) == [("replace", "nat", "Ruleset")]  # its connections go on


def test_NATI_01_what_an_appliance_was_given_goes_with_it() -> None:
    without = state()
    asked = observed(without, "dev", ruleset=NO_RULESET)
    ours = observed(without, "dev", ruleset=Ruleset("ours"))
    steps = diff(ours, asked)
    assert [(step.verb, step.node, step.item) for step in steps] == [
        ("replace", "dev", Sysctl("net/ipv4/ip_forward", "0")),
        ("remove", "dev", Ruleset("ours")),
    ]
    assert diff(without, asked) == []
    assert diff(observed(without, "dev", ruleset=Ruleset(TAMPERED)), asked) == []  # a table of the owner's own
    assert diff(ours, without) == []  # who was never asked about keeps what there is


def test_a_guest_keeps_what_it_added_and_gets_back_what_it_lost() -> None:
    whole = state().namespaces["dev"]
    extra = Route(254, "172.16.0.0/12", "unicast", "eth0", "10.0.20.9")
    assert diff(observed(state(), "dev", routes=whole.routes | {extra}), state()) == []
    assert kinds(diff(observed(state(), "dev", routes=frozenset({extra})), state())) == [("replace", "dev", "Route")]
    assert kinds(diff(observed(state(), "dev", up=frozenset({"lo"})), state())) == [("replace", "dev", "LinkUp")]


def test_a_router_is_exact() -> None:
    whole = state().namespaces["main.router"]
    extra = Route(254, "172.16.0.0/12", "unicast", "eni-dev", "10.0.20.4")
    assert kinds(diff(observed(state(), "main.router", routes=whole.routes | {extra}), state())) == [
        ("remove", "main.router", "Route")
    ]


def test_a_vpc_added_leaves_the_other_alone() -> None:
    steps = diff(state(), state(topology(vpc(), vpc("other"))))
    touched = {step.node for step in steps}
    assert touched == {"internet", "other.router", "igw-other", "nat-other", "web-other", "dev-other"}
    assert not any(step.verb == "remove" for step in steps)


def test_a_name_that_changes_its_kind_starts_anew() -> None:
    held = state()._replace(
        namespaces={**state().namespaces, "dev": state().namespaces["dev"]._replace(kind="outside_host")}
    )
    steps = diff(held, state())
    assert kinds(steps)[:2] == [("remove", "dev", "Netns"), ("add", "dev", "Netns")]
    assert ("add", "main.router", "Veth") in kinds(steps)


def test_reasons_speak_of_the_users_file() -> None:
    steps = diff(EMPTY, state())
    reasons = {step.reason for step in steps}
    assert "route table private: 0.0.0.0/0 to nat: new" in reasons
    assert "instance dev: new" in reasons


def test_overlapping_vpcs_do_not_meet() -> None:
    both = state(topology(vpc(), vpc("other")))
    assert both.namespaces["main.router"].neighbours.isdisjoint(both.namespaces["other.router"].neighbours)
    assert IPv4Network("10.0.0.0/16") == vpc("other").cidr_block


def test_a_router_without_the_rule_for_its_main_table_gets_it_back() -> None:
    """`ip rule flush` takes the kernel's own rule along, and with it every route of the VPC."""
    steps = diff(observed(state(), "main.router", has_main_rule=False), state())
    assert [(step.verb, step.node, step.item) for step in steps] == [("add", "main.router", MAIN_RULE)]
    assert diff(observed(state(), "dev", has_main_rule=False), state()) == []  # a guest's is its owner's
