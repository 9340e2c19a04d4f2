"""What verbs share of click: arguments, options, completion. Light, since every verb imports it."""

from collections.abc import Callable
from typing import Any, TypeVar

import click
from click.shell_completion import CompletionItem

from emulator.lab import places

AS_JSON = "vpcemu.json"  # key of Context.meta
_F = TypeVar("_F", bound=Callable[..., Any])


def complete_labs(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    return [lab for lab in places.recorded() if lab.startswith(incomplete)]


def complete_nodes(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """From the names in /run/netns, which everybody may list; the lab's own files are root's."""
    labs = [ctx.params["lab"]] if ctx.params.get("lab") else places.recorded()
    if len(labs) != 1:
        return []
    return [node for node in places.named_namespaces(labs[0]) if node.startswith(incomplete)]


def complete_ends(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Nodes, and for root the further network interfaces of instances."""
    from contextlib import suppress

    from emulator.errors import UsageError
    from emulator.lab import view

    nodes = complete_nodes(ctx, param, incomplete)
    labs = [ctx.params["lab"]] if ctx.params.get("lab") else places.recorded()
    if len(labs) == 1:
        with suppress(UsageError, OSError):
            found = (link for seen in view.read(labs[0]).nodes.values() for link in seen.get("interfaces", {}))
            nodes += [link for link in found if link.startswith(incomplete)]
    return nodes


def _files_and_labs(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    labs = [CompletionItem(lab) for lab in complete_labs(ctx, param, incomplete)]
    return [*labs, CompletionItem(incomplete, type="file")]


lab_argument = click.argument("lab", required=False, metavar="[LAB]", shell_complete=complete_labs)
lab_option = click.option(
    "-l", "--lab", metavar="LAB", shell_complete=complete_labs, help="Which lab; may be left out while one is up."
)
node_argument = click.argument("node", metavar="NODE", shell_complete=complete_nodes)
subject_argument = click.argument(
    "subject", required=False, metavar="[FILE|LAB]", shell_complete=_files_and_labs, type=click.Path(allow_dash=True)
)

subjects_argument = click.argument(
    "subjects", nargs=-1, metavar="[FILE|LAB]...", shell_complete=_files_and_labs, type=click.Path(allow_dash=True)
)


def end_argument(name: str, title: str) -> Callable[[_F], _F]:
    """One end of a flow: a node, a network interface, or an address."""
    return click.argument(name, metavar=title, shell_complete=complete_ends)


file_argument = click.argument("file", metavar="FILE", type=click.Path(allow_dash=True))


def json_option(function: _F) -> _F:
    """--json, remembered for errors too."""

    def remember(ctx: click.Context, param: click.Parameter, value: bool) -> bool:
        ctx.meta[AS_JSON] = value
        return value

    return click.option(
        "--json", "as_json", is_flag=True, callback=remember, help="Print JSON of a stable shape (docs/json.md)."
    )(function)
