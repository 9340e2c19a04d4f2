"""vpcemu doctor"""

import click

from emulator.cli.common import json_option
from emulator.cli.output import colours, echo, echo_json
from emulator.errors import ExitCode


@click.command()
@json_option
def command(as_json: bool) -> int:
    """Check whether this machine can carry a lab, with the remedy for what is missing (then exit 4).

    As root it also builds a small lab, checks it, and removes it.

    \b
    Examples:
      sudo vpcemu doctor
      sudo vpcemu doctor --json | jq '.checks[] | select(.result != "ok")'
    """
    from emulator.lab.doctor import doctor
    from emulator.report import status
    from emulator.report.text import Paint

    checks = doctor()
    good = all(check["result"] != "missing" for check in checks)
    if as_json:
        echo_json({"fit": good, "checks": checks})
    else:
        echo([*status.checks(checks, Paint(colours())), "", "this machine can carry labs" if good else "not yet"])
    return ExitCode.OK if good else ExitCode.UNSUPPORTED
