"""The comparison as a table with its evidence: for a terminal, as Markdown, as JSON. Pure."""

import json
import textwrap
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

from tests.patterns.measure import Measured
from tests.patterns.published import COLUMNS, ROWS, Cell, Column, Row, Value, published

INTRODUCTION = """\
# Four ways between VPCs

Written by `sudo scripts/patterns --markdown`. VPCs are joined in each of the four ways, and every cell of the
comparison that was published for Tokyo in June 2024 is tried out: with packets, with the prices of what is really
there, with a zone that fails. ○ possible, △ possible with a limit, × impossible; costs in USD a month. A lesson for
each to play with: [igw-between-vpcs](../topologies/igw-between-vpcs.yaml), [peering](../topologies/peering.yaml),
[privatelink-pair](../topologies/privatelink-pair.yaml),
[transit-gateway-pair](../topologies/transit-gateway-pair.yaml).
"""
LEGEND = "A cell shows what came out here. Where that is not what was published, the published value stands beside it."
State = Literal["as published", "explained", "differs", "not measured"]


class Explanation(NamedTuple):
    """Why vpcemu shows another value than was published: this one, and no other."""

    value: Value
    why: str


# Row and column by their keys.
EXPLAINED: dict[tuple[str, str], Explanation] = {}


class Result(NamedTuple):
    """A cell that was tried. found: None if it could not be measured, and then why."""

    cell: Cell
    found: Measured | None
    why_not: str = ""

    @property
    def explanation(self) -> Explanation | None:
        row, column = self.cell
        known = EXPLAINED.get((row.key, column.key))
        return known if known and self.found and self.found.value == known.value else None

    @property
    def state(self) -> State:
        if self.found is None:
            return "not measured"
        if self.found.value == published(self.cell):
            return "as published"
        return "explained" if self.explanation else "differs"

    @property
    def well(self) -> bool:
        return self.state in ("as published", "explained")

    @property
    def shown(self) -> str:
        """The value; beside another one that was published: `× (published ○)`."""
        value = self.found.value if self.found else "?"
        return value if self.state == "as published" else f"{value} (published {published(self.cell)})"


def summary(results: Sequence[Result], seconds: float) -> str:
    """`44 cells: 44 as published, in 38 s`."""
    states: tuple[State, ...] = ("as published", "explained", "differs", "not measured")
    counts = [(sum(each.state == state for each in results), state) for state in states]
    parts = [f"{count} {state}" for count, state in counts if count]
    return f"{len(results)} {'cell' if len(results) == 1 else 'cells'}: {', '.join(parts)}, in {round(seconds)} s"


def text(results: Sequence[Result], seconds: float, *, evidence: bool, width: int, colours: bool) -> str:
    """A table; below it the evidence, cell by cell, or only that of cells that are not as published."""
    rows, columns = _axes(results)
    cells = [["", *(column.title for column in columns)]]
    marks: list[list[bool]] = [[True] * len(cells[0])]
    for row in rows:
        held = [_at(results, row, column) for column in columns]
        cells.append([row.title, *(each.shown if each else "" for each in held)])
        marks.append([True, *(each is None or each.well for each in held)])
    widths = [max(len(line[number]) for line in cells) for number in range(len(cells[0]))]
    lines = [
        "  ".join(
            word.ljust(widths[number]) if marks[index][number] else _red(word.ljust(widths[number]), colours)
            for number, word in enumerate(line)
        ).rstrip()
        for index, line in enumerate(cells)
    ]
    for row in rows:
        told = [each for each in results if each.cell[0] == row and (evidence or not each.well)]
        if told:
            lines += ["", f"{row.title}: {row.asks}", *_wrapped(f"tried: {row.measured}", "    ", width)]
            for each in told:
                lines += _evidence(each, width, colours)
    return "\n".join([*lines, "", LEGEND, summary(results, seconds)])


def _evidence(result: Result, width: int, colours: bool) -> list[str]:
    head = f"  {result.cell[1].title}: {result.shown}"
    lines = [head if result.well else _red(f"{head}  {result.state}", colours)]
    for said in _said(result):
        lines += _wrapped(said, "    ", width)
    return lines


def _said(result: Result) -> list[str]:
    found = list(result.found.evidence) if result.found else [result.why_not]
    return [*found, f"explained: {result.explanation.why}"] if result.explanation else found


def _wrapped(said: str, indent: str, width: int) -> list[str]:
    return textwrap.wrap(said, max(60, width), initial_indent=indent, subsequent_indent=f"{indent}  ")


def _red(word: str, colours: bool) -> str:
    return f"\033[1;31m{word}\033[0m" if colours else word


def markdown(results: Sequence[Result], seconds: float, *, evidence: bool) -> str:
    """The same as a document."""
    rows, columns = _axes(results)
    lines = [INTRODUCTION, f"| | {' | '.join(column.title for column in columns)} |", f"|---|{'---|' * len(columns)}"]
    for row in rows:
        held = [_at(results, row, column) for column in columns]
        shown = [(each.shown if each.well else f"**{each.shown}**") if each else "" for each in held]
        lines.append(f"| {row.title} | {' | '.join(shown)} |")
    if evidence:
        for row in rows:
            lines += ["", f"## {row.title}", "", f"{row.asks[0].upper()}{row.asks[1:]} *Tried: {row.measured}.*", ""]
            for each in results:
                if each.cell[0] == row:
                    said = "; ".join(_said(each)).replace("|", "\\|")
                    lines.append(f"- {each.cell[1].title}: {each.shown}. {said}")
    return "\n".join([*lines, "", LEGEND, summary(results, seconds)])


def as_json(results: Sequence[Result], seconds: float) -> str:
    """The same for a program."""
    cells: list[dict[str, Any]] = [
        {
            "row": each.cell[0].key,
            "pattern": each.cell[1].key,
            "published": published(each.cell),
            "measured": each.found.value if each.found else None,
            "state": each.state,
            "tried": each.cell[0].measured,
            "evidence": list(each.found.evidence) if each.found else [],
            "reason": each.explanation.why if each.explanation else each.why_not or None,
        }
        for each in results
    ]
    document = {
        "summary": summary(results, seconds),
        "seconds": round(seconds, 1),
        "failed": not all(each.well for each in results),
        "cells": cells,
    }
    return json.dumps(document, indent=2, ensure_ascii=False)


def _axes(results: Sequence[Result]) -> tuple[list[Row], list[Column]]:
    cells = {each.cell for each in results}
    return (
        [row for row in ROWS if any(row == held for held, _ in cells)],
        [column for column in COLUMNS if any(column == held for _, held in cells)],
    )


def _at(results: Sequence[Result], row: Row, column: Column) -> Result | None:
    return next((each for each in results if each.cell == (row, column)), None)
