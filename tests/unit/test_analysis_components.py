"""The model by value: every component that can drop, its code, its line, and the same flow where it lets it through."""

from ipaddress import IPv4Address

import pytest

from emulator.analysis import Analysis
from tests.support.asked import ask, codes

BASE = """name: lab
vpcs:
  main:
    cidr_block: 10.0.0.0/16
    internet_gateway: igw
    subnets:
      public:  {cidr_block: 10.0.1.0/24, route_table: public}
      private: {cidr_block: 10.0.2.0/24, route_table: private, network_acl: back}
      lone:    {cidr_block: 10.0.3.0/24}
    nat_gateways:
      nat: {subnet: public, elastic_ip: 203.0.113.9}
    route_tables:
      public:  {routes: {0.0.0.0/0: igw}}
      private: {routes: {0.0.0.0/0: nat}}
    network_acls:
      back:
        ingress:
          - {rule_number: 100, action: allow, protocol: all, from: 0.0.0.0/0}
        egress:
          - {rule_number: 100, action: allow, protocol: all, to: 0.0.0.0/0}
    security_groups:
      web: {ingress: [{protocol: tcp, port: 80, from: 0.0.0.0/0}, {protocol: tcp, port: 22, from: app}]}
      app: {ingress: [{protocol: tcp, port: 8080, from: web}, {protocol: icmp, icmp_type: 8, from: web}]}
      mute: {ingress: [{protocol: all, from: 0.0.0.0/0}], egress: []}
    instances:
      web: {subnet: public, elastic_ip: 203.0.113.10, security_groups: [web], services: [http]}
      app: {subnet: private, security_groups: [app]}
      mate: {subnet: private, security_groups: [app]}
      mute: {subnet: private, security_groups: [mute]}
      lone: {subnet: lone, security_groups: [mute]}
internet:
  hosts:
    host.example: {ip: 8.8.8.8}
"""


def at(found: Analysis) -> tuple[str, str, str] | None:
    """Where it was dropped: kind, name, direction."""
    dropped = found.verdict.dropped_at
    return dropped and (dropped.kind, dropped.name, dropped.direction)


def test_everything_that_lets_it_through_is_on_the_way_in_awss_order() -> None:
    found = ask(BASE, "app", "host.example", 443)
    assert found.verdict.result == "pass"
    assert [(hop.component.kind, hop.component.name) for hop in found.forward] == [
        ("instance", "app"),
        ("network_interface", "app"),
        ("security_group", "app"),
        ("network_acl", "back"),
        ("route_table", "private"),
        ("network_acl", "default"),
        ("network_interface", "nat"),
        ("nat_gateway", "nat"),
        ("network_interface", "nat"),
        ("network_acl", "default"),
        ("route_table", "public"),
        ("internet_gateway", "igw"),
        ("outside_host", "host.example"),
    ]
    assert [str(hop.after.source_ip) for hop in found.forward if hop.before != hop.after] == ["10.0.1.4", "203.0.113.9"]
    assert [hop.component.name for hop in found.back if hop.before != hop.after] == ["igw", "nat"]
    assert found.verdict.seen_as == IPv4Address("203.0.113.9")
    assert found.verdict.receiver == "host.example"


# --- security groups ------------------------------------------------------------------------------------------------


def test_no_rule_of_the_receivers_groups() -> None:
    found = ask(BASE, "host.example", "web", 443)
    assert at(found) == ("security_group", "web", "ingress")
    assert codes(found) == ["ENI_SG_RULES_MISMATCH"]
    [reason] = found.explanations
    assert reason.where.path == "vpcs.main.security_groups.web"
    assert reason.hint == "security_groups: {web: {ingress: [{protocol: tcp, port: 443, from: 8.8.8.8/32}]}}"
    assert ask(BASE, "host.example", "web", 80).verdict.result == "pass"


