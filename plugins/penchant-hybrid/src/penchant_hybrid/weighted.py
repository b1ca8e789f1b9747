"""`hybrid.weighted`: fits its parts, brings their scores to one spread, and weighs them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from penchant.errors import DataError, FitCancelled, SettingsError
from penchant.protocols import FitContext, Scorer, State

from penchant_hybrid.blend import Blend, blend_of
from penchant_hybrid.learning import learn_weights
from penchant_hybrid.parts import Part
from penchant_hybrid.spread import sample_of, spread_of

if TYPE_CHECKING:
    from penchant.data import Dataset

    from penchant_hybrid.settings import WeightedSettings


class Weighted:
    """Blends `scorers`, which the registry made."""

    def __init__(
        self,
        settings: WeightedSettings,
        names: Sequence[str],
        scorers: Sequence[Scorer],
        weights: Sequence[float],
    ) -> None:
        self._settings = settings
        self._names = tuple(names)
        self._scorers = tuple(scorers)
        self._weights = tuple(weights)

    def fit(self, data: Dataset, context: FitContext, /) -> Blend:
        """Fit the parts one after the other, then fix spreads and weights.

        With validation events (and unless `learn` is off) the weights are learned from them, and
        with `refit` the parts are then fitted again on all events, validation included, since a
        held-out event is worth more in the model than out of it.
        """
        validation = context.validation
        learn = validation is not None if self._settings.learn is None else self._settings.learn
        if not learn:
            return blend_of(self._parts(data, context, "", self._weights))
        if validation is None:
            raise SettingsError(
                "hybrid.weighted learns its weights from validation events and the fit has none; "
                "give validation=... or set learn to false"
            )
        _check_same_rows(data, validation)
        parts = self._parts(data, context, "", self._weights)
        weights = learn_weights(parts, data, validation, context, self._settings.among)
        if not self._settings.refit:
            return blend_of(
                [replace(part, weight=w) for part, w in zip(parts, weights, strict=True)]
            )
        whole = data.with_interactions(data.interactions.concat(validation.interactions))
        return blend_of(self._parts(whole, replace(context, validation=None), "again, ", weights))

    def restore(self, state: State, /) -> Blend:
        """Bring the parts back."""
        weights, spreads = _numbers(state, "weights"), _numbers(state, "spreads")
        parts = [
            Part(name, scorer.restore(state.parts[f"part_{place}"]), weight, spread)
            for place, (name, scorer, weight, spread) in enumerate(
                zip(self._names, self._scorers, weights, spreads, strict=True)
            )
        ]
        vectors = state.arrays.get("item_vectors")
        return blend_of(parts, None if vectors is None else np.asarray(vectors))

    def _parts(
        self, data: Dataset, context: FitContext, again: str, weights: Sequence[float]
    ) -> list[Part]:
        users = sample_of(data, context.seed)
        parts = []
        for place, (name, scorer, weight) in enumerate(
            zip(self._names, self._scorers, weights, strict=True), start=1
        ):
            if context.cancelled():
                raise FitCancelled(f"the fit of hybrid.weighted was cancelled before {name}")
            label = f"{again}{name} ({place} of {len(self._names)})"
            part = Part(name, scorer.fit(data, _labelled(context, label)), weight, 1.0)
            parts.append(replace(part, spread=spread_of(part, data, users)))
        return parts


def _labelled(context: FitContext, label: str) -> FitContext:
    def progress(task: str, done: float, total: float, detail: str = "", /) -> None:
        context.progress(f"{label}: {task}", done, total, detail)

    return replace(context, progress=progress)


def _check_same_rows(data: Dataset, validation: Dataset) -> None:
    if (len(validation.users), len(validation.items)) != (len(data.users), len(data.items)):
        raise DataError(
            f"validation has {len(validation.users)} users and {len(validation.items)} items but "
            f"the data have {len(data.users)} and {len(data.items)}; cut both from one dataset, "
            "as dataset.subset does"
        )


def _numbers(state: State, name: str) -> list[float]:
    values = state.meta[name]
    return [float(str(value)) for value in values] if isinstance(values, Sequence) else []
