"""Security groups: stateful, allow-only, enforced in the VPC's router where root in an instance cannot reach.

Every rule of a group becomes an element of a set, so a packet's cost does not grow with the number of rules. ENIs that
carry the same groups share one chain per direction. A chain says yes with `return` and no by ending in `drop`;
the sender's egress and the receiver's ingress are judged one after the other, and both must say yes (SG-04).
"""

from collections.abc import Iterable
from dataclasses import replace
from ipaddress import IPv4Network
from typing import Literal, NamedTuple

from emulator import names
from emulator.compile import nft, remarks, untracked
from emulator.compile.border import Border
from emulator.compile.boxes import Box, disjoint
from emulator.compile.eni import Eni
from emulator.topology.model import (
    GroupReference,
    PrefixList,
    PrefixListReference,
    SecurityGroup,
    SecurityGroupRule,
    Vpc,
)

Direction = Literal["ingress", "egress"]
_ALL = -1
_HIGHEST = 2**32 - 1


class _Elsewhere(NamedTuple):
    """Groups that have members of another kind than ENIs of this VPC.

    fronts: nodes of load balancers. inward: those known over a transit gateway, to ingress rules only (SG-33).
    """

    fronts: frozenset[str]
    inward: frozenset[str]

    def members(self, group: str, direction: Direction) -> str:
        """The name of the group's set. Where other VPCs have members, there is one for each direction. A slash is
        nothing to nft, and a group's name has no dot.
        """
        apart = "/" in group or group in self.inward
        return names.chain(f"members_{direction}" if apart else "members", *group.split("/"))


class Filter(NamedTuple):
    """What security groups contribute to the router's table: `verdicts` maps an ENI's link to its chain."""

    sets: tuple[nft.Set, ...]
    chains: tuple[nft.Chain, ...]
    egress: tuple[nft.Element, ...]
    ingress: tuple[nft.Element, ...]


def security_groups(
    vpc: Vpc, enis: Iterable[Eni], prefix_lists: Iterable[PrefixList] = (), borders: Iterable[Border] = ()
) -> Filter:
    """The sets and chains of all groups in use, and which ENI is judged by which chain.

    SG-01: groups belong to ENIs. SG-02: the union of the rules of all groups of the ENI; no match drops.
    """
    lists = {held.name: held for held in prefix_lists}
    groups = {group.name: _expanded(group, lists) for group in vpc.security_groups}
    carried = [(eni, tuple(sorted(set(eni.groups)))) for eni in enis if eni.groups]
    combinations = sorted({combination for _, combination in carried})
    used = sorted({group for combination in combinations for group in combination})
    # NLB-04: who names a load balancer's group means all that comes from its nodes, with whatever source.
    fronts = frozenset(name for eni, combination in carried if eni.balancer for name in combination)
    borders = tuple(borders)
    elsewhere = _Elsewhere(fronts, frozenset(name for border in borders if border.inward for name in border.members))
    sets: list[nft.Set] = []
    chains: list[nft.Chain] = []
    referenced: dict[str, tuple[str, Direction]] = {}  # by the name of the set: the group, and whose rules name it
    directions: tuple[Direction, Direction] = ("egress", "ingress")
    for direction in directions:
        rules: dict[str, list[nft.Rule]] = {}
        for name in used:
            made, rules[name], peers = _group(groups[name], direction, elsewhere)
            sets += made
            referenced |= {elsewhere.members(peer, direction): (peer, direction) for peer in peers}
        for combination in combinations:
            allowed = [rule for name in combination for rule in rules[name]]
            untracked_first = untracked.lookups(direction, tuple(groups[name] for name in combination))
            refuse = nft.Rule("drop", remarks.no_rule(direction, combination))
            chains.append(nft.Chain(names.chain(direction, *combination), (*untracked_first, *allowed, refuse)))
    # SG-30, SG-31: a reference means the private addresses of the ENIs that carry the group, and no other address.
    # RT-09: on the way through an appliance such an address comes from, or goes to, another's ENI, and is not meant.
    for held, (name, direction) in sorted(referenced.items()):
        members = tuple(
            nft.Element(nft.together(ip, nft.link(eni.link)))
            for eni, combination in carried
            if name in combination
            for ip in eni.ips
        )
        # SG-32, SG-36: a peer's members are known by the link that leads there; without one, nobody is.
        # SG-33: over a transit gateway to ingress rules only.
        members += tuple(
            nft.Element(nft.together(ip, border.quoted))
            for border in borders
            if direction == "ingress" or not border.inward
            for ip in border.members.get(name, ())
        )
        sets.append(nft.Set(held, "ipv4_addr . ifname", members))
        if name in fronts:
            links = (nft.link(eni.link) for eni, combination in carried if eni.balancer and name in combination)
            sets.append(nft.Set(_nodes(name), "ifname", tuple(map(nft.Element, links))))
    return Filter(tuple(sets), tuple(chains), _verdicts(carried, "egress"), _verdicts(carried, "ingress"))


