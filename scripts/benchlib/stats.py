"""Samples, medians and the comparison with a bound. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Literal


@dataclass(frozen=True)
class Samples:
    """Repeated measurements of one thing."""

    label: str
    unit: str
    values: tuple[float, ...]

    @property
    def median(self) -> float:
        return median(self.values)

    def each(self, count: int, unit: str) -> "Samples":
        """The same per instance, so that unlike numbers of hosts can be compared."""
        return Samples(self.label, unit, tuple(value / count for value in self.values))


@dataclass(frozen=True)
class Bound:
    """What is required: a figure that must not be passed, from above or from below."""

    limit: float
    sense: Literal["at most", "at least"] = "at most"

    def holds(self, value: float) -> bool:
        return value <= self.limit if self.sense == "at most" else value >= self.limit

    def __str__(self) -> str:
        return f"{'≤' if self.sense == 'at most' else '≥'} {figure(self.limit)}"


@dataclass(frozen=True)
class Result:
    """One line of the table: what was measured, against what, and how the two relate.

    relation "ratio" divides the medians, "difference" subtracts them, "fact" states the first alone.
    """

    name: str
    what: str
    measured: Samples
    against: Samples | None = None
    relation: Literal["ratio", "difference", "fact"] = "ratio"
    bound: Bound | None = None
    note: str = ""

    @property
    def value(self) -> float:
        return self._relate(self.measured.median, self.against.median if self.against else None)

    @property
    def spread(self) -> tuple[float, float]:
        """The same figure round by round, where the rounds are pairs: the lowest and the highest."""
        if self.against and len(self.against.values) == len(self.measured.values):
            pairs = zip(self.measured.values, self.against.values, strict=True)
            each = [self._relate(first, second) for first, second in pairs]
        else:
            other = self.against.median if self.against else None
            each = [self._relate(value, other) for value in self.measured.values]
        return min(each), max(each)

    @property
    def verdict(self) -> Literal["met", "missed", ""]:
        if self.bound is None:
            return ""
        return "met" if self.bound.holds(self.value) else "missed"

    def _relate(self, first: float, second: float | None) -> float:
        if self.relation == "fact" or second is None:
            return first
        if self.relation == "difference":
            return first - second
        return first / second if second else float("inf")


def figure(value: float) -> str:
    """Three significant digits, without an exponent: 0.0123, 1.30, 45.6, 12,300."""
    if value == 0:
        return "0"
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    if abs(value) >= 100:
        return f"{value:.0f}"
    digits = 2
    while abs(value) < 10 ** (1 - digits + 1) and digits < 6:
        digits += 1
    text = f"{value:.{digits if abs(value) < 10 else 1}f}"
    return text.removesuffix(".0") if abs(value) >= 10 else text


def shown(samples: Samples | None) -> str:
    """`12.3 ms (11.9 - 14.0)`: the median, and the range where there are several."""
    if samples is None:
        return ""
    text = f"{figure(samples.median)} {samples.unit}".strip()
    if len(samples.values) > 1:
        text += f" ({figure(min(samples.values))} - {figure(max(samples.values))})"
    return text


def table(rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table that also reads well in a terminal. The first row is the heading."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    padded = [[cell.ljust(width) for cell, width in zip(row, widths, strict=True)] for row in rows]
    rule = ["-" * width for width in widths]
    return "\n".join(f"| {' | '.join(row)} |" for row in (padded[0], rule, *padded[1:]))


def results_table(results: Sequence[Result]) -> str:
    """Every result as one line: name, both sides, the relation with its spread, the bound and the verdict."""
    rows = [("what", "measured", "against", "result", "required", "")]
    for result in results:
        low, high = result.spread
        unit = "×" if result.relation == "ratio" else f" {result.measured.unit}"
        value = "" if result.relation == "fact" else f"{figure(result.value)}{unit} ({figure(low)} - {figure(high)})"
        rows.append(
            (
                f"{result.name}: {result.what}",
                f"{result.measured.label} {shown(result.measured)}".strip(),
                f"{result.against.label} {shown(result.against)}" if result.against else "",
                value,
                str(result.bound or ""),
                result.verdict,
            )
        )
    return table(rows)
