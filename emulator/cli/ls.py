"""vpcemu ls"""

import click

from emulator.cli.common import json_option
from emulator.cli.output import colours, echo, echo_json, need_root


@click.command()
@json_option
def command(as_json: bool) -> None:
    """List the labs of this machine and their state.

    \b
    up          as it should be, as far as a quick look tells (status looks closely)
    changing    another vpcemu is working on it right now
    incomplete  an up or down was cut short: up finishes it, down removes it
    broken      namespaces are missing: up repairs it
    lost        its record is gone: down or gc removes it

    \b
    Examples:
      sudo vpcemu ls
      sudo vpcemu ls --json | jq -r '.labs[].lab'
    """
    need_root()
    from emulator.lab.listing import listing
    from emulator.report import status
    from emulator.report.text import Paint

    labs = listing()
    if as_json:
        echo_json({"labs": labs})
    else:
        echo(status.listing(labs, Paint(colours())) or ["no lab is up"])
