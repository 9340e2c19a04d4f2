"""Scapy in a lab: packets built layer by layer, sent as they are from a node, and every frame a node meets on record.

Scapy builds and reads packets here. What is sent and captured goes through packet sockets that were opened inside a
node, so nothing can leave by another network, and a capture runs from the moment it is made. Scapy itself is loaded
when first needed, in an empty network namespace: it never sees the host's links.

`packets.IP`, `packets.TCP`, ... are Scapy's classes.
"""

import secrets
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from emulator.lab import scapy_packets
from emulator.lab.sniff import Sniff
from tests.support.lab import Lab


def __getattr__(name: str) -> Any:
    if name.startswith("_"):
        raise AttributeError(name)
    globals()[name] = found = scapy_packets.layer(name)
    return found


def cookie() -> bytes:
    """A payload that no other packet carries."""
    return b"<" + secrets.token_hex(8).encode() + b">"


class Frame(NamedTuple):
    """A frame as a node met it."""

    link: str
    outgoing: bool
    data: bytes

    @property
    def packet(self) -> Any:
        return scapy_packets.packet(self.data)


Match = Callable[[Any], Any]


class Tap:
    """All frames that a node sends or receives on all its links, from now on."""

    def __init__(self, lab: Lab, node: str) -> None:
        self.node = node
        self._sniff = lab.sniffs(Sniff(node, lab.namespace(node)))
        self._frames: list[Frame] = []

    def frames(self) -> list[Frame]:
        new = self._sniff.frames[len(self._frames) :]
        self._frames += [Frame(frame.link, frame.outgoing, frame.data) for frame in new]
        return self._frames

    def came(self) -> list[Frame]:
        """What the node received, on whatever link but lo."""
        return [frame for frame in self.frames() if not frame.outgoing and frame.link != "lo"]

    def left(self) -> list[Frame]:
        """What the node sent."""
        return [frame for frame in self.frames() if frame.outgoing and frame.link != "lo"]

    def holding(self, data: bytes) -> list[Frame]:
        """Frames with these bytes anywhere inside, also as an ICMP error quotes them."""
        return [frame for frame in self.frames() if data in frame.data]

    def wait(self, data: bytes, within: float = 10.0) -> Any:
        """The first packet received with these bytes in it."""
        return self.wait_for(lambda packet: data in bytes(packet), f"a packet with {data!r}", within)

    def wait_for(self, match: Match, what: str = "a packet", within: float = 10.0) -> Any:
        """The first packet received that matches, as Scapy sees it."""
        found = self._sniff.first(match, within, received=True)
        if found is None:
            listed = "\n".join(frame.packet.summary() for frame in self.came())
            raise AssertionError(f"{self.node} did not receive {what} within {within:g} s; it received:\n{listed}")
        return found

    def forget(self) -> None:
        """Start the record anew."""
        self._sniff.forget()
        self._frames = []


class Sender:
    """Puts frames on a node's wire, whatever is in them; from its own address and MAC where nothing else is said."""

    def __init__(self, lab: Lab, node: str, link: str = "eth0") -> None:
        self.lab, self.node = lab, node
        self.mac, self.next_mac = lab.macs(node, link)
        self.ip = lab.address(node)
        self._link = link

    def packet(self, to: str, upper: Any, **fields: Any) -> Any:
        """An IP packet to a node or an address, around `upper`."""
        header = {"src": self.ip, "dst": self.lab.resolve(to)} | fields
        return scapy_packets.layer("IP")(**header) / upper

    def send(self, to: str, upper: Any, **fields: Any) -> None:
        """Send an IP packet through the node's router."""
        self.put(self.packet(to, upper, **fields))

    def put(self, packet: Any, **ether: Any) -> None:
        """Send a packet that is already made; `ether` overrides what its Ethernet header would say."""
        header = {"src": self.mac, "dst": self.next_mac} | ether
        Ether = scapy_packets.layer("Ether")
        frame = packet if isinstance(packet, Ether) else Ether(**header) / packet

        self.lab.wire(self.node, self._link).send(bytes(frame))


def silent(*taps: Tap, about: bytes, after: float = 0.1) -> None:
    """None of these nodes has received a packet with these bytes. Call it when a later packet has arrived: the wire is
    in order, so what has not come before that one does not come. `after` is for a thread that changed its CPU.
    """
    deadline = time.monotonic() + after
    while True:
        for tap in taps:
            found = [frame for frame in tap.holding(about) if not frame.outgoing]
            assert not found, f"{tap.node} received {found[0].packet.summary()}"
        if time.monotonic() >= deadline:
            return
        time.sleep(0.02)
