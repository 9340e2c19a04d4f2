"""VPC Block Public Access for random topologies: modes, exclusions of VPCs and subnets, a mode of another region."""

from typing import Any

from tests.differential.dice import Dice

_MODES = ("off", "block-ingress", "block-ingress", "block-bidirectional")
_EXCLUSIONS = ("allow-bidirectional", "allow-bidirectional", "allow-egress")


def draw(dice: Dice, vpcs: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """What stands beside the VPCs: nothing as a rule, since what is blocked says little of everything else."""
    if not dice.chance(15):
        return {}
    made: dict[str, Any] = {"internet_gateway_block_mode": dice.pick(_MODES)}
    if dice.chance(30):
        region = {"region": dice.pick([vpc.get("region", "us-east-1") for vpc in vpcs.values()])}
        made["options"] = [region | {"internet_gateway_block_mode": dice.pick(_MODES)}]
    places = [(name, subnet) for name, vpc in vpcs.items() for subnet in ("", *vpc["subnets"])]
    chosen = dice.some(places, 0, 4)
    if chosen:
        made["exclusions"] = [
            {"vpc": name}
            | ({"subnet": subnet} if subnet else {})
            | {"internet_gateway_exclusion_mode": dice.pick(_EXCLUSIONS)}
            for name, subnet in chosen
        ]
    return {"block_public_access": made}
