"""`penchant tune`: a recipe in, the best recipe found out."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from penchant.cli import bars

if TYPE_CHECKING:
    from penchant import Recipe

    from penchant_tune.studies import Trial
    from penchant_tune.tuning import Tuned

_TABLES = ("interactions", "items", "users", "relations")


@click.command()
@click.argument("recipe", type=click.Path(path_type=Path))
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), help="Recipe to write the best to."
)
@click.option("--trials", type=click.IntRange(1), default=30, show_default=True, help="In all.")
@click.option("--time-budget", type=float, help="Seconds after which no trial goes on.")
@click.option("--metric", help="What to be best in (default the recipe's first, or ndcg@10).")
@click.option(
    "--parts",
    type=click.IntRange(1),
    default=2,
    show_default=True,
    help="Validation parts to judge a trial by.",
)
@click.option("--seed", type=click.IntRange(0), help="Of the search and the fits.")
@click.option("--threads", type=click.IntRange(1), help="Threads that a fit may use.")
@click.option("--only", multiple=True, help="A setting to search, such as scorers[0].l2.")
@click.option("--keep", multiple=True, help="A setting to leave as it is.")
@click.option(
    "--storage", type=click.Path(path_type=Path), help="Journal to resume from and add to."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def tune(recipe: Path, output: Path | None, as_json: bool, **given: Any) -> None:
    """Search the settings of RECIPE for those that do best on validation events.

    \b
    penchant tune recipe.toml --trials 50 -o best.toml
    penchant tune recipe.toml --time-budget 600 --storage study.journal -o best.toml

    The test part of `penchant evaluate` is never looked at. Ctrl-C writes the best so far.
    """
    from penchant import Recipe

    from penchant_tune.tuning import tune as search

    for path in (output, given["storage"]):
        if path is not None and not path.absolute().parent.is_dir():
            raise click.UsageError(
                f"there is no folder {str(path.parent)!r} to write {path.name} in"
            )
    with _told(given["trials"]) as finished:
        tuned = search(Recipe.read(recipe), finished=finished, **given)
    if output is not None:
        _write(tuned, output)
    if as_json:
        click.echo(json.dumps(_document(tuned, output), ensure_ascii=False, indent=2))
    else:
        _say(tuned, output)
    if tuned.interrupted:
        sys.exit(130)


def _write(tuned: Tuned, output: Path) -> None:
    """Write the recipe whole or not at all."""
    text = _moved(tuned.recipe, output.absolute().parent).to_toml()
    draft = output.with_name(f".{output.name}.draft")
    draft.write_text(text, encoding="utf-8")
    draft.replace(output)


def _moved(recipe: Recipe, folder: Path) -> Recipe:
    """The recipe with paths of data that hold from another folder."""

    def moved(table: Any) -> Any:
        if isinstance(table, dict) and "path" in table:
            return {**table, "path": moved(table["path"])}
        if not isinstance(table, str | Path) or "://" in str(table) or Path(table).is_absolute():
            return table
        path = recipe.folder.absolute() / table
        try:
            return Path(os.path.relpath(path, folder)).as_posix()
        except ValueError:  # another drive of Windows
            return path.as_posix()

    data = {key: moved(one) if key in _TABLES else one for key, one in recipe.data.items()}
    return replace(recipe, data=data, folder=folder)


def _document(tuned: Tuned, output: Path | None) -> dict[str, Any]:
    return {
        "metric": tuned.metric,
        "value": tuned.value,
        "start": tuned.start,
        "settings": dict(tuned.best.values),
        "tuned_on": tuned.tuned_on,
        "interrupted": tuned.interrupted,
        "output": None if output is None else str(output),
        "trials": [
            {
                "number": trial.number,
                "outcome": trial.outcome,
                "value": trial.value,
                "parts": list(trial.parts),
                "settings": dict(trial.values),
                "reason": trial.reason,
            }
            for trial in tuned.trials
        ],
    }


def _say(tuned: Tuned, output: Path | None) -> None:
    counts = dict.fromkeys(("complete", "pruned", "failed"), 0)
    for trial in tuned.trials:
        counts[trial.outcome] += 1
    ended = ", ".join(f"{count} {kind}" for kind, count in counts.items() if count)
    start = "which could not be measured" if tuned.start is None else f"{tuned.start:.4f}"
    click.echo(
        f"Best {tuned.metric} on validation events {tuned.value:.4f} (the recipe as it was: "
        f"{start}), trial {tuned.best.number + 1} of {len(tuned.trials)} ({ended})"
    )
    was = tuned.trials[0].values
    for name, value in tuned.best.values.items():
        before = "" if was.get(name) == value else f" (was {was.get(name, 'of no account')})"
        click.echo(f"- {name} = {value}{before}")
    if tuned.interrupted:
        click.echo("Interrupted; this is the best so far.", err=True)
    if output is not None:
        click.echo(f"Written to {output}. Next: penchant evaluate {output}")


@contextmanager
def _told(trials: int) -> Iterator[Callable[[Trial, Trial | None], None] | None]:
    """A bar on a terminal; nothing elsewhere."""
    with bars() as show:
        if show is None:
            yield None
            return
        show("tuning", 0, trials)

        def told(trial: Trial, best: Trial | None) -> None:
            detail = "" if best is None else f"best {best.value:.4f} (trial {best.number + 1})"
            show("tuning", trial.number + 1, trials, detail)

        yield told
