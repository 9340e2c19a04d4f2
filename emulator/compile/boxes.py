"""Rules that overlap, as boxes that do not.

nftables refuses overlapping elements in a set of concatenated intervals, and a security group may well allow
10.0.0.0/8 on ports 1-100 and 10.1.0.0/16 on ports 50-200. The union of such rectangles (addresses by ports) is cut
here into disjoint ones, each of which remembers the numbers of the rules that cover it.
"""

from collections.abc import Iterable
from itertools import pairwise
from typing import NamedTuple


class Box(NamedTuple):
    """Addresses low..high by ports first..last, all inclusive, as integers; `rules` are the numbers of its rules."""

    low: int
    high: int
    first: int
    last: int
    rules: tuple[int, ...]


def disjoint(boxes: Iterable[Box]) -> list[Box]:
    """The same union of points, without overlaps, ordered by address and port; neighbours that agree are joined."""
    boxes = sorted(set(boxes))
    starts: dict[int, list[Box]] = {}
    ends: dict[int, list[Box]] = {}
    for box in boxes:
        starts.setdefault(box.low, []).append(box)
        ends.setdefault(box.high + 1, []).append(box)
    done: list[Box] = []
    open_strips: list[tuple[int, tuple[tuple[int, int, tuple[int, ...]], ...]]] = []  # at most one: (low, ports)
    active: list[Box] = []
    for position in sorted(starts.keys() | ends.keys()):
        for box in ends.get(position, ()):
            active.remove(box)
        active += starts.get(position, ())
        ports = tuple(_ports(active))
        if open_strips and open_strips[0][1] == ports:
            continue
        if open_strips:
            low, strip = open_strips.pop()
            done += [Box(low, position - 1, first, last, rules) for first, last, rules in strip]
        if ports:
            open_strips.append((position, ports))
    return done


def _ports(active: list[Box]) -> Iterable[tuple[int, int, tuple[int, ...]]]:
    """The port ranges that the active boxes allow, each with the rules that allow it."""
    if len(active) == 1:
        yield active[0].first, active[0].last, active[0].rules
        return
    borders = sorted({border for box in active for border in (box.first, box.last + 1)})
    for first, after in pairwise(borders):
        rules = {number for box in active if box.first <= first and after - 1 <= box.last for number in box.rules}
        if rules:
            yield first, after - 1, tuple(sorted(rules))
