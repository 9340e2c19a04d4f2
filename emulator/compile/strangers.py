"""Each ENI keeps its own state (CT-13): to an appliance that has not seen a flow, its answers are strangers.

The kernel tracks a flow once for the whole router, which is all that two ends need. An appliance is a third one: where
routes lead the questions past it and the answers through it, its groups have nothing to answer to and judge them as
what they are. So a flow that passes an appliance is marked with its bit, and a packet of a known flow that comes by
without it is judged by the appliance's groups. What is the appliance's own is not its passer-by.
"""

from collections.abc import Iterable
from typing import NamedTuple
from zlib import crc32

from emulator import names
from emulator.compile import nft, remarks
from emulator.compile.eni import Eni


class Strangers(NamedTuple):
    """`again` belongs before a known flow is let through, `seen` after all have judged a new one."""

    sets: tuple[nft.Set, ...] = ()
    chains: tuple[nft.Chain, ...] = ()
    again: tuple[nft.Rule, ...] = ()
    seen: tuple[nft.Rule, ...] = ()


def strangers(enis: Iterable[Eni]) -> Strangers:
    """For the ENIs, with groups, of every instance that has one without the source/destination check: that one forwards
    what is not its own, and takes in what is for another one of the same instance.
    """
    enis = [eni for eni in enis if eni.groups and not eni.balancer]
    forwarding = {eni.node for eni in enis if not eni.source_dest_check}
    appliances = {nft.link(eni.link): eni for eni in enis if eni.node in forwarding}
    if not appliances:
        return Strangers()
    bits = _bits(eni.link for eni in appliances.values())
    chains, seen = [], []
    leaving: list[nft.Element] = []
    entering: list[nft.Element] = []
    for link, eni in appliances.items():
        bit, own = bits[eni.link], nft.either(eni.ips)
        # What came to its address by another interface of the same instance, this one has not seen.
        others = sum({bits[one.link] for one in appliances.values() if one.node == eni.node} - {bit})
        came = f"ct mark and {others} == 0 " if others else ""
        ways = (
            (leaving, names.chain("from", eni.link), "ip saddr", "sender"),
            (entering, names.chain("to", eni.link), "ip daddr", "receiver"),
        )
        for elements, name, address, judge in ways:
            known = nft.Rule(f"ct mark and {bit} == {bit} return")
            rules = [known, nft.Rule(f"{address} {own} {came}return"), nft.Rule(f"jump {judge}", remarks.STRANGER)]
            if judge == "sender":  # CT-13: what has come in and gone out again is a flow that it knows now
                rules.append(nft.Rule(f"ct mark set ct mark or {bit | others}", remarks.SEEN))
            chains.append(nft.Chain(name, tuple(rules)))
            elements.append(nft.Element(link, f"jump {name}"))
        seen += [nft.Rule(f"{way} {link} ct mark set ct mark or {bit}", remarks.SEEN) for way in ("iifname", "oifname")]
    return Strangers(
        (
            nft.Set("from_appliance", "ifname : verdict", tuple(leaving)),
            nft.Set("to_appliance", "ifname : verdict", tuple(entering)),
        ),
        tuple(chains),
        (nft.Rule("iifname vmap @from_appliance"), nft.Rule("oifname vmap @to_appliance")),
        tuple(seen),
    )


def _bits(links: Iterable[str]) -> dict[str, int]:
    """A bit of a flow's mark for each; by its name, so that another appliance does not change it.

    Beyond 24 appliances, some share one: what one of them has seen passes the other.
    """
    first, count = names.FIRST_APPLIANCE_BIT, names.FIRST_NODE_BIT - names.FIRST_APPLIANCE_BIT
    taken: dict[int, str] = {}
    for link in sorted(links):
        wanted = crc32(link.encode()) % count
        free = (place % count for place in range(wanted, wanted + count) if place % count not in taken)
        taken[next(free, count + len(taken))] = link
    return {link: 1 << (first + place % count) for place, link in taken.items()}
