"""A VPC with further blocks: they are as much the VPC as the first one."""

from collections.abc import Iterator

import pytest

from emulator.errors import TopologyError
from emulator.topology.load import load
from tests.support import lab as labs
from tests.support import packets
from tests.support.lab import Lab, edited
from tests.support.packets import Sender, Tap, silent
from tests.support.probes import Probe, check, drops, passes, refused
from tests.support.views import agree

TOPOLOGY = """
vpcs:
  main:
    cidr_block: 10.0.0.0/16
    secondary_cidr_blocks: [100.64.0.0/16, 203.0.113.0/24]
    internet_gateway: igw
    subnets:
      first: {cidr_block: 10.0.1.0/24, route_table: out}
      second: {cidr_block: 100.64.1.0/24, route_table: out}
      third: {cidr_block: 203.0.113.0/28}
    route_tables:
      out: {routes: {0.0.0.0/0: igw}}
    security_groups:
      open: {ingress: [{protocol: all, from: 0.0.0.0/0}]}
    instances:
      first: {subnet: first, elastic_ip: 52.1.1.1, security_groups: [open]}
      second: {subnet: second, associate_public_ip_address: true, security_groups: [open]}
      third: {subnet: third, security_groups: [open]}
internet:
  hosts:
    far: {ip: 45.83.64.9}
"""


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with labs.up(TOPOLOGY) as up:
        for node in ("first", "second", "third", "far"):
            up.serve(node, tcp=(80,))
        yield up


def test_VPC_12_local_for_every_block(lab: Lab) -> None:
    """A further block brings a local route to every route table: all subnets reach each other."""
    nodes = ("first", "second", "third")
    check(lab, [Probe(a, b, "tcp", 80, seen_as=lab.private(a)) for a in nodes for b in nodes if a != b])


def test_SUB_07_SUB_08_the_resolver_is_in_the_primary_block(lab: Lab) -> None:
    """AWS's resolver has the third address of the primary block; that of another block or of a subnet is nobody's."""
    for node in ("first", "second"):
        agree(
            lab,
            refused(node, "10.0.0.2", "udp", 53),
            drops(node, "100.64.0.2", "udp", 53),
            drops(node, "100.64.1.2", "udp", 53),
            drops(node, "10.0.1.2", "udp", 53),
        )


def test_VPC_06_public_addresses_of_the_block_stay_inside(lab: Lab) -> None:
    """A block of public addresses is the VPC's own: what is sent there never leaves, and no public IP comes from it."""
    tap, control = Tap(lab, "igw"), Tap(lab, "third")
    lost, done = packets.cookie(), packets.cookie()
    sender = Sender(lab, "first")
    sender.send("203.0.113.200", packets.UDP(dport=514) / packets.Raw(lost))
    sender.send("third", packets.UDP(dport=514) / packets.Raw(done))
    control.wait(done)
    silent(tap, about=lost)
    assert not lab.public("second").startswith("203.0.113.")


def test_IGW_01_public_addresses_in_every_block(lab: Lab) -> None:
    """An instance of a further block has a public IP like any other."""
    public = lab.public("second")
    check(lab, [Probe("second", "far", "tcp", 80, seen_as=public)], passes("far", public, "tcp", 80))
    check(lab, drops("far", lab.private("third"), "tcp", 80), passes("far", "52.1.1.1", "tcp", 80))


def test_T_05_a_block_is_added() -> None:
    """A block of 100.64.0.0/10 can be added to a VPC on 10.0.0.0/16; every route table gets a local route to it."""
    with_block = "secondary_cidr_blocks: [100.64.0.0/16, 203.0.113.0/24]"
    before = edited(
        TOPOLOGY,
        {
            with_block: "secondary_cidr_blocks: [203.0.113.0/24]",
            "      second: {cidr_block: 100.64.1.0/24, route_table: out}\n": "",
            "      second: {subnet: second, associate_public_ip_address: true, security_groups: [open]}\n": "",
        },
    )
    with labs.up(before) as lab:
        lab.serve("first", tcp=(80,))
        check(lab, drops("first", "100.64.1.4", "tcp", 80), passes("third", "first", "tcp", 80))
        lab.up(TOPOLOGY)
        lab.serve("second", tcp=(80,))
        check(lab, passes("first", "second", "tcp", 80), passes("third", "second", "tcp", 80))


