"""vpcemu up FILE"""

import click

from emulator.cli.bring_up import bring_up
from emulator.cli.common import file_argument, json_option


@click.command()
@file_argument
@click.option("--trust", is_flag=True, help="Let commands in the file run as the user they ask for, root included.")
@json_option
def command(file: str, trust: bool, as_json: bool) -> int:
    """Bring a lab up, or to what its edited file says; only what differs is changed.

    \b
    Examples:
      sudo vpcemu up topologies/nat.yaml
      sudo vpcemu up --trust lab.yaml      # its commands may run as root
    """
    return bring_up(file, trust=trust, as_json=as_json)