def test_the_hint_for_a_neighbour_names_its_group() -> None:
    found = ask(BASE, "web", "app", 9000)
    assert "from: web}" in found.explanations[0].hint


def test_groups_without_any_rule_have_a_code_of_their_own() -> None:
    found = ask(BASE, "mute", "app", 8080)
    assert at(found) == ("security_group", "mute", "egress")
    assert codes(found) == ["SG_HAS_NO_RULES", "ENI_SG_RULES_MISMATCH"]


def test_a_reply_needs_no_rule() -> None:
    assert ask(BASE, "host.example", "web", 80).verdict.result == "pass"
    assert ask(BASE, "mate", "mute", 80).verdict.result == "pass"  # no egress rule at all, and it answers


def test_a_reference_means_private_addresses_of_members() -> None:
    assert ask(BASE, "app", "web", 22).verdict.result == "pass"
    with_public = BASE.replace("app: {subnet: private,", "app: {subnet: public, elastic_ip: 203.0.113.11,")
    found = ask(with_public, "app", "203.0.113.10", 22)  # SG-31: by way of the internet gateway
    assert codes(found) == ["SG_REFERENCES_NOT_PRESERVED"]
    assert found.explanations[0].where.path == "vpcs.main.security_groups.web.ingress[1]"
    assert "203.0.113.11/32" in found.explanations[0].hint


BETWEEN = (
    BASE.replace("private: {routes: {0.0.0.0/0: nat}}", "private: {routes: {10.0.3.0/24: web}}")
    .replace("lone:    {cidr_block: 10.0.3.0/24}", "lone:    {cidr_block: 10.0.3.0/24, route_table: lone}")
    .replace("    network_acls:\n", "      lone: {routes: {10.0.2.0/24: web}}\n    network_acls:\n")
    .replace("web: {subnet: public,", "web: {subnet: public, source_dest_check: false,")
    .replace("web: {ingress: [", "web: {ingress: [{protocol: all, from: 10.0.0.0/16}, ")
    .replace("[http]", "[router]")
)


def test_a_reference_does_not_match_behind_an_appliance_even_if_the_appliance_is_a_member() -> None:
    """RT-09, for the one who sends and for the one who receives."""
    assert ask(BETWEEN, "app", "lone", 80).reachable
    asks = BETWEEN.replace(
        "mute: {ingress: [{protocol: all, from: 0.0.0.0/0}]", "mute: {ingress: [{protocol: all, from: app}]"
    )
    member = asks.replace("security_groups: [web]", "security_groups: [web, app]")
    for text in (asks, member):
        found = ask(text, "app", "lone", 80)
        assert (at(found), codes(found)) == (("security_group", "lone", "ingress"), ["SG_REFERENCES_NOT_PRESERVED"])
    assert ask(asks.replace("10.0.3.0/24: web", "10.9.0.0/16: web"), "app", "lone", 80).reachable
    sends = BETWEEN.replace("app: {ingress: [", "app: {egress: [{protocol: all, to: mute}], ingress: [")
    for text in (sends, sends.replace("security_groups: [web]", "security_groups: [web, mute]")):
        found = ask(text, "app", "lone", 80)
        assert (at(found), codes(found)) == (("security_group", "app", "egress"), ["SG_REFERENCES_NOT_PRESERVED"])


def test_a_nat_instance_translates_only_what_leaves_the_vpc() -> None:
    found = ask(BETWEEN.replace("[router]", "[nat]"), "app", "lone", 80)
    assert (found.verdict.result, str(found.verdict.seen_as)) == ("pass", "10.0.2.4")


def test_icmp_is_judged_by_type_and_answered_if_it_asks() -> None:
    assert ask(BASE, "web", "app").verdict.result == "pass"
    assert codes(ask(BASE, "web", "app", icmp_type=13)) == ["ENI_SG_RULES_MISMATCH"]
    found = ask(BASE, "app", "mute", icmp_type=3, icmp_code=1)
    assert found.verdict.result == "pass"
    assert found.back == ()


