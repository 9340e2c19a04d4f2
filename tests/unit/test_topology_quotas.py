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