def test_VPC_11_a_route_is_in_the_way() -> None:
    """A block cannot be added that holds the destination of a route already there; a smaller one can."""
    text = """
vpcs:
  main:
    cidr_block: 10.2.0.0/16
    secondary_cidr_blocks: []
    subnets: {a: {cidr_block: 10.2.1.0/24}}
    route_tables: {main: {routes: {10.3.0.0/24: a}}}
    security_groups: {open: {ingress: [{protocol: all, from: 0.0.0.0/0}]}}
    instances:
      a: {subnet: a, source_dest_check: false, security_groups: [open]}
      b: {subnet: a, security_groups: [open]}
"""

    def with_block(block: str, more: str = "") -> str:
        subnets = f"subnets: {{{more}a: {{cidr_block: 10.2.1.0/24}}}}"
        return edited(text, {"blocks: []": f"blocks: [{block}]", "subnets: {a: {cidr_block: 10.2.1.0/24}}": subnets})

    whole = "b: {cidr_block: 10.3.0.0/24}, "  # with it the route is for a whole subnet, and the file by itself is right
    with labs.up(with_block("10.3.0.0/16", whole)):
        pass  # in a new VPC the blocks come first, and the route then is one for a whole subnet (RT-05)
    with labs.up(text) as lab:
        lab.serve("a", tcp=(80,))
        for block in ("10.3.0.0/16", "10.3.0.0/24"):
            with pytest.raises(TopologyError) as refused:
                lab.up(with_block(block, whole))
            assert [problem.code for problem in refused.value.problems] == ["InvalidVpc.Range"]
            assert "has a route to 10.3.0.0/24 already" in str(refused.value)
        check(lab, passes("b", "a", "tcp", 80))
        lab.up(with_block("10.3.0.0/25"))
        lab.up(edited(with_block("10.3.0.0/16", whole), {"10.3.0.0/24: a}": "}"}))  # the route goes along
        check(lab, passes("b", "a", "tcp", 80))


def test_VPC_13_what_goes_together() -> None:
    """What the blocks of a VPC are in decides which others can be added, and so does their order."""

    def codes(primary: str, *more: str) -> list[str]:
        text = f"name: lab\nvpcs: {{main: {{cidr_block: {primary}, secondary_cidr_blocks: [{', '.join(more)}]}}}}"
        return [problem.code for problem in load(text)[1] if not problem.warning]

    refused = ["InvalidVpc.Range"]
    assert codes("10.5.0.0/16", "10.6.0.0/16", "100.64.0.0/16", "203.0.113.0/24") == []
    for block in ("172.16.0.0/16", "192.168.0.0/16", "198.19.0.0/16"):
        assert codes("10.5.0.0/16", block) == refused
    assert codes("10.5.0.0/16", "10.0.0.0/16", "10.1.0.0/16") == []
    assert codes("10.5.0.0/16", "10.1.0.0/16", "10.0.0.0/16") == refused
    assert codes("10.5.0.0/16", "10.1.0.0/16", "10.0.7.0/24") == refused
    assert codes("100.64.0.0/16", "10.5.0.0/16") == refused
    assert codes("172.16.0.0/16", "172.20.0.0/16") == []
    assert codes("172.16.0.0/16", "172.31.0.0/16") == refused


def test_VPC_13_the_order_of_edits() -> None:
    """A block that is added later is judged by the blocks that are there, wherever the file writes it."""
    text = "vpcs: {main: {cidr_block: 10.5.0.0/16, secondary_cidr_blocks: [10.1.0.0/16]}}\n"
    both = edited(text, {"[10.1": "[10.0.0.0/16, 10.1"})
    with labs.up(text) as lab:
        with pytest.raises(TopologyError, match=r"a block in 10\.0\.0\.0/15 \(10\.1\.0\.0/16\)"):
            lab.up(both)
        lab.up(edited(text, {"[10.1.0.0/16]": "[10.1.0.0/16, 10.6.0.0/16]"}))
    with labs.up(both):
        pass
