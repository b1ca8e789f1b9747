"""`mf.sgd` and `mf.svdpp` once fitted: a dot product of vectors that carry the biases along.

Item i has the vector [q_i, b_i, 1] and user u [p_u, 1, mean + b_u], so that their dot product is
the rating foretold and one fused kernel call ranks the whole catalogue. The factors of several
averaged models stand side by side.

A stranger's p and b come from the ratings in the history, by ridge regression on the item vectors:
the minimum over p, b of Σ_j (r_j - mean - b_j - b - p·q_j)² + n·(λ|p|² + λ_b·b²) over the n rated
items j, which is what the descent minimizes for a user when the items stand still. Being linear in
the ratings, the regression also says how much each of them adds to a score.

A new item's q and b come from its ratings by known users in the same way, with (|q|² + b²)/t more,
where t is the sum of the learning rates. The descent starts near zero and ends early for an item of
few ratings, which comes to about that pull (Ali, Kolter, Tibshirani, "A Continuous-Time View of
Early Stopping for Least Squares Regression", 2019). Without it an item that one user rated 5 would
lead many lists. Users go without: their bias moves no list, and longer vectors rank better.

With `mf.svdpp` a user's factors are p_u + z_u, where z_u = |N(u)|^-1/2 · Σ_j y_j over the items
rated. A stranger's z comes from the history, and p and b from what it leaves of the ratings.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from penchant import kernels
from penchant.growing import appended
from penchant.protocols import Evidence, ReadsText, State

from penchant_mf.directions import Directions
from penchant_mf.words import toward, usual_length

if TYPE_CHECKING:
    from penchant.data import Dataset
    from penchant.item_text import TextMap
    from penchant.protocols import F32, I32, Bool
    from penchant.queries import Candidates, Queries, TopK

SOURCE = "mf.sgd"
F64 = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Ridge:
    """How a newcomer, a user or an item, gets a vector and a bias from ratings.

    regularization, bias_regularization: their pull towards zero, for each rating.
    steps: the sum of the learning rates of all epochs.
    scale: what the ratings were divided by while the vectors were learned.
    """

    regularization: float
    bias_regularization: float
    steps: float
    scale: float = 1.0

    def system(self, known: F64, once: float = 0.0) -> F64:
        """The normal equations' matrix for `known`, (n, f + 1): factors and a column of ones.

        once: pull towards zero, however many ratings there are.
        """
        n, width = known.shape
        # Vectors carry the root of the scale, so their pull grows with it; biases carry it whole.
        pull = np.full(width, self.scale * (n * self.regularization + once))
        pull[-1] = n * self.bias_regularization + once
        # A part that nothing pulls and no rating speaks of stays at zero.
        matrix: F64 = known.T @ known
        matrix[np.diag_indices(width)] += np.maximum(pull, 1e-9)
        return matrix

    def user(self, rated: F64, ratings: F32) -> F64:
        """(f + 1,): factors and bias of a user of these ratings.

        `rated`, (n, f + 1), are items, each ending in its rating by a user without factors and
        bias. O(n·f² + f³).
        """
        known, left = evidence(rated, ratings)
        return np.linalg.solve(self.system(known), known.T @ left).astype(np.float64, copy=False)

    def item(self, raters: F64, ratings: F32, prior: F64) -> F64:
        """(f + 1,): likewise of an item, from the users who rated it, near its `prior`."""
        known, left = evidence(raters, ratings)
        system = self.system(known, 1 / self.steps)
        moved: F64 = prior + np.linalg.solve(system, known.T @ (left - known @ prior))
        return moved


def evidence(others: F64, ratings: F32) -> tuple[F64, F64]:
    """(n, f + 1) factors and ones, and (n,) what is left of the ratings for them to say."""
    known = others.copy()
    known[:, -1] = 1.0
    return known, ratings.astype(np.float64) - others[:, -1]


class FittedSgd:
    """Vectors of users and items; see the module.

    user_vectors: (users, f + 2) float32. `item_vectors`: (items, f + 2) float32.
    text: what an item's words foretell of its factors and bias, or None.
    rated: (items, f) float32: y, what having rated an item adds to a user's factors, or None.
    source: the full name of the component, for evidence.
    """

    predicts_ratings = True

    def __init__(
        self,
        mean: float,
        user_vectors: F32,
        item_vectors: F32,
        ridge: Ridge,
        text: TextMap | None = None,
        rated: F32 | None = None,
        source: str = SOURCE,
    ) -> None:
        self._mean = mean
        self._users = user_vectors
        self._items = item_vectors
        self._ridge = ridge
        self._text = text
        self._y = rated
        self._source = source
        if text is not None and isinstance(text.text, ReadsText):
            self.encoders = text.text.encoders
        for array in (user_vectors, item_vectors, rated):
            if array is not None:
                array.setflags(write=False)

    @classmethod
    def of(
        cls,
        mean: float,
        user_factors: F32,
        user_bias: F32,
        items: F32,
        ridge: Ridge,
        text: TextMap | None = None,
        rated: F32 | None = None,
        source: str = SOURCE,
    ) -> FittedSgd:
        """Put factors and biases together; `items` are factors and a bias."""
        ones = np.ones(len(user_bias), np.float32)
        return cls(
            mean,
            np.column_stack([user_factors, ones, np.float32(mean) + user_bias]),
            np.column_stack([items, np.ones(len(items), np.float32)]),
            ridge,
            text,
            rated,
            source,
        )

    @property
    def item_vectors(self) -> F32:
        """(items, f + 2): factors, bias, 1.

        An item never rated has no factors and no bias, or those that its words foretell.
        """
        return self._items

    def query_vectors(self, queries: Queries, /) -> F32:
        """(n, f + 2): factors, 1, mean and bias; zeros for a stranger without ratings or words.

        A known user's are those of the fit; a stranger costs O(ratings·f² + f³). With words the
        factors lie halfway to those foretold of an item that the words describe; see `toward`.
        For one known user a read-only view.
        """
        said = self._said(queries)
        if len(queries) == 1 and queries.rows[0] >= 0 and said is None:  # most requests
            row = int(queries.rows[0])
            return self._users[row : row + 1]
        vectors = np.zeros((len(queries), self._items.shape[1]), np.float32)
        known = queries.rows >= 0
        vectors[known] = self._users[queries.rows[known]]
        for query in np.flatnonzero(~known & (queries.history.counts() > 0)).tolist():
            solved = self._ridge.user(
                self._rated(queries, query), queries.history.row_values(query)
            )
            vectors[query, :-2] = solved[:-1] + self._told_by_history(queries, query)
            vectors[query, -2] = 1.0
            vectors[query, -1] = self._mean + solved[-1]
        if said is not None:
            spoken = np.flatnonzero(said.any(axis=1))
            asked = toward(vectors[spoken, :-2], said[spoken], self._usual_length)
            vectors[spoken, :-2], vectors[spoken, -2] = asked, 1.0
            silent = spoken[~known[spoken] & (queries.history.counts()[spoken] == 0)]
            vectors[silent, -1] = self._mean
        return vectors

    def score(self, queries: Queries, items: I32 | None, /) -> F32:
        """Foretell the ratings, on the scale of the ratings but not clipped to it. O(n·m·f)."""
        chosen = self._items if items is None else self._items[items]
        return kernels.dot(self.query_vectors(queries), chosen)

    def answers(self, queries: Queries, /) -> Bool:
        """Those who rated anything, or say something that the encoder reads."""
        rated: Bool = queries.history.counts() > 0
        said = self._said(queries)
        return rated if said is None else rated | np.asarray(said.any(axis=1), np.bool_)

    def explain(self, queries: Queries, item: int, /) -> Sequence[Evidence]:
        """The mean, the item's bias, what each rating of the user adds; they sum to the score.

        The parts of the ratings are those of the ridge regression. Where a known user's own vector
        says otherwise, the difference is one more reason, of kind "factors", or "text" where the
        query has words.
        """
        said = self._said(queries)
        spoken = said is not None and bool(said.any())
        if queries.rows[0] < 0 and not (queries.history.nnz or spoken):
            return ()
        score = float(self.score(queries, np.array((item,), np.int32))[0, 0])
        bias = float(self._items[item, -2])
        reasons = [
            Evidence("baseline", self._mean, detail="the average rating", source=self._source),
            Evidence("popularity", bias, source=self._source),
        ]
        if queries.history.nnz:
            rated = self._rated(queries, 0)
            factors, ratings = evidence(rated, queries.history.row_values(0))
            target = np.append(self._items[item, :-2].astype(np.float64), 1.0)
            shares = ratings * (factors @ np.linalg.solve(self._ridge.system(factors), target))
            shares += self._parts_told(queries, 0) @ target[:-1]
            reasons += [
                Evidence("item", share, one, source=self._source)
                for one, share in zip(queries.history.row(0).tolist(), shares.tolist(), strict=True)
            ]
        if queries.rows[0] >= 0 or spoken:
            rest = score - sum(reason.weight for reason in reasons)
            reasons.append(Evidence("text" if spoken else "factors", rest, source=self._source))
        return tuple(sorted(reasons, key=lambda reason: -abs(reason.weight)))

    def similar_items(self, items: I32, candidates: Candidates, k: int, /) -> TopK:
        """Rank by the cosine of factors, biases left out."""
        return self._directions.similar(items, candidates, k)

    def with_items(self, data: Dataset, /) -> FittedSgd:
        """Take up new items: those that known users rated are folded in, the others get zeros.

        An item without ratings has no factors and no bias until the next fit; with a text it has
        those that its words foretell. The vectors of users and of old items keep their bits. The y
        of new items are zeros.
        O(ratings·f² + f³) an item.
        """
        new = np.arange(len(self._items), len(data.items), dtype=np.int32)
        ratings = data.interactions.by_item().take(new)
        ratings = ratings.where(ratings.indices < len(self._users))
        vectors = np.zeros((len(new), self._items.shape[1]), np.float32)
        vectors[:, -1] = 1.0
        if self._text is not None:
            vectors[:, :-1] = self._text.of_rows(data, new)
        for row in np.flatnonzero(ratings.counts()).tolist():
            raters = np.delete(self._users[ratings.row(row)].astype(np.float64), -2, axis=1)
            prior = vectors[row, :-1].astype(np.float64)
            vectors[row, :-1] = self._ridge.item(raters, ratings.row_values(row), prior)
        items = appended(self._items, vectors)
        y = self._y
        if y is not None:
            y = appended(y, np.zeros((len(new), y.shape[1]), np.float32))
        return FittedSgd(self._mean, self._users, items, self._ridge, self._text, y, self._source)

    def state(self) -> State:
        """The vectors, the mean, the scale of the ratings, the steps, and the map from words."""
        arrays = {"user_vectors": self._users, "item_vectors": self._items}
        if self._y is not None:
            arrays["rated_factors"] = self._y
        meta = {"mean": self._mean, "scale": self._ridge.scale, "steps": self._ridge.steps}
        return State(arrays, meta, {} if self._text is None else {"text": self._text.state()})

    def _said(self, queries: Queries) -> F32 | None:
        """(n, f): factors of an item that words describe, zeros for silence."""
        said = None if self._text is None else self._text.of_words(queries)
        return None if said is None else said[:, :-1]

    def _rated(self, queries: Queries, query: int) -> F64:
        """(n, f + 1): factors of what one query rated, and what its ratings are without a user."""
        rated = self._items[queries.history.row(query), :-1].astype(np.float64)
        rated[:, -1] += self._mean + rated[:, :-1] @ self._told_by_history(queries, query)
        return rated

    def _told_by_history(self, queries: Queries, query: int) -> F64:
        """(f,): z, what having rated the items of its history adds to the factors of one query."""
        told: F64 = self._parts_told(queries, query).sum(axis=0)
        return told

    def _parts_told(self, queries: Queries, query: int) -> F64:
        """(n, f): the parts of z, one for each item rated."""
        rated = queries.history.row(query)
        if self._y is None:
            return np.zeros((len(rated), self._items.shape[1] - 2))
        parts: F64 = self._y[rated].astype(np.float64) / np.sqrt(max(len(rated), 1))
        return parts

    @cached_property
    def _usual_length(self) -> float:
        return usual_length(self._users[:, :-2])

    @cached_property
    def _directions(self) -> Directions:
        return Directions(self._items[:, :-2])
