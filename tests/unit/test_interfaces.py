"""Several network interfaces and private addresses of an instance: from the file to what the kernel must hold."""

from ipaddress import IPv4Address

import pytest

from emulator.compile.diff import diff
from emulator.compile.lab import compile_lab
from emulator.compile.state import Address, Namespace, PolicyRule, Route, State
from emulator.compile.words import describe
from emulator.errors import UsageError
from emulator.lab import nodes, view
from emulator.report import plan
from emulator.topology.addresses import assign
from emulator.topology.changes import changes
from emulator.topology.given import Addresses
from emulator.topology.instances import PrivateAddress
from emulator.topology.load import load
from emulator.topology.model import Target, Topology

TOPOLOGY = """
name: lab
vpcs:
  main:
    cidr_block: 10.0.0.0/16
    internet_gateway: igw
    subnets:
      outside: {cidr_block: 10.0.1.0/24, route_table: public}
      inside: {cidr_block: 10.0.2.0/24}
    route_tables:
      public: {routes: {0.0.0.0/0: igw}}
      main: {routes: {0.0.0.0/0: fw.eth1, 192.0.2.0/24: web.eth0}}
    security_groups:
      web: {ingress: [{protocol: tcp, port: 80, from: admin}]}
      admin: {ingress: []}
    instances:
      web: {subnet: outside, security_groups: [web]}
      fw:
        subnet: outside
        security_groups: [web]
        private_ip: 10.0.1.10
        elastic_ip: 203.0.113.1
        secondary_private_ips: [10.0.1.11, auto, {elastic_ip: 203.0.113.2}]
        network_interfaces:
          - {subnet: inside, security_groups: [admin], source_dest_check: false, secondary_private_ips: [auto]}
internet:
  hosts:
    far: {ip: 45.83.64.9}
"""
BLOCK_INTERFACES = TOPOLOGY[TOPOLOGY.index("        network_interfaces") : TOPOLOGY.index("internet:\n")]


def parse(text: str = TOPOLOGY) -> Topology:
    topology, problems = load(text)
    assert topology is not None, problems
    return topology


def compiled(text: str = TOPOLOGY, held: Addresses | None = None) -> State:
    topology = parse(text)
    return compile_lab(topology, assign(topology, held)[0])


def guest(state: State) -> Namespace:
    return state.namespaces["fw"]


def test_an_instance_has_its_interfaces_in_order() -> None:
    fw = parse().vpcs[0].instances[1]
    primary, further = fw.interfaces
    assert (primary.name, further.name) == ("fw", "fw.eth1")
    assert (further.device_index, further.subnet, further.security_groups) == (1, "inside", ("admin",))
    assert (primary.source_dest_check, further.source_dest_check) == (True, False)
    assert primary.addresses == (
        PrivateAddress(IPv4Address("10.0.1.10"), IPv4Address("203.0.113.1")),
        PrivateAddress(IPv4Address("10.0.1.11")),
        PrivateAddress(),
        PrivateAddress(None, IPv4Address("203.0.113.2")),
    )


def test_RT_33_a_route_names_an_interface() -> None:
    routes = next(table for table in parse().vpcs[0].route_tables if table.name == "main").routes
    assert [route.target for route in routes] == [Target("instance", "fw.eth1"), Target("instance", "web")]


def test_RT_40_the_interface_of_a_terminated_instance_leaves_a_blackhole() -> None:
    gone = TOPOLOGY.replace("      fw:\n", "      fw:\n        state: terminated\n")
    routes = next(table for table in parse(gone).vpcs[0].route_tables if table.name == "main").routes
    assert routes[0].target == Target("blackhole", "fw.eth1")


@pytest.mark.parametrize("wanted", ["", ", associate_public_ip_address: false"])
def test_SUB_17_only_an_instance_with_one_interface_is_assigned_a_public_ip(wanted: str) -> None:
    public = TOPOLOGY.replace("route_table: public}", "route_table: public, map_public_ip_on_launch: true}")
    public = public.replace("        elastic_ip: 203.0.113.1\n", "").replace("[web]}", f"[web]{wanted}}}")
    web, fw = parse(public).vpcs[0].instances
    assert (web.public_ip, fw.public_ip) == (None if wanted else "auto", None)


def test_every_address_has_its_slot() -> None:
    private, public, _ = assign(parse())[0]
    assert {name: str(ip) for name, ip in private.items() if name != "web"} == {
        "fw": "10.0.1.10",
        "fw+1": "10.0.1.11",
        "fw+2": "10.0.1.5",
        "fw+3": "10.0.1.6",
        "fw.eth1": "10.0.2.4",
        "fw.eth1+1": "10.0.2.5",
    }
    assert {name: str(ip) for name, ip in public.items() if name != "far"} == {
        "fw": "203.0.113.1",
        "fw+3": "203.0.113.2",
    }


