"""Random security group VPC associations: some groups serve a further VPC, where interfaces and rules name them."""

from itertools import permutations
from typing import Any

from tests.differential.dice import Dice

Document = dict[str, Any]


def draw(dice: Dice, vpcs: dict[str, Document]) -> None:
    """SG-12: of one region; never a default group."""
    for owner, other in permutations(vpcs, 2):
        if vpcs[owner].get("region") != vpcs[other].get("region") or not dice.chance(30):
            continue
        group = dice.pick([name for name in vpcs[owner]["security_groups"] if name != "default"])
        vpcs[owner]["security_groups"][group].setdefault("vpc_associations", []).append(other)
        _carry(dice, vpcs[other], f"{owner}/{group}")
        _name(dice, vpcs[other], f"{owner}/{group}")


def _carry(dice: Dice, vpc: Document, group: str) -> None:
    interfaces = [held for instance in vpc["instances"].values() for held in _interfaces(instance)]
    for held in interfaces:
        if dice.chance(40):
            held["security_groups"] = [group, *(held.get("security_groups") or ()) * dice.chance(40)]
    for balancer in vpc.get("load_balancers", {}).values():
        if balancer.get("security_groups") and dice.chance(30):
            balancer["security_groups"] = [*balancer["security_groups"], group]


def _interfaces(instance: Document) -> list[Document]:
    return [instance, *instance.get("network_interfaces", ())]


def _name(dice: Dice, vpc: Document, group: str) -> None:
    for held in vpc["security_groups"].values():
        for direction, key in (("ingress", "from"), ("egress", "to")):
            rules = held.get(direction)
            if rules is not None and dice.chance(25) and not any(group in _peers(rule, key) for rule in rules):
                rules.append({"protocol": "all", key: group})


def _peers(rule: Document, key: str) -> list[object]:
    written = rule.get(key)
    return written if isinstance(written, list) else [written]
