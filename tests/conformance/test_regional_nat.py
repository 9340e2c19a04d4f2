"""The regional NAT gateway, with packets: one for all zones, each with addresses of its own, and no subnet."""

from collections.abc import Iterator

import pytest

from emulator.analysis import analyze
from emulator.lab import zones
from emulator.lab.running import recall
from emulator.lab.trace import trace
from emulator.topology.flows import flow
from tests.support import lab as labs
from tests.support.connections import Connection
from tests.support.lab import Lab
from tests.support.probes import Probe, check, drops, passes
from tests.support.views import agree

EIP_A, EIP_C = "52.195.125.184", "52.195.125.186"
WEB_EXAMPLE = "93.184.216.34"
LIMIT = 12  # connections of the other tests may not have ended everywhere

# No subnet has a route to the internet gateway. The default ACL, which a subnet without another one has, stops all.
# What answers private-c is led from the gateway's own table through the firewall fw.
TEXT = f"""
name: regional
region: ap-northeast-1
settings: {{nat_gateway_connections: {LIMIT}}}
vpcs:
  main:
    cidr_block: 10.0.0.0/16
    internet_gateway: igw
    subnets:
      private-a: {{cidr_block: 10.0.20.0/24, availability_zone: a, route_table: private, network_acl: all}}
      private-c: {{cidr_block: 10.0.21.0/24, availability_zone: c, route_table: private, network_acl: all}}
      private-d: {{cidr_block: 10.0.22.0/24, availability_zone: d, route_table: private, network_acl: all}}
      middle-c:  {{cidr_block: 10.0.23.0/24, availability_zone: c, network_acl: all}}
    nat_gateways:
      nat:
        availability_mode: regional
        availability_zone_address:
          - {{availability_zone: a, elastic_ips: [{EIP_A}, 52.195.125.185]}}
          - {{availability_zone: c, elastic_ips: [{EIP_C}]}}
        routes: {{10.0.21.0/24: fw}}
    route_tables:
      private: {{routes: {{0.0.0.0/0: nat}}}}
    network_acls:
      default: {{ingress: [], egress: []}}
      all:
        ingress: [{{rule_number: 100, action: allow, protocol: all, from: 0.0.0.0/0}}]
        egress: [{{rule_number: 100, action: allow, protocol: all, to: 0.0.0.0/0}}]
    security_groups:
      none: {{ingress: []}}
      all: {{ingress: [{{protocol: all, from: 0.0.0.0/0}}]}}
    instances:
      app-a: {{subnet: private-a, security_groups: [none]}}
      app-c: {{subnet: private-c, security_groups: [none]}}
      app-d: {{subnet: private-d, security_groups: [none]}}
      fw: {{subnet: middle-c, security_groups: [all], services: [{{firewall: [7777]}}], source_dest_check: false}}
internet:
  hosts:
    web.example: {{ip: {WEB_EXAMPLE}}}
    attacker: {{ip: 45.83.64.9}}
"""


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with labs.up(TEXT) as up:
        up.serve("web.example", tcp=(80, 9000, 9001), udp=(53,))
        yield up


def test_RNAT_01_RNAT_02_it_needs_no_public_subnet_and_no_acl_judges_it(lab: Lab) -> None:
    """One route is enough: its own table leads to the internet gateway, and it is in no subnet whose ACL could drop."""
    agree(
        lab,
        [Probe("app-c", "web.example", "tcp", 80, seen_as=EIP_C)],
        [Probe("app-c", "web.example", "udp", 53, seen_as=EIP_C)],
        passes("app-a", "web.example", "icmp"),
        drops("attacker", EIP_A, "tcp", 80),
        drops("attacker", EIP_C, "icmp"),
    )


def test_RNAT_02_routes_can_be_added_to_its_table(lab: Lab) -> None:
    """What comes back to private-c goes through fw, as nat's own table says; to private-a it goes straight."""

    def crossed(source: str) -> list[str]:
        asked = flow(lab.topology, lab.addresses, source, "web.example", "tcp", 80)
        (found,) = trace(lab.name, [asked])
        assert found.verdict.result == "pass"
        return [hop.node for hop in (*found.forward, *found.back)]

    assert "fw" in crossed("app-c")
    assert "fw" not in crossed("app-a")


