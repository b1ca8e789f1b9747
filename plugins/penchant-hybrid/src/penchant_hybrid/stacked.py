"""`hybrid.stacked`: learns from held-out likings how the scores of its parts are best joined.

Stacking (Wolpert, "Stacked Generalization", 1992): the parts are fitted without some likings, a
model over their scores is fitted to find those, and the parts are then fitted again on everything.
The model is a conditional logistic regression (`penchant_hybrid.logit`) over the features of
`penchant_hybrid.stack`. A user's list is what any part puts among its first hundred, since the
rest of the catalogue is never shown, and would drown what matters.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from penchant.errors import DataError, FitCancelled
from penchant.protocols import FitContext, Scorer, State

from penchant_hybrid.fitting import check_same_rows, fit_parts, restore_parts, with_spreads
from penchant_hybrid.judging import Judge, judge_of
from penchant_hybrid.logit import STEPS, choice_coefficients
from penchant_hybrid.stack import A_PART, OTHERS, Measure, Stack, rank_worth

if TYPE_CHECKING:
    import numpy.typing as npt
    from penchant.data import Dataset
    from penchant.protocols import F32

    from penchant_hybrid.parts import Part
    from penchant_hybrid.settings import StackedSettings

DEPTH = 100
"""How far down each part's list what it proposes is learned from."""

_NAME = "hybrid.stacked"


class Stacked:
    """Stacks `scorers`, which the registry made."""

    def __init__(
        self, settings: StackedSettings, names: Sequence[str], scorers: Sequence[Scorer]
    ) -> None:
        self._settings = settings
        self._names = tuple(names)
        self._scorers = tuple(scorers)

    def fit(self, data: Dataset, context: FitContext, /) -> Stack:
        """Fit the parts, learn from likings held out, and fit the parts again on everything.

        Without validation events a share of each user's likings is held out: the latest where
        events have times, random ones otherwise; where that leaves nothing to learn from, every
        part's score counts 1 and nothing else counts. Raises DataError where the validation events
        given have nothing to learn from.
        """
        without = replace(context, validation=None)
        if context.validation is not None:
            check_same_rows(data, context.validation)
            train, held_out = data, context.validation
            parts, coefficients = self._learned(train, held_out, without)
            if not self._settings.refit:
                return _stack(parts, coefficients, train)
            data = data.with_interactions(data.interactions.concat(held_out.interactions))
        else:
            from penchant.evaluation import make_split

            kind = "user-random" if data.interactions.time is None else "user-time"
            try:
                split = make_split(data, kind, share=self._settings.share, seed=context.seed)
                parts, coefficients = self._learned(split.train, split.held_out, without)
                if not self._settings.refit:
                    return _stack(parts, coefficients, split.train)
            except DataError:
                coefficients = _scores_alone(len(self._names))
        return _stack(self._parts(data, without, "again, "), coefficients, data)

    def restore(self, state: State, /) -> Stack:
        """Bring the parts back."""
        parts = restore_parts(self._names, self._scorers, state)
        activity, likings = (Measure(*row) for row in state.arrays["measures"].tolist())
        arrays = {name: np.asarray(state.arrays[name]) for name in ("coefficients", "popularity")}
        return Stack(parts, **arrays, activity=activity, likings=likings)

    def _learned(
        self, train: Dataset, held_out: Dataset, context: FitContext
    ) -> tuple[list[Part], F32]:
        """The parts of `train`, and what makes them find `held_out`."""
        parts = self._parts(train, context, "")
        judge = judge_of(parts, train, held_out, context, owner=_NAME)
        activity, likings = _counts(train)
        popularity = Measure.of(likings)(likings)
        ridge = self._settings.ridge
        return parts, learn_coefficients(judge, Measure.of(activity), popularity, ridge, context)

    def _parts(self, data: Dataset, context: FitContext, again: str) -> list[Part]:
        parts = fit_parts(_NAME, self._names, self._scorers, data, context, again)
        return with_spreads(parts, data, context.seed)


def learn_coefficients(
    judge: Judge, activity: Measure, popularity: F32, ridge: float, context: FitContext
) -> F32:
    """(4·parts + 2,) float32: what the features of `Stack` are worth to the users of `judge`.

    Raises DataError where no part puts anything among its first hundred that was liked later.
    """
    open_to = np.ones(judge.relevant.shape, np.bool_)
    open_to[judge.seen.row_of_entry(), judge.seen.indices] = False
    active = activity(judge.seen.counts())
    users, items = np.nonzero(_proposed(judge.scores, open_to))
    chosen = judge.relevant[users, items]
    # A list of which nothing was liked says nothing of what is.
    kept = np.bincount(users, weights=chosen, minlength=len(active))[users] > 0
    users, items, chosen = users[kept], items[kept], chosen[kept]
    if not len(users):
        raise DataError(
            f"{_NAME} can't learn: no part has anything among its first {DEPTH} that was liked in "
            "the validation events; give other parts, or more events"
        )
    features = np.empty((len(users), A_PART * len(judge.scores) + OTHERS))
    popular = popularity[items]
    for place, scores in enumerate(judge.scores):
        own = scores[users, items]
        columns = (own, own * active[users], own * popular)
        worth = rank_worth(scores, judge.seen)[users, items]
        features[:, A_PART * place : A_PART * (place + 1)] = np.stack([*columns, worth], axis=1)
    features[:, -OTHERS:] = np.stack([popular, popular * active[users]], axis=1)

    def between(step: int) -> None:
        context.progress("coefficients", step, STEPS)
        if context.cancelled():
            raise FitCancelled(f"the fit of {_NAME} was cancelled while it learned")

    sizes = np.bincount(users)
    return choice_coefficients(features, chosen, sizes[sizes > 0], ridge, between).astype(
        np.float32
    )


def _proposed(scores: Sequence[F32], open_to: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """(users, items): what stands among the first hundred that are open to a user, in any part."""
    proposed = np.zeros(open_to.shape, np.bool_)
    depth = min(DEPTH, open_to.shape[1])
    for own in scores:
        closed = np.where(open_to, own, -np.inf)
        first = np.argpartition(-closed, depth - 1, axis=1)[:, :depth]
        proposed[np.arange(len(first))[:, None], first] = True
    return proposed & open_to


def _stack(parts: list[Part], coefficients: F32, data: Dataset) -> Stack:
    activity, likings = _counts(data)
    measure = Measure.of(likings)
    return Stack(parts, coefficients, measure(likings), Measure.of(activity), measure)


def _counts(data: Dataset) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Each user's events, and each item's likings."""
    likings = np.bincount(data.positives().item, minlength=len(data.items))
    return data.interactions.by_user().counts(), likings


def _scores_alone(parts: int) -> F32:
    """Every part's score counts 1, and nothing else does."""
    coefficients = np.zeros(A_PART * parts + OTHERS, np.float32)
    coefficients[:-OTHERS:A_PART] = 1.0
    return coefficients
