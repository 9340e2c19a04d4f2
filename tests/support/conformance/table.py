"""The table of results: pure text, or the same as JSON."""

import json
import re
import textwrap
from collections.abc import Sequence
from typing import Any, NamedTuple

from tests.support.conformance.catalogue import TOPICS, Item

_COLOURS = {"pass": "32", "FAIL": "1;31", "not built": "33"}
_IDS, _RESULT = 12, 9


class Row(NamedTuple):
    """An item and how it went."""

    item: Item
    result: str  # "pass", "FAIL", "not built"; "" where nothing was run
    seconds: float = 0.0
    details: str = ""  # of a failure


def render(rows: Sequence[Row], seconds: float, *, colours: bool, width: int) -> str:
    """The table, then what failed in full, then the summary."""
    lines = []
    for topic in TOPICS:
        of_topic = [row for row in rows if row.item.topic == topic]
        if of_topic:
            lines += ["", _painted(topic, "1", colours)]
            for row in of_topic:
                lines += _row(row, colours, width)
    for row in rows:
        if row.details:
            lines += ["", _painted(f"{row.item.name}  {row.item.node}", "1;31", colours), row.details.rstrip()]
    return "\n".join([*lines, "", summary(rows, seconds)]).lstrip("\n")


def summary(rows: Sequence[Row], seconds: float) -> str:
    """How many items passed, failed, or have no test."""
    parts = []
    for result in ("pass", "FAIL", "not built", ""):
        ids = {name for row in rows if row.result == result for name in row.item.ids}
        if result == "pass":  # an item passes when all of its tests do
            ids -= {name for row in rows if row.result == "FAIL" for name in row.item.ids}
        if ids:
            parts.append(f"{len(ids)} {result or 'not run'}")
    scenarios = {name for row in rows for name in row.item.ids if name.startswith("T-")}
    others = {name for row in rows for name in row.item.ids} - scenarios
    counted = f"{_counted(len(scenarios), 'scenario')} and {_counted(len(others), 'other item')}"
    took = f" in {int(seconds) // 60} min {int(seconds) % 60} s" if seconds else ""
    return f"{counted}: {', '.join(parts)}{took}"


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def as_json(rows: Sequence[Row], seconds: float) -> str:
    """The same for a program."""
    document: dict[str, Any] = {
        "summary": summary(rows, seconds),
        "seconds": round(seconds, 1),
        "failed": any(row.result == "FAIL" for row in rows),
        "items": [
            {
                "ids": list(row.item.ids),
                "topic": row.item.topic,
                "sentence": row.item.sentence,
                "result": row.result or "not run",
                "reason": row.item.why_not or None,
                "note": row.item.note or None,
                "test": row.item.node if row.item.test else None,
                "seconds": round(row.seconds, 2),
                "details": row.details or None,
            }
            for row in rows
        ],
    }
    return json.dumps(document, indent=2, ensure_ascii=False)


def _row(row: Row, colours: bool, width: int) -> list[str]:
    indent = " " * (2 + _IDS + 1 + _RESULT + 2)
    said = re.sub(r"\s+", " ", row.item.sentence)
    wrapped = textwrap.wrap(said, max(40, width - len(indent))) or [""]
    names = textwrap.wrap(row.item.name, _IDS)
    result = _painted(f"{row.result:<{_RESULT}}", _COLOURS.get(row.result, "0"), colours and bool(row.result))
    lines = [f"  {names[0]:<{_IDS}} {result}  {wrapped[0]}"]
    rest = [f"  {name:<{_IDS}}" for name in names[1:]]
    for number, text in enumerate(wrapped[1:]):
        lines.append(f"{rest[number] if number < len(rest) else '':<{len(indent)}}{text}")
    lines += rest[len(wrapped) - 1 :]
    for remark in (row.item.why_not, row.item.note):
        if remark:
            held = textwrap.wrap(f"({remark})", max(40, width - len(indent)), subsequent_indent=" ")
            lines += [f"{indent}{text}" for text in held]
    return [line.rstrip() for line in lines]


def _painted(text: str, colour: str, colours: bool) -> str:
    return f"\033[{colour}m{text}\033[0m" if colours else text