# --- network ACLs ---------------------------------------------------------------------------------------------------

DENY = "- {rule_number: 100, action: allow, protocol: all, from: 0.0.0.0/0}"


def test_the_lowest_number_that_matches_decides() -> None:
    closed = BASE.replace(
        DENY, f"- {{rule_number: 90, action: deny, protocol: tcp, port: 8080, from: 10.0.1.0/24}}\n          {DENY}"
    )
    found = ask(closed, "web", "app", 8080)
    assert at(found) == ("network_acl", "back", "ingress")
    assert codes(found) == ["SUBNET_ACL_RESTRICTION"]
    assert found.explanations[0].where.path == "vpcs.main.network_acls.back.ingress[0]"
    assert "rule_number: 80" in found.explanations[0].hint
    swapped = closed.replace("rule_number: 90", "rule_number: 110")
    assert ask(swapped, "web", "app", 8080).verdict.result == "pass"


def test_what_no_entry_matches_is_denied_and_the_reply_too() -> None:
    narrow = BASE.replace(
        "- {rule_number: 100, action: allow, protocol: all, to: 0.0.0.0/0}",
        "- {rule_number: 100, action: allow, protocol: tcp, port: 8080, to: 0.0.0.0/0}",
    )
    found = ask(narrow, "web", "app", 8080)
    assert (at(found), found.verdict.on_the_way_back) == (("network_acl", "back", "egress"), True)
    assert found.verdict.receiver == "app"  # it did arrive
    [reason] = found.explanations
    assert (reason.code, reason.on_the_way_back) == ("SUBNET_ACL_RESTRICTION", True)
    assert "port: 1024-65535" in reason.hint
    assert not found.partial


def test_an_acl_that_lets_some_ephemeral_ports_pass_is_no_way_through() -> None:
    some = BASE.replace(
        "- {rule_number: 100, action: allow, protocol: all, to: 0.0.0.0/0}",
        "- {rule_number: 100, action: allow, protocol: tcp, port: 49152-65535, to: 0.0.0.0/0}",
    )
    found = ask(some, "web", "app", 8080)
    assert (found.verdict.result, found.partial) == ("drop", True)
    assert "of 32768-60999 only 49152-60999 pass" in found.explanations[0].sentence
    known = ask(some, "web", "app", 8080, source_port=50000)
    assert (known.verdict.result, known.partial) == ("pass", False)
    assert ask(some, "web", "app", 8080, source_port=40000).verdict.result == "drop"


def test_behind_a_nat_gateway_the_port_may_be_any_from_1024() -> None:
    """NAT-21, NAT-34: whoever opens Linux's range only in the NAT gateway's subnet loses some connections."""
    narrow = BASE.replace(
        "public:  {cidr_block: 10.0.1.0/24,", "public:  {cidr_block: 10.0.1.0/24, network_acl: front,"
    ).replace(
        "    network_acls:\n",
        "    network_acls:\n      front:\n"
        "        ingress:\n"
        "          - {rule_number: 90, action: allow, protocol: all, from: 10.0.0.0/16}\n"
        "          - {rule_number: 100, action: allow, protocol: tcp, port: 32768-60999, from: 0.0.0.0/0}\n"
        "        egress: [{rule_number: 100, action: allow, protocol: all, to: 0.0.0.0/0}]\n",
    )
    found = ask(narrow, "app", "host.example", 443)
    assert (found.verdict.result, found.partial, at(found)) == ("drop", True, ("network_acl", "front", "ingress"))
    assert ask(narrow.replace("port: 32768-60999", "port: 1024-65535"), "app", "host.example", 443).reachable


