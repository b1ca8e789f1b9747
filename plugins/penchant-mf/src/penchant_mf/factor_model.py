"""What models of likings share once fitted: a score is the dot product of two vectors of factors.

How a stranger's vector comes from likings is the strategy's own affair: a subclass says it in
`_fold_in`. Where that is linear in the likings, `_shares` says what each of them adds to a score.
A strategy that maps words to items' vectors says in `_asked` what they are to a user.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Self

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
    from penchant.queries import Candidates, Csr, Queries, TopK

F64 = npt.NDArray[np.float64]


class FactorModel:
    """Vectors of users and items.

    user_vectors: (users, f) float32. item_vectors: (items, f) float32. Both become read-only.
    min_value: the least value of a liking, or None where every event is one.
    text: what an item's words foretell of its vector, or None.
    """

    source = ""  # the full name of the component, for evidence

    def __init__(
        self,
        user_vectors: F32,
        item_vectors: F32,
        min_value: float | None,
        text: TextMap | None = None,
    ) -> None:
        self._users = user_vectors
        self._items = item_vectors
        self._min_value = min_value
        self._text = text
        if text is not None and isinstance(text.text, ReadsText):
            self.encoders = text.text.encoders
        for array in (user_vectors, item_vectors):
            array.setflags(write=False)

    @property
    def item_vectors(self) -> F32:
        """(items, f): zeros for an item of which nothing is known."""
        return self._items

    def query_vectors(self, queries: Queries, /) -> F32:
        """(n, f): a known user's vector is that of the fit, a stranger's is folded in.

        Zeros for a stranger who likes nothing. With words, halfway to the vector of who likes what
        they say, and as long as the vector of the likings, or of a mean user where there are none.
        For one known user a read-only view.
        """
        said = self._said(queries)
        if len(queries) == 1 and said is None:  # most requests, in a fifth of the time
            row = int(queries.rows[0])
            return self._users[row : row + 1] if row >= 0 else self._fold_in(self._likes(queries))
        vectors = np.zeros((len(queries), self._items.shape[1]), np.float32)
        known = queries.rows >= 0
        vectors[known] = self._users[queries.rows[known]]
        strangers = np.flatnonzero(~known).astype(np.int32)
        if len(strangers):
            vectors[strangers] = self._fold_in(self._likes(queries).take(strangers))
        if said is not None:
            spoken = np.flatnonzero(said.any(axis=1))
            asked = self._asked(said[spoken])
            vectors[spoken] = toward(vectors[spoken], asked, self._usual_length)
        return vectors

    def score(self, queries: Queries, items: I32 | None, /) -> F32:
        """The dot products. O(n·m·f)."""
        chosen = self._items if items is None else self._items[items]
        return kernels.dot(self.query_vectors(queries), chosen)

    def answers(self, queries: Queries, /) -> Bool:
        """Those who like anything, or say something that an encoder reads."""
        liked: Bool = self._likes(queries).counts() > 0
        said = self._said(queries)
        return liked if said is None else liked | np.asarray(said.any(axis=1), np.bool_)

    def explain(self, queries: Queries, item: int, /) -> Sequence[Evidence]:
        """What each liking in the history adds to the score; the parts sum to it.

        The parts are those of the fold-in. Where a known user's own vector says otherwise, the
        difference is one more reason, of kind "factors", or "text" where the query has words.
        """
        liked = self._likes(queries).take(np.zeros(1, np.int32))
        shares = self._shares(liked, item)
        reasons = [
            Evidence("item", share, row, source=self.source)
            for row, share in zip(liked.indices.tolist(), shares.tolist(), strict=True)
        ]
        if queries.rows[0] >= 0 or queries.texts:
            score = float(self.score(queries, np.array((item,), np.int32))[0, 0])
            rest = score - float(shares.sum())
            # What is left to rounding is no reason.
            if abs(rest) > 1e-5 * max(float(np.abs(shares).sum()), abs(score)):
                kind = "text" if queries.texts else "factors"
                reasons.append(Evidence(kind, rest, source=self.source))
        return tuple(sorted(reasons, key=lambda reason: -abs(reason.weight)))

    def similar_items(self, items: I32, candidates: Candidates, k: int, /) -> TopK:
        """Rank by the cosine of factors."""
        return self._directions.similar(items, candidates, k)

    def with_items(self, data: Dataset, /) -> Self:
        """Take up new items: those that known users like are folded in, the others get zeros.

        Where a strategy reads texts, what they foretell is in the place of zeros.

        The vectors of users and of old items keep their bits.
        """
        users, items = len(self._users), len(self._items)
        new = np.arange(items, len(data.items), dtype=np.int32)
        if self._text is None:
            vectors = np.zeros((len(new), self._items.shape[1]), np.float32)
        else:
            vectors = self._text.of_rows(data, new)
        liked = data.positives(self._min_value)
        if len(liked):
            likers = liked.by_item().take(new)
            likes = liked.by_user().take(np.arange(users, dtype=np.int32))
            vectors = self._fold_in_items(
                replace(likers.where(likers.indices < users), columns=users),
                replace(likes.where(likes.indices < items), columns=items),
                vectors,
            )
        return self._with_item_vectors(appended(self._items, vectors))

    def state(self) -> State:
        """The vectors, what counts as a liking, and the map from words."""
        arrays = {"user_vectors": self._users, "item_vectors": self._items}
        parts = {} if self._text is None else {"text": self._text.state()}
        return State(arrays, {"min_value": self._min_value}, parts)

    def _fold_in(self, likes: Csr) -> F32:
        """(n, f): vectors of users who like this; values are those of the events. Zeros for none.

        A row's vector has the same bits whatever rows stand beside it.
        """
        raise NotImplementedError

    def _fold_in_items(self, likers: Csr, likes: Csr, foretold: F32) -> F32:
        """(n, f): vectors of items that these users like, from where they are `foretold` to be.

        likes: users x old items, what the likers like besides; other users' rows may be empty. An
        item without likers stays where it is foretold to be.
        """
        raise NotImplementedError

    def _asked(self, said: F32) -> F32:
        """(n, f): vectors of users who like items whose words foretell the vectors `said`.

        Only where they point counts. For strategies with a text.
        """
        raise NotImplementedError

    def _shares(self, liked: Csr, item: int) -> F64:
        """(liked.nnz,) float64: what each liking adds to the score of `item`, by the fold-in."""
        raise NotImplementedError

    def _with_item_vectors(self, vectors: F32) -> Self:
        """The same model with other items."""
        raise NotImplementedError

    def _likes(self, queries: Queries) -> Csr:
        return queries.history.at_least(self._min_value)

    def _said(self, queries: Queries) -> F32 | None:
        """(n, f): vectors of items that words describe, zeros for silence; None for no words."""
        return None if self._text is None else self._text.of_words(queries)

    @cached_property
    def _usual_length(self) -> float:
        return usual_length(self._users)

    @cached_property
    def _directions(self) -> Directions:
        return Directions(self._items)
