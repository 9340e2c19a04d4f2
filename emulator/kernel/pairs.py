"""Which two links are one veth pair.

A link tells its peer's index, and the number by which its own namespace knows the peer's. Indices repeat (every
instance's eth0 has the same), so for each pair that would fit we ask the kernel which number the one end's namespace
has in the other's. Names and indices alone would let a stranger's link pass for ours.
"""

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from emulator import names
from emulator.compile.state import Namespace, State, Veth
from emulator.kernel import decode, wire
from emulator.kernel.channel import Channel
from emulator.kernel.decode import Link
from emulator.topology.model import INTERNET

# Names of the ends away from the router: what puts a pair the right way round when nothing is known of it.
_FAR: Final = re.compile(f"eth[0-9]+|{names.VPC_LINK}|{names.INTERNET_LINK}")


class Place(NamedTuple):
    """A namespace that is being looked at: its descriptor, a socket in it, its links.

    numbers: by which number it knows the namespaces of other nodes (-1: by none), as far as asked.
    """

    namespace: int
    channel: Channel
    links: list[Link]
    numbers: dict[str, int]


class _End(NamedTuple):
    node: str
    link: Link


def pairs(
    places: dict[str, Place], namespaces: dict[str, Namespace], wanted: State | None, has_uplink: bool
) -> Iterator[Veth]:
    """Every pair with an end in a namespace that is not a guest's, each once, the router's end first.

    A link that is no half of a pair within the lab, though it is a veth or sits on the name of a wanted one, is
    reported with an unknown other end (""): so it differs from whatever is wanted there, and can be removed.
    """
    near = {(veth.node, veth.link): veth.peer_node for veth in wanted.veths} if wanted else {}
    far = {(veth.peer_node, veth.peer_link) for veth in wanted.veths} if wanted else set()
    first: list[_End] = []
    later: list[_End] = []
    for node, place in sorted(places.items()):  # so that a pair nobody wishes is told the same way every time
        guest = namespaces[node].guest
        for link in place.links:
            key = (node, link.name)
            if key in near:
                first.append(_End(node, link))
            elif key in far or (link.kind == "veth" and not guest):
                if has_uplink and key == (INTERNET, names.UPLINK_LINK):
                    continue
                (later if key in far or _FAR.fullmatch(link.name) else first).append(_End(node, link))
    seen: set[tuple[str, int]] = set()
    search = _Search(places)
    for end in first + later:
        node, link = end
        if (node, link.number) in seen:
            continue
        other = search.peer(end, near.get((node, link.name)))
        if other is None:
            yield Veth(node, link.name, link.mac, "", "", "", link.mtu)
            continue
        seen.add((other.node, other.link.number))
        mtu = link.mtu if link.mtu == other.link.mtu else 0  # two that differ are what nobody wants
        yield Veth(node, link.name, link.mac, other.node, other.link.name, other.link.mac, mtu)


class _Search:
    """Finds the other end of a link."""

    def __init__(self, places: dict[str, Place]) -> None:
        self._places = places
        # By (index, peer's index): in a lab with one router never more than one end for each.
        self._ends: dict[tuple[int, int], list[_End]] = {}
        for node, place in places.items():
            for link in place.links:
                if link.kind == "veth":
                    self._ends.setdefault((link.number, link.peer), []).append(_End(node, link))

    def peer(self, end: _End, expected: str | None) -> _End | None:
        """The other end, if it is in the lab. `expected`: the node to try first."""
        node, link = end
        candidates = self._ends.get((link.peer, link.number), []) if link.kind == "veth" else []
        if link.peer_namespace < 0:
            return next((other for other in candidates if other.node == node and other.link is not link), None)
        for other in sorted(candidates, key=lambda other: other.node != expected):
            # Asked over there, where few namespaces are known: the kernel looks through all that are.
            if other.node != node and self._number(other.node, node) == other.link.peer_namespace >= 0:
                return other
        return None

    def _number(self, node: str, other: str) -> int:
        place = self._places[node]
        if other not in place.numbers:
            (answer,) = place.channel.ask([wire.get_namespace_id(self._places[other].namespace)])
            place.numbers[other] = decode.namespace_id(answer)
        return place.numbers[other]
