"""VPC Block Public Access with packets (section 2.4): what a mode blocks, whom it spares, and that it cuts at once.

What is expected here is AWS's own worked example (user guide, "Advanced example"), scenario by scenario.
"""

from collections.abc import Iterator

import pytest

from tests.support import lab as labs
from tests.support.connections import Connection
from tests.support.lab import Lab, changed
from tests.support.probes import Probe, check, drops, passes
from tests.support.views import agree
from tests.support.wait import eventually

FAR, WEB, KEPT, HOST, ABROAD, NAT = (
    "45.83.64.9",
    "203.0.113.10",
    "203.0.113.11",
    "203.0.113.12",
    "203.0.113.13",
    "203.0.113.14",
)
FRONT, FRONT_KEPT = "203.0.113.15", "203.0.113.16"
MODE = "internet_gateway_block_mode: block-ingress\n"
EXCLUDED = "{vpc: main, subnet: excluded, internet_gateway_exclusion_mode: allow-bidirectional}"
BIDIRECTIONAL = {MODE: "internet_gateway_block_mode: block-bidirectional\n"}

TOPOLOGY = f"""
region: us-east-1
settings: {{time_scale: 20}}
vpcs:
  main:
    cidr_block: 10.0.0.0/16
    internet_gateway: igw
    subnets:
      public: {{cidr_block: 10.0.1.0/24, route_table: public}}
      excluded: {{cidr_block: 10.0.2.0/24, availability_zone: b, route_table: public}}
      private: {{cidr_block: 10.0.3.0/24, route_table: private}}
    route_tables:
      public: {{routes: {{0.0.0.0/0: igw}}}}
      private: {{routes: {{0.0.0.0/0: nat, 10.1.0.0/16: pcx, 10.3.0.0/16: tgw}}}}
    nat_gateways:
      nat: {{subnet: public, elastic_ip: {NAT}}}
    security_groups: &groups
      open: {{ingress: [{{protocol: all, from: 0.0.0.0/0}}]}}
    instances:
      web: {{subnet: public, elastic_ip: {WEB}, security_groups: [open], services: [http]}}
      kept: {{subnet: excluded, elastic_ip: {KEPT}, security_groups: [open], services: [http]}}
      dev: {{subnet: private, security_groups: [open], services: [http]}}
    target_groups:
      dev: {{port: 80, protocol: TCP, targets: [dev], health_check: {{interval: 5, healthy_threshold: 2}}}}
    load_balancers:
      front:
        load_balancer_type: network
        internal: false
        subnet_mapping:
          - {{subnet: public, elastic_ip: {FRONT}}}
          - {{subnet: excluded, elastic_ip: {FRONT_KEPT}}}
        enable_cross_zone_load_balancing: true
        security_groups: [open]
        listeners: [{{port: 80, protocol: TCP, target_group: dev}}]
  peer:
    cidr_block: 10.1.0.0/16
    subnets: {{p: {{cidr_block: 10.1.1.0/24, route_table: back}}}}
    route_tables: {{back: {{routes: {{10.0.0.0/16: pcx}}}}}}
    security_groups: *groups
    instances:
      peer: {{subnet: p, security_groups: [open], services: [http]}}
  joined:
    cidr_block: 10.3.0.0/16
    subnets: {{j: {{cidr_block: 10.3.1.0/24, route_table: back}}}}
    route_tables: {{back: {{routes: {{10.0.0.0/16: tgw}}}}}}
    security_groups: *groups
    instances:
      joined: {{subnet: j, security_groups: [open], services: [http]}}
  fire:
    cidr_block: 10.2.0.0/16
    internet_gateway: {{name: igw-fire, route_table: edge}}
    subnets:
      wall: {{cidr_block: 10.2.1.0/24, route_table: out}}
      behind: {{cidr_block: 10.2.2.0/24, route_table: to-wall}}
    route_tables:
      edge: {{routes: {{10.2.2.0/24: fw}}}}
      out: {{routes: {{0.0.0.0/0: igw-fire}}}}
      to-wall: {{routes: {{0.0.0.0/0: fw}}}}
    security_groups: *groups
    instances:
      fw: {{subnet: wall, associate_public_ip_address: true, source_dest_check: false, security_groups: [open],
           services: [router]}}
      host: {{subnet: behind, elastic_ip: {HOST}, security_groups: [open], services: [http]}}
  abroad:
    region: eu-west-1
    cidr_block: 10.0.0.0/16
    internet_gateway: igw-abroad
    subnets: {{a: {{cidr_block: 10.0.1.0/24, route_table: out}}}}
    route_tables: {{out: {{routes: {{0.0.0.0/0: igw-abroad}}}}}}
    security_groups: *groups
    instances:
      abroad: {{subnet: a, elastic_ip: {ABROAD}, security_groups: [open], services: [http]}}
vpc_peering_connections: {{pcx: {{vpc: main, peer_vpc: peer, auto_accept: true}}}}
transit_gateways:
  tgw:
    vpc_attachments:
      main: {{vpc: main, subnets: [private]}}
      joined: {{vpc: joined, subnets: [j]}}
internet:
  hosts:
    x: {{ip: {FAR}, services: [http]}}
block_public_access:
  {MODE}  exclusions:
    - {EXCLUDED}
    - {{vpc: fire, subnet: wall, internet_gateway_exclusion_mode: allow-bidirectional}}
"""


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with labs.up(TOPOLOGY) as held:
        held.serve("x", tcp=(9000,))
        held.serve("web", tcp=(9001,))
        yield held


