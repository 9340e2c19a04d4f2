"""VPC Block Public Access: what an account lets through the internet gateways of a region (section 2.4).

Three answers for a subnet: all of it ("open"), NAT gateways alone ("nat-gateways"), nothing ("closed"). AWS's own
worked example tells them apart: with block-ingress an instance with a public address reaches nobody either, and an
allow-egress exclusion counts with block-bidirectional only, for what leaves by a NAT gateway of the excluded subnets.
"""

from dataclasses import dataclass
from typing import Literal

from emulator.errors import Where
from emulator.topology.place import written

BlockMode = Literal["off", "block-ingress", "block-bidirectional"]
ExclusionMode = Literal["allow-egress", "allow-bidirectional"]
Passage = Literal["open", "nat-gateways", "closed"]


@dataclass(frozen=True, slots=True)
class Options:
    """The mode of one account in one region (BPA-01). owner_id: as in Vpc, "" for the lab's own account."""

    region: str
    owner_id: str
    mode: BlockMode
    where: Where = written()


@dataclass(frozen=True, slots=True)
class Exclusion:
    """A VPC, or one subnet of it, that the mode does not hold for (BPA-04). subnet "": all of the VPC."""

    vpc: str
    subnet: str
    mode: ExclusionMode
    where: Where = written()

    def __str__(self) -> str:
        return f"subnet {self.subnet} of VPC {self.vpc}" if self.subnet else f"VPC {self.vpc}"


@dataclass(frozen=True, slots=True)
class PublicAccess:
    """What the file says. mode: of every account and region for which `options` has nothing of its own."""

    mode: BlockMode = "off"
    options: tuple[Options, ...] = ()
    exclusions: tuple[Exclusion, ...] = ()
    where: Where = written()

    def options_of(self, region: str, owner_id: str) -> Options | None:
        """What stands there for this account in this region alone."""
        return next((held for held in self.options if (held.region, held.owner_id) == (region, owner_id)), None)

    def mode_of(self, region: str, owner_id: str) -> BlockMode:
        """BPA-01: a mode is an account's, in a region."""
        held = self.options_of(region, owner_id)
        return held.mode if held else self.mode

    def excluded(self, vpc: str, subnet: str) -> frozenset[ExclusionMode]:
        """BPA-04: the modes of the exclusions that a subnet is in: its own, and its VPC's."""
        return frozenset(held.mode for held in self.exclusions if held.vpc == vpc and held.subnet in ("", subnet))
