"""vpcemu az down|up ZONE [LAB]"""

import click

from emulator.cli.common import json_option, lab_argument
from emulator.cli.output import need_root


def _complete_zones(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """The usual letters: which ones a lab has, root alone may read."""
    return [zone for zone in "abcd" if zone.startswith(incomplete)]


@click.command()
@click.argument("state", metavar="down|up", type=click.Choice(["down", "up"]))
@click.argument("zone", metavar="ZONE", shell_complete=_complete_zones)
@lab_argument
@click.option("--watch", is_flag=True, help="Go on probing what the file expects to pass, and tell what breaks.")
@click.option("--seconds", metavar="N", type=click.FloatRange(0), help="With --watch: end after N seconds.")
@json_option
def command(state: str, zone: str, lab: str | None, watch: bool, seconds: float | None, as_json: bool) -> int:
    """Let an availability zone of a running lab fail, and come back.

    Everything zonal in it goes dark: instances, NAT gateways, the nodes of load balancers and endpoints. Their
    addresses are moved nowhere, and routes to them stay and drop. Everything regional stays. `vpcemu up` keeps a zone
    down; `az up` ends it.

    With --watch a line tells of each flow that breaks or comes back, until Ctrl-C; with --json each is an object.

    \b
    Examples:
      sudo vpcemu az down a
      sudo vpcemu az down a two-az-nat --watch --seconds 20
      sudo vpcemu az up a
    """
    need_root()
    from emulator.cli.az_run import run

    return run(state == "down", zone, lab, watch=watch, seconds=seconds, as_json=as_json)
