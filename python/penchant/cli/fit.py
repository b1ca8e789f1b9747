"""`penchant fit`: a recipe, or just a table of events, into a model folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from penchant.cli.output import json_option, print_json
from penchant.cli.progress import bars

if TYPE_CHECKING:
    from penchant.recipes import Recipe

TABLES = (".csv", ".tsv", ".dat", ".parquet")


def source_options(command: Any) -> Any:
    """Add the options that stand in for a recipe when the source is a table."""
    for option in reversed(
        (
            click.option("--items", type=click.Path(path_type=Path), help="Table of items."),
            click.option("--user", help="Column of user ids (default user_id)."),
            click.option("--item", help="Column of item ids (default item_id)."),
            click.option("--value", help="Column of values (default value or rating, if any)."),
            click.option("--time", help="Column of times (default time or timestamp, if any)."),
            click.option("--min-value", type=float, help="Least value that is a liking."),
            click.option(
                "--scorer",
                "scorers",
                multiple=True,
                help="A scorer to fit (default cf.ease); several are blended.",
            ),
        )
    ):
        command = option(command)
    return command


@click.command()
@click.argument("source", type=click.Path(path_type=Path))
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="Folder.")
@source_options
@click.option("--seed", type=click.IntRange(0), help="Seed of every random choice.")
@click.option("--threads", type=click.IntRange(1), help="Threads that a fit may use.")
@json_option
def fit(
    source: Path,
    output: Path,
    seed: int | None,
    threads: int | None,
    as_json: bool,
    **table: Any,
) -> None:
    """Fit SOURCE, a recipe (.toml) or a table of events (.csv, .parquet), into a folder.

    \b
    penchant fit recipe.toml -o model/
    penchant fit ratings.csv --user userId --item movieId --min-value 4 -o model/
    """
    import penchant

    recipe = read_source(source, table)
    with bars() as progress:
        model = penchant.fit(recipe, seed=seed, threads=threads, progress=progress)
    model.save(output)
    if as_json:
        print_json({"folder": str(output), **model.facts})
        return
    facts = model.facts
    click.echo(
        f"Fitted {model.spec.name} on {facts['events']} events of {facts['users']} users and "
        f"{facts['items']} items in {facts['fit_seconds']} s; saved in {output}"
    )
    example = model.users.id(0)
    click.echo(f"Next: penchant recommend {output} {example}")


def read_source(source: Path, table: dict[str, Any]) -> Recipe:
    """Read a recipe, or make one of a table and the options that describe it."""
    from penchant.recipes import Recipe

    given = {key: value for key, value in table.items() if value not in (None, ())}
    if source.suffix not in TABLES:
        if given:
            options = ", ".join(f"--{key.replace('_', '-').rstrip('s')}" for key in given)
            raise click.UsageError(
                f"{options} describe a table of events; a recipe says it in its [data]"
            )
        return Recipe.read(source)
    scorers = given.pop("scorers", ("cf.ease",))
    return Recipe.of({"data": {"interactions": source, **given}, "scorers": list(scorers)})
