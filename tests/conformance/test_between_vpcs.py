"""Peering connections and transit gateways side by side, with packets: what each carries, and what neither does."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from ipaddress import IPv4Address

import pytest

from emulator.analysis import Analyzer
from emulator.topology.flows import Directory, Flow
from tests.support import lab as labs
from tests.support.lab import Lab, edited
from tests.support.probes import Probe, check, drops, passes
from tests.support.views import agree
from tests.support.wait import eventually

OPEN = "{ingress: [{protocol: all, from: 0.0.0.0/0}]}"
TOPOLOGY = f"""
vpcs:
  a:
    cidr_block: 10.0.0.0/16
    subnets: {{a1: {{cidr_block: 10.0.1.0/24}}, a2: {{cidr_block: 10.0.2.0/24}}}}
    route_tables: {{main: {{routes: {{10.1.0.0/16: ab, 10.1.2.0/24: t1, 10.2.0.0/16: t1, 10.3.0.0/16: t2}}}}}}
    security_groups: {{open: {OPEN}}}
    instances:
      ha: {{subnet: a1, private_ip: 10.0.1.11, security_groups: [open]}}
      near: {{subnet: a2, private_ip: 10.0.2.11, security_groups: [open]}}
  b:
    cidr_block: 10.1.0.0/16
    subnets: {{b1: {{cidr_block: 10.1.1.0/24}}, b2: {{cidr_block: 10.1.2.0/24, route_table: two}}}}
    route_tables:
      main: {{routes: {{10.0.0.0/16: ab, 10.2.0.0/16: bc}}}}
      two: {{routes: {{10.0.0.0/16: t1, 10.2.0.0/16: bc}}}}
    security_groups: {{open: {OPEN}}}
    instances:
      hb: {{subnet: b1, private_ip: 10.1.1.11, security_groups: [open]}}
      hb2: {{subnet: b2, private_ip: 10.1.2.11, security_groups: [open]}}
  c:
    cidr_block: 10.2.0.0/16
    internet_gateway: igw
    subnets: {{c1: {{cidr_block: 10.2.1.0/24}}}}
    route_tables: {{main: {{routes: {{10.0.0.0/16: t1, 10.1.0.0/16: bc}}}}}}
    security_groups: {{open: {OPEN}}}
    instances:
      hc: {{subnet: c1, private_ip: 10.2.1.11, elastic_ip: 52.1.1.9, security_groups: [open]}}
  d:
    cidr_block: 10.3.0.0/16
    owner_id: "444455556666"
    subnets: {{d1: {{cidr_block: 10.3.1.0/24}}}}
    route_tables: {{main: {{routes: {{10.0.0.0/16: t2}}}}}}
    security_groups: {{open: {OPEN}}}
    instances: {{hd: {{subnet: d1, private_ip: 10.3.1.11, security_groups: [open]}}}}
vpc_peering_connections:
  ab: {{vpc: a, peer_vpc: b, auto_accept: true}}
  bc: {{vpc: b, peer_vpc: c, auto_accept: true}}
transit_gateways:
  t1:
    vpc_attachments: {{a: {{vpc: a, subnets: [a1]}}, b: {{vpc: b, subnets: [b2]}}, c: {{vpc: c, subnets: [c1]}}}}
    route_tables: {{default: {{}}}}
  t2:
    vpc_attachments: {{a: {{vpc: a, subnets: [a1]}}, d: {{vpc: d, subnets: [d1], accepted: true}}}}
    route_tables: {{default: {{}}}}
