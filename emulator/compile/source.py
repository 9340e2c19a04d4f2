"""Who may send as whom and receive for whom: the source/destination check, and by whose route table a packet goes.

All of it in the router, before or beside conntrack, where root in an instance cannot undo it.
"""

from collections.abc import Collection
from typing import NamedTuple

from emulator.compile import hops, nft, remarks
from emulator.compile.border import Border
from emulator.compile.eni import Eni
from emulator.topology.model import Vpc


class Check(NamedTuple):
    """`chain` looks at what comes from an ENI; `forward` are rules of the forward hook.

    GEN-03: these come last, after the groups of the ENI that is to receive.
    """

    sets: tuple[nft.Set, ...]
    chain: nft.Chain
    forward: tuple[nft.Rule, ...]


def check(vpc: Vpc, enis: Collection[Eni], borders: Collection[Border] = (), dark: Collection[Eni] = ()) -> Check:
    """dark: ENIs in a zone that is down; what they send ends here, of known flows too.

    SDC-01, SDC-04: an ENI sends from its own addresses and MAC only; with the check off, from its own MAC.

    Another ENI of the same instance is another ENI: its addresses are as foreign as anybody's.
    """
    checked = [eni for eni in enis if eni.source_dest_check]
    # A NAT gateway's ENI sends what it translates back, from any source.
    unchecked = [eni for eni in enis if not eni.source_dest_check]
    targets = {route.target.name for table in vpc.route_tables for route in table.routes}
    guarded = [eni for eni in checked if eni.name in targets]
    rules = [
        nft.Rule(
            f"iifname {nft.either(nft.link(eni.link) for eni in dark if eni.dark_zone == zone)} drop",
            remarks.dark(zone),
        )
        for zone in sorted({eni.dark_zone for eni in dark})
    ]
    rules += [
        # One lookup answers whether the sender may and which route table its subnet has; before conntrack, so a
        # forgery leaves no trace.
        nft.Rule("meta mark set ether saddr . ip saddr . iifname map @own_address", remarks.OWN_SOURCE),
        nft.Rule(f"meta mark != 0 goto {hops.CHAIN}"),
        nft.Rule("meta mark set ether saddr . iifname map @unchecked_link", remarks.ANY_SOURCE),
        nft.Rule(f"meta mark != 0 goto {hops.CHAIN}"),
        nft.Rule("iifname @instance_link drop", remarks.FOREIGN_SOURCE),
    ]
    rules += [rule for border in borders for rule in border.marks()]
    rules.append(nft.Rule(f"goto {hops.CHAIN}"))
    sets = [
        nft.Set(
            "own_address",
            "ether_addr . ipv4_addr . ifname : mark",
            tuple(
                nft.Element(nft.together(eni.mac, ip, nft.link(eni.link)), str(eni.table))
                for eni in checked
                for ip in eni.ips
            ),
        ),
        nft.Set(
            "unchecked_link",
            "ether_addr . ifname : mark",
            tuple(nft.Element(nft.together(eni.mac, nft.link(eni.link)), str(eni.table)) for eni in unchecked),
        ),
        nft.Set("instance_link", "ifname", tuple(nft.Element(nft.link(eni.link)) for eni in enis if eni.groups)),
    ]
    forward: tuple[nft.Rule, ...] = ()
    if guarded:
        # The check's other half matters only where a route leads to an instance: nothing else brings it strangers'
        # packets, and every packet would pay for the question.
        sets += [
            nft.Set("guarded_link", "ifname", tuple(nft.Element(nft.link(eni.link)) for eni in guarded)),
            nft.Set(
                "guarded_address",
                "ipv4_addr . ifname",
                tuple(nft.Element(nft.together(ip, nft.link(eni.link))) for eni in guarded for ip in eni.ips),
            ),
        ]
        body = "oifname @guarded_link ip daddr . oifname != @guarded_address drop"
        forward = (nft.Rule(body, remarks.FOREIGN_DESTINATION),)
    chain = nft.Chain("from_eni", tuple(rules), nft.Hook("filter", "prerouting", "raw", "accept"))
    return Check(tuple(sets), chain, (*(rule for border in borders for rule in border.guards), *forward))
