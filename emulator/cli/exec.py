"""vpcemu exec NODE -- CMD. Quick: see lab/inside.py before you import anything here."""

import click

from emulator.cli.common import lab_option, node_argument
from emulator.cli.output import need_root
from emulator.errors import UsageError


@click.command(context_settings={"allow_interspersed_args": False})
@lab_option
@node_argument
@click.argument("cmd", nargs=-1, type=click.UNPROCESSED, metavar="-- CMD...")
def command(lab: str | None, node: str, cmd: tuple[str, ...]) -> None:
    """Run a command in a node: an instance, an outside host, a gateway, a router.

    The command takes this process's place: its exit code, its signals. It sees the node's own network, host name,
    /etc/hosts and /etc/resolv.conf; files and users are this machine's.

    \b
    Examples:
      sudo vpcemu exec dev -- ping -c1 8.8.8.8
      sudo vpcemu exec -l nat main.router -- ip route show table all
    """
    need_root()
    from emulator.lab.inside import enter

    words = cmd[1:] if cmd[:1] == ("--",) else cmd
    if not words:
        raise UsageError("which command?", f"vpcemu exec {node} -- ping -c1 8.8.8.8, or vpcemu shell {node}")
    enter(lab, node, words)
