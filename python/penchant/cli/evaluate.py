"""`penchant evaluate`: recipes and strategies side by side, on events held out from them."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from penchant.cli.fit import TABLES, read_source, source_options
from penchant.cli.output import json_option, print_json
from penchant.cli.progress import bars

if TYPE_CHECKING:
    from collections.abc import Sequence

    from penchant.components import Spec, SpecLike
    from penchant.data import Dataset
    from penchant.recipes import Recipe
    from penchant.registry import Registry


@click.command()
@click.argument("source", type=click.Path(path_type=Path))
@click.argument("others", metavar="[RECIPE | STRATEGY]...", nargs=-1)
@source_options
@click.option(
    "--split",
    "splits",
    multiple=True,
    help="user-time, user-random, leave-last, global-time, cold-item, cold-user or growing; "
    "may be repeated.",
)
@click.option("--share", type=float, help="Share of each user's likings held out (default 0.2).")
@click.option(
    "--folds",
    type=click.IntRange(2),
    help="Hold out each liking once, in so many random folds, in the place of --split.",
)
@click.option("--metric", "metrics", multiple=True, help="Such as ndcg@10; may be repeated.")
@click.option(
    "--seed",
    "seeds",
    type=click.IntRange(0),
    multiple=True,
    help="Of the split and of every fit; several are pooled.",
)
@click.option("--base", help="Name of the row to hold the others against (default: the first).")
@click.option("--threads", type=click.IntRange(1), help="Threads that a fit may use.")
@click.option(
    "--workers",
    type=click.IntRange(1),
    default=1,
    help="Fits at a time (default 1, whose times are those of a quiet machine).",
)
@click.option(
    "--html", type=click.Path(path_type=Path, dir_okay=False), help="Write a report with charts."
)
@click.option(
    "--resume",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Keep what is finished in this file, and go on from it.",
)
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV.")
@json_option
def evaluate(
    source: Path,
    others: tuple[str, ...],
    splits: tuple[str, ...],
    share: float | None,
    folds: int | None,
    metrics: tuple[str, ...],
    seeds: tuple[int, ...],
    base: str | None,
    threads: int | None,
    workers: int,
    html: Path | None,
    resume: Path | None,
    as_csv: bool,
    as_json: bool,
    **table: Any,
) -> None:
    """Judge SOURCE, a recipe (.toml) or a table of events, beside other recipes or strategies.

    \b
    penchant evaluate ratings.csv cf.ease mf.als base.popular --html report.html
    penchant evaluate recipe.toml other.toml --split user-random --seed 1 --seed 2

    Where SOURCE stands alone, popularity, item-kNN and, where items have words, TF-IDF are judged
    along. Data and encoder are those of SOURCE. The default split is by user-time where events have
    times, else user-random.
    """
    from penchant.choosing import is_chooser, registry_of
    from penchant.evaluation.comparison import METRICS, compare, compare_on, default_split
    from penchant.evaluation.splits import k_fold_splits
    from penchant.metrics import parse_metrics
    from penchant.recipes import compose

    if folds is not None and (splits or share is not None):
        raise click.UsageError("--folds parts the data itself; leave out --split and --share")
    first = read_source(source, table)
    judged = [(_name(other), _recipe(other)) for other in others]
    if not others or source.suffix not in TABLES or table["scorers"]:
        judged.insert(0, (_label(source, first, alone=not others), first))
    given = dict(judged)
    if len(given) < len(judged):
        names = ", ".join(name for name, _ in judged)
        raise click.UsageError(f"every recipe and strategy needs a name of its own, got {names}")
    for path in (html, resume):
        if path is not None and not path.absolute().parent.is_dir():
            raise click.UsageError(
                f"there is no folder {str(path.parent)!r} to write {path.name} in"
            )
    wanted = first.namespaces().union(*(one.namespaces() for one in given.values()))
    asked_for = [compose(one.recommender, one.scorers) for one in given.values()]
    registry = registry_of(asked_for, wanted | {"cf", "content"})
    contestants: dict[str, SpecLike] = {}
    derive: dict[str, SpecLike] = {}
    for name, recipe in given.items():
        spec = _spec(recipe, first, registry)
        if not is_chooser(spec, registry):
            registry.recommender(spec)  # a wrong setting is told before the data are read
        contestants[name] = spec
        if any(derive.get(column, one) != one for column, one in recipe.derive.items()):
            raise click.UsageError(f"{name} derives a column that another recipe derives otherwise")
        derive |= recipe.derive
        if recipe.data and recipe.data != first.data:
            click.echo(
                f"Note: {name} names other data; it is judged on those of {source}", err=True
            )
    asked = first.evaluation
    dataset = first.dataset(registry)
    for problem in dataset.describe().problems:
        click.echo(f"Note: {problem}", err=True)
    usual = "k-fold" if folds else str(asked.get("split", default_split(dataset)))
    kinds = splits or (usual,)
    if not others:
        base = base or next(iter(contestants))
        contestants = {**baselines(dataset, registry, kinds), **contestants}
    chosen = metrics or tuple(asked.get("metrics", METRICS))
    drawn = seeds or (int(asked.get("seed", 42)),)
    keep_negatives = bool(asked.get("keep_negatives", True))
    with bars() as progress:
        how: dict[str, Any] = {
            "metrics": chosen,
            "base": base,
            "derive": derive,
            "tuned": {name: recipe.tuned for name, recipe in given.items()},
            "fit_seed": None if seeds else first.seed,
            "threads": first.threads if threads is None else threads,
            "workers": workers,
            "registry": registry,
            "progress": progress,
            "resume": resume,
        }
        if folds is None:
            shared = float(share if share is not None else asked.get("share", 0.2))
            report = compare(
                contestants,
                dataset,
                kinds,
                drawn,
                share=shared,
                keep_negatives=keep_negatives,
                **how,
            )
        else:
            if all(name.rates for name in parse_metrics(chosen)):
                dataset = replace(dataset, min_value=None)
            parted = [
                (split, seed)
                for seed in drawn
                for split in k_fold_splits(dataset, folds, seed, keep_negatives=keep_negatives)
            ]
            report = compare_on(contestants, parted, data=dataset, **how)
    if html is not None:
        report.to_html(html)
    if as_json:
        print_json(report.to_json())
    elif as_csv:
        click.echo(report.to_csv(), nl=False)
    else:
        click.echo(report.to_text())
        if html is not None:
            click.echo(f"The report with charts is {html}")
    if report.missing:
        sys.exit(130)


def _name(other: str) -> str:
    return Path(other).stem if other.endswith(".toml") else other


def _recipe(other: str) -> Recipe:
    """A recipe file's, or one of a component alone."""
    from penchant.choosing import AUTO
    from penchant.recipes import Recipe

    if other.endswith(".toml"):
        return Recipe.read(other)
    return Recipe.of({"recommender": other} if other == AUTO else {"scorers": [other]})


