"""Random Network Load Balancers: nodes in some zones, listeners of all protocols, targets by instance and address."""

from typing import Any

from tests.differential.blocks import apart, zones_of
from tests.differential.dice import Dice

Document = dict[str, Any]

_PORTS = (80, 443, 8000)
_NOT_PRESERVABLE = ("UDP", "TCP_UDP")  # NLB-07: always on


def draw(dice: Dice, vpcs: dict[str, Document]) -> None:
    """Puts load balancers and their target groups into some of the VPCs."""
    for number, vpc in enumerate(vpcs.values()):
        if dice.chance(45):
            others = [
                name
                for other in vpcs.values()
                if other is not vpc and apart(other, vpc)  # else the target's address is one of this VPC's, too
                for name in other["instances"]
                if other["instances"][name].get("state") != "terminated"
            ]
            _draw(dice, vpc, number, others)


def _draw(dice: Dice, vpc: Document, number: int, others: list[str]) -> None:
    suffix = "xyz"[number - 1] if number else ""
    targets = [name for name, held in vpc["instances"].items() if held.get("state") != "terminated"]
    attached = isinstance(vpc.get("internet_gateway"), str) or vpc.get("internet_gateway", {}).get("attached", True)
    groups, balancers = vpc.setdefault("target_groups", {}), vpc.setdefault("load_balancers", {})
    for index in range(dice.pick((1, 1, 2)) if zones_of(vpc, roomy=True) else 0):
        listeners = []
        for port in dice.some(_PORTS, 1, 2):
            name = f"w{len(groups)}{suffix}"
            protocol = dice.pick(("TCP_UDP", "TCP_UDP", "TCP", "UDP"))
            groups[name] = _group(dice, targets, others, port, protocol)
            listener = dice.pick(("TCP", "UDP", "TCP_UDP")) if protocol == "TCP_UDP" and dice.chance(30) else protocol
            listeners.append({"port": port, "protocol": listener, "target_group": name})
        subnets = [dice.pick(held) for held in zones_of(vpc, roomy=True).values()]
        made: Document = {"load_balancer_type": "network", "subnets": dice.some(subnets, 1, 3)}
        made["internal"] = not (vpc.get("internet_gateway") and attached and dice.chance(50))
        if dice.chance(55):
            groups_of = tuple(vpc["security_groups"])
            made["security_groups"] = [groups_of[0]] if dice.chance(50) else dice.some(groups_of, 1, 2)
            if dice.chance(20):
                made["enforce_security_group_inbound_rules_on_private_link_traffic"] = "off"
        if dice.chance(70):
            made["enable_cross_zone_load_balancing"] = dice.chance(90)
        balancers[f"lb{index}{suffix}"] = made | {"listeners": listeners}
    if dice.chance(70):
        _references(dice, vpc)


def _group(dice: Dice, instances: list[str], others: list[str], port: int, protocol: str) -> Document:
    made: Document = {"port": port if dice.chance(60) else dice.pick((80, 8000, 1024)), "protocol": protocol}
    by_address = dice.chance(35)
    if by_address:
        made["target_type"] = "ip"
    if protocol not in _NOT_PRESERVABLE and dice.chance(30):
        made["preserve_client_ip"] = by_address
    targets: list[object] = []
    if by_address and others and dice.chance(25):
        targets.append(dice.pick(others))
    for name in dice.some(instances, 0 if dice.chance(8) else 1, 3):
        targets.append({"id": name, "port": dice.pick((8000, 443))} if dice.chance(15) else name)
    if targets:
        made["targets"] = targets
    return made


def _references(dice: Dice, vpc: Document) -> None:
    """Rules of targets that name a load balancer's group (NLB-04)."""
    named = [group for held in vpc["load_balancers"].values() for group in held.get("security_groups", ())]
    for held in vpc["security_groups"].values():
        if named and held.get("ingress") is not None and dice.chance(50):
            name = dice.pick(named)
            if not any(word in str(held["ingress"]) for word in (f"'{name}'", "'self'")):  # SG-24: in any spelling
                held["ingress"].append({"protocol": "all", "from": name})