def test_neighbours_in_one_subnet_meet_no_acl() -> None:
    closed = BASE.replace(DENY, DENY.replace("allow", "deny"))
    assert codes(ask(closed, "web", "mute", 80)) == ["SUBNET_ACL_RESTRICTION"]
    found = ask(closed, "mate", "mute", 80)
    assert found.verdict.result == "pass"
    assert not [hop for hop in found.forward if hop.component.kind in ("network_acl", "route_table")]


def test_every_reason_is_told_not_only_the_first() -> None:
    closed = BASE.replace(DENY, DENY.replace("allow", "deny")).replace(
        "rule_number: 100, action: allow, protocol: all, to", "rule_number: 100, action: deny, protocol: all, to"
    )
    found = ask(closed, "web", "app", 443)
    assert codes(found) == ["SUBNET_ACL_RESTRICTION", "ENI_SG_RULES_MISMATCH", "SUBNET_ACL_RESTRICTION"]
    assert [reason.on_the_way_back for reason in found.explanations] == [False, False, True]
    assert at(found) == ("network_acl", "back", "ingress")


# --- routes ---------------------------------------------------------------------------------------------------------


def test_no_route() -> None:
    found = ask(
        BASE.replace("mute: {ingress", "mute: {egress: [{protocol: all, to: 0.0.0.0/0}], ingress").replace(
            ", egress: []", ""
        ),
        "lone",
        "host.example",
        443,
    )
    assert at(found) == ("route_table", "main", "")
    assert codes(found) == ["NO_ROUTE_TO_DESTINATION"]
    [reason] = found.explanations
    assert reason.where.path == "vpcs.main.subnets.lone"  # nobody wrote the main table
    assert reason.hint == "route_tables: {main: {routes: {0.0.0.0/0: nat}}}"


def test_a_blackhole_wins_by_its_prefix() -> None:
    text = BASE.replace(
        "private: {routes: {0.0.0.0/0: nat}}", "private: {routes: {0.0.0.0/0: nat, 8.8.0.0/16: blackhole}}"
    )
    found = ask(text, "app", "host.example", 443)
    assert at(found) == ("route_table", "private", "")
    assert codes(found)[:2] == ["BAD_STATE_ROUTE", "MORE_SPECIFIC_ROUTE"]
    assert found.explanations[0].where.path == "vpcs.main.route_tables.private.routes.8.8.0.0/16"
    assert ask(text.replace("8.8.0.0/16", "8.9.0.0/16"), "app", "host.example", 443).reachable


def test_a_static_route_beats_a_prefix_list_and_the_first_list_the_second() -> None:
    """RT-51, RT-55."""
    lists = "prefix_lists:\n  one: {entries: [8.8.8.0/24]}\n  two: {entries: [8.8.8.0/24]}\n"
    for routes, wanted in (
        ("one: blackhole, two: nat", False),
        ("two: nat, one: blackhole", True),
        ("one: blackhole, 8.8.8.0/24: nat", True),
        ("8.8.8.0/24: blackhole, one: nat", False),
    ):
        text = lists + BASE.replace("private: {routes: {0.0.0.0/0: nat}}", f"private: {{routes: {{{routes}}}}}")
        assert ask(text, "app", "host.example", 443).reachable == wanted, routes


def test_the_missing_route_is_on_the_way_back() -> None:
    """IGW-04."""
    text = BASE.replace("web: {subnet: public,", "web: {subnet: lone,")
    found = ask(text, "host.example", "web", 80)
    assert (at(found), found.verdict.on_the_way_back) == (("route_table", "main", ""), True)
    assert found.verdict.receiver == "web"
    assert found.explanations[0].hint == "route_tables: {main: {routes: {0.0.0.0/0: igw}}}"


def test_an_address_that_nobody_has() -> None:
    found = ask(BASE, "web", "10.0.2.200", 80)
    assert (at(found), codes(found)) == (("vpc", "main", ""), ["UNKNOWN_DESTINATION"])
    out_there = ask(BASE, "web", "9.9.9.9", 80)
    assert (at(out_there), codes(out_there)) == (("internet", "internet", ""), ["UNKNOWN_DESTINATION"])


