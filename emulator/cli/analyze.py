"""vpcemu analyze [FILE|LAB] SRC DST"""

from typing import Any

import click
from click.shell_completion import CompletionItem

from emulator.cli.common import complete_ends, complete_labs, json_option, lab_option
from emulator.cli.output import colours, echo, echo_json, need_root
from emulator.errors import ExitCode


def _complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[Any]:
    """Files and labs, then the nodes of the lab that is up."""
    words = [*complete_labs(ctx, param, incomplete), *complete_ends(ctx, param, incomplete)]
    return [*map(CompletionItem, words), CompletionItem(incomplete, type="file")]


@click.command()
@lab_option
@click.argument("words", nargs=-1, metavar="[FILE|LAB] [SRC DST]", shell_complete=_complete)
@click.option("--protocol", type=click.Choice(["tcp", "udp", "icmp"]), help="Left out: tcp with --port, else a ping.")
@click.option("--port", "ports", type=click.IntRange(1, 65535), multiple=True, help="With --all, any number of them.")
@click.option("--source-port", type=click.IntRange(0, 65535), default=0, help="Left out: any ephemeral one.")
@click.option("--all", "everything", is_flag=True, help="What the internet reaches, and what each subnet can reach.")
@click.option("--diff", is_flag=True, help="Of two files or labs, OLD NEW: the flows that the edit opens and closes.")
@json_option
def command(as_json: bool, everything: bool, diff: bool, **asked: Any) -> int:
    """Work out what becomes of a flow, and why. On the model: nothing is sent, and a file needs no root.

    The way there and back, hop by hop, with the rule that decides at each one; and if it does not get through, every
    reason, as AWS's Reachability Analyzer calls it, with the line to change. SRC and DST are nodes, addresses, or
    `internet`. Exit code 1 if DST is not reached.

    \b
    Examples:
      vpcemu analyze topologies/nat.yaml dev 8.8.8.8 --port 443
      vpcemu analyze topologies/nat.yaml internet web --port 22
      sudo vpcemu analyze -l nat dev web
      vpcemu analyze --all topologies/nat.yaml
      vpcemu analyze --diff old.yaml new.yaml
    """
    from emulator.lab import analyze
    from emulator.report import analysis, insights, survey
    from emulator.report.text import Paint

    question = analyze.understand(everything=everything, diff=diff, **asked)
    if not all(map(analyze.is_file, question.subjects)):
        need_root()  # what a lab was made to be is root's to read
    paint = Paint(colours())
    if diff:
        edit = analyze.difference(question)
        if as_json:
            echo_json(survey.difference_shape(edit))
        else:
            echo(survey.difference(edit, paint) or ["no flow is opened and none is closed"])
        return ExitCode.OK
    if everything:
        found, subject = analyze.survey(question)
        if as_json:
            echo_json(survey.survey_shape(found, subject.topology.name, subject.file))
        else:
            echo(survey.survey(found, paint))
        return ExitCode.OK
    answer, subject, target, started = analyze.answer(question)
    if as_json:
        echo_json(insights.analyses([answer], [target], subject.topology, subject.file, started))
    else:
        echo(analysis.render(answer, target, subject.file, paint))
    return ExitCode.OK if answer.reachable else ExitCode.FAILED
