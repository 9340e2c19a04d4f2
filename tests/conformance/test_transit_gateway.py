"""Transit gateways with packets: what their tables carry from VPC to VPC, zone by zone. Held against the model too."""

from collections.abc import Iterator
from functools import partial
from ipaddress import IPv4Address

import pytest

from emulator.analysis import Analyzer
from emulator.lab import zones
from emulator.topology.flows import Flow
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
    subnets:
      a1: {{cidr_block: 10.0.1.0/24, availability_zone: a, route_table: out}}
      a2: {{cidr_block: 10.0.2.0/24, availability_zone: c, route_table: out}}
      a3: {{cidr_block: 10.0.3.0/24, availability_zone: a, route_table: silent}}
      a-tgw: {{cidr_block: 10.0.9.0/28, availability_zone: a}}
    route_tables:
      out: {{routes: {{10.0.0.0/8: tgw, 0.0.0.0/0: tgw}}}}
      silent: {{}}
    security_groups: {{open: {OPEN}}}
    instances:
      ha: {{subnet: a1, private_ip: 10.0.1.11, security_groups: [open]}}
      hr: {{subnet: a2, private_ip: 10.0.2.11, security_groups: [open]}}
      mute: {{subnet: a3, private_ip: 10.0.3.11, security_groups: [open]}}
  b:
    cidr_block: 10.1.0.0/16
    subnets:
      b1: {{cidr_block: 10.1.2.0/24, availability_zone: a, network_acl: shut}}
      b2: {{cidr_block: 10.1.3.0/24, availability_zone: c}}
      b-tgw: {{cidr_block: 10.1.9.0/28, availability_zone: a, network_acl: gate}}
      b-tgw-c: {{cidr_block: 10.1.9.16/28, availability_zone: c}}
    route_tables: {{main: {{routes: {{10.0.0.0/8: tgw}}}}}}
    network_acls:
      shut:
        ingress: [{{rule_number: 1, protocol: all, action: allow, from: 0.0.0.0/0}}]
        egress: [{{rule_number: 1, protocol: all, action: allow, to: 0.0.0.0/0}}]
      gate:
        ingress: [{{rule_number: 1, protocol: all, action: allow, from: 10.1.0.0/16}}]
        egress: [{{rule_number: 1, protocol: all, action: allow, to: 10.1.0.0/16}}]
    security_groups: {{open: {OPEN}}}
    instances:
      hb: {{subnet: b1, private_ip: 10.1.2.9, security_groups: [open]}}
      hb3: {{subnet: b2, private_ip: 10.1.3.9, security_groups: [open]}}
      same: {{subnet: b-tgw, private_ip: 10.1.9.11, security_groups: [open]}}
  e:
    cidr_block: 10.2.0.0/16
    internet_gateway: igw
    subnets:
      e-public: {{cidr_block: 10.2.1.0/24, availability_zone: a, route_table: public}}
      e-tgw: {{cidr_block: 10.2.9.0/28, availability_zone: a, route_table: to-nat}}
    route_tables:
      public: {{routes: {{0.0.0.0/0: igw, 10.0.0.0/8: tgw}}}}
      to-nat: {{routes: {{0.0.0.0/0: nat}}}}
    nat_gateways: {{nat: {{subnet: e-public, elastic_ip: 52.1.1.9}}}}
    security_groups: {{open: {OPEN}}}
    instances:
      he: {{subnet: e-public, private_ip: 10.2.1.11, security_groups: [open]}}
transit_gateways:
  tgw:
    vpc_attachments:
      a: {{vpc: a, subnets: [a-tgw]}}
      b: {{vpc: b, subnets: [b-tgw, b-tgw-c]}}
      e: {{vpc: e, subnets: [e-tgw]}}
    route_tables:
      default: {{routes: {{0.0.0.0/0: e}}}}
internet:
  hosts:
    far: {{ip: 198.51.100.9}}