# --- gateways -------------------------------------------------------------------------------------------------------


def test_without_a_public_ip_nobody_gets_out_or_in() -> None:
    text = BASE.replace("elastic_ip: 203.0.113.10, ", "")
    out = ask(text, "web", "host.example", 443)
    assert (at(out), codes(out)) == (("internet_gateway", "igw", "egress"), ["IGW_PUBLIC_IP_ASSOCIATION_FOR_EGRESS"])
    assert out.explanations[0].where.path == "vpcs.main.instances.web"
    into = ask(text, "host.example", "web", 443)
    assert at(into) == ("internet", "internet", "")
    assert codes(into) == ["IGW_PRIVATE_IP_ASSOCIATION_FOR_INGRESS", "ENI_SG_RULES_MISMATCH"]


def test_the_internet_carries_no_private_address() -> None:
    found = ask(BASE, "web", "192.168.1.1", 443)
    assert codes(found) == ["IGW_DESTINATION_ADDRESS_NOT_IN_RFC1918_EGRESS"]
    assert codes(ask(BASE, "web", "100.64.0.1", 443)) == ["IGW_DESTINATION_ADDRESS_NOT_IN_RFC6598_EGRESS"]
    spoofed = ask(BASE, "host.example", "web", 80, source_ip=IPv4Address("192.168.0.1"))
    assert codes(spoofed)[0] == "IGW_SOURCE_ADDRESS_NOT_IN_RFC1918_INGRESS"
    assert at(spoofed) == ("internet_gateway", "igw", "ingress")


def test_who_calls_himself_one_of_the_vpcs_own_is_not_let_in() -> None:
    text = BASE.replace("10.0.", "20.0.")
    found = ask(text, "host.example", "web", 80, source_ip=IPv4Address("20.0.2.4"))
    assert codes(found)[0] == "GATEWAY_REJECTS_SPOOFED_TRAFFIC"


def test_a_nat_gateway_lets_nothing_in_and_answers_no_ping() -> None:
    found = ask(BASE, "host.example", "203.0.113.9", 80)
    assert (at(found), codes(found)) == (("nat_gateway", "nat", ""), ["NGW_DEST_ADDRESS_PRESERVATION"])
    assert at(ask(BASE, "web", "nat")) == ("nat_gateway", "nat", "")
    assert codes(ask(BASE, "app", "host.example", icmp_type=3)) == ["PROTOCOL_RESTRICTION"]


def test_any_address_of_the_nat_gateway_may_be_seen() -> None:
    found = ask(
        BASE.replace("elastic_ip: 203.0.113.9", "elastic_ip: 203.0.113.9, secondary_elastic_ips: [203.0.113.8]"),
        "app",
        "host.example",
        443,
    )
    assert {str(address) for address in found.seen_as} == {"203.0.113.9", "203.0.113.8"}


@pytest.mark.parametrize(
    ("admitted", "result", "partial"),
    [
        ("203.0.113.8/32", "drop", True),
        ("203.0.113.9/32", "drop", True),
        ("203.0.113.8/31", "pass", False),
        ("203.0.113.1/32", "drop", False),
    ],
)
def test_a_receiver_has_to_admit_all_addresses_of_a_nat_gateway(admitted: str, result: str, partial: bool) -> None:
    """NAT-26: the gateway chooses; whoever admits one of its addresses only loses some of the connections."""
    text = BASE.replace("elastic_ip: 203.0.113.9}", "elastic_ip: 203.0.113.9, secondary_elastic_ips: [203.0.113.8]}")
    text = text.replace("{protocol: tcp, port: 80, from: 0.0.0.0/0}", f"{{protocol: tcp, port: 80, from: {admitted}}}")
    found = ask(text, "app", "203.0.113.10", 80)
    assert (found.verdict.result, found.partial) == (result, partial)
    assert len(found.alternatives) == (1 if result == "drop" and not partial else 2)
    assert {held.result for held in found.alternatives} == ({"pass", "drop"} if partial else {result})
    assert any("chooses one of its 2 addresses" in note for note in found.notes)