def inbound(
    vpc: Vpc, names_of: Iterable[str], prefix_lists: Iterable[PrefixList] = ()
) -> tuple[tuple[nft.Set, ...], nft.Chain]:
    """The inbound rules of some groups where they are asked outside of their VPC (PL-37): sets, and one chain.

    PL-31: a rule that names a group matches nobody there.
    """
    lists = {held.name: held for held in prefix_lists}
    wanted = tuple(sorted(set(names_of)))
    sets: list[nft.Set] = []
    rules: list[nft.Rule] = []
    for group in vpc.security_groups:
        if group.name in wanted:
            known = [rule for rule in _expanded(group, lists).ingress if not isinstance(rule.peer, GroupReference)]
            made, lookups = _networks(group.name, "ingress", known)
            sets, rules = sets + made, rules + lookups
    refused = remarks.no_rule("ingress", wanted)
    return tuple(sets), nft.Chain(names.chain("ingress", *wanted), (*rules, nft.Rule("drop", refused)))


def _expanded(group: SecurityGroup, lists: dict[str, PrefixList]) -> SecurityGroup:
    """The group with a rule for each entry in the place of one that names a prefix list (SG-22)."""

    def rules(held: tuple[SecurityGroupRule, ...]) -> tuple[SecurityGroupRule, ...]:
        if not any(isinstance(rule.peer, PrefixListReference) for rule in held):
            return held
        return tuple(
            replace(rule, peer=peer)
            for rule in held
            for peer in (
                lists[rule.peer.prefix_list].cidrs() if isinstance(rule.peer, PrefixListReference) else (rule.peer,)
            )
        )

    return replace(group, ingress=rules(group.ingress), egress=rules(group.egress))


def _verdicts(carried: Iterable[tuple[Eni, tuple[str, ...]]], direction: Direction) -> tuple[nft.Element, ...]:
    # goto and not jump: the chain's `return` then ends the direction, and the next one is judged (two must accept).
    return tuple(
        nft.Element(nft.link(eni.link), f"goto {names.chain(direction, *combination)}") for eni, combination in carried
    )


def _group(
    group: SecurityGroup, direction: Direction, elsewhere: _Elsewhere
) -> tuple[list[nft.Set], list[nft.Rule], set[str]]:
    """One direction of one group: its sets, the rules that look them up, and the groups it names."""
    by_network: list[SecurityGroupRule] = []
    by_group: dict[str, list[SecurityGroupRule]] = {}
    for rule in group.ingress if direction == "ingress" else group.egress:
        if isinstance(rule.peer, GroupReference):
            by_group.setdefault(str(rule.peer), []).append(rule)
        else:
            by_network.append(rule)
    sets, lookups = _networks(group.name, direction, by_network)
    for peer, its_rules in by_group.items():
        other = ("ip saddr", "iifname") if direction == "ingress" else ("ip daddr", "oifname")
        member = f"{nft.together(*other)} @{elsewhere.members(peer, direction)}"
        lookups += _reference(group.name, direction, peer, its_rules, member)
        if direction == "ingress" and peer in elsewhere.fronts:
            lookups += _reference(group.name, direction, peer, its_rules, f"iifname @{_nodes(peer)}")
    return sets, lookups, set(by_group)


