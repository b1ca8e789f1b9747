"""The `penchant` command. Each subcommand's module is imported when it runs.

Commands of plugins draw their progress with `bars`.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

import click

from penchant.cli.progress import bars
from penchant.errors import PenchantError

__all__ = ["bars", "cli", "main"]

# name: (module below penchant.cli, one line for --help)
_COMMANDS = {
    "demo": ("demo", "Fit and compare strategies on real data, and show what they recommend"),
    "fit": ("fit", "Fit a recipe, or a table of events, into a model folder"),
    "recommend": ("ask", "Recommend items to users, strangers or words"),
    "similar": ("ask", "List the items most like one"),
    "evaluate": ("evaluate", "Compare recipes and strategies on held-out events"),
    "plugins": ("plugins", "List plugins with their components and problems"),
    "doctor": ("plugins", "Check this installation and say what is wrong with it"),
    "bench": ("bench", "Time a saved model on this machine, beside rivals installed here"),
    "inspect": ("inspect", "Show what a saved model is made of"),
}


class _Commands(click.Group):
    """A group that lists its commands without importing them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*_COMMANDS, *(name for name in super().list_commands(ctx) if name not in _COMMANDS)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in _COMMANDS:
            module = import_module(f"penchant.cli.{_COMMANDS[cmd_name][0]}")
            command = getattr(module, cmd_name)
            assert isinstance(command, click.Command)  # noqa: S101
            return command
        return super().get_command(ctx, cmd_name)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        from penchant.suggestions import did_you_mean

        if args and not args[0].startswith("-") and self.get_command(ctx, args[0]) is None:
            names = self.list_commands(ctx)
            ctx.fail(
                f"no command {args[0]!r}{did_you_mean(args[0], names) or ';'} "
                f"(commands: {', '.join(names)})".replace("; (", " (")
            )
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        rows = [(name, summary) for name, (_, summary) in _COMMANDS.items()]
        for name in super().list_commands(ctx):
            command = super().get_command(ctx, name)
            if name not in _COMMANDS and command is not None:
                rows.append((name, command.get_short_help_str(100).rstrip(".")))
        with formatter.section("Commands"):
            formatter.write_dl(rows)


def _version(ctx: click.Context, _: click.Parameter, asked: bool) -> None:
    if asked:
        from penchant import __version__

        click.echo(f"penchant {__version__}")
        ctx.exit()


@click.group(cls=_Commands)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_version,
    help="Show the version and exit.",
)
def cli() -> None:
    """Personal recommendations inside your own process."""


def main(args: list[str] | None = None) -> None:
    """Run the command line; errors are one sentence on stderr, and the exit code is not 0."""
    for stream in (sys.stdout, sys.stderr):
        # An id may hold letters that the terminal's encoding lacks.
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="replace")
    try:
        from penchant.registry import Registry

        Registry.discover(strict=False).add_commands(cli)
        outcome: Any = cli.main(args, prog_name="penchant", standalone_mode=False)
    except PenchantError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(1)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        click.echo("Interrupted; nothing was left half written.", err=True)
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(141)
    sys.exit(outcome if isinstance(outcome, int) else 0)
