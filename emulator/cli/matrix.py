"""vpcemu matrix [LAB]"""

from typing import TYPE_CHECKING

import click

from emulator.cli.common import json_option, lab_argument
from emulator.cli.output import colours, echo, echo_json, need_root
from emulator.errors import UsageError

if TYPE_CHECKING:
    from emulator.topology.flows import Protocol


@click.command()
@lab_argument
@click.option("--port", type=click.IntRange(1, 65535), help="Of tcp and udp.  [default: 443]")
@click.option("--protocol", type=click.Choice(["tcp", "udp", "icmp"]), default="tcp", show_default=True)
@click.option("--all", "every", is_flag=True, help="Try every pair, even where one could stand for many.")
@json_option
def command(lab: str | None, port: int | None, protocol: "Protocol", every: bool, as_json: bool) -> int:
    """Show who reaches whom, tried with real packets. Those that reach the same are one row.

    Nobody has to listen: the port is opened for the time of the test where it is closed. Exit code 3 if a node gave
    no sign of life.

    \b
    Examples:
      sudo vpcemu matrix --port 443
      sudo vpcemu matrix nat --protocol icmp --json | jq .results
    """
    if protocol == "icmp" and port:
        raise UsageError("icmp has no ports", "leave --port out, or ask for tcp or udp")
    need_root()
    from emulator.cli.progress import Progress
    from emulator.lab.matrix import exit_code, matrix
    from emulator.report import matrix as report
    from emulator.report.text import Paint

    with Progress() as progress:
        found = matrix(lab, protocol=protocol, port=port or 443, every=every, progress=progress)
    if as_json:
        echo_json(found)
    else:
        echo(report.text(found, Paint(colours())))
    return exit_code(found)
