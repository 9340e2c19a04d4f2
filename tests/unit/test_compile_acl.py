"""Network ACLs compile to rules in the order of their numbers, and to nothing where they let everything pass."""

from dataclasses import replace
from ipaddress import IPv4Network

from emulator.compile import eni
from emulator.compile.acl import Borders, network_acls
from emulator.topology.acls import implied_acl
from emulator.topology.model import NetworkAcl, NetworkAclEntry
from tests.support.samples import ADDRESSES, state, topology, vpc

ALL = NetworkAclEntry(100, "allow", -1, 0, 65535, IPv4Network("0.0.0.0/0"))


def entry(number: int, protocol: int, first: int = 0, last: int = 65535, peer: str = "10.0.0.0/8") -> NetworkAclEntry:
    return NetworkAclEntry(number, "allow", protocol, first, last, IPv4Network(peer))


def compiled(*acls: NetworkAcl, private: str = "default") -> Borders:
    public, other = vpc().subnets
    held = replace(vpc(), network_acls=acls, subnets=(public, replace(other, network_acl=private)))
    return network_acls(held, eni.enis(held, ADDRESSES))


def test_an_acl_that_lets_everything_pass_costs_nothing() -> None:
    assert compiled(implied_acl("default")) == Borders((), (), (), ())
    unreached = NetworkAcl("default", (ALL, replace(ALL, number=200, action="deny")), (ALL,))
    assert compiled(unreached) == Borders((), (), (), ())
    held = replace(vpc(), network_acls=(implied_acl("default"), implied_acl("unused")))
    assert state(topology(held)) == state()


def test_only_the_direction_and_the_subnet_that_refuse_anything_are_judged() -> None:
    found = compiled(implied_acl("default"), NetworkAcl("in", (), (ALL,)), private="in")
    assert [chain.name for chain in found.chains] == ["acl_ingress.in", "enter.private"]
    assert [rule.body for rule in found.chains[1].rules] == ["iifname @links.private return", "goto acl_ingress.in"]
    assert found.leave == ()
    assert [rule.body for rule in found.enter] == ["oifname vmap @enter_subnet"]
    assert [(item.key, item.value) for item in found.sets[1].elements] == [('"eni-dev"', "jump enter.private")]


def test_a_rule_is_named_by_its_acl_direction_and_number() -> None:
    deny = replace(entry(90, 6, 22, 22, "203.0.113.0/24"), action="deny")
    found = compiled(implied_acl("default"), NetworkAcl("web", (), (deny, ALL)), private="web")
    judge = next(chain for chain in found.chains if chain.name == "acl_egress.web")
    assert [(rule.body, rule.comment) for rule in judge.rules] == [
        ("ip daddr 203.0.113.0/24 meta l4proto 6 th dport 22 drop", "network ACL web, egress rule 90 DENY"),
        ("return", "network ACL web, egress rule 100 ALLOW"),
        ("drop", "network ACL web, egress rule * DENY"),
    ]


def test_what_a_rule_matches() -> None:
    kinds = (
        entry(1, 17, 1024, 65535),
        entry(2, 6),
        entry(3, 1, -1, -1),
        entry(4, 1, 8, -1),
        entry(5, 1, 3, 4, "0.0.0.0/0"),
        entry(6, 47),
        entry(7, 58),
    )
    found = compiled(implied_acl("default"), NetworkAcl("web", kinds, (ALL,)), private="web")
    assert [rule.body for rule in found.chains[0].rules] == [
        "ip saddr 10.0.0.0/8 meta l4proto 17 th dport 1024-65535 return",
        "ip saddr 10.0.0.0/8 meta l4proto 6 return",
        "ip saddr 10.0.0.0/8 meta l4proto 1 return",
        "ip saddr 10.0.0.0/8 icmp type 8 return",
        "icmp type 3 icmp code 4 return",
        "ip saddr 10.0.0.0/8 meta l4proto 47 return",
        "ip saddr 10.0.0.0/8 meta l4proto 58 return",
        "drop",
    ]