"""
T1, T2 = "[c1]}}\n    route_tables: {default: {}}", "accepted: true}}\n    route_tables: {default: {}}"
BY_PEERING, BY_GATEWAY = passes("ha", "hb", "tcp", 80), passes("ha", "hb2", "tcp", 80)
WORKS = [*BY_PEERING, *BY_GATEWAY, *passes("ha", "10.2.1.11", "tcp", 80), *passes("ha", "hd", "icmp")]


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with labs.up(TOPOLOGY) as up:
        for node in ("ha", "near", "hb", "hb2", "hc", "hd"):
            up.serve(node, tcp=(80,))
        yield up


def codes(lab: Lab, source: str, to: str) -> set[str]:
    flow = Flow(source, IPv4Address(lab.private(source)), IPv4Address(to), "tcp", 80)
    return {held.code for held in Analyzer(lab.topology, lab.addresses).analyze(flow).explanations}


@contextmanager
def changed(lab: Lab, *edits: tuple[str, str]) -> Iterator[None]:
    lab.up(edited(TOPOLOGY, dict(edits)))
    try:
        yield
    finally:
        lab.up(TOPOLOGY)


def test_T_14_RT_50_the_longer_prefix_of_two_ways(lab: Lab) -> None:
    """A block by a peering connection, a part of it by a transit gateway: that part takes the latter."""
    agree(lab, WORKS)
    ping = ("ping", "-c", "1", "-W", "2", "-M", "do", "-s", "8800")  # more than a transit gateway carries
    assert lab.run("ha", *ping, "10.1.1.11")
    assert "mtu" in lab.run("ha", *ping, "10.1.2.11").output


@pytest.mark.parametrize("state", ["rejected", "expired", "deleted"])
def test_PCX_01_RT_41_a_connection_that_has_ended(lab: Lab, state: str) -> None:
    """Its routes stay, as blackholes that win over shorter ones: the way by the gateway, which works, is not taken."""
    shorter = ("10.1.2.0/24: t1, 10.2.0.0/16: t1,", "10.1.2.0/24: t1, 10.0.0.0/8: t1,")
    with changed(lab, shorter, ("peer_vpc: b, auto_accept: true", f"peer_vpc: b, state: {state}")):
        agree(lab, drops("ha", "hb", "tcp", 80), BY_GATEWAY, passes("ha", "10.2.1.11", "tcp", 80))
        assert "BAD_STATE_ROUTE" in codes(lab, "ha", "10.1.1.11")
    agree(lab, BY_PEERING)


def test_PCX_12_TGW_32_not_through_a_peering_of_an_attached_vpc(lab: Lab) -> None:
    """b is attached, and peered with c: what the gateway brings for c is not carried on by b's connection."""
    with changed(lab, (T1, T1.replace("default: {}", "default: {routes: {10.2.0.0/16: b}}"))):
        agree(lab, drops("ha", "10.2.1.11", "tcp", 80), passes("hb2", "10.2.1.11", "tcp", 80), BY_GATEWAY)
        assert "PCX_REQUIRES_ADDRESS_IN_VPC_CIDR" in codes(lab, "ha", "10.2.1.11")
    agree(lab, WORKS)


def test_TGW_08_a_vpc_at_two_gateways(lab: Lab) -> None:
    """A VPC may be attached to several gateways; each carries to its own VPCs, and knows nothing of the others."""
    agree(lab, WORKS, [Probe("hd", "ha", "tcp", 80, seen_as="10.3.1.11")])
    with changed(lab, ("10.3.0.0/16: t2", "10.3.0.0/16: t1")):
        agree(lab, drops("ha", "hd", "tcp", 80), passes("ha", "10.2.1.11", "tcp", 80))
        assert "TGW_RTB_NO_ROUTE_TO_TGW_ATTACHMENT" in codes(lab, "ha", "10.3.1.11")


def test_TGW_01_TGW_09_a_vpc_of_another_account(lab: Lab) -> None:
    """A VPC of another account carries nothing until the gateway's owner accepts its attachment, or accepts all."""
    with changed(lab, ("subnets: [d1], accepted: true", "subnets: [d1]")):
        agree(lab, drops("ha", "hd", "tcp", 80), drops("hd", "ha", "icmp"), passes("ha", "10.2.1.11", "tcp", 80))
        assert "BAD_STATE_ROUTE" in codes(lab, "hd", "10.0.1.11")
    with changed(
        lab,
        ("subnets: [d1], accepted: true", "subnets: [d1]"),
        ("  t2:\n", "  t2:\n    auto_accept_shared_attachments: enable\n"),
    ):
        agree(lab, passes("ha", "hd", "tcp", 80), passes("hd", "ha", "icmp"))


def test_TGW_27_a_static_route_to_an_attachment_that_is_not_there_yet(lab: Lab) -> None:
    """A static route to an attachment that nobody has accepted is a blackhole, and wins over a shorter one."""
    routes = "default: {routes: {10.3.0.0/16: d, 0.0.0.0/0: a}}"
    with changed(
        lab,
        (T2, T2.replace("default: {}", routes)),
        ("subnets: [d1], accepted: true", "subnets: [d1], accepted: false"),
    ):
        agree(lab, drops("ha", "hd", "tcp", 80), passes("ha", "10.2.1.11", "tcp", 80))
        assert "TGW_RTB_BAD_STATE_ROUTE" in codes(lab, "ha", "10.3.1.11")
    agree(lab, WORKS)


def test_TGW_03_without_a_default_route_table(lab: Lab) -> None:
    """With default association and propagation off there is no default table, and what comes in is dropped."""
    off = "default_route_table_association: disable\n    default_route_table_propagation: disable\n"
    with changed(lab, ("  t2:\n", f"  t2:\n    {off}"), (T2, T2.partition("\n")[0])):
        agree(lab, drops("ha", "hd", "tcp", 80), passes("ha", "10.2.1.11", "tcp", 80), BY_PEERING)
        assert "TGW_ATTACH_MISSING_TGW_RTB_ASSOCIATION" in codes(lab, "ha", "10.3.1.11")
    agree(lab, WORKS)


