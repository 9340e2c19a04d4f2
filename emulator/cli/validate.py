"""vpcemu validate FILE..."""

from typing import Any

import click

from emulator.cli.common import json_option
from emulator.cli.output import echo, echo_aside, echo_json, report
from emulator.errors import ExitCode, TopologyError


@click.command()
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=click.Path(allow_dash=True))
@json_option
def command(files: tuple[str, ...], as_json: bool) -> int:
    """Check topology files: all mistakes at once, and nothing is touched. Needs no root.

    \b
    Examples:
      vpcemu validate topologies/nat.yaml
      vpcemu validate labs/*.yaml
      vpcemu validate --json lab.yaml | jq .problems
    """
    if as_json and len(files) > 1:
        found = [_shape(file) for file in files]
        valid = all(shape["valid"] for shape in found)
        echo_json({"valid": valid, "files": found})
        return ExitCode.OK if valid else ExitCode.BAD_INPUT
    if as_json:
        echo_json(_valid(files[0]))
        return ExitCode.OK
    code = ExitCode.OK
    for file in files:
        try:
            _check(file)
        except TopologyError as error:
            report(error)
            code = error.exit_code
    return code


def _check(file: str) -> None:
    from emulator.lab.plan import validate
    from emulator.report import text

    wanted = validate(file)
    for problem in wanted.warnings:
        echo_aside(problem.render(file))
    topology = wanted.topology
    held = text.counts(
        (len(topology.vpcs), "VPC"),
        (sum(len(vpc.instances) for vpc in topology.vpcs), "instance"),
        (len(topology.internet.hosts), "outside host"),
    )
    echo([f"{file} is valid: lab {topology.name}, {held or 'an empty internet'}"])


def _valid(file: str) -> dict[str, Any]:
    from emulator.lab.plan import validate
    from emulator.report import shapes

    wanted = validate(file)
    problems = [shapes.problem(problem, file) for problem in wanted.warnings]
    return {"lab": wanted.lab, "file": file, "valid": True, "problems": problems}


def _shape(file: str) -> dict[str, Any]:
    """As for one file; a wrong one has its mistakes in the same place."""
    from emulator.report import shapes

    try:
        return _valid(file)
    except TopologyError as error:
        problems = [shapes.problem(problem, file) for problem in error.problems]
        return {"lab": "", "file": file, "valid": False, "problems": problems}
