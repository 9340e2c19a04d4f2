"""What a run of steps keeps between them: a descriptor and a socket for each namespace, and the indices of links.

Each namespace is entered once to open its socket; all that follows goes through that socket, from home.
"""

import os
from collections.abc import Mapping

from emulator import names
from emulator.compile.state import Veth
from emulator.kernel import decode, netns, wire
from emulator.kernel.channel import Channel
from emulator.kernel.decode import Link


class Reach:
    """The namespaces of one lab. A context manager, since it holds descriptors."""

    def __init__(self, lab: str) -> None:
        self.lab = lab
        self._namespaces: dict[str, int] = {}
        self._channels: dict[str, Channel] = {}
        self._links: dict[str, dict[str, Link]] = {}
        self._near: dict[tuple[str, str], tuple[str, str]] = {}  # of the veths we made: the far end to the near one

    def __enter__(self) -> "Reach":
        netns.raise_file_limit()
        return self

    def __exit__(self, *_: object) -> None:
        for node in list(self._namespaces):
            self.forget(node)

    def keep(self, made: Mapping[str, netns.Made]) -> None:
        """New namespaces."""
        for node, (namespace, channel) in made.items():
            self._namespaces[node], self._channels[node] = namespace, channel

    def forget(self, node: str) -> None:
        """The namespace goes."""
        if channel := self._channels.pop(node, None):
            channel.close()
        if (namespace := self._namespaces.pop(node, None)) is not None:
            os.close(namespace)
        self.links_changed(node)

    def namespace(self, node: str) -> int:
        """A descriptor, which stays ours. Raises KernelError if there is no such namespace."""
        if node not in self._namespaces:
            self._namespaces[node] = netns.open_namespace(names.netns(self.lab, node))
        return self._namespaces[node]

    def channel(self, node: str) -> Channel:
        """A netlink socket in the namespace."""
        if node not in self._channels:
            self._channels[node] = netns.channel_in(self.namespace(node))
        return self._channels[node]

    def links(self, node: str) -> dict[str, Link]:
        """By name, as they are at this moment."""
        found = {link.name: link for link in decode.links(self.channel(node).dump(wire.get_links()))}
        self._links[node] = found
        return found

    def index(self, node: str, name: str) -> int:
        """0: there is no such link."""
        if name == "lo":
            return wire.LO
        if near := self._near.get((node, name)):
            # The near end knows the far one's index: one dump of a router instead of one for each instance.
            link = self._link(*near)
            if link and link.peer:
                return link.peer
        link = self._link(node, name)
        return link.number if link else 0

    def _link(self, node: str, name: str) -> Link | None:
        known = self._links.get(node)
        if known is None or name not in known:
            known = self.links(node)
        return known.get(name)

    def made(self, pair: Veth) -> None:
        """This pair comes."""
        self.links_changed(pair.node, pair.peer_node)
        self._near[pair.peer_node, pair.peer_link] = (pair.node, pair.link)

    def links_changed(self, *nodes: str) -> None:
        """What was known of these nodes' links holds no longer."""
        for node in nodes:
            self._links.pop(node, None)

    def all_links_changed(self) -> None:
        self._links.clear()
        self._near.clear()
