"""Security groups that are associated with further VPCs, with packets. Held against the model and a trace, too."""

from collections.abc import Iterator
from functools import partial
from ipaddress import IPv4Address

import pytest

from emulator.analysis import Analyzer
from emulator.topology.flows import Flow
from emulator.topology.load import load
from tests.support import lab as labs
from tests.support.lab import Lab, edited
from tests.support.probes import drops, passes
from tests.support.views import agree

# VPC other is peered with main, alone is with nobody. Each has an `lb` of its own.
TOPOLOGY = """
vpcs:
  main:
    cidr_block: 10.0.0.0/16
    subnets: {a: {cidr_block: 10.0.1.0/24}}
    route_tables: {main: {routes: {10.1.0.0/16: pcx}}}
    security_groups:
      web:
        vpc_associations: [other, alone]
        ingress:
          - {protocol: tcp, port: 80, from: [lb, self]}
          - {protocol: tcp, port: 22, from: 10.0.0.0/8}
      lb: {}
      db: {ingress: [{protocol: tcp, port: 80, from: web}], egress: []}
    instances:
      lb: {subnet: a, security_groups: [lb]}
      web: {subnet: a, security_groups: [main/web]}
      db: {subnet: a, security_groups: [db]}
  other:
    cidr_block: 10.1.0.0/16
    subnets: {b: {cidr_block: 10.1.1.0/24}}
    route_tables: {main: {routes: {10.0.0.0/16: pcx}}}
    security_groups:
      lb: {}
      db: {ingress: [{protocol: tcp, port: 80, from: main/web}]}
    instances:
      web-1: {subnet: b, security_groups: [main/web]}
      web-2: {subnet: b, security_groups: [lb, main/web], secondary_private_ips: [10.1.1.200]}
      lb-1: {subnet: b, security_groups: [lb]}
      db-1: {subnet: b, security_groups: [db]}
  alone:
    cidr_block: 10.2.0.0/16
    subnets: {c: {cidr_block: 10.2.1.0/24}}
    security_groups:
      lb: {}
      db: {ingress: [{protocol: tcp, port: 80, from: main/web}]}
      plain: {}
    instances:
      web-3: {subnet: c, security_groups: [main/web]}
      web-4: {subnet: c, security_groups: [main/web]}
      lb-3: {subnet: c, security_groups: [lb]}
      db-3: {subnet: c, security_groups: [db]}
      plain-3: {subnet: c, security_groups: [plain]}
vpc_peering_connections: {pcx: {vpc: main, peer_vpc: other, auto_accept: true}}
"""
changed = partial(labs.changed, TOPOLOGY)


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with labs.up(TOPOLOGY) as up:
        for node in up.addresses.private:
            if "+" not in node:  # no secondary address
                up.serve(node, tcp=(22, 80))
        yield up


def test_SG_12_a_group_serves_the_interfaces_of_an_associated_vpc(lab: Lab) -> None:
    """An interface of another VPC carries the group: its rules decide, and `self` means its members in that VPC too."""
    agree(
        lab,
        passes("web-3", "web-4", "tcp", 22, 80),
        passes("lb-3", "web-3", "tcp", 22),
        drops("lb-3", "web-3", "tcp", 80),  # the group of that name in its own VPC is not the one that the rule names
        drops("plain-3", "web-4", "tcp", 80),
        passes("web-1", "web-2", "tcp", 80),
    )


def test_SG_12_a_reference_counts_as_in_the_groups_own_vpc(lab: Lab) -> None:
    """What the group's rules name is a group of its own VPC, known over the peering connection as a peer's is."""
    agree(
        lab,
        passes("lb", "web-1", "tcp", 80),
        passes("lb", "web", "tcp", 80),
        drops("lb-1", "web-1", "tcp", 80),
        passes("web", "web-1", "tcp", 80),
        passes("web-1", "web", "tcp", 80),
        drops("db-1", "web-1", "tcp", 80),
    )


def test_SG_12_a_rule_that_names_an_associated_group(lab: Lab) -> None:
    """Its members in every VPC are meant: in the rule's own, peered with the group's or not, and across a peering."""
    agree(
        lab,
        passes("web-3", "db-3", "tcp", 80),
        drops("plain-3", "db-3", "tcp", 80),
        passes("web-1", "db-1", "tcp", 80),
        passes("web", "db-1", "tcp", 80),
        drops("lb-1", "db-1", "tcp", 80),
        passes("web-1", "db", "tcp", 80),  # a group of main, carried over there
        drops("lb-1", "db", "tcp", 80),
    )


def test_SG_12_the_hint_says_where_the_group_is_written(lab: Lab) -> None:
    """Who is not let in is told which rule would do so, in the group's own VPC."""
    flow = Flow("lb-1", IPv4Address(lab.private("lb-1")), IPv4Address(lab.private("web-1")), "tcp", 80)
    hint = Analyzer(lab.topology, lab.addresses).analyze(flow).explanations[0].hint
    rule = f"{{protocol: tcp, port: 80, from: {lab.private('lb-1')}/32}}"
    assert hint == f"vpcs: {{main: {{security_groups: {{web: {{ingress: [{rule}]}}}}}}}}"


def test_SG_12_a_rule_of_the_group_is_edited(lab: Lab) -> None:
    """An edit of the one group is felt in every VPC whose interfaces carry it."""
    with changed(lab, {"port: 22, from: 10.0.0.0/8": "port: 22, from: 10.2.0.0/16"}):
        agree(lab, passes("lb-3", "web-3", "tcp", 22), drops("lb-1", "web-1", "tcp", 22), drops("lb", "web", "tcp", 22))


def test_SG_11_SG_12_without_an_association_the_networks_differ() -> None:
    """A group of another VPC that is not associated with this one is refused, whatever it is called here."""
    named = "name: lab\n" + TOPOLOGY
    assert not [problem for problem in load(named)[1] if not problem.warning]
    edits = {"[other, alone]": "[other]", "subnet: c, security_groups: [plain]": "subnet: c, security_groups: [web]"}
    for edit in edits.items():
        refused = [problem for problem in load(edited(named, dict([edit])))[1] if not problem.warning]
        assert {problem.code for problem in refused} == {"InvalidParameter"}
        assert all("belong to different networks" in problem.what for problem in refused)
