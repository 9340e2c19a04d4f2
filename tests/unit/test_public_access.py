"""VPC Block Public Access: how it may be written, what the model says of it, and what an edit of it is called."""

import pytest

from emulator.analysis import Analysis, Analyzer
from emulator.analysis.reach import survey
from emulator.compile.lab import compile_lab
from emulator.topology.addresses import assign
from emulator.topology.changes import changes
from emulator.topology.flows import flow
from emulator.topology.load import load
from emulator.topology.model import Topology

TEXT = """
name: lab
vpcs:
  main:
    cidr_block: 10.0.0.0/16
    internet_gateway: igw
    subnets:
      public: {cidr_block: 10.0.1.0/24, route_table: public}
      excluded: {cidr_block: 10.0.2.0/24, route_table: public}
      private: {cidr_block: 10.0.3.0/24, route_table: private}
    route_tables:
      public: {routes: {0.0.0.0/0: igw}}
      private: {routes: {0.0.0.0/0: nat}}
    nat_gateways: {nat: {subnet: public}}
    security_groups: {web: {ingress: [{protocol: tcp, port: 80, from: 0.0.0.0/0}]}}
    instances:
      web: {subnet: public, elastic_ip: 203.0.113.10, security_groups: [web]}
      kept: {subnet: excluded, elastic_ip: 203.0.113.11, security_groups: [web]}
      dev: {subnet: private, security_groups: [web]}
internet: {hosts: {x: {ip: 45.83.64.9}}}
"""
EXCLUDED = "exclusions: [{vpc: main, subnet: excluded, internet_gateway_exclusion_mode: allow-bidirectional}]"
CODE = "VPC_BLOCK_PUBLIC_ACCESS_ENABLED"


def made(block: str = "") -> Topology:
    topology, problems = load(TEXT + (f"block_public_access: {{{block}}}\n" if block else ""))
    assert topology is not None, problems
    return topology


def analyzed(topology: Topology, source: str, target: str) -> Analysis:
    addresses, _ = assign(topology)
    return Analyzer(topology, addresses).analyze(flow(topology, addresses, source, target, "tcp", 80))


@pytest.mark.parametrize("mode", ["off", '"off"', "'off'", "false", "False"])
def test_off_may_be_written_in_each_of_yamls_ways(mode: str) -> None:
    topology = made(f"internet_gateway_block_mode: {mode}")
    assert topology.block_mode(topology.vpcs[0]) == "off"
    assert compile_lab(topology, assign(topology)[0]) == compile_lab(made(), assign(made())[0])


def test_BPA_06_the_code_of_reachability_analyzer_and_the_line_to_write() -> None:
    topology = made("internet_gateway_block_mode: block-ingress")
    for source, target, direction in (("x", "203.0.113.10", "ingress"), ("web", "x", "egress")):
        found = analyzed(topology, source, target)
        (reason,) = found.explanations
        assert (reason.code, reason.component.kind, reason.component.name) == (CODE, "internet_gateway", "igw")
        assert reason.component.direction == direction
        assert "{vpc: main, subnet: public, internet_gateway_exclusion_mode: allow-bidirectional}" in reason.hint
        assert reason.where.line
    assert analyzed(topology, "dev", "x").verdict.result == "pass"


def test_an_exclusion_that_does_not_help_is_told() -> None:
    egress = "exclusions: [{vpc: main, internet_gateway_exclusion_mode: allow-egress}]"
    for mode, words in (("block-ingress", "is ignored"), ("block-bidirectional", "is for what a NAT gateway sends")):
        (reason,) = analyzed(made(f"internet_gateway_block_mode: {mode}, {egress}"), "web", "x").explanations
        assert words in reason.sentence


def test_other_reasons_are_found_beside_it() -> None:
    topology = made("internet_gateway_block_mode: block-bidirectional")
    addresses, _ = assign(topology)
    blocked = Analyzer(topology, addresses).analyze(flow(topology, addresses, "x", "203.0.113.10", "tcp", 22))
    assert [reason.code for reason in blocked.explanations] == [CODE, "ENI_SG_RULES_MISMATCH"]


def test_nothing_blocked_is_exposed() -> None:
    topology = made(f"internet_gateway_block_mode: block-ingress, {EXCLUDED}")
    exposed = survey(topology, assign(topology)[0]).exposed
    assert {party.name for flows in exposed for party in flows.targets} == {"kept"}


def test_what_an_edit_of_it_is_called() -> None:
    old = made(f"internet_gateway_block_mode: block-ingress, {EXCLUDED}")
    other = EXCLUDED.replace("subnet: excluded, ", "").replace("bidirectional", "egress")
    options = "options: [{region: us-east-1, internet_gateway_block_mode: block-bidirectional}]"
    new = made(f"internet_gateway_block_mode: off, {options}, {other}")
    said = [(change.verb, change.path, change.vpc, change.text) for change in changes(old, new)]
    path = "block_public_access"
    key = "internet_gateway_block_mode"
    assert said == [
        ("replace", f"{path}.{key}", "", f"{key}: block-ingress -> off"),
        ("replace", f"{path}.options", "", "us-east-1: block-ingress -> block-bidirectional"),
        ("remove", f"{path}.exclusions[0]", "main", "exclusion of subnet excluded of VPC main: allow-bidirectional"),
        ("add", f"{path}.exclusions[0]", "main", "exclusion of VPC main: allow-egress"),
    ]
    assert [change.verb for change in changes(made(), old)] == ["replace", "add"]
    assert not list(changes(old, old))
