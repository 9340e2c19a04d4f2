"""Run the chosen items and print the table."""

import argparse
import io
import os
import shutil
import sys
import time
from collections.abc import Sequence
from contextlib import redirect_stdout, suppress

import pytest

from tests.support.conformance import catalogue, table
from tests.support.conformance.catalogue import Item
from tests.support.conformance.table import Row


class Results:
    """A pytest plugin: how each test went, and a line that says where we are."""

    def __init__(self, running: Sequence[Item], stream: int | None) -> None:
        self.of: dict[str, tuple[bool, float, str]] = {}
        self._names = {item.node: item.name for item in running}
        self._stream = stream

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        node = nodeid.partition("[")[0]
        self._say(f"{len(self.of) + 1}/{len(self._names)}  {self._names.get(node, node)}")

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        node = report.nodeid.partition("[")[0]  # the variants of a test are one item
        well, seconds, details = self.of.get(node, (True, 0.0, ""))
        # A test that was skipped has shown nothing.
        if not report.passed:
            well = False
            details += f"{report.nodeid}\n{report.longreprtext or report.longrepr}\n"
        self.of[node] = (well, seconds + report.duration, details)

    def pytest_sessionfinish(self) -> None:
        self._say("")

    def _say(self, text: str) -> None:
        if self._stream is not None:
            os.write(self._stream, f"\r\033[K{text}".encode())


def run(items: Sequence[Item]) -> tuple[list[Row], float, str]:
    """All rows with their results, how long it took, and what pytest itself has to complain about."""
    tests = [item for item in items if item.test]
    if not tests:
        return [_row(item, {}) for item in items], 0.0, ""
    # pytest takes stderr away while a test runs; the duplicate stays where it was.
    plugin = Results(tests, os.dup(2) if sys.stderr.isatty() else None)
    started = time.monotonic()
    said = io.StringIO()
    with redirect_stdout(said):
        code = pytest.main(["-q", "--color=no", *(item.node for item in tests)], plugins=[plugin])
    seconds = time.monotonic() - started
    rows = [_row(item, plugin.of) for item in items]
    known = any(row.result == "FAIL" and row.details for row in rows)
    return rows, seconds, "" if code == pytest.ExitCode.OK or known else said.getvalue()


def _row(item: Item, results: dict[str, tuple[bool, float, str]]) -> Row:
    if not item.test:
        return Row(item, "not built")
    well, seconds, details = results.get(item.node, (False, 0.0, ""))
    return Row(item, "pass" if well else "FAIL", seconds, details)


def main() -> int:
    """The command. Exit 0: nothing failed; 1: something did; 2: no such item; 4: not root."""
    parser = argparse.ArgumentParser(prog="scripts/conformance", description=__doc__)
    parser.add_argument("items", nargs="*", metavar="ITEM", help="T-24, NAT-27, or a family: SG. None: all")
    parser.add_argument("--json", action="store_true", help="the same as JSON")
    parser.add_argument("--list", action="store_true", help="only say which items there are; needs no root")
    choice = parser.parse_args()
    items, unknown = catalogue.chosen(catalogue.items(), choice.items)
    if unknown:
        print(f"no such item: {', '.join(unknown)}. `scripts/conformance --list` names all", file=sys.stderr)
        return 2
    complaint, seconds = "", 0.0
    if choice.list:
        rows = [Row(item, "not built" if item.why_not else "") for item in items]
    elif os.geteuid():
        print("builds real networks: sudo scripts/conformance (or --list)", file=sys.stderr)
        return 4
    else:
        rows, seconds, complaint = run(items)
    colours = sys.stdout.isatty() and "NO_COLOR" not in os.environ
    width = min(shutil.get_terminal_size().columns, 120)
    with suppress(BrokenPipeError):  # `| head`
        print(
            table.as_json(rows, seconds) if choice.json else table.render(rows, seconds, colours=colours, width=width)
        )
        sys.stdout.flush()
    if complaint:
        print(complaint, file=sys.stderr)
    return 1 if complaint or any(row.result == "FAIL" for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
