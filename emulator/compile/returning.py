"""Back to the node of a load balancer that began a flow, whatever the target's route table says (NLB-08).

With client address preservation a target answers the client, whose address says nothing of the node between them. So
the router notes in the flow's mark by which node's link it began, and an answer is routed by that node's own table.
Six bits hold it: 63 nodes in a VPC.
"""

from collections.abc import Iterable
from typing import NamedTuple

from emulator import names
from emulator.compile import nft, remarks
from emulator.compile.eni import Eni
from emulator.compile.state import PolicyRule, Route

_FIRST = names.FIRST_NODE_BIT
_MASK = 0xFFFFFFFF & ~((1 << _FIRST) - 1)
NODES = (1 << (32 - _FIRST)) - 1


class Returning(NamedTuple):
    """`chains` stand before the route is looked up; `seen` after all have judged the first packet of a flow."""

    sets: tuple[nft.Set, ...] = ()
    chains: tuple[nft.Chain, ...] = ()
    seen: tuple[nft.Rule, ...] = ()
    routes: frozenset[Route] = frozenset()
    rules: frozenset[PolicyRule] = frozenset()


def returning(enis: dict[str, Eni], every: dict[str, Eni]) -> Returning:
    """For the nodes among the ENIs of a VPC; every: with those of zones that are down, whose flows are lost."""
    nodes = {name: eni for name, eni in every.items() if eni.balancer}
    if not nodes:
        return Returning()
    numbers = _numbers(nodes)
    tables = tuple(nft.Element(f"{number << _FIRST:#x}", str(_table(number))) for number in numbers.values())
    back = nft.Rule(
        f"ct direction reply ct mark and {_MASK:#x} != 0 meta mark set ct mark and {_MASK:#x} map @node_table",
        remarks.BACK_TO_NODE,
    )
    return Returning(
        (nft.Set("node_table", "mark : mark", tables),),
        (nft.Chain("back_to_node", (back,), nft.Hook("filter", "prerouting", "mangle", "accept")),),
        tuple(
            nft.Rule(
                f"iifname {nft.link(eni.link)} ip saddr != {eni.ip} "
                f"ct mark set ct mark and {0xFFFFFFFF & ~_MASK:#x} or {number << _FIRST:#x}",
                remarks.SEEN,
            )
            for name, number in numbers.items()
            if (eni := enis.get(name))
        ),
        frozenset(_route(numbers[name], eni, linked=name in enis) for name, eni in nodes.items()),
        frozenset(PolicyRule(names.ROUTE_RULE_PRIORITY, _table(number), _table(number)) for number in numbers.values()),
    )


def labels(router: str, every: dict[str, Eni]) -> dict[tuple[str, object], str]:
    """Those routes in words."""
    nodes = {name: eni for name, eni in every.items() if eni.balancer}
    return {
        (router, _route(number, nodes[name], linked=linked)): f"answers go back to {name}"
        for name, number in _numbers(nodes).items()
        for linked in (True, False)
    }


def _route(number: int, eni: Eni, *, linked: bool) -> Route:
    if not linked:
        return Route(_table(number), "0.0.0.0/0", "blackhole")
    return Route(_table(number), "0.0.0.0/0", "unicast", eni.link, eni.ip, onlink=True)


def _table(number: int) -> int:
    return names.NODE_TABLE + number


def _numbers(nodes: Iterable[str]) -> dict[str, int]:
    """From 1, since 0 is no node."""
    return {name: number + 1 for name, number in names.numbered(nodes, NODES).items()}
