"""vpcemu trace SRC DST"""

import click

from emulator.cli.common import end_argument, json_option, lab_option
from emulator.cli.output import colours, echo, echo_aside, echo_json, need_root
from emulator.errors import ExitCode


@click.command()
@end_argument("source", "SRC")
@end_argument("target", "DST")
@lab_option
@click.option("--protocol", type=click.Choice(["tcp", "udp", "icmp"]), help="tcp where a port is given, else icmp.")
@click.option("--port", type=click.IntRange(1, 65535), help="The destination port of tcp or udp.")
@click.option("--type", "icmp_type", type=click.IntRange(0, 255), default=8, help="The ICMP type; left out, a ping.")
@click.option("--source-port", type=click.IntRange(0, 65535), default=0, help="Left out: any free one.")
@json_option
def command(
    source: str,
    target: str,
    lab: str | None,
    protocol: str | None,
    port: int | None,
    icmp_type: int,
    source_port: int,
    as_json: bool,
) -> int:
    """Send a real packet and show its way: interfaces, routes, the rules it met in AWS's words, rewrites; then the
    answer's way back. SRC is an instance or an outside host; DST any of these, or an address.

    Where nobody listens on the port, vpcemu does for as long as the trace lasts. Exit 0 if the packet was answered,
    1 if it was dropped or refused.

    \b
    Examples:
      sudo vpcemu trace dev web.example --port 443
      sudo vpcemu trace attacker web --protocol tcp --port 22    # which rule stops it?
      sudo vpcemu trace dev 8.8.8.8                              # a ping
      sudo vpcemu trace dev dns.example --protocol udp --port 53 --json | jq .dropped_at
    """
    need_root()
    from emulator.lab import trace
    from emulator.report import trace as report
    from emulator.report.text import Paint

    kind = protocol or ("tcp" if port else "icmp")
    name, flow = trace.question(lab, source, target, kind, port or 0, icmp_type, source_port)
    (found,) = trace.trace(name, [flow], echo_aside)
    if as_json:
        echo_json(report.shape(found, name))
    else:
        echo(report.render(found, Paint(colours()), target))
    return ExitCode.OK if found.verdict.result == "pass" else ExitCode.FAILED
