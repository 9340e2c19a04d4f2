"""Network Load Balancers in the model: which target, as whom, back by which way, and who drops what (10.1, 10.3)."""

import pytest

from emulator.analysis import Analysis
from tests.support.asked import ask, codes

BASE = """name: lab
vpcs:
  main:
    cidr_block: 10.0.0.0/16
    internet_gateway: igw
    subnets:
      a: {cidr_block: 10.0.1.0/24, availability_zone: a, route_table: public}
      c: {cidr_block: 10.0.2.0/24, availability_zone: c, route_table: public}
      back: {cidr_block: 10.0.3.0/24, availability_zone: a, network_acl: back}
      far: {cidr_block: 10.0.4.0/24, availability_zone: c}
    route_tables:
      public: {routes: {0.0.0.0/0: igw}}
    network_acls:
      back:
        ingress:
          - {rule_number: 100, action: allow, protocol: all, from: 0.0.0.0/0}
        egress:
          - {rule_number: 100, action: allow, protocol: all, to: 0.0.0.0/0}
    security_groups:
      lb: {ingress: [{protocol: tcp, port: 80, from: 0.0.0.0/0}, {protocol: udp, port: 53, from: 0.0.0.0/0}]}
      web: {ingress: [{protocol: tcp, port: 8080, from: lb}, {protocol: udp, port: 53, from: lb}]}
      any: {ingress: [{protocol: all, from: 0.0.0.0/0}]}
      client: {ingress: []}
    instances:
      client: {subnet: a, security_groups: [client]}
      web1: {subnet: back, security_groups: [web]}
      web2: {subnet: far, security_groups: [web]}
    target_groups:
      web: {port: 8080, protocol: TCP, targets: [web1, web2]}
      ips: {port: 8080, protocol: TCP, target_type: ip, targets: [web1]}
      open: {port: 8080, protocol: TCP, targets: [web1]}
      dns: {port: 53, protocol: UDP, targets: [web1]}
      none: {port: 90, protocol: TCP}
    load_balancers:
      nlb:
        load_balancer_type: network
        internal: true
        subnets: [a, c]
        security_groups: [lb]
        listeners:
          - {port: 80, protocol: TCP, target_group: web}
          - {port: 53, protocol: UDP, target_group: dns}
      public:
        load_balancer_type: network
        subnets: [a]
        security_groups: [lb]
        listeners: [{port: 80, protocol: TCP, target_group: open}]
      bare:
        load_balancer_type: network
        subnets: [a]
        internal: true
        listeners:
          - {port: 80, protocol: TCP, target_group: ips}
          - {port: 90, protocol: TCP, target_group: none}
internet:
  hosts:
    host.example: {ip: 8.8.8.8}
"""
CROSSING = ("subnets: [a, c]", "subnets: [a, c]\n        enable_cross_zone_load_balancing: true")


def at(found: Analysis) -> tuple[str, str, str] | None:
    """Where it was dropped: kind, name, direction."""
    dropped = found.verdict.dropped_at
    return dropped and (dropped.kind, dropped.name, dropped.direction)


def seen(found: Analysis) -> tuple[str, str, str]:
    return found.verdict.result, found.verdict.receiver, str(found.verdict.seen_as)


def edited(*changes: tuple[str, str]) -> str:
    text = BASE
    for old, new in changes:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return text


def test_the_way_through_a_node_and_back() -> None:
    """NLB-07: the client's address is seen; the answer goes back through the node, which no route says."""
    found = ask(BASE, "client", "nlb.a", 80)
    assert seen(found) == ("pass", "web1", "10.0.1.4")
    way = [(hop.component.kind, hop.component.name) for hop in found.forward]
    assert way == [
        ("instance", "client"),
        ("network_interface", "client"),
        ("security_group", "client"),
        ("security_group", "nlb.a"),
        ("network_interface", "nlb.a"),
        ("network_load_balancer", "nlb.a"),
        ("network_interface", "nlb.a"),
        ("security_group", "nlb.a"),
        ("network_acl", "default"),
        ("route_table", "public"),
        ("network_acl", "back"),
        ("security_group", "web1"),
        ("network_interface", "web1"),
        ("instance", "web1"),
    ]
    assert ("network_load_balancer", "nlb.a") in [(hop.component.kind, hop.component.name) for hop in found.back]
    assert "listener 80 forwards to web1 of target group web" in next(
        hop.sentence for hop in found.forward if hop.component.kind == "network_load_balancer"
    )


