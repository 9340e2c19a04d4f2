"""VPC peering with packets: what two routers that are joined carry, and what they do not.

Every probe is held against the model too.
"""

from collections.abc import Iterator
from functools import partial
from ipaddress import IPv4Address

import pytest

from emulator.analysis import Analyzer
from emulator.lab import view
from emulator.topology.flows import Component, Directory, Flow
from emulator.topology.load import load
from tests.support import lab as labs
from tests.support.lab import Lab, edited
from tests.support.probes import Probe, check, drops, passes
from tests.support.views import agree

OPEN = "{ingress: [{protocol: all, from: 0.0.0.0/0}]}"
TOPOLOGY = f"""
region: ap-northeast-1
vpcs:
  a:
    cidr_block: 10.0.0.0/16
    internet_gateway: igw-a
    subnets:
      a-public: {{cidr_block: 10.0.1.0/24, route_table: a-public}}
      a-private: {{cidr_block: 10.0.2.0/24, route_table: a-private}}
    route_tables:
      a-public: {{routes: {{0.0.0.0/0: igw-a, 10.1.0.0/16: a-b, 10.2.0.0/16: a-b}}}}
      a-private: {{routes: {{0.0.0.0/0: nat-a, 10.1.0.0/16: nat-a}}}}
    nat_gateways:
      nat-a: {{subnet: a-public, elastic_ip: 52.1.1.9, private_ip: 10.0.1.9}}
    security_groups:
      open: {OPEN}
      client: {OPEN}
      other: {OPEN}
    instances:
      one: {{subnet: a-public, private_ip: 10.0.1.11, security_groups: [client], elastic_ip: 52.1.1.1}}
      two: {{subnet: a-public, private_ip: 10.0.1.12, security_groups: [other]}}
      hq: {{subnet: a-private, private_ip: 10.0.2.11, security_groups: [open]}}
  b:
    cidr_block: 10.1.0.0/16
    internet_gateway: igw-b
    subnets:
      b-routed: {{cidr_block: 10.1.1.0/24, route_table: b-routed}}
      b-silent: {{cidr_block: 10.1.2.0/24, route_table: b-silent, network_acl: b-silent}}
      b-public: {{cidr_block: 10.1.3.0/24, route_table: b-public}}
      b-part: {{cidr_block: 10.1.4.0/24, route_table: b-part}}
      b-lost: {{cidr_block: 10.1.5.0/24, route_table: b-lost}}
    route_tables:
      b-routed: {{routes: {{10.0.0.0/16: a-b, 10.2.0.0/16: b-c}}}}
      b-silent: {{}}
      b-public: {{routes: {{10.0.0.0/16: a-b, 0.0.0.0/0: igw-b}}}}
      b-part: {{routes: {{10.0.1.11/32: a-b}}}}
      b-lost: {{routes: {{0.0.0.0/0: a-b}}}}
    nat_gateways:
      nat-b: {{subnet: b-public, elastic_ip: 52.1.2.9}}
    network_acls:
      b-silent:
        ingress: [{{rule_number: 1, protocol: all, action: allow, from: 0.0.0.0/0}}]
        egress: [{{rule_number: 1, protocol: all, action: allow, to: 0.0.0.0/0}}]
    security_groups:
      open: {OPEN}
      web: {{ingress: [{{protocol: tcp, port: 80, from: a/client}}]}}
      asks: {{ingress: [], egress: [{{protocol: tcp, port: 80, to: a/client}}]}}
    instances:
      host: {{subnet: b-routed, private_ip: 10.1.1.11, security_groups: [open]}}
      web: {{subnet: b-routed, private_ip: 10.1.1.12, security_groups: [web]}}
      asks: {{subnet: b-routed, private_ip: 10.1.1.13, security_groups: [asks]}}
      silent: {{subnet: b-silent, private_ip: 10.1.2.11, security_groups: [open]}}
      public: {{subnet: b-public, private_ip: 10.1.3.11, security_groups: [open], elastic_ip: 52.1.2.1}}
      part: {{subnet: b-part, private_ip: 10.1.4.11, security_groups: [open]}}
      lost: {{subnet: b-lost, private_ip: 10.1.5.11, security_groups: [open]}}
  c:
    cidr_block: 10.2.0.0/16
    subnets:
      c: {{cidr_block: 10.2.1.0/24}}
    route_tables:
      main: {{routes: {{10.1.0.0/16: b-c, 10.0.0.0/16: b-c}}}}
    security_groups:
      open: {OPEN}
    instances:
      third: {{subnet: c, private_ip: 10.2.1.11, security_groups: [open]}}
vpc_peering_connections:
  a-b: {{vpc: a, peer_vpc: b, auto_accept: true}}
  b-c: {{vpc: b, peer_vpc: c, accepted: true}}
internet:
  hosts:
    far: {{ip: 198.51.100.9}}
"""
HOSTS = ("one", "two", "hq", "host", "web", "silent", "public", "part", "third", "far")


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with labs.up(TOPOLOGY) as up:
        for node in HOSTS:
            up.serve(node, tcp=(80,))
        yield up