def test_BPA_02_block_ingress(lab: Lab) -> None:
    """With block-ingress NAT gateways alone get through: a public address is of no use, in neither direction."""
    agree(
        lab,
        [Probe("dev", "x", "tcp", 80, seen_as=NAT), Probe("dev", "x", "icmp")],
        drops("x", WEB, "tcp", 80),
        drops("x", WEB, "icmp"),
        drops("web", "x", "tcp", 80),
        drops("web", "x", "icmp"),
        drops("x", NAT, "tcp", 80),  # NAT-23: it does not matter that nothing blocks it
        drops("abroad", "x", "tcp", 80),
    )


def test_BPA_03_block_bidirectional(lab: Lab) -> None:
    """With block-bidirectional nothing passes an internet gateway, NAT gateways included; exclusions still count."""
    with changed(TOPOLOGY, lab, BIDIRECTIONAL):
        agree(
            lab,
            drops("dev", "x", "tcp", 80),
            drops("dev", "x", "icmp"),
            drops("x", WEB, "tcp", 80),
            drops("web", "x", "tcp", 80),
            [Probe("kept", "x", "tcp", 80, seen_as=KEPT)],
            passes("x", KEPT, "tcp", 80),
        )


def test_BPA_04_an_exclusion_of_a_subnet(lab: Lab) -> None:
    """An allow-bidirectional exclusion frees one subnet. Two public addresses meet only where both are excluded."""
    agree(
        lab,
        [Probe("kept", "x", "tcp", 80, seen_as=KEPT)],
        passes("x", KEPT, "tcp", 80),
        passes("x", KEPT, "icmp"),
        drops("kept", WEB, "tcp", 80),
        drops("web", KEPT, "tcp", 80),
        [Probe("kept", KEPT, "tcp", 80, seen_as=KEPT)],  # IGW-10
        [Probe("dev", KEPT, "tcp", 80, seen_as=NAT)],
        drops("x", WEB, "tcp", 80),
    )


def test_BPA_04_an_appliances_subnet_is_the_one_that_counts(lab: Lab) -> None:
    """Where a firewall stands before the gateway, its subnet is excluded, and nobody behind it needs to be."""
    agree(lab, [Probe("host", "x", "tcp", 80, seen_as=HOST)], passes("x", HOST, "tcp", 80))
    walled = "subnet: wall, internet_gateway_exclusion_mode"
    with changed(TOPOLOGY, lab, {walled: walled.replace("wall", "behind")}):
        agree(lab, drops("host", "x", "tcp", 80), drops("x", HOST, "tcp", 80), passes("x", KEPT, "tcp", 80))


