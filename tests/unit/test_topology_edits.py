"""What AWS refuses about an edit, though both files are right."""

import pytest

from emulator.topology.load import load
from emulator.topology.model import Topology
from emulator.topology.rules_edits import refused
from tests.support.lab import edited

BASE = """
name: lab
vpcs:
  a:
    cidr_block: 10.5.0.0/16
    secondary_cidr_blocks: [100.64.0.0/16]
    subnets: {one: {cidr_block: 100.64.1.0/24}}
  b:
    cidr_block: 10.6.0.0/16
vpc_peering_connections:
  a-b: {vpc: a, peer_vpc: b, accepted: true}
"""
A, B = "secondary_cidr_blocks: [100.64.0.0/16]", "cidr_block: 10.6.0.0/16\n"
ACTIVE = "accepted: true}"


def read(**changes: str) -> Topology:
    topology, problems = load(edited(BASE, changes))
    assert topology is not None, problems
    return topology


def with_blocks(a: str = "100.64.0.0/16", b: str = "", **changes: str) -> Topology:
    blocks = {A: f"secondary_cidr_blocks: [{a}]", B: f"{B}    secondary_cidr_blocks: [{b}]\n"}
    return read(**{**blocks, **changes})


def codes(old: Topology, new: Topology) -> list[str]:
    return [problem.code for problem in refused(old, new)]


def test_a_block_with_a_subnet_in_it_stays() -> None:
    """VPC-07, VPC-09: another size is another block, and this one cannot go while a subnet lies in it."""
    base = read()
    for other in ("100.64.0.0/17", "100.64.1.0/24"):
        assert codes(base, with_blocks(other)) == ["InvalidCidrBlock.InUse"], other
    (problem,) = refused(base, with_blocks("100.64.0.0/17"))
    assert "within 100.64.0.0/16: subnet one" in problem.what
    assert problem.where.path == "vpcs.a.secondary_cidr_blocks"
    gone = {"subnets: {one: {cidr_block: 100.64.1.0/24}}": "subnets: {}"}
    assert codes(base, with_blocks("100.64.0.0/17", **gone)) == []
    assert codes(base, with_blocks("", **gone)) == []
    anew = {"{one: {cidr_block: 100.64.1.0/24}}": "{two: {cidr_block: 100.64.1.0/24}}"}
    assert codes(base, with_blocks("100.64.0.0/17", **anew)) == []
    assert codes(base, base) == codes(base, with_blocks("100.64.0.0/16, 100.65.0.0/16")) == []


@pytest.mark.parametrize("side", ["a", "b"])
def test_a_block_of_the_peers_beside_an_active_connection(side: str) -> None:
    """VPC-15: it is refused, and others are accepted."""
    base = read()
    held = "100.64.0.0/16, " if side == "a" else ""
    overlapping = with_blocks(**{side: f"{held}{'10.6.7.0/24' if side == 'a' else '100.64.7.0/24'}"})
    (problem,) = refused(base, overlapping)
    assert (problem.code, "a-b is active" in problem.what) == ("InvalidVpc.Range", True)
    assert codes(base, with_blocks(**{side: f"{held}100.70.0.0/16"})) == []
    ended = read(**{ACTIVE: "state: deleted}"})
    assert codes(ended, overlapping) == []


def test_a_request_that_waits() -> None:
    """VPC-15: the VPC that asks can be given no block; the one that is asked can."""
    waiting = {ACTIVE: "accepted: false}"}
    base = read(**waiting)
    (problem,) = refused(base, with_blocks("100.64.0.0/16, 100.70.0.0/16", **waiting))
    assert (problem.code, "a-b" in problem.what) == ("OperationNotPermitted", True)
    assert codes(base, with_blocks(b="100.70.0.0/16", **waiting)) == []
    assert codes(base, with_blocks(b="100.64.3.0/24", **waiting)) == []  # and the connection fails
    assert codes(base, with_blocks("100.64.0.0/16, 100.70.0.0/16")) == []  # accepted in the same edit


GATEWAY = """
name: lab
vpcs:
  a:
    cidr_block: 10.5.0.0/16
    internet_gateway: igw
    subnets: {one: {cidr_block: 10.5.1.0/24, map_public_ip_on_launch: true}}
    instances: {web: {subnet: one}, bare: {subnet: one, associate_public_ip_address: false}}
"""


def with_gateway(**changes: str) -> Topology:
    topology, problems = load(edited(GATEWAY, changes))
    assert topology is not None, problems
    return topology


def test_IGW_13_a_gateway_does_not_leave_mapped_addresses() -> None:
    """A file without a gateway may give public addresses, but an edit that takes the gateway from them is refused."""
    base, gone = with_gateway(), {"    internet_gateway: igw\n": ""}
    (problem,) = refused(base, with_gateway(**gone))
    assert (problem.code, problem.where.path) == ("DependencyViolation", "vpcs.a.internet_gateway")
    assert "public address(es): web" in problem.what
    private = {"map_public_ip_on_launch: true": "map_public_ip_on_launch: false"}
    assert codes(base, with_gateway(**gone, **private)) == []
    assert codes(with_gateway(**gone), with_gateway(**gone)) == codes(with_gateway(**gone), base) == []
    other = {"web: {subnet: one}, ": "", "bare: {": "new: {subnet: one}, bare: {"}  # nothing that was mapped is left
    assert codes(base, with_gateway(**gone, **other)) == []
