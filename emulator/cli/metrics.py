"""vpcemu metrics"""

import click

from emulator.cli.common import json_option, lab_argument
from emulator.cli.output import colours, echo, echo_json, need_root


@click.command()
@lab_argument
@click.argument("nat", required=False, default="", metavar="[NAT]")
@json_option
def command(lab: str | None, nat: str, as_json: bool) -> None:
    """Show what CloudWatch would tell of NAT gateways: connections, packets, bytes.

    Counted since the gateway's rules were loaded: an edit of its addresses begins again at 0. Not told, since nothing
    here counts them: IdleTimeoutCount, PeakBytesPerSecond and PeakPacketsPerSecond.

    \b
    Examples:
      sudo vpcemu metrics
      sudo vpcemu metrics nat nat
      sudo vpcemu metrics nat --json | jq '.nat_gateways[].metrics.ErrorPortAllocation'
    """
    need_root()
    from emulator.lab.metrics import metrics
    from emulator.report.metrics import text
    from emulator.report.text import Paint

    found = metrics(lab, nat)
    if as_json:
        echo_json(found)
    else:
        echo(text(found, Paint(colours())))
