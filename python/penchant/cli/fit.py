"""`penchant fit`: a recipe, or just a table of events, into a model folder."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from penchant.cli.output import json_option, print_json
from penchant.cli.progress import bars

if TYPE_CHECKING:
    from penchant.recipes import Recipe

TABLES = (".csv", ".tsv", ".tab", ".dat", ".data", ".txt", ".parquet", ".pq")


def _listed(
    ctx: click.Context, param: click.Parameter, value: str | None
) -> tuple[str, ...] | None:
    del ctx, param
    return None if value is None else tuple(name.strip() for name in value.split(","))


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
                "--clean",
                type=click.Choice(["refuse", "drop"]),
                help="What to do with rows that are wrong (default refuse).",
            ),
            click.option(
                "--columns",
                callback=_listed,
                help="Names of the columns of a file without a header line, such as "
                "user_id,item_id,rating,time.",
            ),
            click.option("--delimiter", help="Between fields (default: as the first line says)."),
            click.option(
                "--time-unit",
                type=click.Choice(["s", "ms", "us", "ns"]),
                help="What a number in the time column counts since 1970 (default s).",
            ),
            click.option("--encoding", help="Of text files (default utf-8)."),
            click.option(
                "--encoder",
                help="For content.text: onnx.minilm, base.hashing, or a folder.",
            ),
            click.option(
                "--scorer",
                "scorers",
                multiple=True,
                help="A scorer to fit (the data choose, without); several are blended.",
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
    from penchant.answerers import source_name
    from penchant.choosing import registry_of
    from penchant.recipes import compose

    recipe = read_source(source, table)
    refuse_strangers(output)
    replaces = output.exists() and any(output.iterdir())
    registry = registry_of([compose(recipe.recommender, recipe.scorers)], recipe.namespaces())
    dataset = recipe.dataset(registry)
    described = dataset.describe()
    for problem in described.problems:
        click.echo(f"Note: {problem}", err=True)
    with bars() as progress:
        model = penchant.fit(
            dataset,
            recommender=recipe.recommender,
            scorers=recipe.scorers,
            encoder=recipe.encoder,
            derive=recipe.derive,
            seed=recipe.seed if seed is None else seed,
            threads=recipe.threads if threads is None else threads,
            registry=registry,
            progress=progress,
        )
    model.save(output)
    if as_json:
        print_json({"folder": str(output), **model.facts})
        return
    facts = model.facts
    click.echo(
        f"Fitted {source_name(model.spec)} on {described.events:,} events ({described.positives:,} "
        f"likings) of {described.users:,} users and {described.items:,} items in "
        f"{facts['fit_seconds']} s; saved in {output}"
        f"{', in place of the model that was there' if replaces else ''}"
    )
    reasons: Any = facts.get("chosen_because", ())
    for reason in reasons:
        click.echo(f"- {reason}")
    example = model.users.id(0)
    click.echo(f"Next: penchant recommend {output} {example}")


def refuse_strangers(folder: Path) -> None:
    """Refuse a target that holds something else than a model, before any work is done.

    Nor one where nothing can be written: a fit may take hours, and saving comes after it.
    """
    from penchant.errors import ModelFileError

    parent = folder.absolute().parent
    while not parent.exists():
        parent = parent.parent
    if not os.access(parent, os.W_OK | os.X_OK):
        raise ModelFileError(
            f"{str(folder)!r} can't be written: {str(parent)!r} lets this user write nothing; name "
            "another folder, or change its permissions"
        )

    if folder.exists() and not (folder / "manifest.json").is_file():
        empty = folder.is_dir() and not any(folder.iterdir())
        if not empty:
            raise ModelFileError(
                f"{str(folder)!r} is there and is no model; name another folder, or remove it"
            )


def read_source(source: Path, table: dict[str, Any]) -> Recipe:
    """Read a recipe, or make one of a table and the options that describe it."""
    from penchant.recipes import Recipe

    given = {key: value for key, value in table.items() if value not in (None, ())}
    if source.suffix not in (*TABLES, ".toml"):
        raise click.UsageError(
            f"{str(source)!r} is no recipe and no table of events; wanted a .toml or "
            f"{', '.join(TABLES)} file"
        )
    if source.suffix not in TABLES:
        if given:
            said = ("scorer" if key == "scorers" else key.replace("_", "-") for key in given)
            options = ", ".join(f"--{key}" for key in said)
            raise click.UsageError(
                f"{options} can't be given besides a recipe, which says so itself"
            )
        return Recipe.read(source)
    recipe: dict[str, Any] = {"scorers": list(given.pop("scorers", ()))}
    encoder = given.pop("encoder", None)
    if encoder is not None:
        named = encoder.count(".") == 1 and not Path(encoder).exists()
        recipe["encoder"] = encoder if named else {"use": "onnx.text", "path": encoder}
    return Recipe.of({**recipe, "data": {"interactions": source, **given}})
