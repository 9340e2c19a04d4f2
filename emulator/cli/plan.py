"""vpcemu plan FILE"""

import click

from emulator.cli.common import file_argument, json_option
from emulator.cli.output import colours, echo, echo_error, echo_json, sudo_program


@click.command()
@file_argument
@click.option("--as-shell", is_flag=True, help="Print a bash script of ip, nft and sysctl that builds the lab by hand.")
@click.option("-v", "--verbose", is_flag=True, help="List every step of a big plan.")
@json_option
def command(file: str, as_shell: bool, verbose: bool, as_json: bool) -> None:
    """Show what `up` would change, each step with its reason. Changes nothing.

    Without root it cannot look at what is up, and compares with nothing.

    \b
    Examples:
      sudo vpcemu plan topologies/nat.yaml
      vpcemu plan --as-shell topologies/nat.yaml > nat.sh
    """
    from emulator.lab import analyze, plan
    from emulator.report import plan as report
    from emulator.report import shapes, shell, survey
    from emulator.report.text import Paint

    if as_shell:
        wanted, steps = plan.from_nothing(file)
        click.echo(shell.script(wanted.lab, file, steps, plan.table_names(wanted.topology)), nl=False)
        return
    made = plan.plan(file)
    known, flows = analyze.edit(made)
    if as_json:
        echo_json(
            {
                "lab": made.wanted.lab,
                "file": file,
                "compared": made.compared,
                "secret": made.secret,
                "problems": [shapes.problem(problem, file) for problem in made.wanted.warnings],
                "changes": [change._asdict() for change in made.changes],
                "flows": {"known": known, **survey.difference_shape(flows)},
                "steps": [shapes.step(step) for step in made.steps],
            }
        )
        return
    for problem in made.wanted.warnings:
        click.echo(problem.render(file), err=True)
    if made.secret:
        up = f"{sudo_program()} up {file}"
        echo([f"{made.wanted.lab} is broken on purpose, and how is a secret. To end the exercise: {up}"])
        return
    if not made.compared:
        echo_error("not root, so this is compared with nothing; with sudo, with what is up")
    paint = Paint(colours())
    between = survey.in_plan(flows, known, made.wanted.lab, file, paint) if made.old and made.changes else []
    lines = report.render(made.changes, made.steps, between, verbose=verbose, paint=paint)
    if made.steps:
        lines += ["", f"{report.totals(made.steps)}. To do it: {sudo_program()} up {file}"]
    echo(lines)
