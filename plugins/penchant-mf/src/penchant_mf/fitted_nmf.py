"""`mf.nmf` once fitted: how much each user asks of each part, and each item has of it.

A newcomer, user or item, gets the row that the fit would have given it, had the other side stood
still, so a stranger who rated the same has the bits of a known user. Who has no ratings is a mean
user, or a mean item.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from penchant import kernels
from penchant.growing import appended
from penchant.protocols import Evidence, State
from penchant.queries import Csr

from penchant_mf.directions import Directions
from penchant_mf.nonnegative import Pull, Ratings

if TYPE_CHECKING:
    from penchant.data import Dataset
    from penchant.protocols import F32, I32, I64, Bool
    from penchant.queries import Candidates, Queries, TopK

SOURCE = "mf.nmf"
F64 = npt.NDArray[np.float64]

# An item of so many ratings is half trusted to say what a part is.
_DOUBT = 20


class FittedNmf:
    """Rows of users and items, no number below 0.

    user_vectors: (users, f) float32. item_vectors: (items, f) float32. usual: (2, f) float32, a
    mean user and a mean item. counts: (items,) int64, the ratings of each item. pull: of the rows
    to zero and to the mean.
    """

    predicts_ratings = True

    def __init__(
        self, user_vectors: F32, item_vectors: F32, usual: F32, counts: I64, pull: Pull
    ) -> None:
        self._users = user_vectors
        self._items = item_vectors
        self._usual = usual
        self._counts = counts
        self._pull = pull
        for array in (user_vectors, item_vectors, usual, counts):
            array.setflags(write=False)

    @classmethod
    def of(
        cls, ratings: Ratings, items: F32, usual: F32, counts: I64, pull: Pull, threads: int
    ) -> FittedNmf:
        """Solve users for `items` that stand still; `ratings` are users x items."""
        users = ratings.solved(items, pull, usual[0], threads=threads)
        return cls(users, items, usual, counts, pull)

    @classmethod
    def restored(cls, state: State) -> FittedNmf:
        """Bring the rows back."""
        names = "user_vectors", "item_vectors", "usual", "counts"
        users, items, usual, counts = (np.asarray(state.arrays[name]) for name in names)
        numbers = (float(str(state.meta[name])) for name in ("regularization", "shrinkage"))
        return cls(users, items, usual, counts, Pull(*numbers))

    @property
    def item_vectors(self) -> F32:
        """(items, f): how much of each part an item has."""
        return self._items

    def query_vectors(self, queries: Queries, /) -> F32:
        """(n, f): a known user's row is that of the fit, a stranger's is solved from the history.

        O(ratings·f² + f³) a stranger. One without ratings is a mean user.
        """
        vectors = np.empty((len(queries), self._items.shape[1]), np.float32)
        known = queries.rows >= 0
        vectors[known] = self._users[queries.rows[known]]
        strangers = np.flatnonzero(~known).astype(np.int32)
        if len(strangers):
            told = Ratings(queries.history.take(strangers))
            vectors[strangers] = told.solved(self._items, self._pull, self._usual[0])
        return vectors

    def score(self, queries: Queries, items: I32 | None, /) -> F32:
        """Foretell the ratings, on the scale of the ratings but not clipped to it. O(n·m·f)."""
        chosen = self._items if items is None else self._items[items]
        return kernels.dot(self.query_vectors(queries), chosen)

    def answers(self, queries: Queries, /) -> Bool:
        """Those who rated anything."""
        rated: Bool = queries.history.counts() > 0
        return rated

    def explain(self, queries: Queries, item: int, /) -> Sequence[Evidence]:
        """What each part adds to the rating; they sum to it, and none takes from it.

        A part speaks of the item in the history that stands for it best: rated high, and made of
        that part more than of others. There are no reasons for a stranger without ratings.
        """
        if queries.rows[0] < 0 and not queries.history.nnz:
            return ()
        adds = self.query_vectors(queries)[0].astype(np.float64) * self._items[item]
        rated = queries.history.row(0)
        others = rated != item
        rated, ratings = rated[others], queries.history.row_values(0)[others]
        stands = _shares(self._items[rated]) * ratings[:, None]
        speakers = np.argmax(stands, axis=0) if len(rated) else None
        order = np.argsort(-adds, kind="stable")
        return tuple(
            Evidence(
                "part",
                float(adds[part]),
                -1 if speakers is None else int(rated[speakers[part]]),
                f"part {part + 1} of {len(adds)}",
                SOURCE,
            )
            for part in order.tolist()
            if adds[part] > 0
        )

    def parts(self, k: int) -> I32:
        """(f, k) int32: the items that stand for each part, best first, ties to the lower row.

        An item stands for a part by how much it has of it, times the share of that in all it has,
        times n / (n + 20) with its n ratings. Fewer than k items are all ranked.
        O(items·f·log items).
        """
        stands = self._items * _shares(self._items)
        stands *= (self._counts / (self._counts + _DOUBT))[:, None]
        return np.argsort(-stands, axis=0, kind="stable")[:k].T.astype(np.int32)

    def similar_items(self, items: I32, candidates: Candidates, k: int, /) -> TopK:
        """Rank by the cosine of what items are made of."""
        return self._directions.similar(items, candidates, k)

    def with_items(self, data: Dataset, /) -> FittedNmf:
        """Take up new items: those that known users rated are solved for, the others are mean.

        The rows of users and of old items keep their bits. O(ratings·f² + f³) an item.
        """
        new = np.arange(len(self._items), len(data.items), dtype=np.int32)
        ratings = data.interactions.by_item().take(new)
        ratings = ratings.where(ratings.indices < len(self._users))
        known = Csr(ratings.indptr, ratings.indices, ratings.values, len(self._users))
        vectors = Ratings(known).solved(self._users, self._pull, self._usual[1])
        items = appended(self._items, vectors)
        counts = np.concatenate([self._counts, known.counts()])
        return FittedNmf(self._users, items, self._usual, counts, self._pull)

    def state(self) -> State:
        """The rows, the mean ones, the ratings of items, and the pull."""
        arrays: dict[str, npt.NDArray[Any]] = {
            "user_vectors": self._users,
            "item_vectors": self._items,
            "usual": self._usual,
            "counts": self._counts,
        }
        return State(arrays, asdict(self._pull))

    @cached_property
    def _directions(self) -> Directions:
        return Directions(self._items)


def _shares(rows: F32) -> F64:
    """(n, f): the share of each part in all that a row has; zeros for a row that has nothing."""
    wide = rows.astype(np.float64)
    sums = wide.sum(axis=1, keepdims=True)
    shares: F64 = np.divide(wide, sums, out=np.zeros_like(wide), where=sums > 0)
    return shares
