"""VPC peering connections: two VPCs whose routers are joined (section 6 of the AWS reference)."""

from dataclasses import dataclass
from typing import Literal

from emulator.errors import Where
from emulator.topology.place import written

PeeringState = Literal["active", "pending-acceptance", "failed", "rejected", "expired", "deleted"]


@dataclass(frozen=True, slots=True)
class VpcPeeringConnection:
    """A connection that `vpc` has asked for and `peer_vpc` has accepted, or not. Names are unique in the lab.

    state: PCX-01. Only "active" carries anything; routes to a connection in any other state are blackholes (RT-40).
    """

    name: str
    vpc: str
    peer_vpc: str
    state: PeeringState
    where: Where = written()

    @property
    def active(self) -> bool:
        return self.state == "active"

    @property
    def pair(self) -> frozenset[str]:
        """The two VPCs, whoever has asked."""
        return frozenset((self.vpc, self.peer_vpc))

    def other(self, vpc: str) -> str:
        """The VPC on the other side."""
        return self.peer_vpc if vpc == self.vpc else self.vpc
