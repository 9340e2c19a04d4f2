"""Try the chosen cells and print the table."""

import argparse
import os
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

from emulator.errors import ExitCode, UsageError
from tests.patterns import page
from tests.patterns.measure import Bench, NotMeasured, measure
from tests.patterns.page import Result
from tests.patterns.published import COLUMNS, ROWS, Cell, chosen


def try_out(cells: Sequence[Cell], say: Callable[[str], None] = lambda _: None) -> list[Result]:
    """Every cell, way by way, since a way's rows share its labs."""
    found: dict[Cell, Result] = {}
    for column in COLUMNS:
        with Bench(column.key) as bench:
            for cell in cells:
                if cell[1] == column:
                    say(f"{len(found) + 1}/{len(cells)}  {column.title}: {cell[0].title}")
                    found[cell] = _result(bench, cell)
    say("")
    return [found[cell] for cell in cells]


def _result(bench: Bench, cell: Cell) -> Result:
    try:
        return Result(cell, measure(bench, cell[0].key))
    except NotMeasured as reason:
        return Result(cell, None, str(reason))


def _progress(text: str) -> None:
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command. Exit 0: all as published, or explained; 1: something is not; 2: no such cell; 4: not root."""
    parser = argparse.ArgumentParser(
        prog="scripts/patterns",
        description="The four ways between VPCs compared, each cell tried with packets, prices and a failing zone, "
        "beside what was published. Without arguments all 44 of them.",
        epilog=f"rows: {', '.join(row.key for row in ROWS)}. patterns: {', '.join(column.key for column in COLUMNS)}. "
        "Exit code 1: a cell is neither as published nor explained.",
    )
    parser.add_argument(
        "--only", action="append", default=[], metavar="CELL", help="a row, a pattern, or both: three, tgw, three/tgw"
    )
    parser.add_argument("--short", action="store_true", help="the table; evidence only of what is not as published")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="the same as JSON")
    form.add_argument("--markdown", action="store_true", help="the same as Markdown")
    choice = parser.parse_args(arguments)
    try:
        cells = chosen(choice.only)
    except UsageError as reason:
        print(f"{reason}\n    hint: {reason.hint}", file=sys.stderr)
        return ExitCode.BAD_INPUT
    if os.geteuid():
        print("builds real networks: sudo scripts/patterns", file=sys.stderr)
        return ExitCode.UNSUPPORTED
    started = time.monotonic()
    results = try_out(cells, _progress)
    seconds = time.monotonic() - started
    if choice.json:
        said = page.as_json(results, seconds)
    elif choice.markdown:
        said = page.markdown(results, seconds, evidence=not choice.short)
    else:
        width = min(shutil.get_terminal_size().columns, 120)
        colours = sys.stdout.isatty() and "NO_COLOR" not in os.environ
        said = page.text(results, seconds, evidence=not choice.short, width=width, colours=colours)
    with suppress(BrokenPipeError):  # `| head`
        print(said)
        sys.stdout.flush()
    return 0 if all(each.well for each in results) else 1


if __name__ == "__main__":
    sys.exit(main())
