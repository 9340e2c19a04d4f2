"""The ARP table of the machine: all its namespaces share the room, and who finds none cannot send to its own subnet.

Big labs beside a run fill it. A flow that was lost by that says nothing about vpcemu.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from tests.support.wait import eventually

_Found = TypeVar("_Found")
_TRIES = 4
_STATISTICS = Path("/proc/net/stat/arp_cache")
_LIMIT = Path("/proc/sys/net/ipv4/neigh/default/gc_thresh3")


def overflows() -> int:
    """How often there was no room, since the machine was started."""
    names, *processors = _lines()
    if "table_fulls" not in names:
        return 0
    return sum(int(values[names.index("table_fulls")], 16) for values in processors)


def room() -> bool:
    """Whether a lab of this size finds room now."""
    names, *processors = _lines()
    return int(processors[0][names.index("entries")], 16) < 0.8 * int(_LIMIT.read_text())


def with_room(ask: Callable[[], list[_Found]]) -> list[_Found]:
    """What `ask` finds wrong; asked again if there was no room meanwhile."""
    for _ in range(_TRIES):
        before = overflows()
        found = ask()
        if not found or overflows() == before:
            return found
        eventually(room, "room in the machine's ARP table", within=120, every=0.5)
    return found


def _lines() -> list[list[str]]:
    return [line.split() for line in _STATISTICS.read_text().splitlines()]