def test_only_targets_of_the_own_zone_unless_cross_zone() -> None:
    """LB-20: off by default."""
    assert ask(BASE, "client", "nlb.c", 80).verdict.receiver == "web2"
    crossing = edited(CROSSING)
    both = ask(crossing, "client", "nlb.c", 80)
    assert {held.receiver for held in both.alternatives} == {"web1", "web2"}
    assert both.verdict.result == "pass"
    assert not both.partial


def test_a_client_on_the_internet_keeps_its_address() -> None:
    assert seen(ask(BASE, "host.example", "public.a", 80)) == ("pass", "web1", "8.8.8.8")


def test_without_preservation_the_target_sees_the_node() -> None:
    """NLB-07, NLB-10: the default of ip targets with TCP. NLB-04: then the target must let the node in."""
    found = ask(BASE, "client", "bare.a", 80)
    assert at(found) == ("security_group", "web1", "ingress")
    assert codes(found) == ["ENI_SG_RULES_MISMATCH"]
    text = edited(("port: 8080, from: lb", "port: 8080, from: 10.0.1.0/24"))
    passing = ask(text, "client", "bare.a", 80)
    assert passing.verdict.receiver == "web1"
    assert passing.verdict.seen_as is not None
    assert str(passing.verdict.seen_as) != "10.0.1.4"


@pytest.mark.parametrize(
    ("target", "port", "code"),
    [("nlb.a", 81, "ELBV2_LISTENER_PORT_RESTRICTION"), ("bare.a", 90, "ELBV2_NO_TARGETS_IN_AZ")],
)
def test_what_a_node_has_nobody_for(target: str, port: int, code: str) -> None:
    """NLB-19, LB-08."""
    text = edited(("{protocol: tcp, port: 80, from: 0.0.0.0/0}", "{protocol: all, from: 0.0.0.0/0}"))
    text = text.replace("{protocol: udp, port: 53, from: 0.0.0.0/0}", "{protocol: icmp, from: 10.0.0.0/8}")
    found = ask(text, "client", target, port)
    assert at(found) == ("network_load_balancer", target, "")
    assert codes(found) == [code]
    assert found.explanations[0].where.line


def test_no_answer_to_a_ping() -> None:
    """NLB-19."""
    found = ask(BASE, "client", "bare.a")
    assert at(found) == ("network_load_balancer", "bare.a", "")
    assert codes(found) == ["ELBV2_LISTENERS_MISMATCH"]


def test_the_groups_of_the_load_balancer_judge_both_sides() -> None:
    """NLB-03."""
    closed = edited(("port: 80, from: 0.0.0.0/0", "port: 443, from: 0.0.0.0/0"))
    assert at(ask(closed, "client", "nlb.a", 80)) == ("security_group", "nlb.a", "ingress")
    mute = edited(("{protocol: udp, port: 53, from: 0.0.0.0/0}]}", "], egress: []}"))
    assert at(ask(mute, "client", "nlb.a", 80)) == ("security_group", "nlb.a", "egress")


def test_the_acl_of_the_targets_subnet_is_asked_for_the_clients_address() -> None:
    entry = "{rule_number: 100, action: allow, protocol: all, from: 0.0.0.0/0}"
    text = edited((entry, f"{{rule_number: 90, action: deny, protocol: all, from: 10.0.1.4/32}}\n          - {entry}"))
    assert at(ask(text, "client", "nlb.a", 80)) == ("network_acl", "back", "ingress")


def test_a_target_that_differs_makes_it_partial() -> None:
    text = edited(
        CROSSING,
        ("web2: {subnet: far, security_groups: [web]}", "web2: {subnet: far, security_groups: [client]}"),
    )
    found = ask(text, "client", "nlb.a", 80)
    assert found.partial
    assert at(found) == ("security_group", "web2", "ingress")
    assert {held.result for held in found.alternatives} == {"pass", "drop"}


def test_a_target_that_calls_itself_hears_nothing() -> None:
    """NLB-09."""
    text = edited(("web1: {subnet: back, security_groups: [web]}", "web1: {subnet: back, security_groups: [any]}"))
    found = ask(text, "web1", "nlb.a", 80)
    assert at(found) == ("instance", "web1", "")
    assert codes(found) == ["ELBV2_SOURCE_ADDRESS_PRESERVATION"]
    assert ask(text, "web1", "nlb.c", 80).verdict.receiver == "web2"