"""
HOSTS = ("ha", "hr", "mute", "hb", "hb3", "same", "he", "far")


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with labs.up(TOPOLOGY) as up:
        for node in HOSTS:
            up.serve(node, tcp=(80,))
        yield up


def codes(lab: Lab, source: str, to: str) -> set[str]:
    flow = Flow(source, IPv4Address(lab.address(source)), IPv4Address(lab.resolve(to)), "tcp", 80)
    return {held.code for held in Analyzer(lab.topology, lab.addresses).analyze(flow).explanations}


changed = partial(labs.changed, TOPOLOGY)


TABLE = "default: {routes: {0.0.0.0/0: e}}"
WORKS = [Probe("ha", "hb3", "tcp", 80, seen_as="10.0.1.11"), *passes("ha", "hb3", "icmp")]


def test_TGW_21_every_vpc_reaches_every_other(lab: Lab) -> None:
    """By default all attachments share one table and propagate to it: source addresses are kept, both ways."""
    agree(lab, WORKS, [Probe("hb3", "ha", "tcp", 80, seen_as="10.1.3.9")], passes("he", "hb3", "tcp", 80))


def test_TGW_10_no_route_back(lab: Lab) -> None:
    """An attachment adds no route to the VPC's tables: a subnet without one neither asks nor answers."""
    agree(lab, drops("hb3", "mute", "tcp", 80), drops("mute", "hb3", "tcp", 80), WORKS)


def test_T_67_TGW_05_a_zone_without_attachment_subnet(lab: Lab) -> None:
    """A subnet in a zone without attachment subnet cannot use the gateway, though its table has the route."""
    agree(lab, drops("hr", "hb3", "tcp", 80), passes("hr", "ha", "tcp", 80), WORKS)
    assert "TGW_ROUTE_AZ_RESTRICTION" in codes(lab, "hr", "hb3")


def test_TGW_06_nor_answer(lab: Lab) -> None:
    """What is for such a zone is delivered through another one, and the answer is lost."""
    agree(lab, drops("hb3", "hr", "tcp", 80), passes("hb3", "ha", "tcp", 80))


def test_T_68_TGW_26_a_blackhole_and_a_longer_prefix(lab: Lab) -> None:
    """A static blackhole for a block drops what a longer propagated prefix does not catch."""
    edits = {TABLE: "default: {routes: {0.0.0.0/0: e, 10.1.3.0/24: blackhole, 10.0.0.0/12: blackhole}}"}
    with changed(lab, edits):
        agree(lab, drops("ha", "hb3", "tcp", 80), passes("ha", "hb", "tcp", 80), passes("ha", "he", "tcp", 80))
        assert "TGW_RTB_BAD_STATE_ROUTE" in codes(lab, "ha", "hb3")
    agree(lab, WORKS)


def test_T_69_TGW_20_not_associated(lab: Lab) -> None:
    """What comes from an attachment that is associated with no table is dropped."""
    off = "subnets: [a-tgw], transit_gateway_default_route_table_association: false"
    with changed(lab, {"subnets: [a-tgw]": off}):
        agree(lab, drops("ha", "hb3", "tcp", 80), passes("he", "hb3", "tcp", 80))
        assert "TGW_ATTACH_MISSING_TGW_RTB_ASSOCIATION" in codes(lab, "ha", "hb3")
    agree(lab, WORKS)


def test_TGW_30_not_propagated(lab: Lab) -> None:
    """A block that is not propagated to the table has no route there, and what is for it is dropped in silence."""
    off = "subnets: [b-tgw, b-tgw-c], transit_gateway_default_route_table_propagation: false"
    with changed(lab, {"subnets: [b-tgw, b-tgw-c]": off, TABLE: "default: {}"}):
        agree(lab, drops("ha", "hb3", "tcp", 80), passes("ha", "he", "tcp", 80))
        assert "TGW_RTB_NO_ROUTE_TO_TGW_ATTACHMENT" in codes(lab, "ha", "hb3")
    agree(lab, WORKS)


def test_TGW_22_static_before_propagated(lab: Lab) -> None:
    """A static route wins over the propagated one for the same block."""
    with changed(lab, {TABLE: "default: {routes: {0.0.0.0/0: e, 10.1.0.0/16: e}}"}):
        # A circle: the egress VPC's NAT gateway sends it back to the transit gateway.
        agree(lab, drops("ha", "hb3", "tcp", 80), passes("ha", "he", "tcp", 80), traced=False)
    agree(lab, WORKS)


