"""Security groups compile to sets that allow what the rules allow, and nothing else."""

import re
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network

from hypothesis import given, settings
from hypothesis import strategies as st

from emulator.compile import nft
from emulator.compile.eni import enis
from emulator.compile.security import Filter, security_groups
from emulator.topology.model import GroupReference, SecurityGroup, SecurityGroupRule, Vpc
from tests.support.samples import ADDRESSES, EVERYTHING, vpc

_PEERS = ["0.0.0.0/0", "10.0.0.0/8", "10.0.0.0/16", "10.0.20.0/24", "10.0.20.4/32", "45.0.0.0/8"]


@st.composite
def rules(draw: st.DrawFn) -> SecurityGroupRule:
    protocol = draw(st.sampled_from([-1, 1, 6, 17, 50]))
    first, last = 0, 65535
    if protocol in (6, 17):
        first, last = sorted(draw(st.tuples(st.integers(0, 9), st.integers(0, 9))))
    if protocol == 1:
        first = draw(st.sampled_from([-1, 0, 8, 11]))
        last = -1 if first < 0 else draw(st.sampled_from([-1, 0, 3]))
    peer = draw(st.one_of(st.sampled_from(_PEERS).map(IPv4Network), st.just(GroupReference("dev"))))
    return SecurityGroupRule(protocol, first, last, peer, draw(st.integers(1, 60)))


def _allows(rule: SecurityGroupRule, source: IPv4Address, protocol: int, first: int, second: int) -> bool:
    """What AWS says, read off one rule: SG-20 and SG-21 for protocols, SG-30 for references."""
    if isinstance(rule.peer, GroupReference):
        if source != ADDRESSES.private["dev"]:
            return False
    elif not isinstance(rule.peer, IPv4Network) or source not in rule.peer:
        return False
    if rule.protocol == -1:
        return True
    if rule.protocol != protocol:
        return False
    if protocol == 1:
        return rule.from_port in (-1, first) and rule.to_port in (-1, second)
    return protocol == 50 or rule.from_port <= first <= rule.to_port


def _in(field: str, value: int | IPv4Address) -> bool:
    if isinstance(value, IPv4Address):
        low, _, high = field.partition("-")
        if high:
            return IPv4Address(low) <= value <= IPv4Address(high)
        return value in IPv4Network(low)
    low, _, high = field.partition("-")
    return int(low) <= value <= int(high or low)


def _filter_allows(held: Filter, source: IPv4Address, protocol: int, first: int, second: int) -> bool:
    """Walks the chain of `web` as the kernel would: its lookups, then the final drop."""
    sets = {item.name: item for item in held.sets}
    chain = next(chain for chain in held.chains if chain.name == "ingress.web")
    for rule in chain.rules:
        if rule.body == "drop":
            return False
        if rule.body.startswith("ct state new"):  # of what the rest allows, it marks a part
            continue
        body = re.sub(r' comment "[^"]*"', "", rule.body)
        if _matches(body.removesuffix(" return"), sets, source, protocol, first, second):
            return True
    raise AssertionError("the chain does not end in drop")


def _matches(body: str, sets: dict[str, nft.Set], source: IPv4Address, protocol: int, first: int, second: int) -> bool:
    fields: dict[str, int | IPv4Address] = {
        "ip saddr": source,
        "meta l4proto": protocol,
        "th dport": first if protocol in (6, 17) else -9,
        "icmp type": first if protocol == 1 else -9,
        "icmp code": second if protocol == 1 else -9,
    }
    if body.startswith("ip saddr . iifname @members.dev"):
        if source not in {IPv4Address(element.key.split(" . ")[0]) for element in sets["members.dev"].elements}:
            return False
        rest = body.removeprefix("ip saddr . iifname @members.dev").strip()
        if not rest:
            return True
        if rest.startswith("icmp type . icmp code"):
            wanted = rest.removeprefix("icmp type . icmp code").strip(" {}").split(", ")
            return any(
                _in(a, fields["icmp type"]) and _in(b, fields["icmp code"])
                for a, b in (pair.split(" . ") for pair in wanted)
            )
        if "{" in rest and "th dport" not in rest:
            return str(protocol) in rest.split("{")[1].strip(" }").split(", ")
        number = int(rest.split()[2])
        ports = rest.split("{")[1].strip(" }").split(", ")
        return protocol == number and any(_in(port, fields["th dport"]) for port in ports)
    keys, _, name = body.partition(" @")
    return any(
        all(_in(part, fields[key]) for key, part in zip(keys.split(" . "), element.key.split(" . "), strict=True))
        for element in sets[name].elements
    )


def _compiled(held: Vpc) -> Filter:
    return security_groups(held, enis(held, ADDRESSES).values())


@settings(max_examples=300, deadline=None)
@given(
    st.lists(rules(), max_size=6),
    st.sampled_from(["10.0.20.4", "10.0.20.5", "10.9.9.9", "45.83.64.9", "8.8.8.8"]).map(IPv4Address),
    st.sampled_from([1, 6, 17, 50]),
    st.integers(0, 11),
    st.sampled_from([0, 1, 3, 255]),
)
def test_the_sets_allow_what_the_rules_allow(
    held: list[SecurityGroupRule], source: IPv4Address, protocol: int, first: int, second: int
) -> None:
    groups = (SecurityGroup("web", tuple(held), (EVERYTHING,)), *(g for g in vpc().security_groups if g.name != "web"))
    compiled = _compiled(replace(vpc(), security_groups=groups))
    expected = any(_allows(rule, source, protocol, first, second) for rule in held)
    assert _filter_allows(compiled, source, protocol, first, second) == expected


def test_an_eni_with_two_groups_is_judged_by_both() -> None:
    web, dev = vpc().instances
    compiled = _compiled(
        replace(
            vpc(), instances=(replace(web, interfaces=(replace(web.primary, security_groups=("web", "dev")),)), dev)
        )
    )
    chain = next(chain for chain in compiled.chains if chain.name == "ingress.dev.web")
    assert [rule.body for rule in chain.rules if "ct mark" not in rule.body] == [
        "meta l4proto . ip saddr . th dport @ingress.web.port return",
        "drop",
    ]
    assert nft.Element('"eni-web"', "goto ingress.dev.web") in compiled.ingress


def test_order_of_groups_and_rules_makes_no_difference() -> None:
    """SG-02: order is irrelevant, so an edit that only re-orders changes nothing in the kernel."""
    first, second = (SecurityGroupRule(6, port, port, IPv4Network("0.0.0.0/0"), 1) for port in (80, 443))

    def compiled(*held: SecurityGroupRule) -> Filter:
        groups = (SecurityGroup("web", held, (EVERYTHING,)), *(g for g in vpc().security_groups if g.name != "web"))
        return _compiled(replace(vpc(), security_groups=groups))

    assert compiled(first, second) == compiled(second, first)