def test_a_stopped_target_is_not_chosen() -> None:
    """LB-08."""
    text = edited(("web1: {subnet: back,", "web1: {subnet: back, state: stopped,"))
    assert codes(ask(text, "client", "nlb.a", 80)) == ["ELBV2_NO_TARGETS_IN_AZ"]


def test_preservation_ends_at_the_vpcs_border() -> None:
    """NLB-08: a target in a peered VPC."""
    peer = """  peer:
    cidr_block: 10.9.0.0/16
    subnets: {p: {cidr_block: 10.9.0.0/24}}
    route_tables: {main: {routes: {10.0.0.0/16: pc}}}
    instances: {there: {subnet: p, private_ip: 10.9.0.9, security_groups: [open]}}
    security_groups: {open: {ingress: [{protocol: all, from: 0.0.0.0/0}]}}
internet:"""
    text = edited(
        ("ips: {port: 8080, protocol: TCP, target_type: ip, targets: [web1]}",
         "ips: {port: 8080, protocol: TCP, target_type: ip, targets: [{id: 10.9.0.9, availability_zone: all}]}"),
        ("public: {routes: {0.0.0.0/0: igw}}", "public: {routes: {0.0.0.0/0: igw, 10.9.0.0/16: pc}}"),
        ("internet:", peer),
    ) + "vpc_peering_connections: {pc: {vpc: main, peer_vpc: peer, auto_accept: true}}\n"  # fmt: skip
    found = ask(text, "client", "bare.a", 80)
    assert found.verdict.receiver == "there"
    kept = ask(text.replace("target_type: ip, ", "target_type: ip, preserve_client_ip: true, "), "client", "bare.a", 80)
    assert at(kept) == ("network_load_balancer", "bare.a", "")
    assert codes(kept) == ["ELBV2_SOURCE_ADDRESS_PRESERVATION"]


def test_some_ports_to_one_target_and_nothing_to_the_other_is_partial() -> None:
    """NAT-21, ACL-13: some connections pass, whatever becomes of those to the other one."""
    narrow = """network_acls:
      narrow:
        ingress:
          - {rule_number: 100, action: allow, protocol: tcp, port: 80, from: 0.0.0.0/0}
          - {rule_number: 110, action: allow, protocol: tcp, port: 32768-61000, from: 0.0.0.0/0}
        egress: [{rule_number: 100, action: allow, protocol: all, to: 0.0.0.0/0}]"""
    two = edited(
        ("web1: {subnet: back, security_groups: [web]}", "web1: {subnet: back, security_groups: [any]}"),
        ("web2: {subnet: far, security_groups: [web]}", "web2: {subnet: back, security_groups: [client]}"),
        ("ips: {port: 8080, protocol: TCP, target_type: ip, targets: [web1]}",
         "ips: {port: 8080, protocol: TCP, target_type: ip, targets: [web1, web2]}"),
    )  # fmt: skip
    one_dropped = ask(two, "client", "bare.a", 80)
    assert {held.result for held in one_dropped.alternatives} == {"pass", "drop"}
    text = two.replace("network_acls:", narrow, 1).replace(
        "a: {cidr_block: 10.0.1.0/24, availability_zone: a,",
        "a: {cidr_block: 10.0.1.0/24, availability_zone: a, network_acl: narrow,",
    )
    found = ask(text, "client", "bare.a", 80)
    assert {held.result for held in found.alternatives} == {"drop"}
    assert found.partial
    shut = ask(text.replace("port: 32768-61000", "port: 443"), "client", "bare.a", 80)
    assert (shut.verdict.result, shut.partial) == ("drop", False)


def test_a_nat_gateway_translates_a_strangers_kept_address() -> None:
    """NAT-22: that only sources of the VPC may be translated, AWS's analyzer says; real packets pass."""
    text = edited(
        ("public: {routes: {0.0.0.0/0: igw}}", "public: {routes: {0.0.0.0/0: igw, 10.0.3.0/24: nat}}"),
        ("    network_acls:", "    nat_gateways:\n      nat: {subnet: back, private_ip: 10.0.3.20}\n    network_acls:"),
        ("web1: {subnet: back, security_groups: [web]}", "web1: {subnet: back, security_groups: [any]}"),
    )
    found = ask(text, "host.example", "public.a", 80)
    assert seen(found) == ("pass", "web1", "10.0.3.20")
    assert any("NGW_REQUIRES_SOURCE_IN_VPC" in note for note in found.notes)
    assert not any("NGW_REQUIRES_SOURCE_IN_VPC" in note for note in ask(text, "client", "public.a", 80).notes)