def _networks(group: str, direction: Direction, rules: list[SecurityGroupRule]) -> tuple[list[nft.Set], list[nft.Rule]]:
    peer = "ip saddr" if direction == "ingress" else "ip daddr"
    sets: list[nft.Set] = []
    lookups: list[nft.Rule] = []

    def allow(suffix: str, kind: str, match: str, elements: Iterable[nft.Element], merge: bool = False) -> None:
        if held := tuple(elements):
            name = names.chain(direction, group, suffix)
            sets.append(nft.Set(name, kind, held, interval=True, merge=merge))
            lookups.append(nft.Rule(f"{match} @{name} return", remarks.group(group, direction)))

    everything = [box._replace(first=0, last=0) for box, rule in _boxes(rules) if rule.protocol == _ALL]
    allow(
        "all",
        "ipv4_addr",
        peer,
        (
            nft.Element(nft.addresses(box.low, box.high), comment=remarks.rules(box.rules))
            for box in disjoint(everything)
        ),
    )
    # SG-20: a protocol other than tcp, udp and icmp has no ports, whatever the rule says.
    portless = sorted({rule.protocol for rule in rules if _portless(rule) and rule.protocol != _ALL})
    allow(
        "protocol",
        "inet_proto . ipv4_addr",
        nft.together("meta l4proto", peer),
        (
            nft.Element(nft.together(str(protocol), nft.addresses(box.low, box.high)), comment=remarks.rules(box.rules))
            for protocol in portless
            for box in disjoint(
                box._replace(first=0, last=0)
                for box, rule in _boxes(rules)
                if rule.protocol == protocol and _portless(rule)
            )
        ),
    )
    allow(
        "port",
        "inet_proto . ipv4_addr . inet_service",
        nft.together("meta l4proto", peer, "th dport"),
        (
            nft.Element(
                nft.together(str(protocol), nft.addresses(box.low, box.high), nft.span(box.first, box.last)),
                comment=remarks.rules(box.rules),
            )
            for protocol in (nft.TCP, nft.UDP)
            for box in disjoint(box for box, rule in _boxes(rules) if rule.protocol == protocol)
        ),
    )
    allow(
        "icmp",
        "ipv4_addr . icmp_type . icmp_code",
        nft.together(peer, "icmp type", "icmp code"),
        (
            nft.Element(nft.together(nft.addresses(box.low, box.high), kind, code), comment=remarks.rules(box.rules))
            for box in disjoint(box for box, rule in _boxes(rules) if rule.protocol == nft.ICMP and not _portless(rule))
            for kind, code in _icmp(box.first, box.last)
        ),
    )
    return sets, lookups


def _reference(
    group: str, direction: Direction, peer: str, rules: list[SecurityGroupRule], member: str
) -> list[nft.Rule]:
    """Rules that name another group (or their own, SG-09): one lookup of its members per form of protocol."""

    def comment(held: Iterable[SecurityGroupRule]) -> str:
        return remarks.members(group, direction, peer, {rule.number for rule in held})

    def noted(text: str, box: Box) -> str:
        return f'{text} comment "{remarks.rules(box.rules)}"'

    if everything := [rule for rule in rules if rule.protocol == _ALL]:
        return [nft.Rule(f"{member} return", comment(everything))]
    made: list[nft.Rule] = []
    if portless := [rule for rule in rules if _portless(rule)]:
        numbers = {
            one.protocol: {rule.number for rule in portless if rule.protocol == one.protocol} for one in portless
        }
        protocols = nft.either(
            f'{protocol} comment "{remarks.rules(numbers[protocol])}"' for protocol in sorted(numbers)
        )
        made.append(nft.Rule(f"{member} meta l4proto {protocols} return", comment(portless)))
    for protocol in (nft.TCP, nft.UDP):
        if held := [rule for rule in rules if rule.protocol == protocol]:
            boxes = disjoint(Box(0, 0, rule.from_port, rule.to_port, (rule.number,)) for rule in held)
            ports = nft.either(noted(nft.span(box.first, box.last), box) for box in boxes)
            made.append(nft.Rule(f"{member} meta l4proto {protocol} th dport {ports} return", comment(held)))
    if typed := [rule for rule in rules if rule.protocol == nft.ICMP and not _portless(rule)]:
        boxes = disjoint(_box(rule)._replace(low=0, high=0) for rule in typed)
        kinds = nft.either(noted(nft.together(*pair), box) for box in boxes for pair in _icmp(box.first, box.last))
        made.append(nft.Rule(f"{member} icmp type . icmp code {kinds} return", comment(typed)))
    return made


def _nodes(group: str) -> str:
    """The set of the links of load balancers' nodes that carry a group."""
    return names.chain("nodes", group)


def _portless(rule: SecurityGroupRule) -> bool:
    return rule.protocol not in (nft.TCP, nft.UDP) and not (rule.protocol == nft.ICMP and rule.from_port >= 0)


def _boxes(rules: list[SecurityGroupRule]) -> Iterable[tuple[Box, SecurityGroupRule]]:
    return ((_box(rule), rule) for rule in rules)


def _box(rule: SecurityGroupRule) -> Box:
    low, high = 0, _HIGHEST
    if isinstance(rule.peer, IPv4Network):
        low, high = int(rule.peer.network_address), int(rule.peer.broadcast_address)
    first, last = rule.from_port, rule.to_port
    if rule.protocol == nft.ICMP:
        # SG-21: type and code, -1 for all. As one number, so that a box can hold them.
        code_first, code_last = (0, 255) if last < 0 else (last, last)
        first, last = (first << 8) + code_first, (first << 8) + code_last
    return Box(low, high, first, last, (rule.number,))


def _icmp(first: int, last: int) -> Iterable[tuple[str, str]]:
    """A span of type-and-code numbers as (type, code) elements, cut where the type changes."""
    for kind in range(first >> 8, (last >> 8) + 1):
        yield str(kind), nft.span(max(first, kind << 8) & 255, min(last, (kind << 8) + 255) & 255)
