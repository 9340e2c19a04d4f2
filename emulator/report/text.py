"""Colours, tables and counts: the small change of every report."""

from collections.abc import Sequence
from typing import NamedTuple


class Paint(NamedTuple):
    """Colours, or none: `Paint(False)` leaves every text as it is."""

    on: bool = False

    def good(self, text: str) -> str:
        return self._wrap("32", text)

    def bad(self, text: str) -> str:
        return self._wrap("31", text)

    def warn(self, text: str) -> str:
        return self._wrap("33", text)

    def dim(self, text: str) -> str:
        return self._wrap("2", text)

    def bold(self, text: str) -> str:
        return self._wrap("1", text)

    def _wrap(self, code: str, text: str) -> str:
        return f"\033[{code}m{text}\033[0m" if self.on and text else text


PLAIN = Paint()


def table(head: Sequence[str], rows: Sequence[Sequence[str]], paint: Paint = PLAIN, indent: str = "") -> list[str]:
    """Aligned columns, two blanks apart; the head is dimmed. A column that is empty in every row is left out."""
    kept = [column for column in range(len(head)) if any(row[column] for row in rows)]
    widths = [max(len(head[column]), *(len(row[column]) for row in rows)) for column in kept] if rows else []

    def line(cells: Sequence[str]) -> str:
        return (
            indent + "  ".join(cells[column].ljust(width) for column, width in zip(kept, widths, strict=True)).rstrip()
        )

    return [paint.dim(line(head)), *(line(row) for row in rows)] if rows else []


def count(number: int, noun: str, plural: str = "") -> str:
    """`1 instance`, `2 instances`."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def counts(*pairs: tuple[int, str]) -> str:
    """The pairs that are not zero, as a list in words: `1 VPC, 2 instances`."""
    return ", ".join(count(number, noun) for number, noun in pairs if number)


def duration(seconds: float) -> str:
    """`0.14 s`, `3 s`, `5 min`, `2 h`, `4 days`: as exact as anybody wants to know."""
    if seconds < 1:
        return f"{seconds:.2f} s"
    for limit, size, unit in ((120.0, 1.0, "s"), (7200.0, 60.0, "min"), (172800.0, 3600.0, "h")):
        if seconds < limit:
            return f"{seconds / size:.1f} s" if seconds < 10 else f"{seconds / size:.0f} {unit}"
    return f"{seconds / 86400:.0f} days"


def one_line(text: str) -> str:
    """A user's words without control characters: a topology may come from a stranger and must not drive a terminal."""
    return "".join(sign if sign.isprintable() else "?" for sign in text)
