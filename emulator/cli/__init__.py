"""The command line: one file per verb, which parses, calls `lab`, prints, and says the exit code."""

import sys
from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """The entry point: what to exit with."""
    words = sys.argv[1:] if arguments is None else list(arguments)
    if words[:1] == ["exec"]:
        from emulator.cli import quick

        code = quick.run(words)
        if code is not None:
            return code
    from emulator.cli.entry import run

    return run(words)
