"""What went through a lab while one test ran: the first frames that its routers and gateways met.

It costs little enough to be always on: one socket for each router, no thread, and nothing is copied out of the kernel
before somebody asks. So it is the kernel that bounds it, by the size of the socket's buffer.
"""

from pathlib import Path
from typing import Final

from emulator.lab.held import Lab
from emulator.observe.capture import Capture
from emulator.observe.frames import Frame, pcapng

_KINDS: Final = (
    "router",
    "internet_gateway",
    "nat_gateway",
    "network_load_balancer",
    "vpc_endpoint",
    "transit_gateway",
    "internet",
)
_BUFFER: Final = 4 * 1024 * 1024  # bytes for each router: some 10,000 small frames
_AT_MOST: Final = 64  # routers and gateways of one lab


class Recorder:
    """Records one lab from now on."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self._captures: dict[str, tuple[int, Capture]] = {}
        self.begin()

    def begin(self) -> None:
        """A test begins: forget what was before, and follow the lab to namespaces that are new."""
        wanted = [node.name for node in self._lab.topology.nodes() if node.kind in _KINDS][:_AT_MOST]
        for node in wanted:
            path = self._lab.namespace(node)
            inode = _inode(path)
            known = self._captures.get(node)
            if known and known[0] != inode:
                known[1].close()
                known = None
            if known:
                known[1].forget()
            elif inode:
                self._captures[node] = (inode, Capture(node, path, buffer=_BUFFER))
        for gone in [node for node in self._captures if node not in wanted]:
            self._captures.pop(gone)[1].close()

    def frames(self) -> list[Frame]:
        """Since the test began, as far as there was room; lo left out."""
        return [frame for _, capture in self._captures.values() for frame in capture.frames() if frame.link != "lo"]

    def write(self, path: Path) -> int:
        """Write them as pcapng: how many there were."""
        frames = self.frames()
        path.write_bytes(pcapng(frames))
        return len(frames)

    def close(self) -> None:
        """Record no more."""
        for _, capture in self._captures.values():
            capture.close()
        self._captures = {}


def _inode(path: str) -> int:
    try:
        return Path(path).stat().st_ino
    except OSError:
        return 0
