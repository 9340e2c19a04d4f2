"""VPC Block Public Access, read from AWS's guide once more: who meets the internet gateway (BPA-01 to BPA-05)."""

from typing import TYPE_CHECKING

from emulator.analysis.answer import Explanation
from emulator.analysis.packets import Packet
from emulator.analysis.world import Eni, Ground
from emulator.topology.flows import Component

if TYPE_CHECKING:
    from emulator.analysis.walk import Walk


def asked(walk: "Walk", eni: Eni, direction: str, packet: Packet) -> bool:
    """Between this interface and the internet gateway; True: the walk ends here."""
    ground = eni.vpc
    if ground.enis.get(eni.name) is not eni or _allowed(ground, eni):  # not for a transit gateway's attachment
        return False
    component = Component("internet_gateway", ground.vpc.internet_gateway or "", ground.name, direction)  # type: ignore[arg-type]
    if walk.drop(component, lambda: _reason(component, ground, eni, packet)):
        return True
    walk.answered = False
    return False


def _allowed(ground: Ground, eni: Eni) -> bool:
    topology, land = ground.topology, eni.subnet.name
    mode = topology.block_mode(ground.vpc)
    if mode == "off":
        return True
    exclusions = [
        held.mode
        for held in topology.block_public_access.exclusions
        if held.vpc == ground.name and (not held.subnet or held.subnet == land)
    ]
    if "allow-bidirectional" in exclusions:
        return True
    if eni.gateway is None:  # "only traffic to and from NAT gateways"
        return False
    return {"block-ingress": True, "block-bidirectional": "allow-egress" in exclusions}[mode]


def _reason(component: Component, ground: Ground, eni: Eni, packet: Packet) -> Explanation:
    """BPA-06."""
    topology, vpc = ground.topology, ground.vpc
    mode = topology.block_mode(vpc)
    way = "lets nothing out" if component.direction == "egress" else "lets nothing in"
    if mode == "block-ingress":
        way += " but what a NAT gateway sends" if component.direction == "egress" else " but answers to a NAT gateway"
    regional = eni.gateway is not None and eni.gateway.regional  # RNAT-01: only the VPC as a whole can be excluded
    place = f"VPC {ground.name}" if regional else f"subnet {eni.subnet.name}"
    sentence = (
        f"VPC Block Public Access is {mode}: internet gateway {component.name} {way}; "
        f"{place} of {eni.name} is not excluded{_lesser(ground, eni)}"
    )
    within = "" if regional else f"subnet: {eni.subnet.name}, "
    wanted = "allow-egress" if eni.gateway is not None else "allow-bidirectional"
    hint = (
        f"block_public_access: {{exclusions: [{{vpc: {ground.name}, {within}"
        f"internet_gateway_exclusion_mode: {wanted}}}]}}"
    )
    own = topology.block_public_access.options_of(topology.region_of(vpc), vpc.owner_id)
    where = own.where if own else topology.block_public_access.where
    return Explanation("VPC_BLOCK_PUBLIC_ACCESS_ENABLED", component, sentence, where, hint, packet=packet)


def _lesser(ground: Ground, eni: Eni) -> str:
    """An allow-egress exclusion that does not help: in words, "" if there is none."""
    excluded = ground.topology.block_public_access.excluded(ground.name, eni.subnet.name)
    if "allow-egress" not in excluded:
        return ""
    if ground.topology.block_mode(ground.vpc) == "block-ingress":
        return " (allow-egress is ignored while the mode is block-ingress)"
    return " (allow-egress is for what a NAT gateway sends)"
