"""The command line: one file per verb, which parses, calls `lab`, prints, and says the exit code."""

import gc
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import NoReturn


def console() -> NoReturn:
    """The installed command: `main`, and nothing that only a longer life than a command's pays for."""
    # What a run makes is needed until its end, so looking through it for garbage is a quarter of the time of a large
    # lab's `up`. Not switched off altogether: `logs -f` may run for days.
    gc.set_threshold(1_000_000)
    try:
        code = main()
    except KeyboardInterrupt:  # while modules were loaded: nothing has been done yet
        sys.stderr.write("vpcemu: interrupted\n")
        code = 130
    for stream in filter(None, (sys.stdout, sys.stderr)):
        with suppress(OSError):  # nobody reads it any more
            stream.flush()
    os._exit(code)  # taking 1,000 instances apart one by one takes 30 ms, and the kernel does it anyway


def main(arguments: Sequence[str] | None = None) -> int:
    """The entry point: what to exit with."""
    words = sys.argv[1:] if arguments is None else list(arguments)
    if words[:1] in (["exec"], ["up"]):
        from emulator.cli import quick

        code = quick.run(words)
        if code is not None:
            return code
    from emulator.cli.entry import run

    return run(words)
