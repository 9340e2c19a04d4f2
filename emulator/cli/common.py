"""What verbs share: options, completion, root, colours. Light, since every verb imports it."""

import json
import os
import shlex
import sys
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import click

from emulator.cli.quick import error_text
from emulator.errors import UnsupportedError
from emulator.lab import places

AS_JSON = "vpcemu.json"  # key of Context.meta
_F = TypeVar("_F", bound=Callable[..., Any])


def _labs(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    return [lab for lab in places.recorded() if lab.startswith(incomplete)]


def _nodes(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """From the names in /run/netns, which everybody may list; the lab's own files are root's."""
    labs = [ctx.params["lab"]] if ctx.params.get("lab") else places.recorded()
    if len(labs) != 1:
        return []
    return [node for node in places.named_namespaces(labs[0]) if node.startswith(incomplete)]


lab_argument = click.argument("lab", required=False, metavar="[LAB]", shell_complete=_labs)
lab_option = click.option(
    "-l", "--lab", metavar="LAB", shell_complete=_labs, help="Which lab; may be left out while one is up."
)
node_argument = click.argument("node", metavar="NODE", shell_complete=_nodes)
file_argument = click.argument("file", metavar="FILE", type=click.Path(allow_dash=True))


def json_option(function: _F) -> _F:
    """--json, remembered for errors too."""

    def remember(ctx: click.Context, param: click.Parameter, value: bool) -> bool:
        ctx.meta[AS_JSON] = value
        return value

    return click.option(
        "--json", "as_json", is_flag=True, callback=remember, help="Print JSON of a stable shape (docs/json.md)."
    )(function)


def program() -> str:
    """How to call vpcemu again, for hints. A wrapper says what it is called by VPCEMU_PROG."""
    return os.environ.get("VPCEMU_PROG") or "vpcemu"


def sudo_program() -> str:
    """The same with sudo in front, if that is how it was called or will have to be."""
    return f"sudo {program()}" if os.geteuid() or "SUDO_USER" in os.environ else program()


def need_root() -> None:
    """Exit 4 with the line to type instead."""
    if os.geteuid() == 0:
        return
    called = sys.argv[0]
    if os.environ.get("VPCEMU_PROG"):
        words = [os.environ["VPCEMU_PROG"]]
    elif os.path.basename(called) == "__main__.py":
        words = [sys.executable, "-m", "emulator"]
    else:
        words = [called if "/" in called else "vpcemu"]  # sudo's PATH may not hold it
    raise UnsupportedError("this needs root", f"sudo {shlex.join(words + sys.argv[1:])}")


def colours() -> bool:
    """Only on a terminal, and not where NO_COLOR asks for none (no-color.org)."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def echo(lines: Iterable[str]) -> None:
    """Print lines with one write: a page that is cut by `head` fails once."""
    text = "\n".join(lines)
    if text:
        click.echo(text)


def echo_json(value: object) -> None:
    click.echo(json.dumps(value, indent=2))


def echo_error(what: str, hint: str = "") -> None:
    """`vpcemu: what` and the hint on a line of its own, on stderr."""
    click.echo(error_text(what, hint), err=True)
