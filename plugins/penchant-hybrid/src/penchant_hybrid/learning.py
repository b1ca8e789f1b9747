"""Weights learned from held-out events: a coordinate search for the best NDCG@10.

The measure is the one that a user of the blend cares about and has no gradient, and there are few
weights, so they are tried one at a time: each is multiplied by the steps below, or dropped, and a
change stays if it helps by more than noise. No draw decides anything but the sample of users, and
the events that the blend will be judged by later play no part.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np
from penchant import kernels
from penchant.errors import DataError, FitCancelled
from penchant.queries import Csr, Queries

if TYPE_CHECKING:
    import numpy.typing as npt
    from penchant.data import Dataset
    from penchant.protocols import F32, FitContext

    from penchant_hybrid.parts import Part

CUT = 10
STEPS = (0.0, 0.25, 0.5, 0.75, 1.5, 2.0, 4.0)
ROUNDS = 6
LEAST_GAIN = 1e-4
USERS = 4096
_SCORES_AT_ONCE = 64_000_000  # 256 MB of float32, all parts together
_TASK = "weights"


def learn_weights(
    parts: Sequence[Part],
    data: Dataset,
    validation: Dataset,
    context: FitContext,
    among: Literal["all", "new"] = "all",
) -> list[float]:
    """Search from the parts' own weights; the greatest weight found is scaled to 1.

    `among` "new" ranks only the items that nobody likes in `data`.

    Judged on up to 4096 users (fewer where memory is short) who like something in `validation`
    that they have not met in `data`. O(rounds·parts·users·items). Raises DataError without such
    users.
    """
    judge = _judge(parts, data, validation, context, among)
    weights = [part.weight for part in parts]
    best = judge.ndcg(weights)
    for turn in range(ROUNDS):
        before = best
        for place in range(len(parts)):
            done = turn * len(parts) + place
            context.progress(_TASK, done, ROUNDS * len(parts), f"NDCG@{CUT} {best:.4f}")
            if context.cancelled():
                raise FitCancelled("the fit of hybrid.weighted was cancelled while it weighed")
            # A part that was dropped may come back at the size of the others.
            base = weights[place] or max(weights)
            found = [
                (judge.ndcg([*weights[:place], base * step, *weights[place + 1 :]]), base * step)
                for step in STEPS
                if step or any(weights[:place] + weights[place + 1 :])
            ]
            gain, weight = max(found, key=lambda pair: pair[0])
            if gain > best + LEAST_GAIN:
                best, weights[place] = gain, weight
        if best == before:
            break
    context.progress(_TASK, ROUNDS * len(parts), ROUNDS * len(parts), f"NDCG@{CUT} {best:.4f}")
    return [weight / max(weights) for weight in weights]


@dataclass(frozen=True)
class _Judge:
    """Scores of each part, (users, items) a part, and what the users turned out to like.

    allow: bits of the items that are ranked; None for all.
    """

    scores: Sequence[F32]
    seen: Csr
    allow: npt.NDArray[np.uint64] | None
    relevant: npt.NDArray[np.bool_]
    ideal: npt.NDArray[np.float64]

    def ndcg(self, weights: Sequence[float]) -> float:
        """Mean NDCG@10: binary gains, ideal cut at min(10, relevant)."""
        total = np.zeros_like(self.scores[0])
        for weight, scores in zip(weights, self.scores, strict=True):
            if weight:
                total += np.float32(weight) * scores
        rows, _, counts = kernels.select_top_k(
            total, CUT, seen=(self.seen.indptr, self.seen.indices), allow=self.allow
        )
        hits = np.take_along_axis(self.relevant, np.maximum(rows, 0), axis=1)
        hits &= np.arange(CUT) < counts[:, None]
        return float(np.mean((hits * _discounts()).sum(axis=1) / self.ideal))


def _discounts() -> npt.NDArray[np.float64]:
    return np.asarray(1.0 / np.log2(np.arange(CUT) + 2.0), np.float64)


def _judge(
    parts: Sequence[Part],
    data: Dataset,
    validation: Dataset,
    context: FitContext,
    among: Literal["all", "new"],
) -> _Judge:
    log = data.interactions
    likes = validation.positive_csr()
    allow = None
    if among == "new":
        new = np.ones(len(data.items), np.bool_)
        new[data.positive_csr().indices] = False
        likes = likes.where(new[likes.indices])
        allow = kernels.bitset(np.flatnonzero(new).astype(np.int32), len(new))
    # Pairs met before are no test.
    met = np.unique(_pairs(log.by_user()))
    likes = likes.where(~np.isin(_pairs(likes), met))
    users = np.flatnonzero((likes.counts() > 0) & (log.by_user().counts() > 0))
    if not len(users) and among == "new":
        raise DataError(
            "hybrid.weighted can't learn to rank new items: no user of the data likes an item in "
            "the validation events that nobody likes in the data; hold whole items out, as "
            "cold_item_split does, or set among to 'all'"
        )
    if not len(users):
        raise DataError(
            "hybrid.weighted can't learn weights: no user of the data likes anything new in the "
            "validation events; give other events, or set learn to false"
        )
    most = min(USERS, max(1, _SCORES_AT_ONCE // (len(parts) * max(1, len(data.items)))))
    if len(users) > most:
        users = np.sort(np.random.default_rng(context.seed).choice(users, most, replace=False))
    rows = users.astype(np.int32)
    queries = Queries.known(rows, log.by_user(), log.times_by_user())
    scores = []
    for part in parts:
        own = np.zeros((len(rows), len(data.items)), np.float32)
        replace(part, weight=1.0).add(own, queries, None)
        scores.append(own)
    relevant = likes.take(rows)
    ideal = np.cumsum(_discounts())[np.minimum(CUT, relevant.counts()) - 1]
    return _Judge(scores, queries.history, allow, relevant.to_dense() > 0, ideal)


def _pairs(matrix: Csr) -> npt.NDArray[np.int64]:
    return matrix.row_of_entry().astype(np.int64) * matrix.columns + matrix.indices