def _spec(recipe: Recipe, first: Recipe, registry: Registry) -> Spec:
    """The recommender of a recipe, with the encoder of the first where it names none."""
    from penchant.choosing import resolved
    from penchant.components import Spec
    from penchant.recipes import compose, with_encoder

    alone = Spec.of(recipe.scorers[0]) if len(recipe.scorers) == 1 else None
    if alone is not None and registry.kind_of(alone.name) in ("recommender", "chooser"):
        spec = alone
    else:
        spec = resolved(compose(recipe.recommender, recipe.scorers), registry)
    encoder = recipe.encoder if recipe.encoder is not None else first.encoder
    return spec if encoder is None else with_encoder(spec, encoder, registry)


def _label(source: Path, recipe: Recipe, *, alone: bool) -> str:
    from penchant.answerers import source_name
    from penchant.recipes import compose

    strategy = source_name(compose(recipe.recommender, recipe.scorers))
    if alone:
        return f"{strategy} (yours)"
    return strategy if source.suffix in TABLES else source.stem


def baselines(dataset: Dataset, registry: Registry, kinds: Sequence[str]) -> dict[str, SpecLike]:
    """What every claim is held against, as far as it is installed and the data allow.

    Of items without a past, popularity and item-kNN know nothing, and would rank them by row.
    """
    chosen: dict[str, SpecLike] = {}
    scorers = registry.names("scorer")
    warm = "cold-item" not in kinds
    if warm:
        chosen["popular"] = "base.popular"
    if "cf.item_knn" in scorers and warm:
        chosen["item-kNN"] = "cf.item_knn"
    told = dataset.items.named("text", "category", "label")
    if "content.text" in scorers and told:
        tfidf = {"use": "content.tfidf", "columns": list(told)}
        chosen["TF-IDF"] = {"use": "content.text", "extractor": tfidf}
    return chosen
