"""An instance that forwards packets of others: a router, a firewall, a NAT instance.

These are settings and rules inside the guest, as its owner would make them on AWS: security groups and the
source/destination check are the router's business and know nothing of them.
"""

from collections.abc import Iterable
from ipaddress import IPv4Network

from emulator.compile import nft
from emulator.compile.state import Ruleset, Sysctl
from emulator.topology.instances import Appliance


def sysctls(links: Iterable[str]) -> frozenset[Sysctl]:
    """`links`: those of the guest's ENIs."""
    # Asymmetric paths are legal in a VPC, and a packet may leave by the link it came in by. The kernel takes the
    # stricter of "all" and the link's own, and a link made before the guest became an appliance has its own.
    return frozenset({Sysctl("net/ipv4/ip_forward", "1")}) | {
        Sysctl(f"net/ipv4/conf/{link}/{key}", "0")
        for link in ("all", "default", *links)
        for key in ("rp_filter", "send_redirects")
    }


def ruleset(
    appliance: Appliance, blocks: tuple[IPv4Network, ...], links: Iterable[str], addresses: Iterable[str]
) -> Ruleset:
    """The guest's table. It is `shared`: what else the owner loads into the guest is left alone.

    links, addresses: those of its ENIs.
    """
    refused: tuple[nft.Rule, ...] = ()
    if appliance.blocked_ports:
        ports = nft.either(str(port) for port in appliance.blocked_ports)
        refused = (nft.Rule(f"meta l4proto {{ tcp, udp }} th dport {ports} drop", "firewall: blocked port"),)
    chains = [nft.Chain("through_appliance", refused, nft.Hook("filter", "forward", "filter", "accept"))]
    if appliance.translates:
        # NATI-01: the source becomes the instance's own, for what leaves the VPC. What it says itself has one already.
        inside = nft.either(str(block) for block in blocks)
        ways, own = nft.either(nft.link(link) for link in links), nft.either(addresses)
        leaves = f"oifname {ways} ip saddr != {own} ip daddr != {inside} masquerade"
        chains.append(
            nft.Chain(
                "translate", (nft.Rule(leaves, "NAT instance"),), nft.Hook("nat", "postrouting", "srcnat", "accept")
            )
        )
    return nft.render(nft.Table(sets=(), chains=tuple(chains)))._replace(shared=True)
