"""vpcemu down [LAB]"""

import click

from emulator.cli.common import json_option, lab_argument
from emulator.cli.output import echo, echo_error, echo_json, need_root
from emulator.errors import UsageError


@click.command()
@lab_argument
@click.option("--all", "everything", is_flag=True, help="Remove every lab of this machine.")
@json_option
def command(lab: str | None, everything: bool, as_json: bool) -> None:
    """Remove a lab: needs neither its file nor its record, works on a half-made one, and twice.

    \b
    Examples:
      sudo vpcemu down            # the only lab
      sudo vpcemu down nat
      sudo vpcemu down --all
    """
    need_root()
    from emulator.lab import places
    from emulator.lab.down import Removed, down, known

    if lab and everything:
        raise UsageError("either a lab or --all")
    if lab:
        places.refuse_file(lab)
    labs = [lab] if lab else known()
    if len(labs) > 1 and not everything:
        raise UsageError("several labs are up: which one?", f"the labs here: {', '.join(labs)}; or --all")
    done: list[Removed] = [down(name, say=echo_error) for name in labs]
    if as_json:
        echo_json({"labs": [{"lab": removed.lab, "removed": removed.what} for removed in done]})
        return
    if not done:
        echo(["there is no lab to remove"])
    for removed in done:
        if removed.nothing:
            echo([f"there is no lab {removed.lab} to remove"])
        else:
            echo([f"{removed.lab} is gone"])
