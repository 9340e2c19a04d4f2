"""From arguments to an exit code, by way of click: verbs are loaded when named."""

import keyword
from importlib import import_module
from typing import Any

import click

from emulator import __version__
from emulator.cli.common import AS_JSON
from emulator.cli.output import guarded, report
from emulator.errors import ExitCode, UsageError, VpcemuError

# Verb and its line in `vpcemu --help`, in the order of use. Each is `command` in the file of its name.
VERBS = {
    "validate": "Check a topology file.",
    "plan": "Show what `up` would change, and why.",
    "analyze": "Work out what becomes of a flow, and why; what an edit opens.",
    "up": "Bring a lab up, or to what its edited file says.",
    "down": "Remove a lab.",
    "ls": "List the labs of this machine.",
    "status": "Show a lab: subnets, instances, services, what is wrong.",
    "exec": "Run a command in a node.",
    "shell": "Open a shell in a node.",
    "test": "Try what a file expects, with real packets.",
    "trace": "Follow a real packet: routes, rules in AWS's words, and who dropped it.",
    "matrix": "Show who reaches whom, with real packets.",
    "logs": "Show what the services of a node wrote.",
    "break": "Break a running lab on purpose, and let somebody find it.",
    "az": "Let an availability zone fail, and come back.",
    "cost": "Work out what AWS would charge for it.",
    "metrics": "Show what CloudWatch would tell of NAT gateways.",
    "doctor": "Check whether this machine can carry a lab.",
    "gc": "Sweep what killed runs left behind.",
    "completion": "Print the completion script of a shell.",
}

_HELP = """\
An AWS VPC on this machine: one YAML file becomes namespaces, routes and nftables, and packets flow.

\b
Examples:
  sudo vpcemu up topologies/nat.yaml
  sudo vpcemu exec dev -- ping -c1 8.8.8.8
  sudo vpcemu status
  sudo vpcemu down
"""


class Verbs(click.Group):
    """A group whose commands are imported when they are named: `exec` must not wait for what `up` needs."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in VERBS:
            return None
        module = f"{cmd_name}_" if keyword.iskeyword(cmd_name) else cmd_name
        command = import_module(f"emulator.cli.{module}").command
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(VERBS.items()))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            from difflib import get_close_matches

            near = get_close_matches(args[0], VERBS, 1)
            if near:
                raise click.UsageError(f"{error.message} Did you mean {near[0]}?", ctx) from None
            raise

    def invoke(self, ctx: click.Context) -> Any:
        """Run the verb; an expected failure becomes a sentence (with --json: an object) and its exit code."""
        try:
            return super().invoke(ctx)
        except VpcemuError as error:
            return report(error, as_json=bool(ctx.meta.get(AS_JSON)))


@click.group(cls=Verbs, help=_HELP, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, "--version", message="vpcemu %(version)s")
def group() -> None: ...


def run(arguments: list[str]) -> int:
    """Run one command line. Never raises but for SystemExit, which click uses for a broken pipe."""
    return guarded(lambda: _run(arguments))


def _run(arguments: list[str]) -> int:
    try:
        code = group.main(args=arguments, prog_name="vpcemu", standalone_mode=False)
        return code if isinstance(code, int) else ExitCode.OK
    except click.ClickException as error:
        if _asks_for_json(error, arguments):
            return report(UsageError(error.format_message()), as_json=True)
        error.show()
        return ExitCode.BAD_INPUT
    except click.Abort:
        raise KeyboardInterrupt from None


def _asks_for_json(error: click.ClickException, arguments: list[str]) -> bool:
    """Of a command line that could not be read to its end, so the option may not have been seen."""
    ctx = error.ctx if isinstance(error, click.UsageError) else None
    return ctx is not None and "--json" in arguments and any(param.name == "as_json" for param in ctx.command.params)
