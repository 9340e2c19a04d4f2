"""Blocks, subnets and addresses: what AWS gives, and what it refuses with which error code."""

from collections.abc import Iterator

import pytest

from emulator.topology.addresses import assign
from emulator.topology.load import load
from tests.support import lab as labs
from tests.support.lab import Lab
from tests.support.probes import Probe, check, drops, passes

TOPOLOGY = """
vpcs:
  main:
    cidr_block: 10.0.0.0/16
    internet_gateway: igw
    subnets:
      public: {cidr_block: 10.0.0.0/24, route_table: public}
      auto: {cidr_block: 10.0.3.0/24, route_table: public, map_public_ip_on_launch: true}
      whole: {cidr_block: 10.0.1.0/28}
    route_tables:
      public: {routes: {0.0.0.0/0: igw}}
    security_groups:
      open: {ingress: [{protocol: all, from: 0.0.0.0/0}]}
    instances:
      first: {subnet: whole, security_groups: [open]}
      fixed: {subnet: whole, private_ip: 10.0.1.14, security_groups: [open]}
      plain: {subnet: public, security_groups: [open]}
      asks: {subnet: public, associate_public_ip_address: true, security_groups: [open]}
      mapped: {subnet: auto, security_groups: [open]}
      declines: {subnet: auto, associate_public_ip_address: false, security_groups: [open]}
      both: {subnet: auto, elastic_ip: 203.0.113.77, security_groups: [open]}
internet:
  hosts:
    x: {ip: 198.51.100.7}
"""


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with labs.up(TOPOLOGY) as up:
        for node in (*up.addresses.private, "x"):
            up.serve(node, tcp=(80,))
        yield up


def codes(text: str) -> list[str]:
    """AWS's error codes for this file, warnings among them."""
    return [problem.code for problem in load(text)[1]]


def vpc(block: str, **keys: str) -> str:
    lines = "".join(f"\n    {key}: {value}" for key, value in keys.items())
    return f'name: lab\nvpcs:\n  main:\n    cidr_block: "{block}"{lines}\n'


def in_subnet(address: str) -> list[str]:
    return codes(
        vpc(
            "10.0.0.0/16",
            subnets="{q: {cidr_block: 10.0.1.0/24}}",
            instances=f"{{h: {{subnet: q, private_ip: {address}}}}}",
        )
    )


def test_T_01_SUB_05_SUB_09_reserved_addresses() -> None:
    """Five addresses of every subnet are AWS's own: the first four and the last; nobody may ask for them."""
    for address in ("10.0.1.0", "10.0.1.1", "10.0.1.2", "10.0.1.3", "10.0.1.255"):
        assert in_subnet(address) == ["InvalidParameterValue"], address
    for address in ("10.0.1.4", "10.0.1.254"):
        assert in_subnet(address) == []


def test_T_02_SUB_06_a_full_subnet() -> None:
    """A /28 holds eleven hosts; the twelfth is refused with InsufficientFreeAddressesInSubnet."""

    def filled(count: int) -> str:
        hosts = ", ".join(f"h{number}: {{subnet: q}}" for number in range(count))
        return vpc("10.0.0.0/16", subnets="{q: {cidr_block: 10.0.1.0/28}}", instances=f"{{{hosts}}}")

    assert codes(filled(12)) == ["InsufficientFreeAddressesInSubnet"]
    topology, problems = load(filled(11))
    assert topology is not None
    assert problems == []
    given = sorted(assign(topology, None)[0].private.values())
    assert [str(address) for address in given] == [f"10.0.1.{last}" for last in range(4, 15)]


def test_T_03_SUB_03_overlapping_subnets() -> None:
    """A subnet that overlaps another one of its VPC is refused with InvalidSubnet.Conflict."""
    for block in ("10.0.1.128/25", "10.0.1.0/24", "10.0.0.0/16"):
        subnets = f"{{q: {{cidr_block: 10.0.1.0/24}}, r: {{cidr_block: {block}}}}}"
        assert codes(vpc("10.0.0.0/16", subnets=subnets)) == ["InvalidSubnet.Conflict"], block
    assert not codes(vpc("10.0.0.0/16", subnets="{q: {cidr_block: 10.0.1.0/25}, r: {cidr_block: 10.0.1.128/25}}"))


