"""Security groups that are named over a transit gateway, with packets. Held against the model too."""

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

OPEN = "{ingress: [{protocol: all, from: 0.0.0.0/0}]}"
TOPOLOGY = f"""
vpcs:
  a:
    cidr_block: 10.0.0.0/16
    subnets: {{a: {{cidr_block: 10.0.1.0/24}}}}
    route_tables: {{main: {{routes: {{10.0.0.0/8: tgw}}}}}}
    security_groups: {{web: {OPEN}, other: {OPEN}, choosy: {{egress: [{{protocol: all, to: b/db}}]}}}}
    instances:
      web: {{subnet: a, private_ip: 10.0.1.11, security_groups: [web], secondary_private_ips: [10.0.1.12]}}
      odd: {{subnet: a, private_ip: 10.0.1.13, security_groups: [other]}}
      choosy: {{subnet: a, private_ip: 10.0.1.14, security_groups: [choosy, web]}}
  b:
    cidr_block: 10.1.0.0/16
    subnets: {{b: {{cidr_block: 10.1.1.0/24}}}}
    route_tables: {{main: {{routes: {{10.0.0.0/8: tgw}}}}}}
    security_groups:
      open: {OPEN}
      db: {{ingress: [{{protocol: tcp, port: 80, from: [a/web, open]}}, {{protocol: tcp, port: 22, from: 10.0.0.0/8}}]}}
    instances:
      db: {{subnet: b, private_ip: 10.1.1.11, security_groups: [db]}}
      near: {{subnet: b, private_ip: 10.1.1.12, security_groups: [open]}}
  x:
    cidr_block: 10.2.0.0/16
    subnets: {{x: {{cidr_block: 10.2.1.0/24}}, x-tgw: {{cidr_block: 10.2.9.0/28, route_table: in}}}}
    route_tables: {{main: {{routes: {{10.0.0.0/8: tgw}}}}, in: {{routes: {{0.0.0.0/0: fw}}}}}}
    security_groups: {{open: {OPEN}}}
    instances:
      fw: {{subnet: x, private_ip: 10.2.1.11, security_groups: [open], source_dest_check: false, services: [router]}}
transit_gateways:
  tgw:
    security_group_referencing_support: enable
    vpc_attachments:
      a: {{vpc: a, subnets: [a]}}
      b: {{vpc: b, subnets: [b]}}
      x: {{vpc: x, subnets: [x-tgw]}}
"""
CONTROL = passes("odd", "db", "tcp", 22)  # a rule with addresses
WORKS = [*passes("web", "db", "tcp", 80), *passes("near", "db", "tcp", 80), *drops("odd", "db", "tcp", 80), *CONTROL]
OFF = {"security_group_referencing_support: enable": "security_group_referencing_support: disable"}


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with labs.up(TOPOLOGY) as up:
        for node in ("db", "web"):
            up.serve(node, tcp=(22, 80))
        yield up


def codes(lab: Lab, source: str, to: str, port: int = 80) -> set[str]:
    flow = Flow(source, IPv4Address(lab.address(source)), IPv4Address(lab.resolve(to)), "tcp", port)
    return {held.code for held in Analyzer(lab.topology, lab.addresses).analyze(flow).explanations}


def warnings(text: str) -> list[str]:
    _, problems = load("name: lab\n" + text)
    return [problem.what for problem in problems]


changed = partial(labs.changed, TOPOLOGY)


def test_T_71_SG_34_both_options_on(lab: Lab) -> None:
    """An ingress rule names a group of another VPC at the gateway: its members come in, and nobody else."""
    agree(lab, WORKS)


def test_SG_34_the_gateways_option_is_off(lab: Lab) -> None:
    """Without the gateway's option, which is off by default, the rule is accepted and matches nobody."""
    with changed(lab, OFF):
        agree(lab, drops("web", "db", "tcp", 80), passes("near", "db", "tcp", 80), CONTROL)
        assert "SG_REFERENCING_SUPPORT" in codes(lab, "web", "db")
        assert any("a/web matches nothing over transit gateway tgw" in what for what in warnings(edited(TOPOLOGY, OFF)))
    agree(lab, WORKS)


@pytest.mark.parametrize("attachment", ["a", "b"])
def test_SG_34_an_attachments_option_is_off(lab: Lab, attachment: str) -> None:
    """An attachment's own option is on by default; either end can switch it off."""
    whole = f"{{vpc: {attachment}, subnets: [{attachment}]}}"
    with changed(lab, {whole: whole[:-1] + ", security_group_referencing_support: disable}"}):
        agree(lab, drops("web", "db", "tcp", 80), passes("near", "db", "tcp", 80), CONTROL)
    agree(lab, WORKS)


def test_SG_33_not_in_egress_rules(lab: Lab) -> None:
    """As an egress rule such a reference matches nothing, whatever the options say; an ingress rule beside it does."""
    agree(lab, passes("choosy", "db", "tcp", 80))  # by its second group, which lets everything out
    with changed(lab, {"[choosy, web]": "[choosy]"}):
        agree(lab, drops("choosy", "db", "tcp", 22), WORKS)
        assert "SG_REFERENCING_SUPPORT" in codes(lab, "choosy", "db", 22)
        assert any("only ingress rules may name groups" in what for what in warnings(TOPOLOGY))


def test_SG_37_who_is_given_the_group(lab: Lab) -> None:
    """An interface that is given the group comes in at once, and one that loses it no longer."""
    with changed(lab, {"10.0.1.13, security_groups: [other]": "10.0.1.13, security_groups: [web]"}):
        agree(lab, passes("odd", "db", "tcp", 80), passes("web", "db", "tcp", 80))
    agree(lab, WORKS)


def test_SG_34_not_through_an_inspection_vpc(lab: Lab) -> None:
    """What an inspection VPC passes on comes from the sender's address, but not straight: the group is not known."""
    edits = {
        "vpc_attachments:": "default_route_table_association: disable\n    vpc_attachments:",
        "subnets: [x-tgw]}": "subnets: [x-tgw]}\n    route_tables:\n"
        "      spokes: {associations: [a, b], routes: {10.0.0.0/8: x}}\n"
        "      inspected: {associations: [x], propagations: [a, b]}",
    }
    with changed(lab, edits):
        agree(lab, drops("web", "db", "tcp", 80), passes("near", "db", "tcp", 80), CONTROL)
        assert "SG_REFERENCES_NOT_PRESERVED" in codes(lab, "web", "db") or "ENI_SG_RULES_MISMATCH" in codes(
            lab, "web", "db"
        )
    agree(lab, WORKS)


def test_SG_34_a_part_through_an_inspection_vpc(lab: Lab) -> None:
    """Where a route leads but a part of the VPC by way of inspection, its groups are not known either."""
    edits = {
        "subnets: [x-tgw]}": "subnets: [x-tgw]}\n    route_tables:\n      default: {routes: {10.1.2.0/24: x}}",
    }
    with changed(lab, edits):
        agree(lab, drops("web", "db", "tcp", 80), CONTROL)
    agree(lab, WORKS)
