"""vpcemu cost FILE|LAB"""

from decimal import Decimal, InvalidOperation

import click

from emulator.cli.common import json_option, subject_argument
from emulator.cli.output import colours, echo, echo_json, need_root


def _gb(ctx: click.Context, param: click.Parameter, given: tuple[str, ...]) -> "tuple[Decimal, dict[str, Decimal]]":
    """`100` for every component, `nat=100` for one."""
    every, named = Decimal(0), {}
    for word in given:
        name, equals, amount = word.rpartition("=")
        try:
            number = Decimal(amount)
        except InvalidOperation:
            raise click.BadParameter(f"{word} is neither N nor COMPONENT=N") from None
        if not (number.is_finite() and number >= 0):
            raise click.BadParameter(f"{word}: a number of GB, 0 or more")
        if equals:
            named[name] = number
        else:
            every = number
    return every, named


@click.command()
@subject_argument
@click.option("--hours", type=click.FloatRange(0), default=720, show_default=True, help="A month of 30 days.")
@click.option(
    "--gb", metavar="[NAME=]N", multiple=True, callback=_gb, help="GB through every component, or one of them."
)
@click.option("--cross-az-gb", type=click.FloatRange(0), default=0, help="GB between zones, in a VPC or by peering.")
@click.option("--measured", is_flag=True, help="The GB that the gateways of a running lab have carried.")
@json_option
def command(
    subject: str | None,
    hours: float,
    gb: "tuple[Decimal, dict[str, Decimal]]",
    cross_az_gb: float,
    measured: bool,
    as_json: bool,
) -> int:
    """Show what AWS would charge: by the hour and by the GB, component by component.

    A file, or the name of a lab that is up. Prices are of us-east-1 and ap-northeast-1; each row says of when. Data out
    to the internet is charged only where an internet gateway is named (--gb igw=200); its first 100 GB are free.

    \b
    Examples:
      vpcemu cost topologies/two-az-nat.yaml
      vpcemu cost --hours 730 --gb 100 --gb nat-c=500 topologies/two-az-nat.yaml
      sudo vpcemu cost nat --measured --json | jq .total
    """
    from emulator.lab.analyze import is_file
    from emulator.lab.cost import cost
    from emulator.pricing.cost import Usage
    from emulator.report.cost import shape, text
    from emulator.report.text import Paint

    if subject is None or not is_file(subject):
        need_root()
    usage = Usage(Decimal(str(hours)), gb[0], gb[1], Decimal(str(cross_az_gb)))
    found = cost(subject, usage, measured=measured)
    made = shape(found)
    if as_json:
        echo_json(made)
    else:
        echo(text(made, Paint(colours())))
    return 0
