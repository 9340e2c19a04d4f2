"""Quotas that take thousands of resources to break; the others have a file in cases/errors."""

import pytest

from emulator.topology import quotas_addresses
from emulator.topology.load import load
from emulator.topology.quotas_addresses import units


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


def account(vpcs: str, more: str = "") -> list[str]:
    """The codes of a file with these VPCs."""
    topology, problems = load(f"name: lab\nvpcs:\n{vpcs}{more}")
    assert topology is not None, problems
    return [problem.code for problem in problems if problem.code]


def test_a_quota_is_one_accounts_in_one_region() -> None:
    """Q-01, Q-03, Q-04, Q-06: what another account or region has does not count, what another VPC has does."""
    vpc = """\
  v{n}:
    cidr_block: 10.{n}.0.0/16
    internet_gateway: igw{n}
    subnets: {{a: {{cidr_block: 10.{n}.1.0/24}}}}
    route_tables: {{main: {{routes: {{0.0.0.0/0: igw{n}}}}}}}
    nat_gateways: {{n{n}a: {{subnet: a}}, n{n}b: {{subnet: a}}, n{n}c: {{subnet: a}}}}
"""
    one, other = vpc.format(n=1), vpc.format(n=2)
    assert account(one) == []
    assert sorted(account(one + other)) == ["AddressLimitExceeded", "NatGatewayLimitExceeded"]
    assert account(one + other.replace("  v2:\n", "  v2:\n    owner_id: '111122223333'\n")) == []
    assert account(one + other.replace("  v2:\n", "  v2:\n    region: eu-west-1\n")) == []


def test_a_deleted_nat_gateway_counts_no_more() -> None:
    """Q-14, NAT-09."""
    gateways = ", ".join(f"n{number}: {{subnet: a, connectivity_type: private}}" for number in range(6))
    text = f"subnets: {{a: {{cidr_block: 10.0.1.0/24}}}}\n    nat_gateways: {{{gateways}}}"
    assert codes(text) == ["NatGatewayLimitExceeded"]
    assert codes(text.replace("type: private}}", "type: private, state: deleted}}")) == []


def test_internet_gateways_count_attached_or_not() -> None:
    """Q-03, IGW-14."""
    vpcs = "".join(f"  v{n}: {{cidr_block: 10.{n}.0.0/16, internet_gateway: igw{n}}}\n" for n in range(6))
    detached = vpcs.replace("igw0}", "{name: igw0, attached: false}}")
    for text in (vpcs, detached):
        assert account(text) == ["VpcLimitExceeded", "InternetGatewayLimitExceeded"]


def test_requests_that_wait() -> None:
    """Q-09, PCX-06: of the account that asks."""
    vpcs = "".join(f"  v{n}: {{cidr_block: 10.{n}.0.0/16, owner_id: '{n:012}'}}\n" for n in range(27))

    def waiting(count: int) -> list[str]:
        links = "".join(f"  l{n}: {{vpc: v0, peer_vpc: v{n}}}\n" for n in range(1, count + 1))
        return account(vpcs, f"vpc_peering_connections:\n{links}")

    assert waiting(25) == []
    assert waiting(26) == ["OutstandingVpcPeeringConnectionLimitExceeded"]


USAGE = """
name: lab
vpcs:
  a:
    cidr_block: 10.1.0.0/16
    internet_gateway: igw
    subnets: {s: {cidr_block: 10.1.1.0/24}, t: {cidr_block: 10.1.2.0/24, availability_zone: b}}
    route_tables: {main: {routes: {0.0.0.0/0: igw}}}
    nat_gateways: {nat: {subnet: s}}
    target_groups: {web: {port: 80, protocol: TCP, targets: [two]}}
    load_balancers:
      nlb:
        {load_balancer_type: network, internal: true, subnets: [s],
         listeners: [{port: 80, protocol: TCP, target_group: web}]}
    instances:
      one:
        {subnet: s, elastic_ip: 203.0.113.10, secondary_private_ips: [auto, auto],
         network_interfaces: [{subnet: s}]}
      two: {subnet: s, associate_public_ip_address: true}
  b:
    cidr_block: 10.2.0.0/16
    subnets: {s: {cidr_block: 10.2.1.0/24}}
    instances: {three: {subnet: s}}
transit_gateways: {tgw: {vpc_attachments: {a: {vpc: a, subnets: [s, t]}}}}
vpc_peering_connections: {a-b: {vpc: a, peer_vpc: b, accepted: true}}
"""


def test_network_address_usage(monkeypatch: pytest.MonkeyPatch) -> None:
    """Q-11: units of a VPC, and together with its peers of the same region."""
    text = USAGE
    topology, problems = load(text)
    assert topology is not None, problems
    one, two, served = (
        3 + 1 + 1 + 1,
        1 + 1,
        6 * 3,
    )  # private, public, second interface, its address; NAT, NLB, attachment
    assert [units(topology, vpc) for vpc in topology.vpcs] == [one + two + served, 1]

    def told(text: str) -> list[tuple[str, str]]:
        return [(problem.where.path, problem.code) for problem in load(text)[1] if "NetworkAddress" in problem.code]

    monkeypatch.setattr(quotas_addresses, "UNITS_PER_VPC", 26)
    monkeypatch.setattr(quotas_addresses, "UNITS_OF_PEERS", 27)
    assert told(text) == []
    monkeypatch.setattr(quotas_addresses, "UNITS_PER_VPC", 25)
    assert told(text) == [("vpcs.a", "NetworkAddressUsageLimitExceeded")]
    monkeypatch.setattr(quotas_addresses, "UNITS_OF_PEERS", 26)
    peered = [(f"vpcs.{name}", "NetworkAddressUsagePeeredLimitExceeded") for name in "ab"]
    assert told(text) == [("vpcs.a", "NetworkAddressUsageLimitExceeded"), *peered]
    far = text.replace("  b:\n", "  b:\n    region: eu-west-1\n")
    assert told(far) == [("vpcs.a", "NetworkAddressUsageLimitExceeded")]