def test_T_04_VPC_01_VPC_03_the_size_of_a_vpc() -> None:
    """A VPC is a /16 to a /28, else InvalidVpc.Range; bits beyond the prefix are cleared, not refused."""
    assert codes(vpc("10.0.0.0/15")) == codes(vpc("10.0.0.0/29")) == ["InvalidVpc.Range"]
    assert codes(vpc("10.0.0.0/28")) == []
    topology, problems = load(vpc("10.0.0.7/16"))
    assert topology is not None
    assert problems == []
    assert str(topology.vpcs[0].cidr_block) == "10.0.0.0/16"


@pytest.mark.parametrize("block", ["0.0.0.0/16", "127.0.0.0/16", "169.254.0.0/16", "224.0.0.0/16", "239.1.0.0/16"])
def test_VPC_04_refused_blocks(block: str) -> None:
    """A VPC cannot have a block of loopback, link-local, multicast or the zero network."""
    assert codes(vpc(block)) == ["InvalidVpc.Range"]


def test_VPC_05_the_range_that_aws_uses_itself() -> None:
    """172.17.0.0/16 is accepted with a warning: some services of AWS use it themselves."""
    topology, problems = load(vpc("172.17.0.0/16"))
    assert topology is not None
    assert [problem.warning for problem in problems] == [True]


def test_VPC_06_SUB_04_a_subnet_as_large_as_its_vpc() -> None:
    """A subnet may be as large as its VPC, and a VPC may have public or shared addresses as its own."""
    for block in ("10.0.0.0/16", "100.64.0.0/16", "44.0.0.0/16"):
        topology, problems = load(vpc(block, subnets=f"{{all: {{cidr_block: {block}}}}}"))
        assert topology is not None, problems


def test_VPC_19_what_a_new_vpc_has() -> None:
    """A new VPC has a main route table with the local route alone, the default group, and no internet gateway."""
    topology, _ = load(vpc("10.0.0.0/16"))
    assert topology is not None
    (main,) = topology.vpcs
    assert [(table.name, table.routes) for table in main.route_tables] == [(main.main_route_table, ())]
    assert [group.name for group in main.security_groups] == ["default"]
    assert (main.internet_gateway, main.subnets) == (None, ())


def test_SUB_01_SUB_02_the_range_of_a_subnet() -> None:
    """A subnet is a /16 to a /28 within a block of its VPC, else InvalidSubnet.Range."""
    for block in ("10.0.1.0/29", "10.1.0.0/24", "10.0.0.0/15"):
        assert codes(vpc("10.0.0.0/16", subnets=f"{{q: {{cidr_block: {block}}}}}")) == ["InvalidSubnet.Range"], block


def test_SUB_09_an_address_of_another_subnet() -> None:
    """An instance cannot have an address from outside its subnet."""
    assert in_subnet("10.0.2.4") == in_subnet("192.168.0.9") == ["InvalidParameterValue"]


def test_SUB_10_an_address_in_use() -> None:
    """An address that another interface has is refused with InvalidIPAddress.InUse."""
    hosts = "{a: {subnet: q, private_ip: 10.0.1.9}, b: {subnet: q, private_ip: 10.0.1.9}}"
    assert codes(vpc("10.0.0.0/16", subnets="{q: {cidr_block: 10.0.1.0/24}}", instances=hosts)) == [
        "InvalidIPAddress.InUse"
    ]


def test_IGW_12_one_gateway_one_vpc() -> None:
    """An internet gateway is attached to one VPC; a second one is refused with Resource.AlreadyAssociated."""
    text = vpc("10.0.0.0/16", internet_gateway="igw") + "  other: {cidr_block: 10.1.0.0/16, internet_gateway: igw}\n"
    assert codes(text) == ["Resource.AlreadyAssociated"]


