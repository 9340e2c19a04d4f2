"""The model of transit gateways beyond what packets try: circles, and everybody with everybody."""

from dataclasses import replace

from emulator.analysis import analyze
from emulator.analysis.analyzer import Analyzer
from emulator.topology.addresses import assign
from emulator.topology.flows import Component, flow
from emulator.topology.load import load

CIRCLE = """
name: lab
vpcs:
  a:
    cidr_block: 10.0.0.0/16
    subnets: {a: {cidr_block: 10.0.1.0/24}}
    route_tables: {main: {routes: {0.0.0.0/0: tgw}}}
    instances: {one: {subnet: a}}
  b:
    cidr_block: 10.1.0.0/16
    subnets: {b: {cidr_block: 10.1.1.0/24}}
    route_tables: {main: {routes: {0.0.0.0/0: tgw}}}
    instances: {two: {subnet: b}}
transit_gateways:
  tgw:
    vpc_attachments: {a: {vpc: a, subnets: [a]}, b: {vpc: b, subnets: [b]}}
    route_tables: {default: {routes: {172.16.0.0/12: b}}}
"""


def test_a_circle_between_vpc_and_gateway_ends() -> None:
    """TGW-29: b's own default route sends back what the gateway brings, for ever."""
    topology, _ = load(CIRCLE)
    assert topology
    addresses, _ = assign(topology)
    found = analyze(topology, addresses, flow(topology, addresses, "one", "172.16.0.1", "tcp", 80))
    assert found.verdict.result == "drop"
    assert "NO_PATH" in {held.code for held in found.explanations}


def test_an_attachment_whose_zones_are_all_down() -> None:
    topology, _ = load(CIRCLE.replace("cidr_block: 10.1.1.0/24", "cidr_block: 10.1.1.0/24, availability_zone: b"))
    assert topology
    addresses, _ = assign(topology)
    asked = flow(topology, addresses, "one", "two", "tcp", 80)
    lost = replace(topology, dark_zones=("us-east-1b",))
    verdict = Analyzer(lost, addresses).verdict(asked)
    assert (verdict.result, verdict.dropped_at) == ("drop", Component("transit_gateway", "tgw"))


def test_addresses_of_attachments_move_nobody() -> None:
    """TGW-04: an attachment takes an address, after everybody who is there already."""
    topology, _ = load(CIRCLE)
    assert topology
    addresses, _ = assign(topology)
    assert str(addresses.private["one"]) == "10.0.1.4"
    assert str(addresses.private["tgw.a.a"]) == "10.0.1.5"
