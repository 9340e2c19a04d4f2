"""vpcemu shell NODE"""

import click

from emulator.cli.common import lab_option, node_argument
from emulator.cli.output import need_root


@click.command()
@lab_option
@node_argument
def command(lab: str | None, node: str) -> None:
    """Open a shell in a node. The prompt says where you are; `exit` brings you back.

    \b
    Examples:
      sudo vpcemu shell dev
      sudo vpcemu shell -l nat web.example
    """
    need_root()
    from emulator.lab.inside import enter

    enter(lab, node)
