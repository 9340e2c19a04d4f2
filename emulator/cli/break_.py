"""vpcemu break LAB FAULT"""

import click

from emulator.cli.break_words import WORDS, choose, complete, complete_on
from emulator.cli.common import json_option
from emulator.cli.output import colours, echo, echo_error, echo_json, need_root, sudo_program
from emulator.cli.progress import Progress
from emulator.errors import ExitCode


@click.command()
@click.argument("words", nargs=-1, metavar=WORDS, shell_complete=complete)
@click.option(
    "--on",
    default="",
    metavar="NAME",
    shell_complete=complete_on,
    help="Break this route table, subnet, group, instance, ...",
)
@click.option("--random", "at_random", is_flag=True, help="Any fault that the lab's `expect:` list notices.")
@click.option("--seed", type=int, metavar="N", help="With --random: the same number, the same fault.")
@click.option("--secret", "--quiet", is_flag=True, help="Tell nobody what is wrong: not here, nor in status or plan.")
@click.option("--reveal", is_flag=True, help="Tell what is wrong, a secret too.")
@click.option("--undo", is_flag=True, help="Take back all faults, or the named one.")
@click.option("--last", is_flag=True, help="With --undo: only the latest fault.")
@click.option("--list", "listing", is_flag=True, help="List the faults; with LAB, what they could break there.")
@json_option
def command(
    words: tuple[str, ...],
    on: str,
    at_random: bool,
    seed: int | None,
    secret: bool,
    reveal: bool,
    undo: bool,
    last: bool,
    listing: bool,
    as_json: bool,
) -> int:
    """Break a running lab on purpose, by one realistic mistake, and let somebody find it.

    LAB may be left out while one lab is up. Faults can be stacked; `vpcemu up FILE` clears them, too.

    \b
    Examples:
      vpcemu break --list                                # the catalogue
      sudo vpcemu break --list nat                       # what fits this lab
      sudo vpcemu break nat default-route-missing
      sudo vpcemu break nat group-wrong-port --on web
      sudo vpcemu break nat --random --secret            # an exercise
      sudo vpcemu break nat --reveal                     # its answer
      sudo vpcemu break nat --undo
    """
    asked = choose(
        words,
        at_random=at_random,
        seed=seed,
        reveal=reveal,
        undo=undo,
        last=last,
        listing=listing,
        on=on,
        secret=secret,
    )
    if not listing or asked.lab:
        need_root()
    from emulator.lab import faults
    from emulator.report import faults as report
    from emulator.report.text import Paint

    paint = Paint(colours())
    if listing:
        with Progress() as progress:
            known = [report.listed(*each) for each in faults.catalogue(asked.lab, progress)]
        if as_json:
            echo_json({"lab": asked.lab or "", "catalogue": known})
        else:
            echo(report.catalogue(known, asked.lab or "", sudo_program(), paint))
        return ExitCode.OK
    with Progress() as progress:
        if reveal:
            done = faults.reveal(asked.lab)
        elif undo:
            done = faults.undo(asked.lab, asked.fault, last=last, progress=progress, say=echo_error)
        elif at_random:
            done = faults.break_at_random(asked.lab, seed, secret=secret, progress=progress, say=echo_error)
        else:
            done = faults.break_(asked.lab, asked.fault, on=on, secret=secret, progress=progress, say=echo_error)
    for complaint in done.complaints:
        echo_error(complaint)
    shape = report.exercise(done, open_=reveal)
    if as_json:
        echo_json(shape)
    else:
        echo(report.exercise_text(shape, sudo_program(), paint))
    return ExitCode.FAILED if done.complaints else ExitCode.OK
