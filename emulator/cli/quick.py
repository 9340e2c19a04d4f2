"""`vpcemu exec` without click, which alone costs 35 ms: scripts run it a thousand times.

Only the plain form is understood, `exec [-l LAB] NODE [--] CMD...`; whatever else is on the line, help and mistakes
included, goes the long way through click (`exec.py`), so this adds no syntax.
"""

import os
import sys
from collections.abc import Sequence
from typing import NamedTuple

from emulator.errors import VpcemuError
from emulator.lab.inside import enter


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


def run(arguments: Sequence[str]) -> int | None:
    """Become the command; an exit code if that fails; None if this is not the plain form."""
    command = parse(arguments)
    if command is None or os.geteuid() != 0:
        return None
    try:
        enter(*command)
    except VpcemuError as error:
        sys.stderr.write(error_text(str(error), error.hint) + "\n")
        return error.exit_code


def error_text(what: str, hint: str = "") -> str:
    """`vpcemu: what`, and the hint on a line of its own."""
    return f"vpcemu: {what}" + (f"\n    hint: {hint}" if hint else "")
