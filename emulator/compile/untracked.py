"""Flows that an ENI does not track (CT-01): they are judged packet by packet, so a rule that goes cuts them at once.

The kernel tracks every flow. One that AWS would not track is marked when its first packet is let through, with one bit
for each ENI, since tracking is on each ENI separately (CT-13); of a marked flow every packet asks that ENI's groups.
A flow that is tracked at both ends is not marked, and costs one comparison more than if there were no such thing.
"""

from collections.abc import Iterable

from emulator import names
from emulator.compile import nft, remarks
from emulator.compile.boxes import Box, disjoint
from emulator.topology.model import SecurityGroup, SecurityGroupRule
from emulator.topology.security import EVERYWHERE
from emulator.topology.values import ALL_PROTOCOLS

KNOWN = "known_groups"
_FIRST = "ct state new"  # only the packet that opens a flow decides
_ANY = (0,)  # no matter by which rule; a box of no rule would be no box
_BITS = {"egress": names.UNTRACKED_BY_CALLER, "ingress": names.UNTRACKED_BY_CALLED}


def lookups(direction: str, combination: tuple[SecurityGroup, ...]) -> tuple[nft.Rule, ...]:
    """Rules in front of a direction's own, for ENIs with these groups: they mark what is not tracked.

    CT-01: TCP or UDP that a rule for 0.0.0.0/0 allows, where the other direction allows everything to everybody.
    SG-02: rules are those of all groups of the ENI together.
    """
    ingress = [rule for group in combination for rule in group.ingress if rule.peer == EVERYWHERE]
    egress = [rule for group in combination for rule in group.egress if rule.peer == EVERYWHERE]
    rules, others = (ingress, egress) if direction == "ingress" else (egress, ingress)
    if not _everything(others):
        return ()
    then = f"ct mark set ct mark or {_BITS[direction]}"
    comment = remarks.NOT_TRACKED[direction]
    if _everything(rules):
        return (nft.Rule(f"{_FIRST} meta l4proto {nft.either(('tcp', 'udp'))} {then}", comment),)
    found = []
    for protocol in (nft.TCP, nft.UDP):
        ports = disjoint(Box(0, 0, rule.from_port, rule.to_port, _ANY) for rule in rules if rule.protocol == protocol)
        if ports:
            wanted = nft.either(nft.span(box.first, box.last) for box in ports)
            found.append(nft.Rule(f"{_FIRST} meta l4proto {protocol} th dport {wanted} {then}", comment))
    return tuple(found)


def _everything(rules: Iterable[SecurityGroupRule]) -> bool:
    return any(rule.protocol == ALL_PROTOCOLS for rule in rules)


def judge_again() -> nft.Chain:
    """The groups' part of the chain for packets of known flows: `return` lets them go on, and `drop` is silent."""
    caller, called = names.UNTRACKED_BY_CALLER, names.UNTRACKED_BY_CALLED
    return nft.Chain(
        KNOWN,
        (
            # CT-03, CT-10: neither an ICMP error about the flow nor anything but TCP and UDP is judged again.
            nft.Rule("meta l4proto != { tcp, udp } return"),
            nft.Rule(f"ct direction original ct mark and {caller} == {caller} jump sender", remarks.ASKED_AGAIN),
            nft.Rule(f"ct direction original ct mark and {called} == {called} jump receiver", remarks.ASKED_AGAIN),
            nft.Rule(f"ct direction reply ct mark and {called} == {called} jump sender", remarks.ASKED_AGAIN),
            nft.Rule(f"ct direction reply ct mark and {caller} == {caller} jump receiver", remarks.ASKED_AGAIN),
        ),
    )


def always_tracked(links: Iterable[str]) -> tuple[nft.Set, tuple[nft.Rule, ...]]:
    """The links (quoted) at which nothing is ever untracked, and the rules that see to it after both have judged.

    CT-04: NAT gateways. Appliances belong here too: their flows pass the router twice, and a mark could mean either.
    """
    members = tuple(nft.Element(link) for link in links)
    held = nft.Set("always_tracked", "ifname", members)
    if not members:
        return held, ()
    others = 0xFFFFFFFF & ~(names.UNTRACKED_BY_CALLER | names.UNTRACKED_BY_CALLED)
    return held, tuple(
        nft.Rule(f"{way} @always_tracked ct mark set ct mark and {others}", remarks.ALWAYS_TRACKED)
        for way in ("iifname", "oifname")
    )
