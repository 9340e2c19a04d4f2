"""Scapy in a lab: packets built layer by layer, sent as they are from a node, and every frame a node meets on record.

Scapy builds and reads packets here. What is sent and captured goes through packet sockets that were opened inside a
node, so nothing can leave by another network, and a capture runs from the moment it is made. Scapy itself is loaded
when first needed, in an empty network namespace: it never sees the host's links.

`packets.IP`, `packets.TCP`, ... are Scapy's classes.
"""

import secrets
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NamedTuple

from emulator.kernel import netns, syscalls
from tests.support.lab import Lab

_ETH_P_ALL = 0x0003
_PACKET_OUTGOING = 4
_SO_RCVBUFFORCE = 33
_MODULES = ("scapy.layers.l2", "scapy.layers.inet", "scapy.layers.inet6", "scapy.layers.dns", "scapy.packet")


def __getattr__(name: str) -> Any:
    if name.startswith("_"):
        raise AttributeError(name)
    import importlib
    import logging

    logging.getLogger("scapy").setLevel(logging.ERROR)
    with netns.roam():
        syscalls.unshare(syscalls.NEW_NETWORK)
        modules = [importlib.import_module(module) for module in _MODULES]
    for module in modules:
        if hasattr(module, name):
            globals()[name] = getattr(module, name)
            return globals()[name]
    raise AttributeError(name)


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
        return __getattr__("Ether")(self.data)


Match = Callable[[Any], Any]


class Tap:
    """All frames that a node sends or receives on all its links, from now on."""

    def __init__(self, lab: Lab, node: str) -> None:
        self.node = node
        self._socket = lab.open_socket(node, socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ETH_P_ALL))
        with suppress(PermissionError):  # root of a user namespace has to do with less
            self._socket.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, 16 * 1024 * 1024)
        self._frames: list[Frame] = []

    def frames(self) -> list[Frame]:
        while True:
            try:
                data, (link, _, kind, *_rest) = self._socket.recvfrom(65536)
            except BlockingIOError:
                return self._frames
            self._frames.append(Frame(link, kind == _PACKET_OUTGOING, data))

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
        deadline = time.monotonic() + within
        seen = 0
        while True:
            came = self.came()
            for frame in came[seen:]:
                packet = frame.packet
                if match(packet):
                    return packet
            seen = len(came)
            left = deadline - time.monotonic()
            if left <= 0:
                listed = "\n".join(frame.packet.summary() for frame in came)
                raise AssertionError(f"{self.node} did not receive {what} within {within:g} s; it received:\n{listed}")
            self._socket.readable(min(left, 0.1))

    def forget(self) -> None:
        """Start the record anew."""
        self.frames()
        self._frames = []


class Sender:
    """Puts frames on a node's wire, whatever is in them; from its own address and MAC where nothing else is said."""

    def __init__(self, lab: Lab, node: str, link: str = "eth0") -> None:
        self.lab, self.node = lab, node
        self.mac, self.next_mac = lab.macs(node, link)
        self.ip = lab.address(node)
        self._socket = lab.open_socket(node, socket.AF_PACKET, socket.SOCK_RAW)
        with lab.inside(node):
            self._socket.bind((link, 0))
        self._socket.settimeout(10)  # a burst waits until the queue has room

    def packet(self, to: str, upper: Any, **fields: Any) -> Any:
        """An IP packet to a node or an address, around `upper`."""
        header = {"src": self.ip, "dst": self.lab.resolve(to)} | fields
        return __getattr__("IP")(**header) / upper

    def send(self, to: str, upper: Any, **fields: Any) -> None:
        """Send an IP packet through the node's router."""
        self.put(self.packet(to, upper, **fields))

    def put(self, packet: Any, **ether: Any) -> None:
        """Send a packet that is already made; `ether` overrides what its Ethernet header would say."""
        header = {"src": self.mac, "dst": self.next_mac} | ether
        Ether = __getattr__("Ether")
        frame = packet if isinstance(packet, Ether) else Ether(**header) / packet

        self._socket.send(bytes(frame))


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
