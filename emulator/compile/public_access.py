"""VPC Block Public Access: what the router neither hands to the internet gateway nor takes from it.

The gateway's namespace no longer knows which interface a packet came from; what counts is the subnet of that interface
(AWS: an appliance's subnet is excluded, not those behind it), so the router asks. It keeps no state: a mode cuts flows
that are under way.
"""

from collections.abc import Iterable
from typing import NamedTuple

from emulator import names
from emulator.compile import nft, remarks
from emulator.compile.eni import Eni
from emulator.topology.model import Topology, Vpc
from emulator.topology.nat_nodes import nat_nodes

_BLOCKED = "blocked_link"


class Blocked(NamedTuple):
    """Of a router's table. Nothing where nothing is blocked: then no packet pays for it."""

    sets: tuple[nft.Set, ...] = ()
    chains: tuple[nft.Chain, ...] = ()


def blocked(vpc: Vpc, enis: Iterable[Eni], topology: Topology) -> Blocked:
    """What the VPC's account blocks, for the interfaces that have a link."""
    mode = topology.block_mode(vpc)
    if vpc.internet_gateway is None or mode == "off":
        return Blocked()
    gateways = {node.name for node in nat_nodes(vpc)}
    links = [
        nft.link(eni.link)
        for eni in enis
        if not _passes(topology.block_public_access.excluded(vpc.name, eni.subnet), mode, eni.name in gateways)
    ]
    if not links:
        return Blocked()
    gateway = nft.link(names.IGW_LINK)
    coming = f"iifname {gateway} oifname @{_BLOCKED} drop"
    going = f"oifname {gateway} iifname @{_BLOCKED} drop"
    return Blocked(
        (nft.Set(_BLOCKED, "ifname", tuple(nft.Element(link) for link in sorted(links))),),
        (
            # Before ACLs and groups, as the gateway is; and after them on the way out.
            nft.Chain(
                "public_access_in",
                (nft.Rule(coming, remarks.public_access("ingress", mode)),),
                nft.Hook("filter", "forward", "filter - 10", "accept"),
            ),
            nft.Chain(
                "public_access_out",
                (nft.Rule(going, remarks.public_access("egress", mode)),),
                nft.Hook("filter", "forward", "filter + 10", "accept"),
            ),
        ),
    )


def _passes(excluded: frozenset[str], mode: str, is_nat_gateway: bool) -> bool:
    if "allow-bidirectional" in excluded:
        return True  # BPA-04
    # BPA-02, and BPA-04: an allow-egress exclusion makes of block-bidirectional what block-ingress is.
    return is_nat_gateway and (mode == "block-ingress" or "allow-egress" in excluded)