def test_TGW_21_propagated_to_one_table_only(lab: Lab) -> None:
    """c is known to the table of a, and a not to that of c: questions arrive, and the gateway drops the answers."""
    tables = "{default: {}, apart: {associations: [c], propagations: [b]}}"
    with changed(lab, (T1, T1.replace("{default: {}}", tables))):
        agree(lab, drops("ha", "10.2.1.11", "tcp", 80), BY_GATEWAY)
        flow = Flow("ha", IPv4Address("10.0.1.11"), IPv4Address("10.2.1.11"), "tcp", 80)
        assert Analyzer(lab.topology, lab.addresses).verdict(flow).on_the_way_back
    agree(lab, WORKS)


def test_TGW_28_blocks_that_overlap_with_different_lengths(lab: Lab) -> None:
    """Of two attached VPCs whose blocks overlap, both propagate: the longer prefix decides for what both hold."""
    e = f"""  e:
    cidr_block: 10.2.128.0/20
    subnets: {{e1: {{cidr_block: 10.2.128.0/24}}}}
    route_tables: {{main: {{routes: {{10.0.0.0/16: t1}}}}}}
    security_groups: {{open: {OPEN}}}
    instances: {{he: {{subnet: e1, private_ip: 10.2.128.11, security_groups: [open]}}}}
vpc_peering_connections:
"""
    with changed(
        lab,
        ("vpc_peering_connections:\n", e),
        ("c: {vpc: c, subnets: [c1]}", "c: {vpc: c, subnets: [c1]}, e: {vpc: e, subnets: [e1]}"),
    ):
        agree(
            lab,
            passes("ha", "10.2.128.11", "icmp"),
            passes("ha", "10.2.1.11", "icmp"),
            drops("ha", "10.2.129.1", "icmp"),
        )


def test_TGW_51_the_dns_option(lab: Lab) -> None:
    """Names stand for private addresses among the VPCs of a gateway, unless its option or an attachment's is off."""
    assert str(Directory(lab.topology, lab.addresses).target("hc", "ha")) == "10.2.1.11"
    with changed(lab, ("  t1:\n", "  t1:\n    dns_support: disable\n")):
        assert str(Directory(lab.topology, lab.addresses).target("hc", "ha")) == "52.1.1.9"
        agree(lab, passes("ha", "10.2.1.11", "tcp", 80))
    with changed(lab, ("{vpc: c, subnets: [c1]}", "{vpc: c, subnets: [c1], dns_support: disable}")):
        assert str(Directory(lab.topology, lab.addresses).target("hc", "ha")) == "52.1.1.9"


def test_TGW_57_TGW_04_the_address_of_an_attachment(lab: Lab) -> None:
    """An attachment takes an address of its subnet, at which nobody answers, in the VPC or beyond."""
    taken = str(lab.addresses.private["t1.c.c1"])
    agree(lab, drops("ha", taken, "icmp"), drops("hc", taken, "tcp", 80), passes("ha", "10.2.1.11", "icmp"))


def test_TGW_58_TTL_no_hop_is_shown(lab: Lab) -> None:
    """A gateway counts, alone of what is on the way, and what dies there dies in silence."""
    ping = ("ping", "-c", "1", "-W", "1", "-t")
    first = lab.run("ha", *ping, "1", "10.2.1.11")
    assert not first
    assert "exceeded" not in first.output
    second = lab.run("ha", *ping, "2", "10.2.1.11")
    assert second
    assert "ttl=63" in second.output


def test_MTU_07_the_segments_of_a_connection(lab: Lab) -> None:
    """By a gateway both ends are told to send segments that fit 8,500 bytes; within a VPC they are larger."""

    def segment(to: str) -> int:
        with lab.open_socket("ha", kind=socket.SOCK_STREAM) as held:
            with suppress(BlockingIOError):
                held.connect((to, 80))
            return int(eventually(lambda: _connected(held), f"a connection to {to}"))

    assert segment("10.2.1.11") <= 8460
    assert segment("10.0.2.11") > 8460


def _connected(held: socket.socket) -> int:
    try:
        held.getpeername()
    except OSError:
        return 0
    return held.getsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG)


def test_RT_41_a_pending_connection_before_a_default_route(lab: Lab) -> None:
    """Until it is accepted, the route to a connection drops: the default route to a gateway is not used."""
    with changed(
        lab,
        ("10.1.0.0/16: ab, ", "10.1.0.0/16: ab, 0.0.0.0/0: t1, "),
        ("peer_vpc: b, auto_accept: true", "peer_vpc: b"),
    ):
        check(lab, drops("ha", "hb", "tcp", 80), BY_GATEWAY)
        agree(lab, drops("hb", "ha", "icmp"), BY_GATEWAY)
    agree(lab, WORKS)
