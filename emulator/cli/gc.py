"""vpcemu gc"""

import click

from emulator.cli.common import json_option
from emulator.cli.output import echo, echo_json, need_root


@click.command()
@click.option("--dry-run", is_flag=True, help="Only say what would be removed.")
@json_option
def command(dry_run: bool, as_json: bool) -> None:
    """Sweep what killed runs left behind: labs without a record, records without a lab.

    Goes by the marks in the namespaces, never by their names. A lab that is merely incomplete stays.

    \b
    Examples:
      sudo vpcemu gc --dry-run
      sudo vpcemu gc
    """
    need_root()
    from emulator.lab.gc import gc
    from emulator.report import status

    found = gc(dry_run=dry_run)
    if as_json:
        echo_json({"found": found})
    else:
        echo(status.garbage(found))
