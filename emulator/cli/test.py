"""vpcemu test [FILE|LAB]..."""

import click

from emulator.cli.common import json_option, subjects_argument
from emulator.cli.output import need_root


@click.command()
@subjects_argument
@click.option("--junit", metavar="FILE", help="Write JUnit XML as well, for a CI system.")
@click.option("--markdown", "as_markdown", is_flag=True, help="Print Markdown, for a CI job's summary.")
@click.option(
    "--window",
    metavar="SECONDS",
    type=click.FloatRange(0.1, 30),
    default=1.5,
    show_default=True,
    help="How long a drop stays silent.",
)
@click.option("--trust", is_flag=True, help="As in `up`, for a lab that is not up.")
@json_option
def command(
    subjects: tuple[str, ...], junit: str | None, as_markdown: bool, window: float, trust: bool, as_json: bool
) -> int:
    """Try what a file expects: every flow in its `expect:` list, with real packets.

    Files, or names of labs that are up, one after the other. A lab that is not up is brought up, and down again.

    Exit code: 0 as expected, 1 something differs, 2 the file is wrong, 3 something could not be decided (a silence
    without anything that got through), 4 this machine cannot do it. Of several the worst: 4, 2, 1, 3.

    \b
    Examples:
      sudo vpcemu test topologies/nat.yaml
      sudo vpcemu test --junit results.xml --markdown topologies/nat.yaml >> "$GITHUB_STEP_SUMMARY"
      sudo vpcemu test --junit results.xml labs/*.yaml
      sudo vpcemu test nat --json | jq '.flows[] | select(.outcome != "ok")'
    """
    need_root()
    from emulator.cli.tested import run

    return run(subjects, junit=junit, as_markdown=as_markdown, as_json=as_json, window=window, trust=trust)
