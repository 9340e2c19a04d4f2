"""An inspection VPC behind a transit gateway: a stateful appliance in each zone, with appliance mode and without."""

from collections.abc import Iterator

import pytest

from tests.support import lab as labs
from tests.support.lab import Lab, edited
from tests.support.probes import drops, passes
from tests.support.views import agree

OPEN = "{ingress: [{protocol: all, from: 0.0.0.0/0}]}"
# Each appliance lets in what goes to port 80, and knows the answers only of what it has seen.
TOPOLOGY = f"""
region: ap-northeast-1
vpcs:
  a:
    cidr_block: 10.0.0.0/16
    subnets: {{a: {{cidr_block: 10.0.1.0/24, availability_zone: a}}}}
    route_tables: {{main: {{routes: {{10.0.0.0/8: tgw}}}}}}
    security_groups: {{open: {OPEN}}}
    instances: {{ha: {{subnet: a, private_ip: 10.0.1.11, security_groups: [open]}}}}
  b:
    cidr_block: 10.1.0.0/16
    subnets:
      b: {{cidr_block: 10.1.1.0/24, availability_zone: c}}
      b-near: {{cidr_block: 10.1.2.0/24, availability_zone: a}}
    route_tables: {{main: {{routes: {{10.0.0.0/8: tgw}}}}}}
    security_groups: {{open: {OPEN}}}
    instances:
      hb: {{subnet: b, private_ip: 10.1.1.11, security_groups: [open]}}
      near: {{subnet: b-near, private_ip: 10.1.2.11, security_groups: [open]}}
  inspection:
    cidr_block: 10.9.0.0/16
    subnets:
      in-a: {{cidr_block: 10.9.1.0/28, availability_zone: a, route_table: in-a}}
      in-c: {{cidr_block: 10.9.1.16/28, availability_zone: c, route_table: in-c}}
      fw-a: {{cidr_block: 10.9.2.0/28, availability_zone: a}}
      fw-c: {{cidr_block: 10.9.2.16/28, availability_zone: c}}
    route_tables:
      main: {{routes: {{10.0.0.0/8: tgw}}}}
      in-a: {{routes: {{0.0.0.0/0: fwa}}}}
      in-c: {{routes: {{0.0.0.0/0: fwc}}}}
    security_groups:
      fw: {{ingress: [{{protocol: tcp, port: 80, from: 10.0.0.0/8}}]}}
    instances:
      fwa: {{subnet: fw-a, source_dest_check: false, security_groups: [fw], services: [router]}}
      fwc: {{subnet: fw-c, source_dest_check: false, security_groups: [fw], services: [router]}}
transit_gateways:
  tgw:
    default_route_table_association: disable
    default_route_table_propagation: disable
    vpc_attachments:
      a: {{vpc: a, subnets: [a]}}
      b: {{vpc: b, subnets: [b, b-near]}}
      inspection: {{vpc: inspection, subnets: [in-a, in-c], appliance_mode_support: enable}}
    route_tables:
      spokes: {{associations: [a, b], routes: {{0.0.0.0/0: inspection}}}}
      inspection: {{associations: [inspection], propagations: [a, b]}}
"""


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with labs.up(TOPOLOGY) as up:
        for node in ("ha", "hb", "near"):
            up.serve(node, tcp=(80,))
        yield up


def test_T_70_TGW_41_TGW_42_appliance_mode(lab: Lab) -> None:
    """From zone to zone through stateful appliances: with appliance mode both ways meet one, without it two."""
    agree(lab, passes("ha", "hb", "tcp", 80), passes("hb", "ha", "tcp", 80), passes("ha", "near", "tcp", 80))
    lab.up(edited(TOPOLOGY, {"appliance_mode_support: enable": "appliance_mode_support: disable"}))
    agree(lab, drops("ha", "hb", "tcp", 80), drops("hb", "ha", "tcp", 80), passes("ha", "near", "tcp", 80))
    lab.up(TOPOLOGY)
    agree(lab, passes("ha", "hb", "tcp", 80))