def elastic(*hosts: str, gateway: str = "igw") -> list[str]:
    given = ", ".join(f"h{number}: {{subnet: q, elastic_ip: {address}}}" for number, address in enumerate(hosts))
    keys = {"subnets": "{q: {cidr_block: 10.0.1.0/24}}", "instances": f"{{{given}}}"}
    routed = {"internet_gateway": gateway, "route_tables": "{main: {routes: {0.0.0.0/0: igw}}}"} if gateway else {}
    return codes(vpc("10.0.0.0/16", **routed, **keys))


def test_EIP_01_one_address_one_interface() -> None:
    """An Elastic IP belongs to one interface at a time."""
    assert elastic("203.0.113.9", "203.0.113.9") == ["Resource.AlreadyAssociated"]
    assert elastic("203.0.113.9", "203.0.113.8") == []


def test_EIP_04_no_internet_gateway() -> None:
    """An Elastic IP in a VPC without an internet gateway is refused with Gateway.NotAttached."""
    assert elastic("203.0.113.9", gateway="") == ["Gateway.NotAttached"]


def test_EIP_05_the_quota() -> None:
    """Five Elastic IPs are a region's quota; the sixth is noted with AddressLimitExceeded."""
    assert elastic(*(f"203.0.113.{last}" for last in range(1, 6))) == []
    assert elastic(*(f"203.0.113.{last}" for last in range(1, 7))) == ["AddressLimitExceeded"]


def test_SUB_05_the_lowest_and_highest_usable_addresses(lab: Lab) -> None:
    """The fifth and the last but one address of a subnet are ordinary addresses, and are reachable."""
    assert (lab.private("first"), lab.private("fixed")) == ("10.0.1.4", "10.0.1.14")
    check(lab, passes("first", "fixed", "tcp", 80), passes("plain", "fixed", "icmp"))


def test_SUB_05_reserved_addresses_answer_nobody(lab: Lab) -> None:
    """Of a subnet's reserved addresses only the router's answers, and only to ping from its own subnet."""
    check(
        lab,
        drops("first", "10.0.1.3", "icmp"),
        drops("first", "10.0.1.3", "tcp", 80),
        drops("plain", "10.0.1.3", "icmp"),
        drops("plain", "10.0.1.15", "icmp"),
        passes("first", "10.0.1.1", "icmp"),
        passes("plain", "first", "tcp", 80),
    )


def test_SUB_16_who_gets_a_public_address(lab: Lab) -> None:
    """An instance has a public address if its subnet or itself asks for one, and its own word counts."""
    assert set(lab.addresses.public) & set(lab.addresses.private) == {"asks", "mapped", "both"}
    check(
        lab,
        [Probe("asks", "x", "tcp", 80, seen_as=lab.public("asks"))],
        [Probe("mapped", "x", "tcp", 80, seen_as=lab.public("mapped"))],
        drops("plain", "x", "tcp", 80),
        drops("declines", "x", "tcp", 80),
    )


def test_EIP_02_an_elastic_ip_takes_the_place_of_the_automatic_one(lab: Lab) -> None:
    """An instance with an Elastic IP has no automatic public address beside it."""
    assert lab.public("both") == "203.0.113.77"
    check(lab, [Probe("both", "x", "tcp", 80, seen_as="203.0.113.77")], passes("x", "203.0.113.77", "tcp", 80))


def test_SUB_18_addresses_stay(lab: Lab) -> None:
    """An instance keeps its private address for as long as it lives, whoever comes or goes."""
    nodes = ("first", "plain", "asks", "mapped")
    before = {node: (lab.private(node), lab.addresses.public.get(node)) for node in nodes}
    lab.up(
        TOPOLOGY.replace("    instances:\n", "    instances:\n      aaa: {subnet: whole}\n      aab: {subnet: auto}\n")
    )
    after = {node: (lab.private(node), lab.addresses.public.get(node)) for node in nodes}
    assert after == before
    check(lab, passes("plain", before["first"][0], "tcp", 80))
    lab.up(TOPOLOGY)
