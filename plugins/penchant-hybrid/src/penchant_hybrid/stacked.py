"""`hybrid.stacked`: learns from held-out likings how the scores of its parts are best joined.

Stacking (Wolpert, "Stacked Generalization", 1992): the parts are fitted without some likings, a
model over their scores is fitted to find those, and the parts are then fitted again on everything.
The model is a conditional logistic regression (`penchant_hybrid.logit`) over the features of
`penchant_hybrid.stack`, or trees (`penchant_hybrid.trees`). A user's list is what any part puts
among its first hundred, since the rest of the catalogue is never shown, and would drown what
matters.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from penchant.errors import DataError, FitCancelled
from penchant.protocols import FitContext, Scorer, State

from penchant_hybrid.fitting import check_same_rows, fit_parts, restore_parts, with_spreads
from penchant_hybrid.judging import Judge, judge_of
from penchant_hybrid.logit import STEPS, choice_coefficients
from penchant_hybrid.stack import A_PART, OTHERS, Measure, Stack, rank_worth
from penchant_hybrid.trees import ROUNDS, TreeStack, check_installed, grown_trees

if TYPE_CHECKING:
    import numpy.typing as npt
    from penchant.data import Dataset
    from penchant.protocols import F32

    from penchant_hybrid.parts import Part
    from penchant_hybrid.settings import StackedSettings
    from penchant_hybrid.trees import U8

    # Coefficients, and trees where such are asked for.
    _Learned: TypeAlias = tuple[F32, U8 | None]

DEPTH = 100
"""How far down each part's list what it proposes is learned from."""

_NAME = "hybrid.stacked"


class Stacked:
    """Stacks `scorers`, which the registry made."""

    def __init__(
        self, settings: StackedSettings, names: Sequence[str], scorers: Sequence[Scorer]
    ) -> None:
        if settings.model == "trees":
            check_installed()
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
            parts, learned = self._learned(train, held_out, without)
            if not self._settings.refit:
                return _stack(parts, learned, train)
            data = data.with_interactions(data.interactions.concat(held_out.interactions))
        else:
            from penchant.evaluation import make_split

            kind = "user-random" if data.interactions.time is None else "user-time"
            try:
                split = make_split(data, kind, share=self._settings.share, seed=context.seed)
                parts, learned = self._learned(split.train, split.held_out, without)
                if not self._settings.refit:
                    return _stack(parts, learned, split.train)
            except DataError:
                learned = _scores_alone(len(self._names)), None
        return _stack(self._parts(data, without, "again, "), learned, data)

    def restore(self, state: State, /) -> Stack:
        """Bring the parts back."""
        parts = restore_parts(self._names, self._scorers, state)
        counts = [Measure(*row) for row in state.arrays["measures"].tolist()]
        popularity = np.asarray(state.arrays["popularity"])
        coefficients = np.asarray(state.arrays["coefficients"])
        if "trees" not in state.arrays:
            return Stack(parts, coefficients, popularity, *counts)
        trees = np.asarray(state.arrays["trees"])
        return TreeStack(parts, coefficients, popularity, *counts, trees=trees)

    def _learned(
        self, train: Dataset, held_out: Dataset, context: FitContext
    ) -> tuple[list[Part], _Learned]:
        """The parts of `train`, and what makes them find `held_out`."""
        parts = self._parts(train, context, "")
        judge = judge_of(parts, train, held_out, context, owner=_NAME)
        activity, likings = _counts(train)
        popularity = Measure.of(likings)(likings)
        counted = judge, Measure.of(activity), popularity
        coefficients = learn_coefficients(*counted, self._settings.ridge, context)
        if self._settings.model == "linear":
            return parts, (coefficients, None)
        return parts, (coefficients, learn_trees(*counted, coefficients, context))

    def _parts(self, data: Dataset, context: FitContext, again: str) -> list[Part]:
        parts = fit_parts(_NAME, self._names, self._scorers, data, context, again)
        return with_spreads(parts, data, context.seed)


def learn_coefficients(
    judge: Judge, activity: Measure, popularity: F32, ridge: float, context: FitContext
) -> F32:
    """(4·parts + 2,) float32: what the features of `Stack` are worth to the users of `judge`.

    Raises DataError where no part puts anything among its first hundred that was liked later.
    """
    lists = _lists_of(judge)
    features = _linear(lists, judge, activity, popularity)
    between = _between(context, "coefficients", STEPS)
    found = choice_coefficients(features, lists.chosen, lists.sizes(), ridge, between)
    return found.astype(np.float32)


