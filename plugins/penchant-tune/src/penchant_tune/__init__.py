"""Tuning for penchant: `penchant tune recipe.toml`, and `penchant_tune.tune` in Python.

Which settings are searched, and where, is declared by the components themselves. Declaring the
command imports no Optuna.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from penchant import hookimpl

if TYPE_CHECKING:
    import click

    from penchant_tune.studies import Trial as Trial
    from penchant_tune.tuning import Tuned as Tuned
    from penchant_tune.tuning import tune as tune

PENCHANT_API = 1

__all__ = ["PENCHANT_API", "Trial", "Tuned", "tune"]


def __getattr__(name: str) -> Any:
    """Import late what brings Optuna: every start of the command imports this package."""
    if name in ("tune", "Tuned"):
        from penchant_tune import tuning

        return getattr(tuning, name)
    if name == "Trial":
        from penchant_tune.studies import Trial

        return Trial
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


@hookimpl
def penchant_commands(cli: click.Group) -> None:
    """Add `penchant tune`."""
    from penchant_tune.command import tune

    cli.add_command(tune)
