"""Comparing strategies: fitted on the same train parts, asked the same questions, timed alike."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

from penchant.choosing import is_chooser, registry_of, resolved
from penchant.components import Spec
from penchant.data import Dataset
from penchant.errors import FitCancelled, SettingsError
from penchant.evaluation.features import features_of
from penchant.evaluation.grid import Grid, Work
from penchant.evaluation.journal import Journal
from penchant.evaluation.leaks import refuse_leaks
from penchant.evaluation.measuring import CHANCE, Cell, by_row
from penchant.evaluation.parting import Split
from penchant.evaluation.ratings import check_rateable
from penchant.evaluation.report import Report
from penchant.evaluation.splits import make_split
from penchant.evaluation.tuned import tuned_on_test
from penchant.metrics import parse_metrics
from penchant.model import Model
from penchant.recipes import compose, namespaces, with_encoder
from penchant.registry import Registry
from penchant.suggestions import did_you_mean

if TYPE_CHECKING:
    from penchant.components import SpecLike
    from penchant.protocols import Progress

METRICS = ("ndcg@10", "recall@10", "coverage@10")


def compare(
    recipes: Mapping[str, SpecLike] | Iterable[str],
    data: Dataset,
    splits: Sequence[str] = (),
    seeds: Sequence[int] = (42,),
    *,
    share: float = 0.2,
    keep_negatives: bool = True,
    metrics: Sequence[str] = METRICS,
    base: str | None = None,
    encoder: SpecLike | None = None,
    derive: Mapping[str, SpecLike] | None = None,
    tuned: Mapping[str, Mapping[str, Any]] | None = None,
    fit_seed: int | None = None,
    threads: int = 1,
    workers: int = 1,
    registry: Registry | None = None,
    progress: Progress | None = None,
    resume: str | Path | None = None,
) -> Report:
    """Fit every recipe on every split with every seed, and hold all against one base.

    recipes: recommenders or scorers, by a name for the tables; or just names of components.
    splits: kinds (`SPLITS`); by default "user-time" where events have times, else "user-random".
    seeds: of the splits and of the fits; seeds of one split are pooled (`pooling`).
    share, keep_negatives: of the splits. `encoder`, `derive`: as `penchant.fit` takes them.
    metrics: the first is the one that charts and segments show.
    base: the name of the recipe that the others are held against, the first by default.
    tuned: by name, what is known of recipes that were tuned (`Recipe.tuned`): where that was done
        on likings that are asked for here, the report warns.
    fit_seed: one seed for all fits, where it is not to be the split's.
    resume: a file of JSON lines for what is finished; what it holds already is not measured again.

    workers: how many cells are measured at a time. With one, times and the memory of a fit are
        those of a machine without other work; with more the table is there sooner, its times are
        longer, which the report says, and no memory is told. Figures are the same.

    `threads` speed up each fit. Ctrl-C, or a fit that is cancelled, ends the work: the report has
    what was finished, and says how much is missing; with nothing finished it is raised.

    A recipe that can't be fitted on these data, or not measured by these metrics, is a row that
    says why; where all fail the last one's error is raised. Metrics of ratings (rmse, mae, fcp) are
    of held-out events: without other metrics all events are parted, whatever `min_value` says.

    Everything is checked before anything is fitted. Raises SettingsError, UnknownComponent,
    RequestError, DataError.
    """
    if not isinstance(data, Dataset):
        raise SettingsError(
            "compare takes recipes and then a Dataset to compare them on, got a "
            f"{type(data).__name__} in its place; Dataset.from_frame makes one of a table"
        )
    kinds = tuple(splits) or (default_split(data),)
    if isinstance(splits, str):
        raise SettingsError(f"splits is a list of names, such as [{splits!r}], got a text")
    if not all(isinstance(kind, str) for kind in kinds):
        raise SettingsError(
            "splits is a list of names, such as ['user-time']; splits made already go to "
            "compare_on(recipes, splits)"
        )
    if all(name.rates for name in parse_metrics(metrics)):
        data = replace(data, min_value=None)
    parted = [
        (make_split(data, kind, share=share, seed=seed, keep_negatives=keep_negatives), seed)
        for kind, seed in product(dict.fromkeys(kinds), dict.fromkeys(seeds))
    ]
    return compare_on(
        recipes,
        parted,
        metrics=metrics,
        base=base,
        encoder=encoder,
        derive=derive,
        tuned=tuned,
        fit_seed=fit_seed,
        threads=threads,
        workers=workers,
        registry=registry,
        progress=progress,
        resume=resume,
        data=data,
    )


def compare_on(
    recipes: Mapping[str, SpecLike] | Iterable[str],
    splits: Sequence[Split | tuple[Split, int]],
    *,
    metrics: Sequence[str] = METRICS,
    base: str | None = None,
    encoder: SpecLike | None = None,
    derive: Mapping[str, SpecLike] | None = None,
    tuned: Mapping[str, Mapping[str, Any]] | None = None,
    fit_seed: int | None = None,
    threads: int = 1,
    workers: int = 1,
    registry: Registry | None = None,
    progress: Progress | None = None,
    resume: str | Path | None = None,
    data: Dataset | None = None,
) -> Report:
    """As `compare`, on splits made already, each alone or with the seed of its fits (0 without).

    This is the way for folds, sliding windows and splits of your own; splits of one kind are
    pooled.

    data: what they were made of, for the report's facts; by default only train parts are told of.
    """
    if isinstance(workers, bool) or not isinstance(workers, int) or workers < 1:
        raise SettingsError(f"workers must be a whole number from 1, got {workers!r}")
    parted = _parted(splits)
    derive = derive or {}
    specs, registry = _checked(recipes, encoder, derive, registry)
    names = tuple(map(str, parse_metrics(metrics)))
    base = next(iter(specs)) if base is None else base
    if base not in specs:
        raise SettingsError(
            f"no recipe is named {base!r} for the base{did_you_mean(base, specs)} "
            f"(recipes: {', '.join(specs)})"
        )
    for split, _ in parted:
        if any(name.rates for name in parse_metrics(metrics)):
            check_rateable(split)
        for metric in parse_metrics(metrics):
            if metric.by_column and not derive:
                features_of(split.train.items, metric.column)
        refuse_leaks(split)  # refused before anything is fitted
    journal = Journal(None if resume is None else Path(resume))
    grid = Grid(
        specs=specs,
        parted=parted,
        metrics=names,
        encoder=encoder,
        derive=derive,
        fit_seed=fit_seed,
        threads=threads,
        registry=registry,
    )
    work = Work(grid, journal, progress)
    try:
        work.run(workers)
    except (KeyboardInterrupt, FitCancelled):
        if not work.cells:
            raise
    if work.failure is not None and not work.cells:
        raise work.failure
    measured = [work.cells[task] for task in grid.tasks() if task in work.cells]
    cells = sorted([*grid.chance(), *measured], key=lambda cell: cell.place)
    return Report.of(
        cells,
        parted,
        base=base,
        specs=specs,
        data=data,
        missing=work.missing,
        failures=[work.failures[task] for task in grid.tasks() if task in work.failures],
        workers=workers,
        warnings=_warnings(tuned or {}, specs, parted, cells),
    )


def _warnings(
    tuned: Mapping[str, Mapping[str, Any]],
    specs: Mapping[str, Spec],
    parted: Sequence[tuple[Split, int]],
    cells: Sequence[Cell],
) -> dict[str, list[str]]:
    """By kind of split, what to say of recipes that knew the answers, or that know nothing."""
    warnings: dict[str, list[str]] = {}
    for kind in dict.fromkeys(split.kind for split, _ in parted):
        splits = [split for split, _ in parted if split.kind == kind]
        told = [tuned_on_test(name, tuned[name], splits) for name in specs if tuned.get(name)]
        warnings[kind] = [sentence for sentence in told if sentence is not None]
        if kind == "cold-item":
            place = next(at for at, (split, _) in enumerate(parted) if split.kind == kind)
            names = by_row([cell for cell in cells if cell.place == place], splits[0])
            if names:
                warnings[kind].append(
                    f"{', '.join(names)} can't tell these items apart and list them in the order "
                    f"of the table of items, which is no answer even where it beats chance"
                )
    return warnings


def _parted(splits: Sequence[Split | tuple[Split, int]]) -> list[tuple[Split, int]]:
    """Splits, each with a seed."""
    if isinstance(splits, Split):
        raise SettingsError("compare_on takes a list of splits, got a single one; write [split]")
    parted = [(one, 0) if isinstance(one, Split) else one for one in splits]
    for pair in parted:
        if not (isinstance(pair, tuple) and len(pair) == 2 and isinstance(pair[0], Split)):
            raise SettingsError(
                f"compare_on takes splits, each alone or as (split, seed), got {pair!r}; names of "
                "splits go to compare"
            )
    if not parted:
        raise SettingsError("there is nothing to compare on; give at least one split")
    return parted


def default_split(data: Dataset) -> str:
    """By time where events have times: a service foretells, it doesn't fill gaps."""
    return "user-time" if data.interactions.time is not None else "user-random"


