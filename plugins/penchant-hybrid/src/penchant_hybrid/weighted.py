"""`hybrid.weighted`: fits its parts, brings their scores to one spread, and weighs them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from penchant.errors import DataError
from penchant.protocols import FitContext, Scorer, State

from penchant_hybrid.blend import Blend, blend_of
from penchant_hybrid.cuts import cuts_by, repeated
from penchant_hybrid.fitting import check_same_rows, fit_parts, restore_parts, with_spreads
from penchant_hybrid.judging import Panel, judge_of_pools
from penchant_hybrid.learning import learn_weights, weights_by

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
        held-out event is worth more in the model than out of it. With `learn` and no validation
        events, likings are held out of the data several times over, and the parts are fitted as
        often, and last on everything. Raises DataError where there is nothing to learn from.
        """
        validation = context.validation
        learn = validation is not None if self._settings.learn is None else self._settings.learn
        if not learn:
            return blend_of(self._parts(data, context, "", self._weights))
        if validation is None:
            return blend_of(self._parts(data, context, "again, ", self._learned(data, context)))
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

    def _learned(self, data: Dataset, context: FitContext) -> list[float]:
        """The weights by what the parts find of likings held out of the data."""
        kind = "user-random" if data.interactions.time is None else "user-time"
        known = self._settings.known
        if self._settings.among == "new":
            kind = "cold-item"
        elif known is not None:
            kind = "cold-user"
        kinds = repeated(kind, len(data.interactions))
        try:
            cuts = cuts_by(data, kinds, self._settings.share, context.seed, known or 1)
        except DataError as error:
            raise DataError(
                "hybrid.weighted can't hold out likings to learn weights from, give validation=... "
                f"or set learn to false: {error}"
            ) from None
        judges = []
        for number, cut in enumerate(cuts, 1):
            label = f"cut {number} of {len(cuts)}, "
            parts = self._parts(cut.train, context, label, self._weights)
            judges.append(
                judge_of_pools(parts, cut.train, cut.held_out, context, self._settings.among)
            )
        return weights_by(Panel(judges, [1 / len(judge.ideal) for judge in judges]), context)

    def _parts(
        self, data: Dataset, context: FitContext, again: str, weights: Sequence[float]
    ) -> list[Part]:
        parts = fit_parts("hybrid.weighted", self._names, self._scorers, data, context, again)
        parts = with_spreads(parts, data, context.seed)
        return [replace(part, weight=weight) for part, weight in zip(parts, weights, strict=True)]