def test_SUB_18_a_newcomer_renumbers_no_interface() -> None:
    before = assign(parse())[0]
    edited = TOPOLOGY.replace("      web: {subnet: outside", "      aa: {subnet: inside}\n      web: {subnet: outside")
    after = assign(parse(edited), before)[0]
    assert before.private.items() <= after.private.items()
    assert after.private["aa"] == IPv4Address("10.0.2.6")


def test_inside_an_instance_replies_leave_by_the_interface_of_their_address() -> None:
    held = guest(compiled())
    assert held.up == {"lo", "eth0", "eth1"}
    assert held.addresses == {
        Address("eth0", "10.0.1.10", 24),
        *(Address("eth0", ip, 32, "eth0:eni") for ip in ("10.0.1.11", "10.0.1.5", "10.0.1.6")),
        Address("eth1", "10.0.2.4", 24),
        Address("eth1", "10.0.2.5", 32, "eth1:eni"),
    }
    assert held.routes == {
        Route(254, "0.0.0.0/0", "unicast", "eth0", "10.0.1.1"),
        Route(10000, "0.0.0.0/0", "unicast", "eth0", "10.0.1.1"),
        Route(10001, "0.0.0.0/0", "unicast", "eth1", "10.0.2.1"),
    }
    outside = ("10.0.1.10", "10.0.1.11", "10.0.1.5", "10.0.1.6")
    assert held.rules == {
        *(PolicyRule(10000, 0, 10000, ip) for ip in outside),
        *(PolicyRule(10000, 0, 10001, ip) for ip in ("10.0.2.4", "10.0.2.5")),
    }


def test_an_appliance_finds_the_VPC_behind_its_inner_interface() -> None:
    held = guest(compiled(TOPOLOGY.replace("      fw:\n", "      fw:\n        services: [nat]\n")))
    assert Route(254, "10.0.0.0/16", "unicast", "eth1", "10.0.2.1") in held.routes
    assert held.ruleset is not None
    # What it says itself keeps the address that it was given, and so its own public one.
    assert 'oifname { "eth0", "eth1" } ip saddr != { 10.0.1.10, ' in held.ruleset.text
    checked = TOPOLOGY.replace("source_dest_check: false", "source_dest_check: true")
    managed = guest(compiled(checked.replace("      fw:\n", "      fw:\n        services: [nat]\n")))
    assert not [route for route in managed.routes if route.destination == "10.0.0.0/16"], "a management interface"


def test_a_plan_says_what_they_are_for() -> None:
    steps = diff(
        State("lab", {}, frozenset()), compiled(TOPOLOGY.replace("      fw:\n", "      fw:\n        services: [nat]\n"))
    )
    said = {describe(step.item): step.reason for step in steps if step.node == "fw"}
    assert said["address 10.0.1.11/32 on eth0"] == "secondary private IP of eth0: new"
    assert said["rule 10000: from 10.0.2.5 looks up table 10001"] == "what has an address of eth1: new"
    assert said["route 0.0.0.0/0 via 10.0.2.1 on eth1 in table 10001"] == "leaves by eth1: new"
    assert said["route 10.0.0.0/16 via 10.0.2.1 on eth1"] == "the VPC lies behind eth1: new"
    assert said["route 0.0.0.0/0 via 10.0.1.1 on eth0"] == "new"


def test_the_router_knows_each_interface_as_one_of_its_own() -> None:
    state = compiled()
    ends = {(veth.link, veth.peer_link) for veth in state.veths if veth.peer_node == "fw"}
    assert ends == {("eni-fw", "eth0"), ("eni1-fw", "eth1")}
    assert len({veth.peer_mac for veth in state.veths}) == len(state.veths)
    text = state.namespaces["main.router"].ruleset
    assert text is not None
    own = next(line for line in text.text.splitlines() if "own_address" in line or "10.0.1.11" in line)
    assert own
    for ip in ("10.0.1.10", "10.0.1.11", "10.0.1.5", "10.0.1.6"):
        assert f'. {ip} . "eni-fw"' in text.text
        assert f'{ip} . "eni1-fw"' not in text.text
    assert '"eni-fw" : goto ingress.web' in text.text
    assert '"eni1-fw" : goto ingress.admin' in text.text
    members = text.text[text.text.index("set members.admin") :].partition("}\n")[0]
    assert '10.0.2.4 . "eni1-fw"' in members
    assert '10.0.2.5 . "eni1-fw"' in members
    assert "10.0.1.10" not in members


