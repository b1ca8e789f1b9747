"""Tuning a recipe: the values of its settings that do best on events held out of train."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from penchant import Recipe, Registry, Spec, fit
from penchant.errors import FitCancelled, PenchantError, SettingsError
from penchant.evaluation import (
    default_split,
    evaluate_ratings,
    evaluate_recommender,
    make_split,
    validation_split,
)
from penchant.metrics import lower_is_better, parse_metrics

from penchant_tune.spaces import Dial, Space, dials, turned
from penchant_tune.studies import Asked, Study, Trial, quiet

if TYPE_CHECKING:
    from penchant import Dataset
    from penchant.evaluation import Split

# Spearman's coefficient of validation and test over 12 settings of mf.als, parts of half the share
# and of all of it: .958, .951 (MovieLens 100K at random), .678, .671 (latest small), .944, .881
# (Last.fm), .972, .951 (MovieLens 100K by time).
_VALIDATION = 0.5
_UNSEEDED = ("user-time", "leave-last", "global-time")


@dataclass(frozen=True)
class Tuned:
    """What came of tuning.

    recipe: the best found. metric: its name; `value` of the best and `start` of the recipe as it
        was given, both the mean of the validation parts. A best value is the greatest of many, so
        it flatters: judge by `penchant evaluate`, whose test part was never looked at here.
    trials: all that came to an end. best: the one that `recipe` is of.
    tuned_on: digest (`Dataset.fingerprint`) of the train part that all of it was cut from.
    interrupted: whether it was broken off before the trials or the time were used up.
    """

    recipe: Recipe
    metric: str
    value: float
    start: float | None
    trials: tuple[Trial, ...]
    best: Trial
    tuned_on: str
    interrupted: bool = False


def tune(
    recipe: Recipe | str | Path,
    *,
    dataset: Dataset | None = None,
    trials: int = 30,
    time_budget: float | None = None,
    metric: str | None = None,
    parts: int = 2,
    seed: int | None = None,
    threads: int | None = None,
    only: Iterable[str] = (),
    keep: Iterable[str] = (),
    spaces: Mapping[str, Space] | None = None,
    storage: str | Path | None = None,
    registry: Registry | None = None,
    finished: Callable[[Trial, Trial | None], None] | None = None,
) -> Tuned:
    """Search the settings of a recipe for those that do best on validation parts.

    The test part that `penchant evaluate` would judge by is held out first, by the recipe's
    `[evaluation]`; then `parts` validation parts of the same kind are cut out of train, of half the
    share: the less is left to learn from, the stronger the regularization that does best, and the
    winner is to be fitted on all of train. Where the split is drawn they differ by seed, where it
    is by time each later one is cut from the train part of the one before. A trial that does worse
    than the median of the trials before it after some parts is given up.

    dataset: in the place of the data that the recipe names.
    trials: how many in all, those in `storage` counted. The first is the recipe as it is.
    time_budget: seconds after which no trial goes on, once one is complete.
    metric: the recipe's first by default, else ndcg@10; rmse, mae or fcp for predicted ratings.
    only, keep, spaces: which settings and where, see `spaces.dials`.
    storage: a file of JSON lines to resume from; it is made where it isn't there.
    finished: told of each trial, and of the best so far.

    The same seed gives the same trials, in one run or in several, as long as no time budget ends
    one. Ctrl-C ends the search: what was complete is given with `interrupted`; with nothing
    complete it is raised. Raises SettingsError, RequestError, DataError, and the last trial's error
    where none can be fitted.
    """
    if not isinstance(recipe, Recipe):
        recipe = Recipe.read(recipe)
    _check(trials, time_budget, parts)
    registry = registry or Registry.discover(only=recipe.namespaces())
    _refuse_choosers(recipe, registry)
    seed = recipe.seed if seed is None else seed
    turning = dials(recipe, registry, only=only, keep=keep, spaces=spaces)
    asked = recipe.evaluation
    name = str(parse_metrics((metric or next(iter(asked.get("metrics", ("ndcg@10",)))),))[0])
    data = recipe.dataset(registry) if dataset is None else dataset
    train, validations = _parted(data, recipe, name, parts)
    with quiet():
        about = _about(recipe, train, name, parts, seed, turning, registry)
        study = Study(
            about,
            turning,
            lower=lower_is_better(name),
            seed=seed,
            storage=None if storage is None else Path(storage),
        )
        search = _Search(recipe, turning, validations, name, seed, threads, registry, study)
        interrupted = search.run(trials, time_budget, finished)
        best, ended = study.best(), study.finished
    if best is None or best.value is None:
        if interrupted:
            raise KeyboardInterrupt
        raise search.failure or SettingsError(
            f"none of {len(ended)} trials could be fitted; the first said: {ended[0].reason}"
        )
    told = _held_out(data, recipe, name) | {
        "metric": name,
        "trials": len(ended),
        "train": train.fingerprint,
    }
    return Tuned(
        replace(_valued(recipe, turning, best.values), tuned=told),
        name,
        best.value,
        ended[0].value,
        ended,
        best,
        train.fingerprint,
        interrupted,
    )


class _Search:
    """The loop: ask for values, fit and measure them part by part, tell."""

    def __init__(
        self,
        recipe: Recipe,
        turning: list[Dial],
        validations: list[Split],
        metric: str,
        seed: int,
        threads: int | None,
        registry: Registry,
        study: Study,
    ) -> None:
        self._recipe, self._turning, self._validations = recipe, turning, validations
        self._metric, self._seed, self._threads = metric, seed, threads
        self._registry, self._study = registry, study
        self._deadline = float("inf")
        self.failure: PenchantError | None = None

    def run(
        self,
        trials: int,
        time_budget: float | None,
        finished: Callable[[Trial, Trial | None], None] | None,
    ) -> bool:
        """Go on until there are so many trials; gives whether it was interrupted."""
        started = time.monotonic()
        while len(self._study.finished) < trials:
            if time_budget is not None and self._study.best() is not None:
                self._deadline = started + time_budget
            if self._late():
                return False
            asked = self._study.ask()
            try:
                self._try(asked)
                if finished is not None:
                    finished(self._study.finished[-1], self._study.best())
            except KeyboardInterrupt:
                asked.drop()
                return True
            except FitCancelled:
                asked.drop()
                return False
        return False

    def _late(self) -> bool:
        return time.monotonic() >= self._deadline

    def _try(self, asked: Asked) -> None:
        recipe = _valued(self._recipe, self._turning, asked.values)
        try:
            for number, split in enumerate(self._validations, 1):
                worse = asked.report(self._measure(recipe, split))
                if worse and number < len(self._validations):
                    asked.prune()
                    return
        except FitCancelled:
            raise
        except PenchantError as error:
            self.failure = error
            asked.fail(str(error))
            return
        asked.complete()

    def _measure(self, recipe: Recipe, split: Split) -> float:
        model = fit(
            split.train,
            recommender=recipe.recommender,
            scorers=recipe.scorers,
            encoder=recipe.encoder,
            derive=recipe.derive,
            seed=self._seed,
            threads=recipe.threads if self._threads is None else self._threads,
            registry=self._registry,
            cancelled=self._late,
        )
        rates = parse_metrics((self._metric,))[0].rates
        evaluate = evaluate_ratings if rates else evaluate_recommender
        return evaluate(model.recommender, split, metrics=(self._metric,)).values[self._metric]


def _check(trials: int, time_budget: float | None, parts: int) -> None:
    for name, count in (("trials", trials), ("parts", parts)):
        if count < 1:
            raise SettingsError(f"{name} must be at least 1, got {count}")
    if time_budget is not None and not time_budget > 0:
        raise SettingsError(f"time_budget must be a number of seconds above 0, got {time_budget}")


def _refuse_choosers(recipe: Recipe, registry: Registry) -> None:
    chooser = recipe.recommender is None and not recipe.scorers
    if recipe.recommender is not None:
        name = Spec.of(recipe.recommender).name
        chooser = name == "auto" or name in registry.names("chooser")
    if chooser:
        raise SettingsError(
            "the recipe leaves the choice to the data, which has no settings to tune; name a "
            "strategy, such as scorers = ['cf.item_knn']"
        )


def _parted(data: Dataset, recipe: Recipe, metric: str, parts: int) -> tuple[Dataset, list[Split]]:
    """What may be looked at once the test part is held out, and validation parts of it."""
    asked = _held_out(data, recipe, metric)
    share = asked["share"] * _VALIDATION
    whole = make_split(
        replace(data, min_value=asked["min_value"]),
        asked["split"],
        share=asked["share"],
        seed=asked["seed"],
        keep_negatives=asked["keep_negatives"],
    )
    if whole.kind in _UNSEEDED:
        validations = [validation_split(whole, share=share)]
        while len(validations) < parts:
            validations.append(validation_split(validations[-1], share=share))
    else:
        validations = [
            validation_split(whole, share=share, seed=number) for number in range(1, parts + 1)
        ]
    return whole.train, validations


def _held_out(data: Dataset, recipe: Recipe, metric: str) -> dict[str, Any]:
    """How the test part is held out, as `penchant evaluate` does."""
    asked = recipe.evaluation
    return {
        "split": str(asked.get("split", default_split(data))),
        "share": float(asked.get("share", 0.2)),
        "seed": int(asked.get("seed", 42)),
        "keep_negatives": bool(asked.get("keep_negatives", True)),
        "min_value": None if parse_metrics((metric,))[0].rates else data.min_value,
    }


def _valued(recipe: Recipe, turning: list[Dial], values: Mapping[str, Any]) -> Recipe:
    return turned(recipe, {dial.keys: values[dial.name] for dial in turning if dial.name in values})


def _about(
    recipe: Recipe,
    train: Dataset,
    metric: str,
    parts: int,
    seed: int,
    turning: list[Dial],
    registry: Registry,
) -> str:
    """A study's name: a digest of all that its figures follow from."""
    said = {
        "recipe": replace(recipe, data={}, tuned={}, threads=1).to_toml(),
        "train": train.fingerprint,
        "metric": metric,
        "parts": [parts, _VALIDATION],
        "seed": seed,
        "dials": [[dial.name, repr(dial.space), repr(dial.start)] for dial in turning],
        "versions": {plugin.namespace: plugin.version for plugin in registry.plugins},
    }
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:16]
