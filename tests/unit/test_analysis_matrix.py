"""Everybody with everybody says what one question at a time says, and costs what the number of classes costs."""

import random
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from emulator.analysis import Analyzer
from emulator.analysis.endpoints import endpoints
from emulator.analysis.matrix import Matrix
from emulator.analysis.packets import ICMP, TCP, UDP
from emulator.analysis.world import World
from emulator.topology.addresses import assign
from emulator.topology.flows import Flow, Protocol
from emulator.topology.given import Addresses
from emulator.topology.load import load
from emulator.topology.model import Topology
from tests.differential.documents import document, text
from tests.support.asked import read

LESSONS = sorted((Path(__file__).parents[2] / "topologies").glob("*.yaml"))
PROTOCOLS: dict[int, Protocol] = {TCP: "tcp", UDP: "udp", ICMP: "icmp"}
PORTS = (22, 80, 443, 5432, 8080)


def disagreements(topology: Topology, addresses: Addresses, *, called_only: bool = False) -> tuple[int, list[str]]:
    """How many questions passed, and those that the matrix answers otherwise than the analyzer does.

    called_only: ask for what does not send itself, on the ports of listeners.
    """
    listening = {held.port for vpc in topology.vpcs for balancer in vpc.load_balancers for held in balancer.listeners}
    world, analyzer = World(topology, addresses), Analyzer(topology, addresses)
    matrix = Matrix(world, endpoints(world))
    passed, wrong = 0, []
    for protocol, word in PROTOCOLS.items():
        for port in matrix.ports(protocol).starts() if protocol != ICMP else [0]:
            if called_only and port not in listening:
                continue
            rows = matrix.reach(protocol, port)
            for number, held in enumerate(matrix.classes):
                for other, theirs in enumerate(matrix.classes):
                    for one in held.members:
                        for two in theirs.members:
                            if one.node == two.node or not one.sends or (called_only and two.sends):
                                continue
                            near = world.near(one.vpc, two.vpc) or two.public is None
                            to = IPv4Address(two.private if near else two.public or 0)
                            asked = Flow(one.node, IPv4Address(one.private), to, word, port)
                            found = analyzer.verdict(asked)
                            met = [found.receiver]
                            if not two.sends:  # with equal blocks, somebody else may have the address
                                met = [hop.component.name for hop in analyzer.analyze(asked).forward]
                            reached = found.result == "pass" and two.node in met
                            passed += reached
                            if reached != bool(rows[number] >> other & 1):
                                wrong.append(f"{one.name} to {two.name} {word} {port}: {found}")
    return passed, wrong


@pytest.mark.parametrize("file", LESSONS, ids=lambda file: file.stem)
def test_a_lesson_as_a_whole_is_what_its_flows_are(file: Path) -> None:
    topology, addresses = read(file.read_text())
    passed, wrong = disagreements(topology, addresses)
    assert wrong == []
    assert passed


@pytest.mark.parametrize("seed", [3, 7, 14, 26])
def test_load_balancers_and_endpoints_as_a_whole_are_what_their_flows_are(seed: int) -> None:
    """Who reaches any target by them, with every target that may be chosen (LB-20, PL-06)."""
    topology, _ = load(text(document(random.Random(seed))))
    assert topology is not None
    assert any(vpc.zonal for vpc in topology.vpcs)
    passed, wrong = disagreements(topology, assign(topology)[0], called_only=True)
    assert wrong == []
    assert passed


SUBNETS = ("a", "b", "c")
GROUPS = ("red", "green", "blue")
PEERS = ("0.0.0.0/0", "10.0.1.0/24", "10.0.2.5/32", "203.0.113.0/28", *GROUPS)
BLOCKS = ("0.0.0.0/0", "10.0.1.0/24", "10.0.2.4/31", "8.8.8.8/32")
TRAFFIC = (
    "protocol: all",
    "protocol: icmp, icmp_type: 8",
    *(f"protocol: {p}, port: {n}" for p in ("tcp", "udp") for n in ("22", "80-443", "1024-65535")),
)


