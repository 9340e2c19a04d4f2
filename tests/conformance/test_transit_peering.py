"""Two transit gateways that are peered, in two regions and two accounts, with packets. Held against the model too."""

from collections.abc import Iterator
from functools import partial
from ipaddress import IPv4Address

import pytest

from emulator.analysis import Analyzer
from emulator.lab import view
from emulator.lab.status import status
from emulator.topology.flows import Flow
from tests.support import lab as labs
from tests.support.lab import Lab
from tests.support.probes import Probe, drops, passes
from tests.support.views import agree

OPEN = "{ingress: [{protocol: all, from: 0.0.0.0/0}]}"
TOPOLOGY = f"""
region: ap-northeast-1
vpcs:
  a:
    cidr_block: 10.0.0.0/16
    subnets:
      a1: {{cidr_block: 10.0.1.0/24, availability_zone: a}}
      a2: {{cidr_block: 10.0.2.0/24, availability_zone: c}}
    route_tables: {{main: {{routes: {{10.0.0.0/8: east}}}}}}
    security_groups: {{open: {OPEN}}}
    instances:
      ha: {{subnet: a1, private_ip: 10.0.1.11, security_groups: [open]}}
      hc: {{subnet: a2, private_ip: 10.0.2.11, security_groups: [open]}}
  n:
    cidr_block: 10.1.0.0/16
    subnets: {{n1: {{cidr_block: 10.1.1.0/24, availability_zone: c}}}}
    route_tables: {{main: {{routes: {{10.0.0.0/8: east}}}}}}
    security_groups: {{open: {OPEN}}}
    instances: {{hn: {{subnet: n1, private_ip: 10.1.1.11, security_groups: [open]}}}}
  b:
    region: eu-west-1
    owner_id: "444455556666"
    cidr_block: 10.2.0.0/16
    internet_gateway: igw
    subnets:
      b1: {{cidr_block: 10.2.1.0/24, availability_zone: b}}
      b2: {{cidr_block: 10.2.2.0/24, availability_zone: c}}
    route_tables: {{main: {{routes: {{10.0.0.0/8: west, 0.0.0.0/0: igw}}}}}}
    security_groups: {{open: {OPEN}}}
    instances:
      hb: {{subnet: b1, private_ip: 10.2.1.11, elastic_ip: 52.1.1.9, security_groups: [open]}}
      hb2: {{subnet: b2, private_ip: 10.2.2.11, security_groups: [open]}}
transit_gateways:
  east:
    vpc_attachments:
      a: {{vpc: a, subnets: [a1, a2]}}
      n: {{vpc: n, subnets: [n1]}}
    route_tables:
      default: {{routes: {{10.2.0.0/16: e-w}}}}
  west:
    owner_id: "444455556666"
    vpc_attachments:
      b: {{vpc: b, subnets: [b1, b2]}}
    route_tables:
      default: {{routes: {{10.0.0.0/15: e-w}}}}
transit_gateway_peering_attachments:
  e-w: {{transit_gateway: east, peer_transit_gateway: west, accepted: true}}
"""
WORKS = [Probe("ha", "10.2.1.11", "tcp", 80, seen_as="10.0.1.11"), *passes("hb2", "ha", "icmp")]


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with labs.up(TOPOLOGY) as up:
        for node in ("ha", "hc", "hn", "hb", "hb2"):
            up.serve(node, tcp=(80,))
        yield up


def codes(lab: Lab, source: str, to: str) -> set[str]:
    flow = Flow(source, IPv4Address(lab.address(source)), IPv4Address(to), "tcp", 80)
    return {held.code for held in Analyzer(lab.topology, lab.addresses).analyze(flow).explanations}


changed = partial(labs.changed, TOPOLOGY)


def test_TGW_50_two_regions_meet(lab: Lab) -> None:
    """With static routes at both gateways: from every zone to every zone, both ways, addresses kept."""
    agree(lab, WORKS, passes("hc", "hb2", "tcp", 80), passes("hn", "10.2.1.11", "tcp", 80))
    agree(lab, [Probe("hb", "hn", "tcp", 80, seen_as="10.2.1.11")], passes("hb2", "hc", "icmp"))


def test_TGW_50_nothing_is_propagated(lab: Lab) -> None:
    """A gateway knows nothing of the VPCs behind its peer: without a static route it drops what is for them."""
    with changed(lab, {"default: {routes: {10.2.0.0/16: e-w}}": "default: {}"}):
        agree(lab, drops("ha", "10.2.1.11", "tcp", 80), passes("ha", "hn", "tcp", 80))
        assert "TGW_RTB_NO_ROUTE_TO_TGW_ATTACHMENT" in codes(lab, "ha", "10.2.1.11")
    agree(lab, WORKS)


