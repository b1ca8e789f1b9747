"""How much each field counts: a coordinate search for the best NDCG@10 on items held out.

Each fifth of the liked items in turn is set aside, as if they were new, and ranked among themselves
for users who like some of them, by the score of `content.fields`. That needs no fit besides, so the
rehearsal is a fair one, and costs a product a field. Weights are then tried one at a time: each is
multiplied by the steps below or dropped, and a change stays if it gains more than the standard
error of the gain over users; what may be luck changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from penchant import kernels
from penchant.errors import FitCancelled
from penchant.item_text import likeness
from penchant.queries import Csr

from penchant_content.profiles import centre_of, likeness_to, mean_of, summed

if TYPE_CHECKING:
    import numpy.typing as npt
    from penchant.data import Dataset
    from penchant.protocols import F32, FitContext

CUT = 10
STEPS = (0.0, 0.25, 0.5, 2.0, 4.0)
ROUNDS = 6
_FOLDS = 5
_SCORES = 1_000_000
"""Scores of a field and a fold, which bounds how many users are asked."""


def learn_weights(features: Sequence[F32 | Csr], data: Dataset, context: FitContext) -> list[float]:
    """Weights of fields, together 1; `features` are rows of length 1 or none for each item.

    Equal weights where there is one field, or nobody likes both an item set aside and another.
    O(users·items·fields) for likeness, and as much a round.
    """
    weights = np.ones(len(features))
    folds = list(_folds(features, data, context)) if len(features) > 1 else []
    if not folds:
        return shares_of(weights)
    best = _ndcg(folds, weights)
    for turn in range(ROUNDS):
        before = weights.copy()
        for place in range(len(weights)):
            _tell(context, turn * len(weights) + place, ROUNDS * len(weights), best)
            # A field that was dropped may come back at the size of the others.
            base = weights[place] or weights.max()
            for step in STEPS:
                tried = weights.copy()
                tried[place] = base * step
                if not tried.any():
                    continue
                found = _ndcg(folds, tried)
                gain = found - best
                if gain.mean() > gain.std() / np.sqrt(len(gain)):
                    best, weights = found, tried
        if np.array_equal(before, weights):
            break
    _tell(context, ROUNDS * len(weights), ROUNDS * len(weights), best)
    return shares_of(weights)


def shares_of(weights: Sequence[float] | npt.NDArray[np.float64]) -> list[float]:
    """The weights, scaled to be 1 together."""
    given = np.asarray(weights, np.float64)
    return [float(weight) for weight in given / given.sum()]


def _tell(context: FitContext, done: int, total: int, best: npt.NDArray[np.float64]) -> None:
    context.progress("weights of fields", done, total, f"NDCG@{CUT} {best.mean():.4f}")
    if context.cancelled():
        raise FitCancelled("the fit was stopped while it weighed fields")


def _ndcg(folds: Sequence[_Judge], weights: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """NDCG@10 of the users of all folds."""
    return np.concatenate([fold.ndcg(weights) for fold in folds])


def _folds(features: Sequence[F32 | Csr], data: Dataset, context: FitContext) -> Iterator[_Judge]:
    """Set each fifth of the items aside; not where nobody likes both one of them and another."""
    draw = np.random.default_rng(context.seed)
    likes = data.positive_csr().binary()
    for part in np.array_split(draw.permutation(np.unique(likes.indices)), _FOLDS):
        held = np.sort(part).astype(np.int32)
        place = np.full(likes.columns, -1, np.int32)
        place[held] = np.arange(len(held), dtype=np.int32)
        hidden = place[likes.indices] >= 0
        known, wanted = likes.where(~hidden), likes.where(hidden)
        users = np.flatnonzero((known.counts() > 0) & (wanted.counts() > 0)).astype(np.int32)
        if not len(users):
            continue
        most = max(1, _SCORES // len(held))
        if len(users) > most:
            users = np.sort(draw.choice(users, most, replace=False)).astype(np.int32)
        known, wanted = mean_of(known.take(users)), wanted.take(users)
        scores = []
        for one in features:
            there = one.take(held) if isinstance(one, Csr) else one[held]
            alike = likeness(summed(known, one), there, threads=context.threads)
            scores.append(alike - likeness_to(there, centre_of(one)))
        yield _Judge(scores, Csr(wanted.indptr, place[wanted.indices], None, len(held)))


class _Judge:
    """Likeness of users to the items set aside, (users, items) a field, and what they like."""

    def __init__(self, scores: Sequence[F32], liked: Csr) -> None:
        self._scores = scores
        self._liked = liked.to_dense() > 0
        self._discounts = 1 / np.log2(np.arange(CUT) + 2.0)
        self._ideal = np.cumsum(self._discounts)[np.minimum(CUT, liked.counts()) - 1]

    def ndcg(self, weights: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """(users,) NDCG@10: binary gains, ideal cut at min(10, liked)."""
        total = np.zeros_like(self._scores[0])
        for weight, scores in zip(weights.tolist(), self._scores, strict=True):
            if weight:
                total += np.float32(weight) * scores
        rows, _, counts = kernels.select_top_k(total, CUT)
        hits = np.take_along_axis(self._liked, np.maximum(rows, 0), axis=1)
        hits &= np.arange(rows.shape[1]) < counts[:, None]
        gains: npt.NDArray[np.float64] = hits @ self._discounts[: rows.shape[1]] / self._ideal
        return gains