changed = partial(labs.changed, TOPOLOGY)


WORKS = [Probe("one", "host", "tcp", 80, seen_as="10.0.1.11")]


def test_PCX_10_routes_on_both_sides(lab: Lab) -> None:
    """Peers call each other by private addresses, with routes on both sides; without the one back comes no answer."""
    agree(
        lab,
        WORKS,
        [Probe("host", "one", "tcp", 80, seen_as="10.1.1.11")],
        passes("one", "host", "icmp"),
        drops("one", "silent", "tcp", 80),
        drops("one", "silent", "icmp"),
    )


def test_PCX_20_L2_04_no_hop(lab: Lab) -> None:
    """Neither of two peered VPCs counts: a TTL of 1 goes all the way, and what is left is what was sent."""
    answer = lab.run("one", "ping", "-c", "1", "-W", "2", "-t", "1", lab.private("host"))
    assert answer
    assert "ttl=64" in answer.output


def test_PCX_11_a_route_for_one_host(lab: Lab) -> None:
    """A route may lead to the whole peer, or to one address of it."""
    agree(lab, passes("one", "part", "tcp", 80), drops("two", "part", "tcp", 80), passes("two", "host", "tcp", 80))


def test_T_61_PCX_13_not_transitive(lab: Lab) -> None:
    """A is peered with B, and B with C: A's route to C by way of B leads nowhere."""
    agree(
        lab,
        drops("one", "third", "tcp", 80),
        drops("third", "one", "tcp", 80),
        WORKS,
        passes("host", "third", "tcp", 80),
    )


def test_T_37_NAT_40_PCX_14_no_way_out_through_the_peer(lab: Lab) -> None:
    """A default route to a peering connection leads to no internet: neither its NAT gateway nor its gateway is lent."""
    agree(lab, drops("lost", "far", "tcp", 80), passes("public", "far", "tcp", 80))
    agree(lab, [Probe("hq", "far", "tcp", 80, seen_as="52.1.1.9")], WORKS)


def test_PCX_12_only_addresses_of_the_two(lab: Lab) -> None:
    """A peering connection carries nothing to an address that is in neither of its VPCs."""
    agree(lab, drops("lost", "third", "tcp", 80), passes("host", "third", "tcp", 80))
    analyzer = Analyzer(lab.topology, lab.addresses)
    asked = Flow("lost", IPv4Address("10.1.5.11"), IPv4Address("10.2.1.11"), "tcp", 80)
    found = analyzer.analyze(asked)
    assert found.verdict.dropped_at == Component("vpc_peering_connection", "a-b")
    assert found.explanations[0].code == "PCX_REQUIRES_ADDRESS_IN_VPC_CIDR"


def test_T_38_NAT_41_NAT_42_return_to_sender(lab: Lab) -> None:
    """A NAT gateway's peer sees its private address, and answers it even where no route leads back."""
    agree(
        lab,
        [Probe("hq", "host", "tcp", 80, seen_as="10.0.1.9")],
        [Probe("hq", "silent", "tcp", 80, seen_as="10.0.1.9")],
        passes("hq", "silent", "icmp"),
        drops("one", "silent", "tcp", 80),
        drops("silent", "hq", "tcp", 80),
    )


def test_NAT_42_an_acl_stops_it(lab: Lab) -> None:
    """What goes back to a NAT gateway of a peer without a route is stopped by a network ACL."""
    old = "egress: [{rule_number: 1, protocol: all, action: allow"
    with changed(lab, {old: "egress: [{rule_number: 1, protocol: all, action: deny"}):
        agree(lab, drops("hq", "silent", "tcp", 80), passes("hq", "host", "tcp", 80))


def test_SG_32_PCX_17_a_group_of_the_peer(lab: Lab) -> None:
    """A rule may name a group of a peer, and means the private addresses of its members."""
    agree(lab, passes("one", "web", "tcp", 80), drops("two", "web", "tcp", 80), drops("host", "web", "tcp", 80))


def test_SG_33_an_egress_rule_names_a_group_of_the_peer(lab: Lab) -> None:
    """An egress rule may name a group of a peer as well."""
    agree(lab, passes("asks", "one", "tcp", 80), drops("asks", "two", "tcp", 80))


def test_PCX_03_not_accepted(lab: Lab) -> None:
    """A connection that nobody has accepted carries nothing; once accepted it does."""
    with changed(lab, {"peer_vpc: b, auto_accept: true": "peer_vpc: b"}):
        agree(lab, drops("one", "host", "tcp", 80), passes("host", "third", "tcp", 80))
    agree(lab, WORKS)


