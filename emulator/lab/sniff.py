"""What a node met, as Scapy's packets: the capture that a test waits on and asserts about."""

import os
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any, Self

from emulator.lab import scapy_packets
from emulator.observe import filters
from emulator.observe.capture import Capture
from emulator.observe.frames import Frame, pcapng


class NotSeen(AssertionError):
    """The packet that was waited for did not come."""


class Sniff:
    """A capture of one node, on all its links, from the moment it was made until the block ends.

    A packet that a router forwards is met twice, coming in and going out. `packet.sniffed_on` is the link,
    `packet.outgoing` whether the node sent it, `packet.time` the kernel's own stamp.
    """

    def __init__(self, node: str, path: str, wanted: str | Callable[[Any], bool] = "") -> None:
        self.node = node
        self._judge = wanted if callable(wanted) else None
        self._capture = Capture(node, path, filters.compiled("" if callable(wanted) else wanted))
        self._packets: list[Any] = []
        self._looked_at = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    @property
    def frames(self) -> list[Frame]:
        """Everything until now, as bytes: needs no Scapy. A filter that is a function is not asked here."""
        return self._capture.frames()

    @property
    def packets(self) -> list[Any]:
        """Everything until now, as Scapy's packets."""
        for frame in self._capture.frames()[self._looked_at :]:
            self._looked_at += 1
            packet = _packet(frame)
            if self._judge is None or self._judge(packet):
                self._packets.append(packet)
        return list(self._packets)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.packets)

    def __len__(self) -> int:
        return len(self.packets if self._judge else self.frames)

    def __repr__(self) -> str:
        return f"<{len(self)} packets at {self.node}>"

    def wait_for(self, match: Callable[[Any], Any] | None = None, *, within: float = 5.0) -> Any:
        """The first packet that matches, waiting for it: seconds. NotSeen, with what was seen, if none comes.

        match: a function of Scapy's packet; one that asks for a layer the packet has not counts as no match.
        """
        __tracebackhide__ = True
        found = self.first(match or (lambda packet: True), within)
        if found is None:
            seen = self._capture.frames()
            listed = "\n".join(f"  {frame}" for frame in seen[-40:]) or "  nothing"
            raise NotSeen(f"no such packet at {self.node} within {within:g} s; it met:\n{listed}")
        return found

    def first(self, match: Callable[[Any], Any], within: float = 0.0, *, received: bool = False) -> Any:
        """The same, with None for silence. received: only what came in."""
        judged = 0
        found: list[Any] = []

        def look() -> bool:
            nonlocal judged
            packets = self.packets
            found.extend(p for p in packets[judged:] if (not received or _came(p)) and _matches(match, p))
            judged = len(packets)
            return bool(found)

        return found[0] if self._capture.until(look, within) else None

    def forget(self) -> None:
        """Start the record anew."""
        self._capture.forget()
        self._packets, self._looked_at = [], 0

    def write(self, path: str | os.PathLike[str]) -> None:
        """Write a pcapng file, for Wireshark, tcpdump or Scapy's rdpcap; each link is an interface in it."""
        with open(path, "wb") as file:
            file.write(pcapng(self._capture.frames()))

    def stop(self) -> None:
        """Capture no more; what has come stays."""
        self._capture.close()


def _packet(frame: Frame) -> Any:
    packet = scapy_packets.packet(frame.data)
    packet.time = frame.time
    packet.sniffed_on = frame.link
    packet.outgoing = frame.outgoing
    return packet


def _came(packet: Any) -> bool:
    return not packet.outgoing and packet.sniffed_on != "lo"


def _matches(match: Callable[[Any], Any], packet: Any) -> bool:
    try:
        return bool(match(packet))
    except (AttributeError, IndexError):  # what Scapy raises for a layer or a field that is not there
        return False