def test_a_secondary_address_comes_and_goes_without_the_link() -> None:
    topology = parse()
    held = assign(topology)[0]
    before = compile_lab(topology, held)
    fewer = compiled(TOPOLOGY.replace("[10.0.1.11, auto, {elastic", "[10.0.1.11, 10.0.1.5, {elastic"), held)
    assert before.veths == fewer.veths
    gone = compiled(TOPOLOGY.replace("[10.0.1.11, auto, {elastic_ip: 203.0.113.2}]", "[10.0.1.11]"), held)
    steps = [step for step in diff(before, gone) if step.node == "fw"]
    assert [(step.verb, step.item) for step in steps] == [
        *(("remove", PolicyRule(10000, 0, 10000, ip)) for ip in ("10.0.1.5", "10.0.1.6")),
        *(("remove", Address("eth0", ip, 32, "eth0:eni")) for ip in ("10.0.1.5", "10.0.1.6")),
    ]
    assert steps[-1].reason == "secondary private IP of eth0: its network interface has it no longer"


def test_an_interface_that_goes_takes_its_rules_along_and_no_others() -> None:
    before = compiled()
    after = compiled(TOPOLOGY.replace(BLOCK_INTERFACES, "").replace("0.0.0.0/0: fw.eth1, ", ""))
    own = PolicyRule(5000, 0, 42, "10.0.1.10")
    inside = before.namespaces["fw"]
    before.namespaces["fw"] = inside._replace(rules=inside.rules | {own})
    gone = [step.item for step in diff(before, after) if step.node == "fw" and step.verb == "remove"]
    assert set(gone) == inside.rules | {Route(10000, "0.0.0.0/0", "unicast", "eth0", "10.0.1.1")}
    assert [veth.peer_link for veth in before.veths - after.veths] == ["eth1"]


def test_RT_42_of_a_stopped_instance_no_interface_is_there_and_all_addresses_stay() -> None:
    state = compiled(TOPOLOGY.replace("      fw:\n", "      fw:\n        state: stopped\n"))
    router = state.namespaces["main.router"]
    assert not [veth for veth in state.veths if veth.peer_node == "fw"]
    assert not [route for route in router.routes if route.link.endswith("-fw")]
    assert router.ruleset is not None
    assert '10.0.2.4 . "eni1-fw"' in router.ruleset.text, "SG-30: it still carries its group"
    assert compiled().namespaces.keys() - state.namespaces.keys() == {"fw"}


def test_names_lead_to_every_interface() -> None:
    topology = parse()
    seen = nodes.view(topology, assign(topology)[0])
    assert view.hosts(seen, "web").splitlines() == [
        "127.0.0.1 localhost",
        "10.0.1.4 web",
        "45.83.64.9 far",
        "10.0.1.10 fw",
        "10.0.1.10 fw.eth0",
        "10.0.2.4 fw.eth1",
    ]
    assert view.hosts(seen, "far").splitlines()[2:] == ["203.0.113.1 fw", "203.0.113.1 fw.eth0"]
    assert view.public(seen) == {"far": "45.83.64.9", "fw": "203.0.113.1", "fw.eth0": "203.0.113.1"}


def test_an_interface_is_no_node_to_enter() -> None:
    topology = parse()
    seen = nodes.view(topology, assign(topology)[0])
    with pytest.raises(UsageError, match=r"fw\.eth1 is a network interface") as refused:
        view.node(seen, "fw.eth1")
    assert refused.value.hint == "it is inside fw"


def words(old: str, new: str) -> list[str]:
    found = changes(parse(old), parse(new))
    return [line.strip() for line in plan.changes_text(found)[1:]]


def test_an_edit_of_addresses_and_interfaces_in_words() -> None:
    edited = TOPOLOGY.replace("[10.0.1.11, auto, {elastic", "[10.0.1.12, {elastic")
    assert words(TOPOLOGY, edited) == [
        "~ instance fw: secondary private IP: 10.0.1.11 -> 10.0.1.12",
        "~ instance fw: secondary private IP: a free one -> a free one with 203.0.113.2",
        "- instance fw: secondary private IP a free one with 203.0.113.2",
    ]
    swapped = TOPOLOGY.replace("{subnet: inside, security_groups: [admin], ", "{subnet: inside, private_ip: 10.0.2.9, ")
    assert words(TOPOLOGY, swapped) == [
        "~ instance fw: eth1 private_ip: none -> 10.0.2.9",
        "~ instance fw: eth1 security_groups: admin -> default",
    ]
    without = TOPOLOGY.replace(BLOCK_INTERFACES, "").replace("0.0.0.0/0: fw.eth1, ", "")
    assert "- instance fw: network interface eth1 in inside, and a free one" in words(TOPOLOGY, without)
    assert "+ instance fw: network interface eth1 in inside, and a free one" in words(without, TOPOLOGY)
    fresh = words(TOPOLOGY.replace("      fw:\n", "      new:\n").replace("fw.eth1", "new.eth1"), TOPOLOGY)
    assert "+ network interface eth1 in inside, and a free one" in fresh
    fixed = swapped.replace("10.0.2.9", "10.0.2.9, elastic_ip: 203.0.113.7")
    told = "+ instance fw: network interface eth1 in inside at 10.0.2.9 with 203.0.113.7, and a free one"
    assert told in words(without, fixed)
    assert "+ secondary private IP 10.0.1.11" in fresh