def test_an_answer_to_a_nat_gateway_that_was_not_asked() -> None:
    """web is called directly, and answers through the NAT gateway."""
    text = BASE.replace("web: {subnet: public,", "web: {subnet: private,")
    found = ask(text, "host.example", "web", 80)
    assert (at(found), found.verdict.on_the_way_back) == (("nat_gateway", "nat", ""), True)
    assert codes(found) == ["NGW_SOURCE_ADDRESS_REASSIGN"]
    udp = ask(text.replace("{protocol: tcp, port: 80,", "{protocol: udp, port: 80,"), "host.example", "web", 80, "udp")
    assert (at(udp), udp.verdict.on_the_way_back) == (("outside_host", "host.example", ""), True)
    assert codes(udp) == ["TARGET_ADDRESS_RESTRICTION"]  # a datagram is translated, and comes from another address


def test_a_hairpin_without_a_public_ip_has_one_reason() -> None:
    text = BASE.replace("app: {subnet: private,", "app: {subnet: public,")
    assert codes(ask(text, "app", "203.0.113.10", 80)) == ["IGW_PUBLIC_IP_ASSOCIATION_FOR_EGRESS"]


def test_a_hairpin_turns_back_with_both_ends_rewritten() -> None:
    text = BASE.replace("app: {subnet: private,", "app: {subnet: public, elastic_ip: 203.0.113.11,")
    found = ask(text, "app", "203.0.113.10", 80)
    assert (found.verdict.result, str(found.verdict.seen_as)) == ("pass", "203.0.113.11")
    assert ["IGW_NAT_REFLECTION" in note for note in found.notes] == [True]


# --- interfaces, appliances, services -------------------------------------------------------------------------------


def test_an_eni_sends_from_its_own_address_only() -> None:
    found = ask(BASE, "web", "host.example", 443, source_ip=IPv4Address("10.0.1.77"))
    assert at(found) == ("network_interface", "web", "egress")
    assert codes(found) == ["ENI_SOURCE_DEST_CHECK_RESTRICTION", "GATEWAY_REJECTS_SPOOFED_TRAFFIC"]
    unchecked = BASE.replace("web: {subnet: public,", "web: {subnet: public, source_dest_check: false,")
    assert at(ask(unchecked, "web", "host.example", 443, source_ip=IPv4Address("10.0.1.77"))) == (
        "internet_gateway", "igw", "egress",
    )  # fmt: skip


ROUTER = BASE.replace("private: {routes: {0.0.0.0/0: nat}}", "private: {routes: {0.0.0.0/0: web}}").replace(
    "web: {ingress: [", "web: {ingress: [{protocol: all, from: 10.0.2.0/24}, "
)


@pytest.mark.parametrize(
    ("extra", "wanted"),
    [
        ("", ["ENI_SOURCE_DEST_CHECK_RESTRICTION"]),
        ("source_dest_check: false, ", ["ENI_ADDRESS_RESTRICTION"]),
        ("source_dest_check: false, appliance", []),
    ],
)
def test_a_nat_instance_needs_the_check_off_and_a_guest_that_forwards(extra: str, wanted: list[str]) -> None:
    services = "services: [nat]" if "appliance" in extra else "services: [http]"
    text = ROUTER.replace("web: {subnet: public, ", f"web: {{subnet: public, {extra.replace('appliance', '')}").replace(
        "services: [http]", services
    )
    found = ask(text, "app", "host.example", 443)
    assert codes(found) == wanted
    assert found.reachable == (not wanted)
    if found.reachable:
        assert str(found.verdict.seen_as) == "203.0.113.10"


