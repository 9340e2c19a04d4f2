"""Where a VPC's router meets what is no ENI of its own: an internet gateway, a peer. A link of its own each.

Such a link has no subnet and no security group. Its far side is always `names.NEXT_HOP`, with a permanent neighbour.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from emulator import names
from emulator.compile import nft
from emulator.compile.state import Neighbour
from emulator.topology.associations import renamed_for
from emulator.topology.given import Addresses, slot
from emulator.topology.model import Target, Vpc


class Border(NamedTuple):
    """One such link, as the router sees it.

    target: what routes call it. far_mac: of the link's other end.
    arrivals: the kernel table that routes what comes in by it; None: the main one, which knows the VPC's ENIs and
    nothing else. remark: what that mark is called.
    members: of groups, by what the VPC calls them (`b/web`): the private addresses that are known by this link (SG-32).
    returns: addresses of NAT gateways beyond it, whose flows are answered by this link (NAT-42).
    subnet: in which the far side has its place, whose ACL and zone count: a transit gateway's; "" for none.
    guards: rules that stand before all others of the forward hook.
    inward: its members are known to ingress rules only (SG-33).
    """

    target: Target
    link: str
    far_mac: str
    arrivals: int | None = None
    remark: str = ""
    guards: tuple[nft.Rule, ...] = ()
    members: Mapping[str, tuple[str, ...]] = {}
    returns: tuple[str, ...] = ()
    subnet: str = ""
    inward: bool = False

    @property
    def quoted(self) -> str:
        return nft.link(self.link)

    @property
    def neighbour(self) -> Neighbour:
        return Neighbour(self.link, str(names.NEXT_HOP), self.far_mac)

    def marks(self) -> tuple[nft.Rule, ...]:
        """For the chain that gives what comes in its route table."""
        if self.arrivals is None:
            return ()
        return (nft.Rule(f"iifname {self.quoted} meta mark set {self.arrivals}", self.remark),)


def members(vpc: Vpc, peer: Vpc, addresses: Addresses) -> dict[str, tuple[str, ...]]:
    """SG-30, SG-32: the private addresses of who carries a group over there, stopped or not, by what `vpc` calls it:
    `b/web`, or `web` where peers carry a group of its own (SG-12).
    """
    found: dict[str, list[str]] = {}

    def carry(groups: Iterable[str], held: list[str]) -> None:
        for group in dict.fromkeys(groups):
            found.setdefault(renamed_for(vpc.name, peer.name, group), []).extend(held)

    for instance in peer.instances:
        for interface in instance.interfaces:
            own = [str(addresses.private[slot(interface.name, number)]) for number in range(len(interface.addresses))]
            carry(interface.security_groups, own)
    for held in peer.zonal:
        carry(held.security_groups, [str(addresses.private[name]) for name in held.nodes])
    return {group: tuple(held) for group, held in found.items()}