def test_PCX_08_RT_40_SG_36_deleted(lab: Lab) -> None:
    """Routes to a deleted connection are blackholes, and rules that name the peer's groups match nothing."""
    with changed(lab, {"auto_accept: true": "auto_accept: true, state: deleted"}):
        agree(lab, drops("one", "host", "tcp", 80), drops("lost", "one", "tcp", 80), passes("host", "third", "tcp", 80))
        _, problems = load(edited("name: lab\n" + TOPOLOGY, {"auto_accept: true": "auto_accept: true, state: deleted"}))
        assert [problem.what for problem in problems if "stale" in problem.what]
    agree(lab, WORKS, passes("one", "web", "tcp", 80))


def test_T_60_PCX_05_overlapping_blocks(lab: Lab) -> None:
    """A connection between VPCs whose blocks overlap, used or not, fails."""
    secondary = "    cidr_block: 10.1.0.0/16\n    secondary_cidr_blocks: [10.2.128.0/20]\n"
    # VPC-15: beside an active connection the block is refused.
    with changed(lab, {"peer_vpc: c, accepted: true}": "peer_vpc: c, state: deleted}"}):
        lab.up(edited(TOPOLOGY, {"    cidr_block: 10.1.0.0/16\n": secondary}))
        states = {held.name: held.state for held in lab.topology.vpc_peering_connections}
        assert states == {"a-b": "active", "b-c": "failed"}
        agree(lab, drops("host", "third", "tcp", 80), WORKS)


def test_MTU_01_PCX_16_jumbo_frames_to_the_peer(lab: Lab) -> None:
    """Within a region a peering connection carries 9,001 bytes."""
    assert lab.run("one", "ping", "-c", "1", "-W", "2", "-M", "do", "-s", "8973", lab.private("host"))
    assert not lab.run("one", "ping", "-c", "1", "-W", "1", "-M", "do", "-s", "8974", lab.private("host"))


def test_MTU_04_PCX_07_SG_35_between_regions(lab: Lab) -> None:
    """Between regions 8,500 bytes fit, nothing accepts itself, and no rule names a group over there."""
    edits = {"    cidr_block: 10.2.0.0/16\n": "    cidr_block: 10.2.0.0/16\n    region: us-east-1\n"}
    with changed(lab, edits):
        agree(lab, passes("host", "third", "tcp", 80), WORKS)
        assert lab.run("host", "ping", "-c", "1", "-W", "2", "-M", "do", "-s", "8472", lab.private("third"))
        assert not lab.run("host", "ping", "-c", "1", "-W", "1", "-M", "do", "-s", "8473", lab.private("third"))
    block = "    cidr_block: 10.1.0.0/16\n"
    _, problems = load("name: lab\n" + edited(TOPOLOGY, {block: f"{block}    region: us-east-1\n"}))
    refused = {problem.code for problem in problems if not problem.warning}
    assert refused == {"InvalidGroup.NotFound", "OperationNotPermitted"}


SAME = f"""
vpcs:
  hub:
    cidr_block: 10.0.0.0/16
    internet_gateway: igw
    subnets:
      north: {{cidr_block: 10.0.1.0/24, route_table: north}}
      quiet: {{cidr_block: 10.0.2.0/24}}
    route_tables:
      north: {{routes: {{0.0.0.0/0: igw, 198.51.100.0/24: left-link, 198.51.100.16/28: right-link}}}}
    security_groups: {{open: {OPEN}}}
    instances:
      caller: {{subnet: north, security_groups: [open], elastic_ip: 52.1.1.1}}
      quiet: {{subnet: quiet, security_groups: [open]}}
  left:
    cidr_block: 198.51.100.0/24
    subnets:
      all: {{cidr_block: 198.51.100.0/25}}
      inner: {{cidr_block: 198.51.100.128/25, route_table: inner}}
    route_tables:
      main: {{routes: {{10.0.0.0/16: left-link}}}}
      inner: {{routes: {{10.0.0.0/16: nat-left}}}}
    nat_gateways: {{nat-left: {{subnet: all, connectivity_type: private, private_ip: 198.51.100.20}}}}
    security_groups: {{open: {OPEN}}}
    instances:
      left: {{subnet: all, private_ip: 198.51.100.9, security_groups: [open]}}
      left-inner: {{subnet: inner, security_groups: [open]}}
      left-too: {{subnet: all, private_ip: 198.51.100.17, security_groups: [open]}}
  right:
    cidr_block: 198.51.100.0/24
    subnets:
      all: {{cidr_block: 198.51.100.0/25}}
      inner: {{cidr_block: 198.51.100.128/25, route_table: inner}}
    route_tables:
      main: {{routes: {{10.0.0.0/16: right-link}}}}
      inner: {{routes: {{10.0.0.0/16: nat-right}}}}
    nat_gateways: {{nat-right: {{subnet: all, connectivity_type: private, private_ip: 198.51.100.20}}}}
    security_groups: {{open: {OPEN}}}
    instances:
      right: {{subnet: all, private_ip: 198.51.100.9, security_groups: [open]}}
      right-inner: {{subnet: inner, security_groups: [open]}}
      right-too: {{subnet: all, private_ip: 198.51.100.17, security_groups: [open]}}
vpc_peering_connections:
  left-link: {{vpc: hub, peer_vpc: left, auto_accept: true}}
  right-link: {{vpc: hub, peer_vpc: right, auto_accept: true}}
internet:
  hosts:
    far: {{ip: 198.51.100.9}}
    else: {{ip: 198.51.100.17}}
"""


