"""vpcemu logs NODE [SERVICE]"""

import os
from itertools import chain

import click

from emulator.cli.common import lab_option, node_argument
from emulator.cli.output import echo_error, need_root


def _complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """For root: the node's services that have a log."""
    from emulator.errors import VpcemuError
    from emulator.lab import logs

    try:
        return [
            name for name in logs.files(ctx.params.get("lab"), ctx.params["node"], None) if name.startswith(incomplete)
        ]
    except (VpcemuError, OSError, KeyError):
        return []


@click.command()
@lab_option
@node_argument
@click.argument("service", required=False, shell_complete=_complete)
@click.option("-f", "--follow", is_flag=True, help="Go on as lines come, until Ctrl-C.")
@click.option(
    "-n", "--lines", default=50, show_default=True, type=click.IntRange(min=0), help="How many of the last lines."
)
def command(lab: str | None, node: str, service: str | None, follow: bool, lines: int) -> None:
    """Show what the services of a node wrote: who called, and the output of commands.

    \b
    Examples:
      sudo vpcemu logs web
      sudo vpcemu logs -f web.example http
    """
    need_root()
    from emulator.lab import logs

    files = logs.files(lab, node, service)
    if not files:
        echo_error(f"{node} has no services")
    elif not any(map(os.path.exists, files.values())):
        echo_error(f"{', '.join(files)} of {node}: nothing written yet")
    found = chain(logs.tail(files, lines), logs.follow(files) if follow and files else ())
    for line in found:
        click.echo(f"{line.service} | {line.text}" if len(files) > 1 else line.text)