def test_TGW_28_one_block_twice(lab: Lab) -> None:
    """Of two VPCs with the same block both are attached, and the second one's is not propagated."""
    twin = f"""  twin:
    cidr_block: 10.1.0.0/16
    subnets: {{twin: {{cidr_block: 10.1.3.0/24}}}}
    route_tables: {{main: {{routes: {{10.0.0.0/16: tgw}}}}}}
    security_groups: {{open: {OPEN}}}
    instances: {{twin: {{subnet: twin, private_ip: 10.1.3.10, security_groups: [open]}}}}
transit_gateways:
"""
    edits = {
        "transit_gateways:\n": twin,
        "subnets: [e-tgw]}": "subnets: [e-tgw]}\n      z: {vpc: twin, subnets: [twin]}",
    }
    with changed(lab, edits):
        agree(lab, drops("ha", "twin", "tcp", 80), WORKS)
        _, problems = load("name: lab\n" + edited(TOPOLOGY, edits))
        assert [problem.what for problem in problems if "is not propagated" in problem.what]


def test_TGW_07_GRT_07_TGW_32_central_egress(lab: Lab) -> None:
    """What arrives is routed by the attachment subnet's table: a NAT gateway there serves the other VPCs too."""
    agree(lab, [Probe("ha", "far", "tcp", 80, seen_as="52.1.1.9")], drops("hr", "far", "tcp", 80))


def test_TGW_32_no_way_through_the_internet_gateway(lab: Lab) -> None:
    """A route of the attachment subnet to the internet gateway itself leads the other VPCs nowhere."""
    with changed(lab, {"to-nat: {routes: {0.0.0.0/0: nat}}": "to-nat: {routes: {0.0.0.0/0: igw}}"}):
        agree(lab, drops("ha", "far", "tcp", 80), passes("ha", "he", "tcp", 80))
    agree(lab, passes("ha", "far", "tcp", 80))


def test_TGW_40_the_same_zone(lab: Lab) -> None:
    """Traffic keeps to its zone: an ACL of the attachment's subnet in another zone does not touch it."""
    shut = "network_acl: gate}"
    agree(lab, passes("ha", "hb", "tcp", 80), passes("hb3", "ha", "tcp", 80))
    with changed(lab, {"to: 10.1.0.0/16}]": "to: 10.1.3.0/24}]"}):
        assert shut in TOPOLOGY
        agree(lab, drops("ha", "hb", "tcp", 80), drops("ha", "hb", "icmp"), passes("ha", "hb3", "tcp", 80))
        agree(lab, passes("hb3", "ha", "icmp"))


def test_ACL_19_the_subnet_of_the_attachment(lab: Lab) -> None:
    """Towards the gateway its subnet's inbound rules are asked by source, from it the outbound ones by destination."""
    with changed(lab, {"from: 10.1.0.0/16}]": "from: 10.1.3.0/24}]"}):
        agree(lab, drops("hb", "ha", "tcp", 80), drops("ha", "hb", "tcp", 80), passes("hb3", "ha", "tcp", 80))
    agree(lab, passes("hb", "ha", "tcp", 80))


def test_ACL_20_in_the_same_subnet(lab: Lab) -> None:
    """A host in the attachment's subnet: both directions are asked towards the gateway, and neither from it."""
    agree(lab, drops("same", "he", "tcp", 80), drops("he", "same", "icmp"), passes("hb3", "he", "tcp", 80))
    with changed(lab, {"to: 10.1.0.0/16}]": "to: 10.2.0.0/16}]"}):
        agree(lab, passes("same", "he", "tcp", 80), drops("ha", "same", "tcp", 80), passes("he", "same", "icmp"))
    with changed(lab, {"to: 10.1.0.0/16}]": "to: 10.2.0.0/16}]", "from: 10.1.0.0/16}]": "from: 10.1.3.0/24}]"}):
        agree(lab, drops("same", "he", "tcp", 80), passes("ha", "he", "tcp", 80))


def test_MTU_02_MTU_06_MTU_07_TGW_52(lab: Lab) -> None:
    """It carries 8,500 bytes, and tells who sends more."""
    ping = ("ping", "-c", "1", "-W", "2", "-M", "do", "-s")
    assert lab.run("ha", *ping, "8472", lab.private("hb3"))
    told = lab.run("ha", *ping, "8473", lab.private("hb3"))
    assert not told
    assert "mtu" in told.output
    assert lab.run("hb3", *ping, "8473", lab.private("hb"))


def test_TGW_40_a_zone_that_fails(lab: Lab) -> None:
    """What an attachment has in a zone that fails is not used; a VPC with one in another zone stays reachable there."""
    zones.down("c", lab.name)
    drops_c = drops("ha", "hb3", "tcp", 80)
    check(lab, drops_c, passes("ha", "hb", "tcp", 80))
    zones.up("c", lab.name)
    agree(lab, WORKS)