@st.composite
def labs(draw: st.DrawFn) -> str:
    """Three subnets and groups, some ACLs, an appliance, a NAT gateway, maybe another VPC with the same addresses."""
    rule = st.tuples(st.sampled_from(TRAFFIC), st.sampled_from(PEERS))
    outside_rule = st.tuples(st.sampled_from(TRAFFIC), st.sampled_from(PEERS[:4]))
    lines = ["name: drawn", "vpcs:", "  main:", "    cidr_block: 10.0.0.0/16"]
    edge = draw(st.booleans())
    lines.append("    internet_gateway: " + ("{name: igw, route_table: edge}" if edge else "igw"))
    lines.append("    subnets:")
    for number, name in enumerate(SUBNETS):
        acl = draw(st.sampled_from(["", ", network_acl: front", ", network_acl: back"]))
        lines.append(f"      {name}: {{cidr_block: 10.0.{number}.0/24, route_table: {name}{acl}}}")
    lines += ["    nat_gateways:", "      nat: {subnet: a, elastic_ip: 203.0.113.9}", "    route_tables:"]
    for number, name in enumerate(SUBNETS):
        way = draw(st.sampled_from(["igw", "nat", "hub", "blackhole"]))
        more = draw(st.sampled_from(["", f", 10.0.{(number + 1) % 3}.0/24: hub"]))
        lines.append(f"      {name}: {{routes: {{0.0.0.0/0: {way}{more}}}}}")
    if edge:
        lines.append(f"      edge: {{routes: {{10.0.{draw(st.integers(0, 2))}.0/24: hub}}}}")
    lines.append("    network_acls:")
    for name in ("front", "back"):
        lines.append(f"      {name}:")
        for direction, key in (("ingress", "from"), ("egress", "to")):
            lines.append(f"        {direction}:")
            for order in range(draw(st.integers(1, 3))):
                what, peer = draw(st.sampled_from(TRAFFIC)), draw(st.sampled_from(BLOCKS))
                verb = draw(st.sampled_from(["allow", "allow", "deny"]))
                lines.append(f"          - {{rule_number: {10 + order}, action: {verb}, {what}, {key}: {peer}}}")
            lines.append(f"          - {{rule_number: 100, action: allow, protocol: all, {key}: 0.0.0.0/0}}")
    lines.append("    security_groups:")
    for name in GROUPS:
        lines.append(f"      {name}:")
        for direction, key in (("ingress", "from"), ("egress", "to")):
            rules = draw(st.lists(rule, max_size=3, unique=True))
            listed = ", ".join(f"{{{what}, {key}: {peer}}}" for what, peer in rules)
            lines.append(f"        {direction}: [{listed}]")
    lines.append("    instances:")
    hub = draw(st.sampled_from(["nat", "router", "firewall: [22]"]))
    hub = f"{{{hub}}}" if ":" in hub else hub
    check = draw(st.sampled_from(["true", "false"]))
    home, second = draw(st.sampled_from(SUBNETS)), draw(st.sampled_from(("", *SUBNETS)))
    keys = f"subnet: {home}, elastic_ip: 203.0.113.8, source_dest_check: {check}, "
    keys += f"security_groups: [red], services: [{hub}]"
    if second not in ("", home):
        more = f"subnet: {second}, security_groups: [green], source_dest_check: false"
        keys += f", network_interfaces: [{{{more}}}]"
        names = draw(st.sampled_from([("hub.eth0", "hub.eth1"), ("hub.eth1", "hub.eth0")]))
        lines = [line.replace(" hub}", f" {names[0]}}}").replace(" hub,", f" {names[1]},") for line in lines]
    lines.append(f"      hub: {{{keys}}}")
    for number in range(draw(st.integers(3, 6))):
        public = f"elastic_ip: 203.0.113.{20 + number}, " if draw(st.booleans()) else ""
        public += draw(st.sampled_from(["", "", "", "state: stopped, ", "secondary_private_ips: [auto], "]))
        held = draw(st.lists(st.sampled_from(GROUPS), min_size=1, max_size=2, unique=True))
        subnet = draw(st.sampled_from(SUBNETS))
        lines.append(f"      i{number}: {{subnet: {subnet}, {public}security_groups: [{', '.join(held)}]}}")
    if draw(st.booleans()):  # a neighbour with the same addresses, seen from outside only
        listed = ", ".join(
            f"{{{what}, from: {peer}}}" for what, peer in draw(st.lists(outside_rule, max_size=3, unique=True))
        )
        lines += ["  other:", f"    cidr_block: {draw(st.sampled_from(['10.0.0.0/16', '203.0.114.0/24']))}"]
        block = "10.0.1.0/24" if "10.0.0.0" in lines[-1] else "203.0.114.0/25"
        lines += ["    internet_gateway: igw-other", "    route_tables: {out: {routes: {0.0.0.0/0: igw-other}}}"]
        lines += [f"    subnets: {{there: {{cidr_block: {block}, route_table: out}}}}"]
        lines += [f"    security_groups: {{red: {{ingress: [{listed}]}}}}", "    instances:"]
        lines += ["      far: {subnet: there, elastic_ip: 203.0.113.40, security_groups: [red]}"]
        lines += ["      near: {subnet: there, security_groups: [red]}"]
    return "\n".join([*lines, "internet:", "  hosts:", "    host.example: {ip: 8.8.8.8}", ""])


