"""vpcemu validate FILE"""

import click

from emulator.cli.common import file_argument, json_option
from emulator.cli.output import echo, echo_aside, echo_json


@click.command()
@file_argument
@json_option
def command(file: str, as_json: bool) -> None:
    """Check a topology file: all mistakes at once, and nothing is touched. Needs no root.

    \b
    Examples:
      vpcemu validate topologies/nat.yaml
      vpcemu validate --json lab.yaml | jq .problems
    """
    from emulator.lab.plan import validate
    from emulator.report import shapes, text

    wanted = validate(file)
    if as_json:
        echo_json(
            {
                "lab": wanted.lab,
                "file": file,
                "valid": True,
                "problems": [shapes.problem(problem, file) for problem in wanted.warnings],
            }
        )
        return
    for problem in wanted.warnings:
        echo_aside(problem.render(file))
    topology = wanted.topology
    held = text.counts(
        (len(topology.vpcs), "VPC"),
        (sum(len(vpc.instances) for vpc in topology.vpcs), "instance"),
        (len(topology.internet.hosts), "outside host"),
    )
    echo([f"{file} is valid: lab {topology.name}, {held or 'an empty internet'}"])