def _checked(
    recipes: Mapping[str, SpecLike] | Iterable[str],
    encoder: SpecLike | None,
    derive: Mapping[str, SpecLike],
    registry: Registry | None,
) -> tuple[dict[str, Spec], Registry]:
    """Every recipe as a recommender that can be built, by its name, and where parts come from."""
    if isinstance(recipes, str):
        raise SettingsError(f"recipes is a list of names or a mapping, got the text {recipes!r}")
    named = recipes if isinstance(recipes, Mapping) else {name: name for name in recipes}
    if not named:
        raise SettingsError("there is nothing to compare; give at least one recipe")
    if CHANCE in named:
        raise SettingsError(
            f"a recipe can't be named {CHANCE!r}, as the row of random lists is; name it otherwise"
        )
    for name, spec in named.items():
        if isinstance(spec, Model):
            raise SettingsError(
                f"recipe {name!r} is a fitted model, and a comparison fits for itself; give its "
                "recipe, model.spec, or measure it by evaluate_recommender(model, split)"
            )
    specs = {str(name): Spec.of(spec) for name, spec in named.items()}
    if registry is None:
        told = [encoder, *derive.values()]
        others = [Spec.of(spec).to_json() for spec in told if spec is not None]
        wanted = namespaces([*(spec.to_json() for spec in specs.values()), *others])
        registry = registry_of(specs.values(), wanted)
    if encoder is not None:
        registry.component(Spec.of(encoder).name, "encoder")
    for name, spec in specs.items():
        spec = resolved(spec, registry)
        if is_chooser(spec, registry):
            specs[name] = spec
            registry.chooser(spec)
            continue
        if registry.kind_of(spec.name) != "recommender":
            spec = compose(None, [spec])
        specs[name] = spec if encoder is None else with_encoder(spec, encoder, registry)
        registry.recommender(specs[name])
    return specs, registry