def test_RNAT_05_each_zone_leaves_with_its_own_addresses(lab: Lab) -> None:
    """The one route 0.0.0.0/0 to nat suits zones a and c."""
    seen = {source: set[str]() for source in ("app-a", "app-c")}
    for source, addresses in seen.items():
        for _ in range(4):
            made = Connection(lab, source, WEB_EXAMPLE, 9001)
            addresses.add(made.seen_as)
            made.reset()
    assert seen == {"app-a": {EIP_A, "52.195.125.185"}, "app-c": {EIP_C}}


def test_RNAT_03_RNAT_07_a_zone_that_is_not_listed_is_not_served(lab: Lab) -> None:
    """Manual mode: from zone d the route to the gateway drops, and AWS's analyser says why."""
    agree(lab, passes("app-c", "web.example", "tcp", 80), drops("app-d", "web.example", "tcp", 80))
    asked = flow(lab.topology, lab.addresses, "app-d", "web.example", "tcp", 80)
    codes = [reason.code for reason in analyze(lab.topology, lab.addresses, asked).explanations]
    assert "REGIONAL_NGW_ROUTE_AZ_RESTRICTION" in codes


def test_RNAT_08_each_address_has_its_own_limit(lab: Lab) -> None:
    """55,000 for each address and destination, here twelve: zone a has two addresses, zone c has one."""
    held = [Connection(lab, "app-a", WEB_EXAMPLE, 9000) for _ in range(2 * LIMIT)]
    held += [Connection(lab, "app-c", WEB_EXAMPLE, 9000) for _ in range(LIMIT)]
    check(
        lab,
        drops("app-a", "web.example", "tcp", 9000),
        drops("app-c", "web.example", "tcp", 9000),
        passes("app-c", "web.example", "tcp", 80),
    )
    for connection in held:
        connection.carries()
        connection.reset()


def test_RNAT_05_a_zone_that_fails_takes_only_its_own_along(lab: Lab) -> None:
    """One route for all zones, and yet app-c does not notice that zone a is down."""
    kept = Connection(lab, "app-c", WEB_EXAMPLE, 9001)
    done = zones.down("a", lab.name)
    try:
        assert done.affected == ("app-a", "nat.a")
        there = recall(lab.name)
        check(
            lab,
            [Probe("app-c", "web.example", "tcp", 80, seen_as=EIP_C)],
            drops("app-a", "web.example", "tcp", 80),
        )
        for source, result in (("app-c", "pass"), ("app-a", "drop")):
            asked = flow(there.topology, there.addresses, source, "web.example", "tcp", 80)
            assert analyze(there.topology, there.addresses, asked).verdict.result == result
        kept.carries()
    finally:
        zones.up("a", lab.name)
    agree(lab, passes("app-a", "web.example", "tcp", 80), passes("app-c", "web.example", "tcp", 80))
    kept.reset()


def test_RNAT_03_automatic_mode_follows_the_zones_in_use(lab: Lab) -> None:
    """Without a list there is an address in every zone with interfaces; a newcomer's zone is added, others stay."""
    start = TEXT.index("        availability_zone_address:")
    listed = TEXT[start : TEXT.index("        routes: {10.0.21.0/24: fw}")]
    with labs.changed(TEXT, lab, {listed: "", "{subnet: private-d,": "{subnet: private-a,"}):
        there = recall(lab.name)
        assert {name for name in there.addresses.public if name.startswith("nat")} == {"nat.a", "nat.c"}
        kept = Connection(lab, "app-c", WEB_EXAMPLE, 9001)
        own = lab.public("nat.c")
        lab.up(labs.edited(TEXT, {listed: ""}))
        assert own == kept.seen_as == lab.public("nat.c")
        kept.carries()
        agree(
            lab,
            [Probe("app-d", "web.example", "tcp", 80, seen_as=lab.public("nat.d"))],
            [Probe("app-c", "web.example", "tcp", 80, seen_as=own)],
            drops("attacker", lab.public("nat.d"), "tcp", 80),
        )
        kept.reset()
