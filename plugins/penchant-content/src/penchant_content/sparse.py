"""`content.text` over terms: a user is the mean of liked items' terms, a score is a cosine.

The profile of a user has some hundred terms of many thousand, so a score is a sum over the items of
those terms and never a dense product.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from penchant import kernels
from penchant.item_text import stacked, transposed, unit_rows, values_of
from penchant.protocols import Evidence, State
from penchant.queries import Csr, TopK

from penchant_content.dense import SOURCE, ranked
from penchant_content.profiles import any_in_row, likings, product, summed

if TYPE_CHECKING:
    import numpy.typing as npt
    from penchant.data import Dataset
    from penchant.item_text import FittedItemText
    from penchant.protocols import F32, I32, I64, U8, Bool
    from penchant.queries import Candidates, Queries

_TERMS_SHOWN = 3


@dataclass(frozen=True, kw_only=True)
class SparseText:
    """Scores by sparse features.

    terms: (items, terms) float32, rows of length 1 or empty; `items`: the same by term.
    names: the terms' names, packed; of no length where they have none.
    own: (users, terms), what users say of themselves; None where nobody is asked.
    """

    terms: Csr
    items: Csr
    names: tuple[U8, I64]
    text: FittedItemText
    min_value: float | None
    half_life: float | None
    own: Csr | None = None

    @classmethod
    def of(
        cls,
        terms: Csr,
        names: Sequence[str],
        text: FittedItemText,
        min_value: float | None,
        half_life: float | None,
        own: Csr | None = None,
    ) -> SparseText:
        """Make one from an extractor's features of all items, and users' own, of length 1."""
        return cls(
            terms=terms,
            items=transposed(terms),
            names=kernels.pack_strings(list(names)),
            text=text,
            min_value=min_value,
            half_life=half_life,
            own=own,
        )

    def __post_init__(self) -> None:
        for matrix in (self.terms, self.items, *(() if self.own is None else (self.own,))):
            for array in (matrix.indptr, matrix.indices, matrix.values):
                if array is not None:
                    array.setflags(write=False)

    def score(self, queries: Queries, items: I32 | None, /) -> F32:
        """Cosine (n, m) float32; 0 where the query or the item has no terms."""
        among = self.items if items is None else transposed(self.terms.take(items))
        return product(self._profiles(queries), among)

    def answers(self, queries: Queries, /) -> Bool:
        """(n,) bool: liked an item that has terms, or wrote some."""
        liked = any_in_row(likings(queries, self.min_value, None), self.terms.counts() > 0)
        return liked if self.own is None else liked | (self.own.take(queries.rows).counts() > 0)

    def explain(self, queries: Queries, item: int, /) -> Sequence[Evidence]:
        """Give each liked item's part of the score, with the terms it shares; they sum to it.

        What the user wrote is one more part, of kind "text".
        """
        liked = likings(queries, self.min_value, self.half_life)
        summed = product(liked, self.terms).astype(np.float64)
        length = float(np.sqrt(np.square(summed).sum()))
        own, reasons = self._weights(item), []
        wrote = None if self.own is None else self.own.take(queries.rows)
        if wrote is not None and wrote.nnz:
            both = (summed / length if length else summed) + wrote.to_dense()
            share = float(np.sqrt(np.square(both).sum()))
            shared = {
                term: own[term] * value
                for term, value in zip(
                    wrote.row(0).tolist(), wrote.row_values(0).tolist(), strict=True
                )
                if term in own
            }
            part = sum(shared.values()) / share
            reasons.append(Evidence("text", part, detail=self._shown(shared), source=SOURCE))
            length *= share
        for row, weight in zip(liked.row(0).tolist(), liked.row_values(0).tolist(), strict=True):
            shared = {
                term: own[term] * value for term, value in self._weights(row).items() if term in own
            }
            part = weight * sum(shared.values()) / length if length else 0.0
            reasons.append(Evidence("item", part, row, self._shown(shared), SOURCE))
        return sorted(reasons, key=lambda reason: (-reason.weight, reason.item))

    def similar_items(self, items: I32, candidates: Candidates, k: int, /) -> TopK:
        """Rank by cosine of the items' terms, the item itself left out."""
        return ranked(product(self.terms.take(items), self.items), items, candidates, k)

    def with_items(self, data: Dataset, /) -> SparseText:
        """Extract the items that are new; the known ones, and the terms, stay."""
        new = np.arange(self.terms.rows, len(data.items), dtype=np.int32)
        added = self.text.describe(data, new)
        if not isinstance(added, Csr):
            raise TypeError(
                f"the extractor gave sparse features at fit, now {type(added).__name__}"
            )
        terms = stacked(self.terms, added)
        return replace(self, terms=terms, items=transposed(terms))

    def state(self) -> State:
        """Give both forms of the features, the terms' names, and the state of what made them."""
        arrays: dict[str, npt.NDArray[Any]] = {
            "names": self.names[0],
            "name_offsets": self.names[1],
        }
        forms = {"terms": self.terms, "items": self.items}
        for form, matrix in (forms if self.own is None else {**forms, "own": self.own}).items():
            arrays[f"{form}.indptr"] = matrix.indptr
            arrays[f"{form}.indices"] = matrix.indices
            arrays[f"{form}.values"] = values_of(matrix)
        meta = {"form": "terms", "min_value": self.min_value}
        return State(arrays, meta, {"text": self.text.state()})

    @classmethod
    def restored(cls, state: State, text: FittedItemText, half_life: float | None) -> SparseText:
        """Bring back what `state()` gave."""
        arrays, min_value = state.arrays, state.meta["min_value"]
        rows = len(arrays["terms.indptr"]) - 1
        columns = len(arrays["items.indptr"]) - 1

        def matrix(form: str, width: int) -> Csr:
            indptr, indices = arrays[f"{form}.indptr"], arrays[f"{form}.indices"]
            return Csr(indptr, indices, arrays[f"{form}.values"], width)

        return cls(
            terms=matrix("terms", columns),
            items=matrix("items", rows),
            names=(arrays["names"], arrays["name_offsets"]),
            text=text,
            min_value=None if min_value is None else float(str(min_value)),
            half_life=half_life,
            own=matrix("own", columns) if "own.indptr" in arrays else None,
        )

    def _profiles(self, queries: Queries) -> Csr:
        """Profiles of length 1, their terms in ascending order."""
        liked = unit_rows(summed(likings(queries, self.min_value, self.half_life), self.terms))
        if self.own is None:
            return liked
        n = len(queries)
        both = np.arange(2 * n, dtype=np.int32).reshape(2, n).T.ravel()  # a row of each, by turns
        pairs = Csr(2 * np.arange(n + 1, dtype=np.int64), both, None, 2 * n)
        return unit_rows(summed(pairs, stacked(liked, self.own.take(queries.rows))))

    def _weights(self, item: int) -> dict[int, float]:
        terms, weights = self.terms.row(item), self.terms.row_values(item)
        return dict(zip(terms.tolist(), weights.tolist(), strict=True))

    def _shown(self, shared: dict[int, float]) -> str:
        if len(self.names[1]) < 2:
            return ""
        strongest = sorted(shared, key=lambda term: (-shared[term], term))[:_TERMS_SHOWN]
        return ", ".join(kernels.unpack_strings(*self.names, np.array(strongest, np.int32)))
