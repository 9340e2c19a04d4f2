"""How many bytes the links of a lab's namespaces have received since they were made."""

import os
from collections.abc import Collection

from emulator.kernel import netns


def received(lab: str, nodes: Collection[str]) -> dict[str, dict[str, int]]:
    """By node, of those that are there, and by link: bytes of whole frames."""
    found: dict[str, dict[str, int]] = {}
    with netns.roam() as go:
        for entry in netns.owned(lab):
            if not entry.inode or entry.node not in nodes:
                continue
            namespace = netns.open_namespace(entry.name)
            try:
                go(namespace)
                with open("/proc/thread-self/net/dev", encoding="ascii") as file:
                    found[entry.node] = _read(file.read())
            finally:
                os.close(namespace)
    return found


def _read(text: str) -> dict[str, int]:
    """Two lines of headings, then `eth0: BYTES PACKETS ...`."""
    lines = (line.partition(":") for line in text.splitlines()[2:])
    return {link.strip(): int(numbers.split()[0]) for link, _, numbers in lines}