def learn_trees(
    judge: Judge, activity: Measure, popularity: F32, coefficients: F32, context: FitContext
) -> U8:
    """The trees that put right what a stack of these coefficients orders wrongly.

    They learn from what the parts propose and from as much again of the rest, or they would not
    know what to make of it. Raises DataError as `learn_coefficients` does.
    """
    lists = _lists_of(judge, others=DEPTH, seed=context.seed)
    columns = [column for part in lists.of_parts(judge) for column in part]
    columns += [popularity[lists.items], activity(judge.seen.counts())[lists.users]]
    start = _linear(lists, judge, activity, popularity) @ coefficients
    between = _between(context, "trees", ROUNDS)
    told = lists.chosen, lists.sizes()
    return grown_trees(np.stack(columns, axis=1), start, *told, context.seed, between)


def _linear(
    lists: _Lists, judge: Judge, activity: Measure, popularity: F32
) -> npt.NDArray[np.float64]:
    """The features of `Stack`, (n, 4·parts + 2)."""
    active, popular = activity(judge.seen.counts())[lists.users], popularity[lists.items]
    features = np.empty((len(lists.users), A_PART * len(judge.scores) + OTHERS))
    for place, (own, worth) in enumerate(lists.of_parts(judge)):
        columns = (own, own * active, own * popular, worth)
        features[:, A_PART * place : A_PART * (place + 1)] = np.stack(columns, axis=1)
    features[:, -OTHERS:] = np.stack([popular, popular * active], axis=1)
    return features


@dataclass(frozen=True)
class _Lists:
    """What is learned from: (n,) users, items, and whether each was liked; users ascending."""

    users: npt.NDArray[np.int64]
    items: npt.NDArray[np.int64]
    chosen: npt.NDArray[np.bool_]

    def sizes(self) -> npt.NDArray[np.int64]:
        """How many items each user's list has."""
        sizes = np.bincount(self.users)
        return sizes[sizes > 0]

    def of_parts(self, judge: Judge) -> Iterator[tuple[F32, F32]]:
        """The score and what the rank is worth, by each part in turn."""
        for scores in judge.scores:
            worth = rank_worth(scores, judge.seen)
            yield scores[self.users, self.items], worth[self.users, self.items]


def _lists_of(judge: Judge, others: int = 0, seed: int = 0) -> _Lists:
    """What the parts propose, and about `others` more a user, drawn from the rest."""
    open_to = np.ones(judge.relevant.shape, np.bool_)
    open_to[judge.seen.row_of_entry(), judge.seen.indices] = False
    listed = _proposed(judge.scores, open_to)
    if others:
        drawn = np.random.default_rng(seed).random(listed.shape, np.float32)
        listed |= open_to & (drawn < others / max(listed.shape[1], 1))
    users, items = np.nonzero(listed)
    chosen = judge.relevant[users, items]
    # A list of which nothing was liked says nothing of what is.
    kept = np.bincount(users, weights=chosen, minlength=len(open_to))[users] > 0
    if not kept.any():
        raise DataError(
            f"{_NAME} can't learn: no part has anything among its first {DEPTH} that was liked in "
            "the validation events; give other parts, or more events"
        )
    return _Lists(users[kept], items[kept], chosen[kept])


def _between(context: FitContext, task: str, steps: int) -> Callable[[int], None]:
    def between(step: int) -> None:
        context.progress(task, step, steps)
        if context.cancelled():
            raise FitCancelled(f"the fit of {_NAME} was cancelled while it learned")

    return between


def _proposed(scores: Sequence[F32], open_to: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """(users, items): what stands among the first hundred that are open to a user, in any part."""
    proposed = np.zeros(open_to.shape, np.bool_)
    depth = min(DEPTH, open_to.shape[1])
    for own in scores:
        closed = np.where(open_to, own, -np.inf)
        first = np.argpartition(-closed, depth - 1, axis=1)[:, :depth]
        proposed[np.arange(len(first))[:, None], first] = True
    return proposed & open_to


def _stack(parts: list[Part], learned: _Learned, data: Dataset) -> Stack:
    activity, likings = _counts(data)
    measure = Measure.of(likings)
    coefficients, trees = learned
    counted = measure(likings), Measure.of(activity), measure
    if trees is None:
        return Stack(parts, coefficients, *counted)
    return TreeStack(parts, coefficients, *counted, trees=trees)


def _counts(data: Dataset) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Each user's events, and each item's likings."""
    likings = np.bincount(data.positives().item, minlength=len(data.items))
    return data.interactions.by_user().counts(), likings


def _scores_alone(parts: int) -> F32:
    """Every part's score counts 1, and nothing else does."""
    coefficients = np.zeros(A_PART * parts + OTHERS, np.float32)
    coefficients[:-OTHERS:A_PART] = 1.0
    return coefficients