def test_BPA_04_allow_egress(lab: Lab) -> None:
    """allow-egress counts with block-bidirectional alone, for what a NAT gateway of the excluded subnet sends."""
    egress = EXCLUDED.replace("excluded", "public").replace("bidirectional", "egress")
    with changed(TOPOLOGY, lab, {**BIDIRECTIONAL, EXCLUDED: egress}):
        agree(
            lab,
            [Probe("dev", "x", "tcp", 80, seen_as=NAT)],
            drops("web", "x", "tcp", 80),
            drops("x", WEB, "tcp", 80),
            drops("x", KEPT, "tcp", 80),
        )
    whole = "{vpc: main, internet_gateway_exclusion_mode: allow-egress}"
    with changed(TOPOLOGY, lab, {EXCLUDED: whole}):  # as in AWS's scenario 5: it changes nothing
        agree(lab, passes("dev", "x", "tcp", 80), drops("x", KEPT, "tcp", 80), drops("kept", "x", "tcp", 80))


def test_BPA_04_an_exclusion_of_a_vpc(lab: Lab) -> None:
    """An exclusion of a VPC is one of all its subnets, and of no other VPC's."""
    with changed(TOPOLOGY, lab, {EXCLUDED: "{vpc: main, internet_gateway_exclusion_mode: allow-bidirectional}"}):
        agree(lab, passes("x", WEB, "tcp", 80), passes("web", "x", "tcp", 80), drops("x", ABROAD, "tcp", 80))


def test_BPA_01_a_mode_is_an_accounts_in_a_region(lab: Lab) -> None:
    """A region may have a mode of its own; `off` is off."""
    own = "options: [{region: eu-west-1, internet_gateway_block_mode: off}]\n"
    with changed(TOPOLOGY, lab, {MODE: f"{MODE}  {own}"}):
        agree(lab, passes("x", ABROAD, "tcp", 80), passes("abroad", "x", "tcp", 80), drops("x", WEB, "tcp", 80))
    other = own.replace("off", "block-bidirectional, owner_id: '222222222222'")
    with changed(TOPOLOGY, lab, {MODE: f"internet_gateway_block_mode: off\n  {other}"}):
        agree(lab, passes("x", ABROAD, "tcp", 80), passes("x", WEB, "tcp", 80), passes("web", "x", "tcp", 80))


def test_BPA_05_what_does_not_pass_an_internet_gateway_is_untouched(lab: Lab) -> None:
    """Peering, transit gateways and the VPC's own traffic go on, whatever is blocked."""
    with changed(TOPOLOGY, lab, BIDIRECTIONAL):
        agree(
            lab,
            passes("dev", "peer", "tcp", 80),
            passes("peer", "dev", "tcp", 80),
            passes("dev", "joined", "tcp", 80),
            passes("joined", "dev", "tcp", 80),
            passes("web", "kept", "tcp", 80),
            drops("web", "x", "tcp", 80),
        )


def test_BPA_05_an_internet_facing_load_balancer(lab: Lab) -> None:
    """A load balancer is reached by its node in an excluded subnet, and serves targets that are in none."""
    agree(lab, passes("x", FRONT_KEPT, "tcp", 80), drops("x", FRONT, "tcp", 80))


def test_BPA_03_a_mode_cuts_what_is_under_way(lab: Lab) -> None:
    """Turning it on silences connections that are open, both ways; a NAT gateway's go on with block-ingress."""
    off = {MODE: "internet_gateway_block_mode: off\n"}
    with changed(TOPOLOGY, lab, off):
        check(lab, passes("x", WEB, "tcp", 80))
        came, went = Connection(lab, "x", WEB, 9001), Connection(lab, "web", FAR, 9000)
        through = Connection(lab, "dev", FAR, 9000)
        for held in (came, went, through):
            held.carries()
    for held in (came, went):
        held.client.sendall(b"word")
        held.server.sendall(b"back")
    through.carries()  # what passes in the same moment; the silence of the others is judged after it
    check(lab, passes("dev", "x", "tcp", 80), drops("x", WEB, "tcp", 80))
    assert not any(end.readable(0) for held in (came, went) for end in (held.client, held.server))
    lab.up(labs.edited(TOPOLOGY, off))
    try:
        eventually(lambda: all(end.readable(0) for held in (came, went) for end in (held.client, held.server)))
    finally:
        lab.up(TOPOLOGY)
    for held in (came, went, through):
        held.reset()
