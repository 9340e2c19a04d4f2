"""The plain forms of `exec` and `up` without click, whose import costs as much as Python's own start.

Only `exec [-l LAB] NODE [--] CMD...` and `up FILE` are understood; whatever else is on the line, help and mistakes
included, goes the long way through click (`exec.py`, `up.py`), so this adds no syntax.
"""

import os
from collections.abc import Sequence
from typing import NamedTuple

from emulator.cli.output import guarded


class Command(NamedTuple):
    """What a plain `exec` asks for."""

    lab: str | None
    node: str
    words: Sequence[str]


def parse(arguments: Sequence[str]) -> Command | None:
    """The plain form of `exec`, or None."""
    rest = list(arguments[1:])
    lab = None
    if rest[:1] in (["-l"], ["--lab"]) and len(rest) > 1:
        lab, rest = rest[1], rest[2:]
    if len(rest) < 2 or arguments[0] != "exec":
        return None
    node, words = rest[0], rest[2:] if rest[1] == "--" else rest[1:]
    if node.startswith("-") or not words:
        return None
    return Command(lab, node, words)


def parse_up(arguments: Sequence[str]) -> str | None:
    """The file of a plain `up`, or None."""
    if len(arguments) != 2 or arguments[0] != "up" or arguments[1][:1] in ("", "-"):
        return None
    return arguments[1]


def run(arguments: Sequence[str]) -> int | None:
    """Become the command, or bring the lab up: an exit code. None if this is not a plain form."""
    if os.geteuid() != 0:
        return None
    command, file = parse(arguments), parse_up(arguments)
    if command is not None:
        from emulator.lab.inside import enter

        return guarded(lambda: enter(*command))
    if file is not None:
        from emulator.cli.bring_up import bring_up

        return guarded(lambda: bring_up(file))
    return None
