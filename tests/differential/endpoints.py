"""Random PrivateLink: services of load balancers, and endpoints of other VPCs in the zones that they have."""

from typing import Any

from tests.differential.blocks import zones_of
from tests.differential.dice import Dice

Document = dict[str, Any]


def draw(dice: Dice, vpcs: dict[str, Document]) -> None:
    """Puts services into VPCs that have load balancers, and endpoints into the others, whatever their blocks."""
    for number, (name, provider) in enumerate(vpcs.items()):
        consumers = [held for other, held in vpcs.items() if other != name and _near(held, provider)]
        if not provider.get("load_balancers") or not consumers or not dice.chance(75):
            continue
        served = dice.some(tuple(provider["load_balancers"]), 1, 2)
        service: Document = {"network_load_balancers": served}
        if dice.chance(60):
            service["acceptance_required"] = False
        provider.setdefault("vpc_endpoint_services", {})[f"svc{number}"] = service
        offered = {
            provider["subnets"][subnet].get("availability_zone", "a")
            for balancer in served
            for subnet in provider["load_balancers"][balancer]["subnets"]
        }
        for index, consumer in enumerate(dice.some(consumers, 1, 2)):
            _endpoint(dice, consumer, f"ep{number}{index}", f"{name}/svc{number}", offered)


def _near(one: Document, other: Document) -> bool:
    return one.get("region") == other.get("region")  # PL-39 is nothing for chance


def _endpoint(dice: Dice, vpc: Document, name: str, service: str, offered: set[str]) -> None:
    places = [dice.pick(subnets) for zone, subnets in zones_of(vpc, roomy=True).items() if zone in offered]
    if not places:
        return
    made: Document = {"service": service, "subnets": dice.some(places, 1, 2)}
    if dice.chance(75):
        groups = tuple(vpc["security_groups"])
        made["security_groups"] = [groups[0]] if dice.chance(60) else dice.some(groups, 1, 2)
    if dice.chance(6):
        made["state"] = dice.pick(("rejected", "expired"))
    elif dice.chance(85):
        made["accepted"] = True
    vpc.setdefault("vpc_endpoints", {})[name] = made
