"""The machine's ARP table. All its namespaces share one, with room for net.ipv4.neigh.default.gc_thresh3 entries.

Instances and their routers have permanent entries, which do not count. Neighbours in a subnet ask for each other's, and
where there is no room a packet is lost without a word.
"""

from collections.abc import Iterable
from typing import Final

from emulator.kernel import decode, wire
from emulator.kernel.reach import Reach

STATISTICS: Final = "/proc/net/stat/arp_cache"


def refused(statistics: str = STATISTICS) -> int:
    """How often an entry found no room, since the machine started. 0 where the kernel does not tell: in a container."""
    try:
        with open(statistics, encoding="ascii") as file:
            return count(file.read())
    except FileNotFoundError:
        return 0


def count(text: str) -> int:
    """The sum of column `table_fulls`: a line of hexadecimal numbers for each CPU."""
    heading, *lines = text.splitlines()
    names = heading.split()
    if "table_fulls" not in names:
        return 0
    return sum(int(line.split()[names.index("table_fulls")], 16) for line in lines)


def forget(lab: str, nodes: Iterable[str]) -> None:
    """Make room: remove what the kernel has learnt in these nodes of a lab. It learns that again when it needs it.

    KernelError: there is no such node.
    """
    with Reach(lab) as reach:
        for node in nodes:
            channel = reach.channel(node)
            channel.send([wire.forget_neighbour(*each) for each in decode.learnt(channel.dump(wire.get_neighbours()))])