def test_TGW_50_no_route_back(lab: Lab) -> None:
    """With a route on one side only, questions arrive and the other gateway drops the answers."""
    with changed(lab, {"default: {routes: {10.0.0.0/15: e-w}}": "default: {routes: {10.1.0.0/16: e-w}}"}):
        agree(lab, drops("ha", "10.2.1.11", "tcp", 80), passes("hn", "10.2.1.11", "tcp", 80))
        flow = Flow("ha", IPv4Address("10.0.1.11"), IPv4Address("10.2.1.11"), "tcp", 80)
        verdict = Analyzer(lab.topology, lab.addresses).verdict(flow)
        assert (verdict.on_the_way_back, verdict.dropped_at and verdict.dropped_at.name) == (True, "west")
    agree(lab, WORKS)


def test_TGW_50_not_accepted(lab: Lab) -> None:
    """Until it is accepted a peering carries nothing, and the routes to it are blackholes; then it works at once."""
    with changed(lab, {"peer_transit_gateway: west, accepted: true": "peer_transit_gateway: west"}):
        agree(lab, drops("ha", "10.2.1.11", "tcp", 80), drops("hb", "ha", "icmp"), passes("ha", "hn", "tcp", 80))
        assert "TGW_RTB_BAD_STATE_ROUTE" in codes(lab, "ha", "10.2.1.11")
        assert [held["state"] for held in status(lab.name)["transit_gateway_peering_attachments"]] == [
            "pendingAcceptance"
        ]
    agree(lab, WORKS)


def test_TGW_20_the_table_that_a_peering_is_associated_with(lab: Lab) -> None:
    """What comes by a peering is routed by the table with which it is associated there: one that knows half of b."""
    half = "default: {routes: {10.0.0.0/15: e-w}}\n      half: {associations: [e-w], routes: {10.2.2.0/24: b}}"
    with changed(lab, {"default: {routes: {10.0.0.0/15: e-w}}": half}):
        agree(lab, drops("ha", "10.2.1.11", "tcp", 80), passes("ha", "hb2", "tcp", 80), passes("hb2", "ha", "tcp", 80))
    agree(lab, WORKS)


def test_TGW_20_a_peering_without_association(lab: Lab) -> None:
    """What comes by a peering that is associated with no table of the gateway is dropped there."""
    with changed(lab, {"  west:\n": "  west:\n    default_route_table_association: disable\n"}):
        agree(lab, drops("ha", "hb2", "tcp", 80), passes("ha", "hn", "tcp", 80))
        assert "TGW_ATTACH_MISSING_TGW_RTB_ASSOCIATION" in codes(lab, "ha", "10.2.2.11")
    agree(lab, WORKS)


def test_TGW_26_a_blackhole_before_a_peering(lab: Lab) -> None:
    """The longest prefix decides, be it a blackhole."""
    with changed(lab, {"routes: {10.2.0.0/16: e-w}": "routes: {10.2.0.0/16: e-w, 10.2.2.0/24: blackhole}"}):
        agree(lab, drops("ha", "hb2", "tcp", 80), passes("ha", "10.2.1.11", "tcp", 80))
    agree(lab, WORKS)


def test_TGW_51_names_stand_for_public_addresses(lab: Lab) -> None:
    """Private addresses of names are not told over a peering of gateways; at one gateway they are."""
    known = {name: to for to, name in map(str.split, view.hosts(view.read(lab.name), "ha").splitlines())}
    assert (known["hb"], known["hn"]) == ("52.1.1.9", "10.1.1.11")
    assert "hb2" not in known, "no public address"


def test_TGW_52_MTU_02_two_gateways(lab: Lab) -> None:
    """As much as one gateway carries, and the sender is told the same."""
    ping = ("ping", "-c", "1", "-W", "2", "-M", "do", "-s")
    assert lab.run("ha", *ping, "8472", "10.2.1.11")
    told = lab.run("ha", *ping, "8473", "10.2.1.11")
    assert not told
    assert "mtu" in told.output


def test_TGW_50_in_a_circle(lab: Lab) -> None:
    """Two gateways that lead a block to each other: the packet dies of its TTL, and nobody hears of it."""
    edits = {
        "routes: {10.2.0.0/16: e-w}": "routes: {10.2.0.0/16: e-w, 10.9.0.0/16: e-w}",
        "routes: {10.0.0.0/15: e-w}": "routes: {10.0.0.0/15: e-w, 10.9.0.0/16: e-w}",
    }
    with changed(lab, edits):
        agree(lab, drops("ha", "10.9.1.1", "tcp", 80), WORKS, traced=False)
        assert "NO_PATH" in codes(lab, "ha", "10.9.1.1")
