"""`matrix`: its JSON shape, and the table a person reads."""

from collections.abc import Sequence
from typing import Literal, TypedDict

from emulator.report.text import PLAIN, Paint, count, duration, one_line, table

Cell = Literal["pass", "drop", "refused", "error", ""]

WIDE = 110  # columns of text above which the table becomes a list
_SIGNS: dict[str, str] = {"pass": "yes", "drop": "-", "": ""}
_NAMES = 3  # of a group


class Group(TypedDict):
    """Endpoints that reach, and are reached by, the same others."""

    members: list[str]


class Matrix(TypedDict):
    """`matrix --json`. results: a row for each group as the sender, a cell for each as the receiver; all cells of
    a row are "" where the group sends nothing, as a load balancer's nodes.

    tried: how many of the pairs a packet was sent for; fewer than `pairs` where one stood for others. silent: nodes
    that gave no sign of life.
    """

    lab: str
    protocol: str
    port: int
    endpoints: int
    pairs: int
    tried: int
    silent: list[str]
    seconds: float
    groups: list[Group]
    results: list[list[Cell]]


def text(found: Matrix, paint: Paint = PLAIN) -> list[str]:
    """The table, or where it would be too wide a list; then what was tried."""
    names = [name(group) for group in found["groups"]]
    rows = [
        (label, *(_SIGNS.get(cell, cell) for cell in row))
        for label, row in zip(names, found["results"], strict=True)
        if any(row) or len(names) == 1  # a load balancer sends nothing
    ]
    lines = table(("from, to:", *names), rows)
    if lines and max(map(len, lines)) > WIDE:
        lines = _list(names, found["results"], paint)
    else:
        lines = [paint.dim(lines[0]), *lines[1:]]
    lines += ["", *_sum(found)]
    if found["silent"]:
        silent = ", ".join(found["silent"][:10]) + (", ..." if len(found["silent"]) > 10 else "")
        lines.append(paint.warn(f"no sign of life from {silent}: silence there proves nothing"))
    return lines


def name(group: Group) -> str:
    """`web`, `web, db`, `i1, i2, i3 and 247 more`"""
    members = [one_line(member) for member in group["members"]]
    more = f" and {len(members) - _NAMES:,} more" if len(members) > _NAMES else ""
    return ", ".join(members[:_NAMES]) + more


def _list(names: Sequence[str], results: Sequence[Sequence[Cell]], paint: Paint) -> list[str]:
    lines = []
    for label, row in zip(names, results, strict=True):
        if not any(row):
            continue
        reached = [other for other, cell in zip(names, row, strict=True) if cell == "pass"]
        odd = [f"{other} ({cell})" for other, cell in zip(names, row, strict=True) if cell in ("refused", "error")]
        lines.append(f"{paint.bold(label)} {'reaches' if reached else 'reaches nobody'}")
        lines += [f"  {other}" for other in [*reached, *odd]]
    return lines


def _sum(found: Matrix) -> list[str]:
    port = f" {found['port']}" if found["port"] else ""
    what = f"{found['lab']}, {found['protocol']}{port}: {count(found['endpoints'], 'endpoint')}"
    tried = f"all {found['pairs']:,} pairs tried"
    if found["tried"] < found["pairs"]:
        tried = f"{found['tried']:,} of {found['pairs']:,} pairs tried, one for all that no rule can tell apart (--all)"
    return [f"{what}, {tried} ({duration(found['seconds'])})"]