@given(labs())
@settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_a_drawn_lab_as_a_whole_is_what_its_flows_are(text: str) -> None:
    assert disagreements(*read(text))[1] == []


# --- work -----------------------------------------------------------------------------------------------------------


def large(instances: int, *, groups: int, named: int = 0, subnets: int = 20) -> str:
    """Instances spread over subnets and groups; each group opens a port to the next one.

    named: so many addresses of each subnet have entries of their own in its ACL.
    """
    lines = ["name: large", "vpcs:", "  main:", "    cidr_block: 10.0.0.0/16", "    subnets:"]
    lines += [
        f"      s{number}: {{cidr_block: 10.0.{number}.0/24, network_acl: a{number}}}" for number in range(subnets)
    ]
    lines.append("    network_acls:")
    for number in range(subnets):
        lines.append(f"      a{number}:")
        for direction, key in (("ingress", "from"), ("egress", "to")):
            lines.append(f"        {direction}:")
            for order in range(named):
                what = f"rule_number: {order + 1}, action: deny, protocol: tcp, port: 22"
                lines.append(f"          - {{{what}, {key}: 10.0.{number}.{4 + order}/32}}")
            lines.append(f"          - {{rule_number: 100, action: allow, protocol: all, {key}: 0.0.0.0/0}}")
    lines.append("    security_groups:")
    for number in range(groups):
        port = PORTS[number % len(PORTS)]
        lines.append(f"      g{number}: {{ingress: [{{protocol: tcp, port: {port}, from: g{(number + 1) % groups}}}]}}")
    lines.append("    instances:")
    for number in range(instances):
        lines.append(f"      i{number}: {{subnet: s{number % subnets}, security_groups: [g{number % groups}]}}")
    return "\n".join([*lines, ""])


def work(instances: int, groups: int, named: int = 0) -> tuple[int, int, int]:
    """Packets walked, classes, and pairs found, for all pairs on five ports."""
    world = World(*read(large(instances, groups=groups, named=named)))
    matrix = Matrix(world, endpoints(world))
    pairs = sum(matrix.pairs(matrix.reach(TCP, port)) for port in PORTS)
    return matrix.walks, len(matrix.classes), pairs


def test_work_grows_with_subnets_and_not_with_instances() -> None:
    few, many = work(100, 10), work(1000, 10)
    assert few[:2] == many[:2] == (20 * 20, 20)
    assert many[2] == 1000 * 100  # each has one group of 100 that may call it
    assert few[2] == 100 * 10


def test_a_thousand_instances_of_which_no_two_are_alike_walk_no_further() -> None:
    walks, classes, pairs = work(1000, 1000)
    assert (walks, classes, pairs) == (20 * 20, 1000, 1000)


def test_entries_for_single_addresses_walk_no_further() -> None:
    walks, classes, _ = work(1000, 10, named=30)
    assert walks == 20 * 20
    assert classes > 20 * 30
