"""Weights learned from held-out events: parts are let in where they help, again and again.

The measure, NDCG@10, is the one that a user of the blend cares about. It has no gradient, so
weights are counts: starting from nothing, the part that helps most is added, once more if it was in
already, and the best of the sums met on the way stays (Caruana, Niculescu-Mizil, Crew, Ksikes,
"Ensemble Selection from Libraries of Models", 2004, section 2.1).

Among many parts one always seems to help by chance, and does harm later. So that is done for
several samples of the users, drawn with replacement; a part that fewer than half of them let in
gets the weight 0, as in stability selection (Meinshausen, Buehlmann, "Stability Selection", 2010),
and the others the mean of theirs, as in bagging (Breiman, "Bagging Predictors", 1996).

The seed alone decides the samples, and the events that the blend will be judged by later play no
part.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np
from penchant import kernels
from penchant.errors import DataError, FitCancelled
from penchant.queries import Csr, Queries

if TYPE_CHECKING:
    import numpy.typing as npt
    from penchant.data import Dataset
    from penchant.protocols import F32, FitContext

    from penchant_hybrid.parts import Part

    F64: TypeAlias = npt.NDArray[np.float64]
    Counts: TypeAlias = tuple[int, ...]

CUT = 10
SAMPLES = 16
ADDITIONS = 8
OFTEN = 0.5
USERS = 4096
_SCORES_AT_ONCE = 160_000_000  # 640 MB of float32, all parts together
_TASK = "weights"


def learn_weights(
    parts: Sequence[Part],
    data: Dataset,
    validation: Dataset,
    context: FitContext,
    among: Literal["all", "new"] = "all",
) -> list[float]:
    """Let parts in by the events of `validation`; the greatest weight found is scaled to 1.

    A part's own weight is what it counts each time that it is added; one of weight 0 stays out.
    `among` "new" ranks only the items that are liked in `validation` and not in `data`.

    Judged on up to 4096 users (fewer where memory is short) who like something in `validation`
    that they have not met in `data`. O(sums·users·items) for at most 128 sums a part, of which
    most are met again and again. Raises DataError without such users.
    """
    return weights_by(judge_of(parts, data, validation, context, among), context)


def weights_by(judge: Judge, context: FitContext, often: float = OFTEN) -> list[float]:
    """As `learn_weights`, by a judge at hand.

    often: the share of samples that must let a part in. Of parts that stand in for one another each
    is let in now and then; 0 keeps them all, as fits few parts of which none does harm.
    """
    users, draw = len(judge.ideal), np.random.default_rng(context.seed)
    found = []
    for sample in range(SAMPLES):
        context.progress(_TASK, sample, SAMPLES)
        if context.cancelled():
            raise FitCancelled("the fit of hybrid.weighted was cancelled while it weighed")
        times = np.bincount(draw.integers(0, users, users), minlength=users)
        counts = np.array(_best_counts(judge, times))
        found.append(counts / counts.sum())
    shares = np.stack(found)
    weights = shares.mean(axis=0)
    seldom = (shares > 0).mean(axis=0) < often
    weights[seldom & (weights < weights.max())] = 0.0
    weights *= judge.sizes
    context.progress(
        _TASK, SAMPLES, SAMPLES, f"{np.count_nonzero(weights)} of {len(weights)} parts"
    )
    return [float(weight) for weight in weights / weights.max()]


def _best_counts(judge: Judge, times: npt.NDArray[np.int64]) -> Counts:
    """How often each part is in the best sum met. times: how often each user is in the sample."""
    places = np.flatnonzero(judge.sizes).tolist()
    counts: Counts = (0,) * len(judge.sizes)
    best, most = counts, -1.0
    for _ in range(ADDITIONS):
        sums = [(*counts[:at], counts[at] + 1, *counts[at + 1 :]) for at in places]
        values = [float(times @ judge.ndcg(one)) for one in sums]
        # The first of equals, so that parts named earlier are preferred.
        greatest = int(np.argmax(values))
        counts = sums[greatest]
        if values[greatest] > most:
            best, most = counts, values[greatest]
    return best


@dataclass(frozen=True)
class Judge:
    """Scores of each part, (users, items) a part, and what the users turned out to like.

    sizes: what each part counts a time. `allow`: bits of the items that are ranked; None for all.
    """

    scores: Sequence[F32]
    sizes: F64
    seen: Csr
    allow: npt.NDArray[np.uint64] | None
    relevant: npt.NDArray[np.bool_]
    ideal: F64
    _known: dict[Counts, F64] = field(default_factory=dict)

    @classmethod
    def joined(cls, judges: Sequence[Judge]) -> Judge:
        """One judge of all users of several, each of which scored the same parts, fitted anew."""
        first = judges[0]
        return cls(
            [np.concatenate(scores) for scores in zip(*(j.scores for j in judges), strict=True)],
            first.sizes,
            _stacked([judge.seen for judge in judges]),
            first.allow,
            np.concatenate([judge.relevant for judge in judges]),
            np.concatenate([judge.ideal for judge in judges]),
        )

    def alone(self) -> list[float]:
        """The mean NDCG@10 of each part without the others."""
        places = range(len(self.scores))
        return [
            float(self.ndcg(tuple(int(at == place) for at in places)).mean()) for place in places
        ]

    def ndcg(self, counts: Counts) -> F64:
        """NDCG@10 of each user: binary gains, ideal cut at min(10, relevant)."""
        if counts not in self._known:
            weights = [count * size for count, size in zip(counts, self.sizes, strict=True)]
            self._known[counts] = self.ndcg_of(weights)
        return self._known[counts]

    def ndcg_of(self, weights: Sequence[float]) -> F64:
        """NDCG@10 of each user by the sum of the scores times `weights`."""
        total = np.zeros_like(self.scores[0])
        for weight, scores in zip(weights, self.scores, strict=True):
            if weight:
                total += np.float32(weight) * scores
        rows, _, ranked = kernels.select_top_k(
            total, CUT, seen=(self.seen.indptr, self.seen.indices), allow=self.allow
        )
        hits = np.take_along_axis(self.relevant, np.maximum(rows, 0), axis=1)
        hits &= np.arange(CUT) < ranked[:, None]
        ndcg: F64 = (hits * _discounts()).sum(axis=1) / self.ideal
        return ndcg


def _discounts() -> F64:
    return np.asarray(1.0 / np.log2(np.arange(CUT) + 2.0), np.float64)


def judge_of(
    parts: Sequence[Part],
    data: Dataset,
    validation: Dataset,
    context: FitContext,
    among: Literal["all", "new"] = "all",
    owner: str = "hybrid.weighted",
) -> Judge:
    """Score what is to be found in `validation` by every part; `owner` is who learns from it."""
    log = data.interactions
    likes = validation.positive_csr()
    allow = None
    if among == "new":
        # Of items that nobody likes then either, nobody can tell whether they were there.
        new = np.zeros(len(data.items), np.bool_)
        new[likes.indices] = True
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
        way_out = "give other events"
        if owner == "hybrid.weighted":
            way_out += ", or set learn to false"
        raise DataError(
            f"{owner} can't learn weights: no user of the data likes anything new in the "
            f"validation events; {way_out}"
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
    sizes = np.array([part.weight for part in parts], np.float64)
    return Judge(scores, sizes, queries.history, allow, relevant.to_dense() > 0, ideal)


def _stacked(matrices: Sequence[Csr]) -> Csr:
    """Rows of one matrix after those of another."""
    ends = np.cumsum([0, *(matrix.nnz for matrix in matrices)])
    return Csr(
        np.concatenate(
            [[0], *(m.indptr[1:] + end for m, end in zip(matrices, ends[:-1], strict=True))]
        ).astype(np.int64),
        np.concatenate([matrix.indices for matrix in matrices]),
        np.concatenate([matrix.values for matrix in matrices]),
        matrices[0].columns,
    )


def _pairs(matrix: Csr) -> npt.NDArray[np.int64]:
    return matrix.row_of_entry().astype(np.int64) * matrix.columns + matrix.indices
