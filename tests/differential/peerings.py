"""Random VPC peering connections: between some pairs of VPCs, in all states, with routes and rules that name them."""

from itertools import combinations
from typing import Any

from tests.differential.blocks import blocks_of, leads
from tests.differential.dice import Dice

Document = dict[str, Any]

_ABROAD = "eu-west-1"


def draw(dice: Dice, vpcs: dict[str, Document]) -> Document:
    """The connections, active as a rule; their routes and rules are put into the VPCs."""
    made: Document = {}
    far = dice.pick(tuple(vpcs)[1:]) if dice.chance(12) else ""
    if far:
        vpcs[far]["region"] = _ABROAD
    for number, (name, peer) in enumerate(combinations(vpcs, 2)):
        if len(vpcs) > 2 and not dice.chance(60):
            continue
        connection = f"pc{number}"
        made[connection] = _connection(dice, name, peer, abroad=far in (name, peer))
        forgotten = dice.pick((name, peer)) if dice.chance(10) else ""  # PCX-10: routes on one side only
        for one, other in ((name, peer), (peer, name)):
            if one != forgotten:
                _routes(dice, vpcs, one, other, connection)
            if not far or far not in (name, peer):  # SG-35
                _rules(dice, vpcs, one, other)
    return {"vpc_peering_connections": made} if made else {}


def _connection(dice: Dice, name: str, peer: str, abroad: bool) -> Document:
    made: Document = {"vpc": name, "peer_vpc": peer}
    if dice.chance(5):
        made["state"] = dice.pick(("rejected", "expired", "deleted"))
    elif dice.chance(92):
        made["accepted" if abroad or dice.chance(30) else "auto_accept"] = True
    return made


def _routes(dice: Dice, vpcs: dict[str, Document], name: str, peer: str, connection: str) -> None:
    for table, held in vpcs[name]["route_tables"].items():
        if table == "edge":
            continue
        for block in blocks_of(vpcs[peer]):
            if leads(vpcs[name], block) and dice.chance(85):
                held["routes"][block] = connection
        if dice.chance(8):
            held["routes"]["0.0.0.0/0"] = connection
        if dice.chance(10):  # PCX-11: a part of the peer
            part = dice.pick([subnet["cidr_block"] for subnet in vpcs[peer]["subnets"].values()])
            if leads(vpcs[name], part):
                held["routes"][part] = dice.pick((connection, "blackhole"))


def _rules(dice: Dice, vpcs: dict[str, Document], name: str, peer: str) -> None:
    groups = tuple(vpcs[peer]["security_groups"])
    for group in vpcs[name]["security_groups"].values():
        if group.get("ingress") is not None and dice.chance(40):
            group["ingress"].append({"protocol": "all", "from": f"{peer}/{dice.pick(groups)}"})
        if group.get("egress") is not None and dice.chance(40):
            group["egress"].append({"protocol": "all", "to": f"{peer}/{dice.pick(groups)}"})