@pytest.mark.parametrize(("service", "carries"), [("nat", False), ("router", True)])
def test_a_nat_instance_spoils_what_it_sees_the_answers_of_only(service: str, carries: bool) -> None:
    """A SYN-ACK is no first packet, so the connection opens; the data after it are taken for one, and translated."""
    text = ROUTER.replace("web: {subnet: public,", "web: {subnet: public, source_dest_check: false,")
    text = text.replace("services: [http]", f"services: [{service}]")
    text = text.replace("app: {subnet: private,", "app: {subnet: private, elastic_ip: 203.0.113.11,")
    text = text.replace("port: 8080, from: web", "port: 8080, from: 0.0.0.0/0")
    found = ask(text, "host.example", "203.0.113.11", 8080)
    assert found.reachable
    assert any("carries no data" in note for note in found.notes) != carries


def test_a_router_that_does_not_translate_is_refused_by_the_gateway() -> None:
    text = ROUTER.replace("web: {subnet: public,", "web: {subnet: public, source_dest_check: false,").replace(
        "[http]", "[router]"
    )
    found = ask(text, "app", "host.example", 443)
    assert at(found) == ("internet_gateway", "igw", "egress")
    assert codes(found) == ["IGW_PUBLIC_IP_ASSOCIATION_FOR_EGRESS"]


def test_a_firewall_blocks_ports_in_both_directions() -> None:
    text = ROUTER.replace("web: {subnet: public,", "web: {subnet: public, source_dest_check: false,")
    text = text.replace("services: [http]", "services: [nat, {firewall: [23]}]")
    found = ask(text, "app", "host.example", 23)
    assert (at(found), codes(found)) == (("instance", "web", ""), ["FIREWALL_RULES_RESTRICTION"])
    assert ask(text, "app", "host.example", 443).reachable
    assert ask(text, "app", "host.example", 443, source_port=23).verdict.on_the_way_back


def test_routes_in_a_circle_end_in_nothing() -> None:
    text = ROUTER.replace("public:  {routes: {0.0.0.0/0: igw}}", "public:  {routes: {0.0.0.0/0: web}}")
    text = text.replace("web: {subnet: public,", "web: {subnet: public, source_dest_check: false,").replace(
        "[http]", "[router]"
    )
    text = text.replace("{protocol: tcp, port: 80, from: 0.0.0.0/0}", "{protocol: all, from: 0.0.0.0/0}")
    found = ask(text, "app", "host.example", 443)
    assert codes(found) == ["NO_PATH"]


def test_a_guest_takes_nobody_else_for_itself() -> None:
    text = ROUTER.replace("public:  {routes: {0.0.0.0/0: igw}}", "public:  {routes: {0.0.0.0/0: web}}")
    text = text.replace("web: {subnet: public,", "web: {subnet: public, source_dest_check: false,")
    text = text.replace("web: {ingress: [", "web: {ingress: [{protocol: all, from: 10.0.1.0/24}, ").replace(
        "[http]", "[router]"
    )
    found = ask(text, "web", "host.example", 443)
    assert (at(found), codes(found)[0]) == (("instance", "web", ""), "ENI_ADDRESS_RESTRICTION")


def test_a_stopped_instance_receives_nothing() -> None:
    found = ask(BASE.replace("mate: {", "mate: {state: stopped, "), "web", "mate", 8080)
    assert (at(found), codes(found)) == (("instance", "mate", ""), ["BAD_STATE"])


