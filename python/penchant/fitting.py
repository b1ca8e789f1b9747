"""Fitting: from a recipe, or a dataset and component names, to a `Model`."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np

from penchant.choosing import chosen, is_chooser, registry_of, resolved
from penchant.components import FitReport, Spec
from penchant.deriving import Deriving
from penchant.errors import DataError, SettingsError
from penchant.model import Model
from penchant.past import Past
from penchant.people import People
from penchant.protocols import FitContext
from penchant.recipes import Recipe, compose, namespaces, with_encoder

if TYPE_CHECKING:
    from penchant.components import SpecLike
    from penchant.data import Dataset
    from penchant.protocols import Json, Progress, Recommender
    from penchant.registry import Registry

FALLBACK = Spec("base.top_k", {"scorer": "base.popular"})
GENERATOR = Spec("base.template")


def fit(
    source: Dataset | Recipe | str | Path,
    *,
    recommender: SpecLike | None = None,
    scorers: Sequence[SpecLike] = (),
    encoder: SpecLike | None = None,
    derive: Mapping[str, SpecLike] | None = None,
    validation: Dataset | None = None,
    seed: int | None = None,
    threads: int | None = None,
    registry: Registry | None = None,
    progress: Progress | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Model:
    """Fit a model.

    source: a dataset, a recipe, or the path of a recipe file. What is given besides a recipe takes
        the place of what the recipe says.
    recommender: the component that answers. scorers: a shorthand, see `penchant.recipes.compose`.
        With neither, or with "auto", the data decide (`penchant.choosing`): the recipe that was
        chosen is the model's `spec`, and its `facts` say why.
    encoder: given to every component inside that takes one and names none.
    derive: columns of the items to be worked out first, each by an extractor whose features have
        names: `{"tags": {"use": "content.tags", ...}}`. The model's items have them (`where=`).
    validation: events held out of the data, for early stopping and learned weights.
    seed: of every random choice (0 by default); the same seed gives the same bits for any
        `threads` (1 by default).
    registry: where components come from; None imports the plugins that the names ask for.
    progress, cancelled: see `penchant.protocols.FitContext`.

    Every setting is checked, and every component is built, before anything is fitted. Raises
    SettingsError, UnknownComponent, DataError, FitDiverged, FitCancelled.
    """
    from penchant.data import Dataset

    recipe = _recipe(source)
    if recipe is None and not isinstance(source, Dataset):
        raise SettingsError(
            f"fit takes a dataset or a recipe, got {type(source).__name__}; "
            "penchant.Dataset.from_frame makes a dataset of a table"
        )
    if recipe is not None:
        if recommender is None and not scorers:
            recommender, scorers = recipe.recommender, recipe.scorers
        encoder = encoder if encoder is not None else recipe.encoder
        derive = derive if derive is not None else recipe.derive
        seed = recipe.seed if seed is None else seed
        threads = recipe.threads if threads is None else threads
    seed = _whole("seed", 0 if seed is None else seed, 0)
    threads = _whole("threads", 1 if threads is None else threads, 1)
    spec = compose(recommender, scorers)
    derive = derive or {}
    if registry is None:
        registry = discover_for(spec, encoder, *derive.values())
    spec = resolved(spec, registry)
    if encoder is not None:
        spec = with_encoder(spec, encoder, registry)
    by_data = is_chooser(spec, registry)
    chooser = registry.chooser(spec) if by_data else None
    built = None if by_data else registry.recommender(spec)
    deriving = Deriving.of(derive, encoder, registry)
    fallback = registry.recommender(FALLBACK)
    generator = registry.generator(GENERATOR)

    data = source if isinstance(source, Dataset) else cast("Recipe", recipe).dataset(registry)
    if not len(data.interactions):
        raise DataError("the data have no interactions; a fit needs at least one event")
    if not len(data.positives()):
        raise DataError(
            f"none of the {len(data.interactions)} events is a liking, for that is a value of at "
            f"least {data.min_value:g} and the greatest is {data.interactions.value.max():g}; name "
            "the column of values, or lower min_value"
        )
    if validation is not None:
        _check_validation(data, validation)
    context = FitContext(seed=seed, threads=threads, validation=validation)
    if progress is not None:
        context = replace(context, progress=progress)
    if cancelled is not None:
        context = replace(context, cancelled=cancelled)
    started = time.perf_counter()
    derived = deriving.fit(data, context)
    data = derived.onto(data)
    reasons: Mapping[str, Json] = {}
    if chooser is not None:
        spec, data, context, reasons = chosen(chooser, spec, data, context, encoder, registry)
        built = registry.recommender(spec)
    fitted = cast("Recommender", built).fit(data, context)
    seconds = time.perf_counter() - started
    popular = fallback.fit(data, context)
    registry.fitted(
        FitReport(
            recommender=spec,
            users=len(data.users),
            items=len(data.items),
            events=len(data.interactions),
            seconds=seconds,
            seed=seed,
        )
    )
    return Model(
        spec=spec,
        people=People(data.users.vocabulary, _past(data)),
        items=data.items,
        recommender=registry.wrap_recommender(spec.name, fitted),
        fallback=popular,
        generator=generator,
        facts={
            **_facts(data, registry, [spec, *deriving.specs.values()], seed, seconds),
            **reasons,
        },
        derived=derived,
    )


def discover_for(spec: Spec, *besides: SpecLike | None) -> Registry:
    """Make a registry of just the plugins that the names ask for; of all, for a chooser."""
    wanted = namespaces(spec.to_json())
    for other in besides:
        wanted |= namespaces(Spec.of(other).to_json()) if other is not None else frozenset()
    return registry_of([spec], wanted)


def _whole(name: str, value: object, least: int) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and least <= value < 2**63:
        return value
    raise SettingsError(f"{name} must be a whole number from {least}, got {value!r}")


def _check_validation(data: Dataset, validation: object) -> None:
    """Rows must mean the same on both sides."""
    from penchant.data import Dataset

    if not isinstance(validation, Dataset):
        raise DataError(f"validation must be a dataset, got {type(validation).__name__}")
    for mine, theirs, what in (
        (data.users.vocabulary, validation.users.vocabulary, "users"),
        (data.items.vocabulary, validation.items.vocabulary, "items"),
    ):
        if mine is not theirs and mine != theirs:
            raise DataError(
                f"validation has other {what} than the data ({len(theirs)} and {len(mine)}); part "
                "one dataset with penchant.evaluation.make_split or Dataset.subset"
            )


def _recipe(source: Dataset | Recipe | str | Path) -> Recipe | None:
    if isinstance(source, Recipe):
        return source
    return Recipe.read(source) if isinstance(source, str | Path) else None


def _past(data: Dataset) -> Past:
    values = data.positives().value
    return Past(
        events=data.interactions.by_user(),
        times=data.interactions.times_by_user() if data.interactions.time is not None else None,
        min_value=data.min_value,
        liking=float(np.mean(values, dtype=np.float64)) if len(values) else 1.0,
    )


def _facts(
    data: Dataset, registry: Registry, specs: Sequence[Spec], seed: int, seconds: float
) -> dict[str, Json]:
    used = namespaces([spec.to_json() for spec in specs])
    return {
        "plugins": {p.namespace: p.version for p in registry.plugins if p.namespace in used},
        "users": len(data.users),
        "items": len(data.items),
        "events": len(data.interactions),
        "seed": seed,
        "fit_seconds": round(seconds, 3),
        "data_fingerprint": data.fingerprint,
    }
