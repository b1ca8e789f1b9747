"""`penchant evaluate`: a recipe beside the baselines, on events held out from it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from penchant.cli.fit import read_source, source_options
from penchant.cli.output import json_option, print_json
from penchant.cli.progress import bars

if TYPE_CHECKING:
    from penchant.components import Spec, SpecLike
    from penchant.data import Dataset
    from penchant.evaluation.splits import Split
    from penchant.registry import Registry


@click.command()
@click.argument("source", type=click.Path(path_type=Path))
@source_options
@click.option(
    "--split", help="user-time, user-random, cold-item, cold-user, growing or global-time."
)
@click.option("--share", type=float, help="Share of each user's likings held out (default 0.2).")
@click.option("--metric", "metrics", multiple=True, help="Such as ndcg@10; may be repeated.")
@click.option("--seed", type=click.IntRange(0), help="Seed of the split and of every fit.")
@click.option("--threads", type=click.IntRange(1), help="Threads that a fit may use.")
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV.")
@json_option
def evaluate(
    source: Path,
    split: str | None,
    share: float | None,
    metrics: tuple[str, ...],
    seed: int | None,
    threads: int | None,
    as_csv: bool,
    as_json: bool,
    **table: Any,
) -> None:
    """Judge SOURCE, a recipe (.toml) or a table of events, beside the baselines.

    Popularity, item-kNN and, where items have words, TF-IDF are always judged along. The default
    split is by user-time where events have times, else user-random.
    """
    from penchant.deriving import Deriving
    from penchant.evaluation.bootstrap import paired_bootstrap
    from penchant.evaluation.chance import Chance
    from penchant.evaluation.comparison import METRICS, compare
    from penchant.evaluation.comparison import table as tabled
    from penchant.evaluation.ranking import evaluate_scorer
    from penchant.evaluation.splits import make_split
    from penchant.evaluation.table import Contestant
    from penchant.protocols import FitContext
    from penchant.recipes import compose, with_encoder
    from penchant.registry import Registry

    recipe = read_source(source, table)
    registry = Registry.discover(only=recipe.namespaces() | {"cf", "content"})
    spec = compose(recipe.recommender, recipe.scorers)
    if recipe.encoder is not None:
        spec = with_encoder(spec, recipe.encoder, registry)
    registry.recommender(spec)  # a wrong setting is told before the data are read
    deriving = Deriving.of(recipe.derive, recipe.encoder, registry)
    dataset = recipe.dataset(registry)
    asked = recipe.evaluation
    kind = (
        split
        or asked.get("split")
        or ("user-time" if dataset.interactions.time is not None else "user-random")
    )
    parted = make_split(
        dataset,
        str(kind),
        share=float(share if share is not None else asked.get("share", 0.2)),
        seed=int(asked.get("seed", 42) if seed is None else seed),
        keep_negatives=bool(asked.get("keep_negatives", True)),
    )
    chosen = baselines(dataset, registry, parted)
    derived = deriving.fit(parted.train, FitContext(seed=recipe.seed if seed is None else seed))
    parted = replace(parted, train=derived.onto(parted.train))
    wanted = metrics or tuple(asked.get("metrics", METRICS))
    with bars() as progress:
        compared = compare(
            {**chosen, _label(spec): spec},
            parted,
            metrics=wanted,
            seed=recipe.seed if seed is None else seed,
            threads=recipe.threads if threads is None else threads,
            registry=registry,
            progress=progress,
        )
    comparison = tabled(compared, str(parted))
    if parted.kind == "cold-item":
        chance = evaluate_scorer(Chance(len(dataset.items)), parted, metrics=wanted)
        rows = (Contestant("chance", chance.values), *comparison.rows)
        comparison = replace(comparison, rows=rows)
    first = wanted[0]
    own = compared[-1].evaluation.per_user.get(first)
    intervals = {
        one.row.name: paired_bootstrap(one.evaluation.per_user[first], own)
        for one in compared[:-1]
        if own is not None
    }
    if as_json:
        print_json(
            {
                **comparison.to_json(),
                "warnings": list(parted.warnings),
                "differences": {
                    name: {
                        "metric": first,
                        "difference": interval.difference,
                        "low": interval.low,
                        "high": interval.high,
                    }
                    for name, interval in intervals.items()
                },
            }
        )
        return
    if as_csv:
        click.echo(comparison.to_csv(), nl=False)
        return
    click.echo(comparison.to_text())
    for name, interval in intervals.items():
        click.echo(
            f"{_label(spec)} against {name}: {first} {interval.difference:+.4f} "
            f"(95 % interval {interval.low:+.4f} to {interval.high:+.4f})"
        )
    for warning in parted.warnings:
        click.echo(f"Note: {warning}", err=True)


def baselines(dataset: Dataset, registry: Registry, split: Split) -> dict[str, SpecLike]:
    """What every claim is held against, as far as it is installed and the data allow.

    Of items without a past, popularity and item-kNN know nothing, and would rank them by row.
    """
    chosen: dict[str, SpecLike] = {}
    scorers = registry.names("scorer")
    if split.kind != "cold-item":
        chosen["popular"] = "base.popular"
    if "cf.item_knn" in scorers and split.kind != "cold-item":
        chosen["item-kNN"] = "cf.item_knn"
    told = dataset.items.named("text", "category", "label")
    if "content.text" in scorers and told:
        tfidf = {"use": "content.tfidf", "columns": list(told)}
        chosen["TF-IDF"] = {"use": "content.text", "extractor": tfidf}
    return chosen


def _label(spec: Spec) -> str:
    from penchant.answerers import source_name

    return f"{source_name(spec)} (yours)"
