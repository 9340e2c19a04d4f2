"""How many bytes the links of a lab's namespaces have received since they were made, and what its rulesets count."""

import json
import os
from collections.abc import Collection, Iterator
from typing import NamedTuple

from emulator import names
from emulator.errors import KernelError
from emulator.kernel import netns, process


def received(lab: str, nodes: Collection[str]) -> dict[str, dict[str, int]]:
    """By node, of those that are there, and by link: bytes of whole frames."""
    found: dict[str, dict[str, int]] = {}
    for node, _ in _visit(lab, nodes):
        with open("/proc/thread-self/net/dev", encoding="ascii") as file:
            found[node] = _read(file.read())
    return found


class Count(NamedTuple):
    """Of a named counter of a ruleset, since that was loaded."""

    packets: int
    bytes: int


class Counted(NamedTuple):
    """A node's named counters, and how many flows its connection tracking holds."""

    counters: dict[str, Count]
    flows: int


def named(lab: str, nodes: Collection[str]) -> dict[str, Counted]:
    """By node, of those that are there. KernelError: nft does not say."""
    found: dict[str, Counted] = {}
    for node, namespace in _visit(lab, nodes):
        with open("/proc/sys/net/netfilter/nf_conntrack_count", encoding="ascii") as file:
            flows = int(file.read())
        found[node] = Counted(_counters(namespace), flows)
    return found


def _visit(lab: str, nodes: Collection[str]) -> Iterator[tuple[str, int]]:
    """Each of the nodes that is there, from inside its namespace."""
    with netns.roam() as go:
        for entry in netns.owned(lab):
            if not entry.inode or entry.node not in nodes:
                continue
            namespace = netns.open_namespace(entry.name)
            try:
                go(namespace)
                yield entry.node, namespace
            finally:
                os.close(namespace)


def _counters(namespace: int) -> dict[str, Count]:
    argv = ("nft", "-j", "list", "counters", "table", "ip", names.NFT_TABLE)
    done = process.begin(argv, namespace).done()
    if done.code:
        raise KernelError(f"nft lists no counters: {done.stderr.strip()[:200]}")
    listed = (item["counter"] for item in json.loads(done.stdout)["nftables"] if "counter" in item)
    return {held["name"]: Count(held["packets"], held["bytes"]) for held in listed}


def _read(text: str) -> dict[str, int]:
    """Two lines of headings, then `eth0: BYTES PACKETS ...`."""
    lines = (line.partition(":") for line in text.splitlines()[2:])
    return {link.strip(): int(numbers.split()[0]) for link, _, numbers in lines}
