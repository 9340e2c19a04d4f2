"""vpcemu status [LAB]"""

import click

from emulator.cli.common import json_option, lab_argument
from emulator.cli.output import colours, echo, echo_json, need_root
from emulator.errors import ExitCode


@click.command()
@lab_argument
@json_option
def command(lab: str | None, as_json: bool) -> int:
    """Show a lab: VPCs, subnets, instances, addresses, gateways, services, and what is wrong (then exit 1).

    \b
    Examples:
      sudo vpcemu status
      sudo vpcemu status nat --json | jq .wrong
    """
    need_root()
    from emulator.lab.status import status
    from emulator.report import status as report
    from emulator.report.text import Paint

    facts = status(lab)
    if as_json:
        echo_json(facts)
    else:
        echo(report.status(facts, Paint(colours())))
    return ExitCode.OK if facts["healthy"] else ExitCode.FAILED
