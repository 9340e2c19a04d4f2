"""Random security groups, network ACLs and prefix lists, in every spelling that the file knows."""

from ipaddress import IPv4Network
from itertools import product
from typing import Any, NamedTuple

from tests.differential.dice import Dice

Record = dict[str, Any]
Identity = tuple[int, int, int, str]

# Where rules begin and end. Flows ask beside these.
PORTS = (80, 22, 443, 1023, 1024, 8000, 8100, 32768, 61000, 65535)
_EVERYWHERE = "0.0.0.0/0"
_NUMBERS = {"tcp": 6, "udp": 17, "icmp": 1, "all": -1, "-1": -1}


class Peers(NamedTuple):
    """Whom a rule may name."""

    blocks: tuple[str, ...]
    groups: tuple[str, ...]
    lists: tuple[str, ...]


def prefix_lists(dice: Dice, blocks: tuple[str, ...]) -> dict[str, Record]:
    """Up to two, one of which may be empty or say a block twice over."""
    made: dict[str, Record] = {}
    for number in range(dice.number(0, 2)):
        entries = dice.some(blocks, 0, 3)
        written = [entry if dice.chance(70) else {"cidr": entry, "description": "x"} for entry in entries]
        made[f"p{number}"] = {"entries": written} | ({"max_entries": 5} if dice.chance(20) else {})
    return made


# --- security groups ---------------------------------------------------------------------------------------------


def security_groups(dice: Dice, names: tuple[str, ...], peers: Peers) -> dict[str, Record]:
    made = {}
    for name in names:
        group: Record = {}
        if name == "default" and dice.chance(50):
            continue  # as AWS makes it
        for direction, left_out in (("ingress", 5), ("egress", 60)):
            if not dice.chance(left_out):
                group[direction] = _rules(dice, name, direction, peers)
        made[name] = group
    return made


def _rules(dice: Dice, group: str, direction: str, peers: Peers) -> list[Record]:
    rules: list[Record] = []
    seen: set[Identity] = set()
    if dice.chance(85 if group == "g0" else 50):  # enough flows have to pass
        rules.append({"protocol": "all", _peer_key(direction): _EVERYWHERE})
        seen.add((-1, 0, 65535, _EVERYWHERE))
    for _ in range(dice.number(0, 4)):
        rule, identities = _rule(dice, group, direction, peers)
        if len(set(identities)) == len(identities) and not seen & set(identities):  # SG-24: no rule twice
            seen |= set(identities)
            rules.append(rule)
    return rules


def _peer_key(direction: str) -> str:
    return "from" if direction == "ingress" else "to"


def _rule(dice: Dice, group: str, direction: str, peers: Peers) -> tuple[Record, list[Identity]]:
    terraform = dice.chance(25)
    number, what, spans = _traffic(dice, terraform, many=True)
    who, named = _whom(dice, group, direction, peers, terraform)
    return what | who, [(number, *span, peer) for span, peer in product(spans, named)]


def _traffic(dice: Dice, terraform: bool, many: bool) -> tuple[int, Record, list[tuple[int, int]]]:
    """Protocol and ports: the number, the keys, the spans they stand for."""
    protocol = dice.pick(("tcp", "tcp", "udp", "icmp", "all", "6", "-1", "50", "17", "1"))
    number = _NUMBERS.get(protocol) or int(protocol)
    what: Record = {"protocol": protocol}
    if number in (6, 17):
        if terraform:
            low, high = _span(dice)
            return number, what | {"from_port": low, "to_port": high}, [(low, high)]
        spans = [_span(dice) for _ in range(dice.number(1, 3 if many else 1))]
        if dice.chance(10):
            return number, what | {"port": "all"}, [(0, 65535)]
        written = [_written(span) for span in spans]
        return number, what | {"port": written if len(written) > 1 else written[0]}, spans
    if number == 1:
        kind = dice.pick((-1, 8, 8, 0, 13))
        code = -1 if kind == -1 else dice.pick((-1, 0, 1))
        if terraform:
            return 1, what | {"from_port": kind, "to_port": code}, [(kind, code)]
        if kind == -1 and many and dice.chance(70):
            return 1, what, [(-1, -1)]
        what["icmp_type"] = "all" if kind == -1 else kind
        if code != -1:
            what["icmp_code"] = code
        return 1, what, [(kind, code)]
    if terraform and dice.chance(50):
        what |= {"from_port": 0, "to_port": 0}
    return number, what, [(0, 65535)]