def test_an_edge_route_leads_to_an_appliance_with_a_public_ip() -> None:
    """GRT-05, GRT-09."""
    text = BASE.replace("internet_gateway: igw", "internet_gateway: {name: igw, route_table: edge}", 1)
    text = text.replace("    network_acls:\n", "      edge: {routes: {10.0.2.0/24: web}}\n    network_acls:\n", 1)
    text = text.replace("web: {subnet: public,", "web: {subnet: public, source_dest_check: false,").replace(
        "[http]", "[router]"
    )
    text = text.replace("app: {subnet: private,", "app: {subnet: private, elastic_ip: 203.0.113.12,")
    found = ask(text, "host.example", "203.0.113.12", 80)
    assert [hop.component.name for hop in found.forward][:4] == ["host.example", "igw", "edge", "default"]
    assert str(found.forward[3].before.destination_ip) == "10.0.2.4"
    without = ask(text.replace("elastic_ip: 203.0.113.10, ", ""), "host.example", "203.0.113.12", 80)
    assert at(without) == ("route_table", "edge", "")
    assert codes(without)[0] == "INGRESS_RTB_NO_PUBLIC_IP"


@pytest.mark.parametrize("address", ["10.0.0.2", "169.254.169.254", "169.254.169.253", "169.254.169.123"])
def test_awss_own_services_are_reached_whatever_is_closed(address: str) -> None:
    closed = BASE.replace("action: allow", "action: deny")
    found = ask(closed, "mute", address, 53)
    assert (found.verdict.result, found.explanations) == ("refused", ())
    assert ask(closed, "mute", address).verdict.result == "drop"  # they answer no ping


def test_the_router_answers_ping_from_its_own_subnet_only() -> None:
    assert ask(BASE, "mute", "10.0.2.1").verdict.receiver == "main.router"
    away = BASE.replace("public:  {routes: {0.0.0.0/0: igw}}", "public:  {routes: {0.0.0.0/0: igw, 10.0.2.0/24: nat}}")
    for text in (BASE, away, BASE.replace("action: allow", "action: deny")):
        assert at(ask(text, "web", "10.0.2.1")) == ("vpc", "main", "")  # whatever routes and ACLs say
    assert at(ask(BASE, "mute", "10.0.2.1", 80)) == ("vpc", "main", "")
    assert at(ask(BASE, "web", "10.0.1.255")) == ("vpc", "main", "")
    assert at(ask(BASE, "web", "224.0.0.1")) == ("vpc", "main", "")


def test_what_is_beyond_an_uplink_may_answer() -> None:
    text = BASE.replace("  hosts:", "  uplink: true\n  hosts:")
    found = ask(text, "app", "9.9.9.9", 443)
    assert found.verdict.result == "pass"
    assert found.notes
    assert at(ask(BASE, "app", "9.9.9.9", 443)) == ("internet", "internet", "")


def test_a_port_where_nobody_listens_is_reached_and_noted() -> None:
    """GEN-02."""
    assert ask(BASE, "host.example", "web", 80).notes == ()
    found = ask(BASE.replace("port: 80,", "port: 81,"), "host.example", "web", 81)
    assert (found.verdict.result, found.reachable) == ("pass", True)
    assert found.notes == ("nothing in the file listens on tcp 81 of web: the caller is refused",)
    command = BASE.replace("port: 80,", "port: 81,").replace("services: [http]", "services: [{command: [sleep, 60]}]")
    assert ask(command, "host.example", "web", 81).notes == ()  # who knows


def test_each_interface_has_its_own_subnet_and_a_reply_leaves_by_the_one_that_was_called() -> None:
    text = BASE.replace(
        "web: {subnet: public,",
        "web: {network_interfaces: [{subnet: lone, security_groups: [mute]}], subnet: public,",
    )
    found = ask(text, "app", "web.eth1", 80)
    assert found.verdict.result == "pass"
    assert found.back[1].component.name == "web.eth1"
    assert [hop.component.name for hop in found.forward if hop.component.kind == "security_group"] == [
        "app",
        "web.eth1",
    ]


def test_L2_05_who_answers_a_ping_of_the_router_is_told() -> None:
    found = ask(BASE, "app", "10.0.2.1")
    assert found.verdict.result == "pass"
    assert [hop.component.kind for hop in found.forward] == ["instance", "network_interface", "vpc"]