@pytest.fixture(scope="module")
def twins() -> Iterator[Lab]:
    with labs.up(SAME) as up:
        for node, port in (("left", 81), ("right", 82), ("left-too", 83), ("right-too", 84), ("far", 85), ("else", 86)):
            up.serve(node, tcp=(80, port))
        up.serve("quiet", udp=(80,))
        yield up


def test_PCX_15_peers_with_the_same_block(twins: Lab) -> None:
    """Two peers may have the same block: the caller's longest route decides whom it means, for answers too."""
    agree(
        twins,
        passes("caller", "198.51.100.9", "tcp", 80),
        drops("right", twins.private("caller"), "tcp", 80),  # the answer goes to the left one
        drops("left-too", twins.private("caller"), "tcp", 80),
        passes("right-too", twins.private("caller"), "icmp"),
    )
    check(
        twins,
        passes("caller", "198.51.100.9", "tcp", 81),
        [Probe("caller", "198.51.100.9", "tcp", port, "refused") for port in (82, 85)],
        passes("caller", "198.51.100.17", "tcp", 84),
        [Probe("caller", "198.51.100.17", "tcp", port, "refused") for port in (83, 86)],
    )


def test_NAT_42_PCX_15_two_nat_gateways_with_one_address(twins: Lab) -> None:
    """Each of two peers with one block has a NAT gateway, at the same address: it gets the answers to what it asked."""
    quiet = twins.private("quiet")
    agree(
        twins,
        [Probe(node, quiet, "udp", 80, seen_as="198.51.100.20") for node in ("left-inner", "right-inner")],
        passes("left-inner", quiet, "icmp"),
        passes("right-inner", quiet, "icmp"),
        drops("right", quiet, "icmp"),  # no NAT gateway, no route: no answer
    )


def test_T_15_RT_41_the_connection_is_deleted(twins: Lab) -> None:
    """The route to a deleted connection is a blackhole: it drops, though a default route would lead to a host."""
    twins.up(edited(SAME, {"peer_vpc: left, auto_accept: true": "peer_vpc: left, state: deleted"}))
    agree(twins, drops("caller", "198.51.100.9", "tcp", 80), passes("caller", "198.51.100.17", "tcp", 80))
    twins.up(SAME.replace("198.51.100.0/24: left-link, ", ""))
    check(twins, passes("caller", "198.51.100.9", "tcp", 85), passes("caller", "198.51.100.17", "tcp", 84))
    twins.up(SAME)
    check(twins, passes("caller", "198.51.100.9", "tcp", 81))


def test_PCX_32_the_resolver_of_the_peer(lab: Lab) -> None:
    """The peer's VPC+2 answers nobody across a peering connection, nor does its router."""
    agree(
        lab,
        [Probe("one", "10.0.0.2", "tcp", 53, "refused")],
        drops("one", "10.1.0.2", "tcp", 53),
        drops("one", "10.1.1.1", "icmp"),
        passes("one", "10.0.1.1", "icmp"),
        WORKS,
    )


def test_PCX_31_a_name_is_the_private_address_of_the_peer(lab: Lab) -> None:
    """Across an active connection a name stands for the private address, in /etc/hosts and in a question alike."""
    known = {name: to for to, name in map(str.split, view.hosts(view.read(lab.name), "one").splitlines())}
    directory = Directory(lab.topology, lab.addresses)
    for name, address in (("public", "10.1.3.11"), ("far", "198.51.100.9")):
        assert known[name] == str(directory.target(name, "one")) == address
    assert str(directory.target("public", "third")) == "10.1.3.11"
    assert "third" not in known, "no connection, and no public address"
    with changed(lab, {"peer_vpc: b, auto_accept: true": "peer_vpc: b"}):
        assert "52.1.2.1 public" in view.hosts(view.read(lab.name), "one")
        assert str(Directory(lab.topology, lab.addresses).target("public", "one")) == "52.1.2.1"
