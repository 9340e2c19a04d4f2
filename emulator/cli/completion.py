"""vpcemu completion SHELL"""

import click


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def command(shell: str) -> None:
    """Print the completion script of a shell: commands, options, labs and nodes.

    \b
    Examples:
      eval "$(vpcemu completion bash)"                    # now; or in ~/.bashrc
      vpcemu completion fish > ~/.config/fish/completions/vpcemu.fish
    """
    from click.shell_completion import get_completion_class

    from emulator.cli.entry import group

    kind = get_completion_class(shell)
    assert kind is not None
    click.echo(kind(group, {}, "vpcemu", "_VPCEMU_COMPLETE").source())
