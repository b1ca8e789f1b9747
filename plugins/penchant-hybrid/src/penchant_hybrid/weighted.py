"""`hybrid.weighted`: fits its parts, brings their scores to one spread, and weighs them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from penchant.errors import SettingsError
from penchant.protocols import FitContext, Scorer, State

from penchant_hybrid.blend import Blend, blend_of
from penchant_hybrid.fitting import check_same_rows, fit_parts, restore_parts, with_spreads
from penchant_hybrid.learning import learn_weights

if TYPE_CHECKING:
    from penchant.data import Dataset

    from penchant_hybrid.parts import Part
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
        check_same_rows(data, validation)
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
        parts = restore_parts(self._names, self._scorers, state)
        vectors = state.arrays.get("item_vectors")
        return blend_of(parts, None if vectors is None else np.asarray(vectors))

    def _parts(
        self, data: Dataset, context: FitContext, again: str, weights: Sequence[float]
    ) -> list[Part]:
        parts = fit_parts("hybrid.weighted", self._names, self._scorers, data, context, again)
        parts = with_spreads(parts, data, context.seed)
        return [replace(part, weight=weight) for part, weight in zip(parts, weights, strict=True)]
