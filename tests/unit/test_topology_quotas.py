"""Quotas that take thousands of resources to break; the others have a file in cases/errors."""

from emulator.topology.load import load


def codes(inside: str) -> list[str]:
    block = "name: lab\nvpcs:\n  main:\n    cidr_block: 10.0.0.0/16\n"
    topology, problems = load(f"{block}    {inside}\n")
    assert topology is not None, problems
    return [problem.code for problem in problems]


def test_security_groups_of_a_region() -> None:
    """Q-06, SG-14: the default group counts as well."""
    groups = [f"g{number}: {{}}" for number in range(2500)]
    assert codes(f"security_groups: {{{', '.join(groups[:-1])}}}") == []
    assert codes(f"security_groups: {{{', '.join(groups)}}}") == ["SecurityGroupLimitExceeded"]


def test_interfaces_of_a_zone() -> None:
    """Q-07, ENI-04: counted by availability zone and not by subnet."""
    subnets = "subnets: {a: {cidr_block: 10.0.0.0/18}, b: {cidr_block: 10.0.64.0/18, availability_zone: Z}}"
    instances = ", ".join(f"i{number}: {{subnet: {'ab'[number % 2]}}}" for number in range(5001))
    text = f"{subnets}\n    instances: {{{instances}}}"
    assert codes(text.replace("Z", "a")) == ["NetworkInterfaceLimitExceeded"]
    assert codes(text.replace("Z", "b")) == []


def peered(count: int) -> list[str]:
    """The codes of a hub with so many peers, all in accounts of their own."""
    vpcs = "".join(f"  v{n}: {{cidr_block: 10.{n}.0.0/16, owner_id: '{n:012}'}}\n" for n in range(count + 1))
    links = "".join(f"  l{n}: {{vpc: v0, peer_vpc: v{n}, accepted: true}}\n" for n in range(1, count + 1))
    topology, problems = load(f"name: lab\nvpcs:\n{vpcs}vpc_peering_connections:\n{links}")
    assert topology is not None, problems
    return [problem.code for problem in problems]


def test_active_connections_of_a_vpc() -> None:
    """Q-09, PCX-06. SUB-24: VPCs of other accounts do not count."""
    assert peered(50) == []
    assert peered(51) == ["ActiveVpcPeeringConnectionPerVpcLimitExceeded"]