def _span(dice: Dice) -> tuple[int, int]:
    low, high = sorted((dice.pick(PORTS), dice.pick(PORTS)))
    return (low, low) if dice.chance(40) else (low, high)


def _whom(dice: Dice, group: str, direction: str, peers: Peers, terraform: bool) -> tuple[Record, list[str]]:
    blocks = dice.some(peers.blocks, 0, 2)
    groups = dice.some(("self", *peers.groups), 0, 1) if not blocks or dice.chance(30) else []
    lists = dice.some(peers.lists, 0, 1) if dice.chance(20) else []
    if not blocks and not groups and not lists:
        blocks = [_EVERYWHERE]
    named = [str(IPv4Network(block, strict=False)) for block in blocks]
    named += [group if name == "self" else name for name in groups] + lists
    if not terraform:
        every = [*blocks, *groups, *lists]
        return {_peer_key(direction): every if len(every) > 1 else every[0]}, named
    who: Record = {}
    if blocks:
        who["cidr_blocks"] = blocks
    if lists:
        who["prefix_list_ids"] = lists
    if groups == ["self"]:
        who["self"] = True
    elif groups:
        who["security_groups"] = groups
    return who, named


# --- network ACLs ------------------------------------------------------------------------------------------------


def network_acls(dice: Dice, names: tuple[str, ...], blocks: tuple[str, ...]) -> dict[str, Record]:
    made = {}
    for name in names:
        # Open one way and not the other is how replies are lost (ACL-14).
        strict = dice.pick((("ingress", "egress"), ("egress",), ("ingress",), ()))
        acl: Record = {}
        for direction in ("ingress", "egress"):
            if not dice.chance(3):
                acl[direction] = _entries(dice, direction, direction in strict, blocks)
        made[name] = acl
    return made


def _entries(dice: Dice, direction: str, strict: bool, blocks: tuple[str, ...]) -> list[Record]:
    numbers = dice.some((100, 90, 110, 200, 1, 300, 32000), 0, 4)
    entries = [_entry(dice, number, direction, blocks) for number in numbers]
    everybody = {_peer_key(direction): _EVERYWHERE}
    if dice.chance(50):  # replies, as one writes it by hand (ACL-13)
        span = dice.pick(("1024-65535", "32768-60999", "32768-61000"))
        protocol = dice.pick(("tcp", "tcp", "udp"))
        entries.append({"rule_number": 400, "action": "allow", "protocol": protocol, "port": span, **everybody})
    if strict and dice.chance(60):  # enough to get in, or to ask
        entries.append(
            {"rule_number": 450, "action": "allow", "protocol": "tcp", "port": _written(_span(dice)), **everybody}
        )
    if not strict or dice.chance(25):
        entries.append({"rule_number": 500, "action": "allow", "protocol": "all", **everybody})
    return entries


def _written(span: tuple[int, int]) -> str | int:
    return span[0] if span[0] == span[1] else f"{span[0]}-{span[1]}"


def _entry(dice: Dice, number: int, direction: str, blocks: tuple[str, ...]) -> Record:
    terraform = dice.chance(20)
    _, what, _ = _traffic(dice, terraform, many=False)
    peer = "cidr_block" if terraform else _peer_key(direction)
    key = "rule_no" if terraform else "rule_number"
    return {key: number, "action": "deny" if dice.chance(45) else "allow", **what, peer: dice.pick(blocks)}
