"""`base.top_k`: show the k items that one scorer scores highest.

A scorer that is a dot product (`Factored`) is ranked by one fused kernel call that never makes the
n × m scores; any other is scored in batches of bounded memory and then selected. Both keep the same
order: greater score first, equal scores by lower row. Item vectors are kept as bytes too: a scan
reads a quarter of the memory to find the same k. They are made at the fit and saved with the model.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, cast

import numpy as np

from penchant import kernels
from penchant.components import Spec
from penchant.errors import PluginError, ShapeError
from penchant.growing import begins_with
from penchant.protocols import (
    Factored,
    FitContext,
    FittedScorer,
    RelatesItems,
    Scorer,
    State,
    Updatable,
)
from penchant.queries import TopK

if TYPE_CHECKING:
    from penchant.builtin.settings import TopKSettings
    from penchant.data import Dataset
    from penchant.protocols import F32, I32, U8
    from penchant.queries import Candidates, Csr, Queries

# Scores held at once on the unfused path: 64 MB of float32.
_SCORES_AT_ONCE = 16_000_000
# Lengths of vectors that gain by codes: shorter ones are scanned as fast, longer ones have none.
_QUANTIZABLE = range(8, 16_385)
# An index is made anew when the rows it keeps apart are more than this part of all.
_APART = 16
# Names of its two arrays in a saved model.
_CODES = ("codes", "code_bounds")


def _pair(lists: Csr | None) -> tuple[np.ndarray, np.ndarray] | None:
    return None if lists is None else (lists.indptr, lists.indices)


class FittedTopK:
    """Ranks by one fitted scorer; abilities other than ranking are the scorer's (`inner`)."""

    def __init__(
        self,
        inner: FittedScorer,
        *,
        resident: bool = False,
        threads: int = 1,
        quantized: bool = True,
        codes: tuple[U8, F32] | None = None,
        index: kernels.ItemIndex | None = None,
    ) -> None:
        """Rank by `inner`; `codes` and `index` are of its item vectors, where made already."""
        self.inner = inner
        self._threads = threads
        self._codes = codes
        # Looked up here and not on each request: an isinstance of a protocol costs 100 calls.
        self._factored = inner if isinstance(inner, Factored) else None
        self._quantized = quantized
        self._index = index
        if self._factored is not None and index is None:
            self._index = kernels.ItemIndex(
                self._factored.item_vectors, codes=self._known_codes(), resident=resident
            )
        if isinstance(inner, Updatable):
            # An ability of the instance, since not every scorer has it.
            self.with_items = self._with_items

    def _known_codes(self) -> tuple[U8, F32] | None:
        """The codes of the item vectors, made where nobody has made them yet; None without use."""
        if self._factored is None or not self._quantized:
            return None
        vectors = self._factored.item_vectors
        if self._codes is None and vectors.shape[1] in _QUANTIZABLE:
            self._codes = kernels.quantize_items(vectors, threads=self._threads)
        return self._codes

    def _with_items(self, data: Dataset, /) -> FittedTopK:
        newer = cast("FittedScorer", cast("Updatable", self.inner).with_items(data))
        return FittedTopK(
            newer,
            resident=self._index is not None and self._index.resident,
            threads=self._threads,
            quantized=self._quantized,
            index=self._grown(newer),
        )

    def _grown(self, newer: FittedScorer) -> kernels.ItemIndex | None:
        """The index with the rows that are new: no copy and no codes of the others are made.

        None where another index is cheaper: because nothing was copied, rows that were known have
        changed, or too many are kept apart.
        """
        if self._index is None or self._factored is None or not isinstance(newer, Factored):
            return None
        old, vectors = self._factored.item_vectors, newer.item_vectors
        copied = self._index.resident or (self._quantized and old.shape[1] in _QUANTIZABLE)
        added = len(vectors) - len(old)
        if not copied or _APART * (self._index.apart + added) > len(vectors):
            return None
        if not begins_with(vectors, old):
            return None
        rows = np.arange(len(old), len(vectors), dtype=np.int32)
        return self._index.with_rows(rows, vectors[len(old) :])

    def recommend(self, queries: Queries, candidates: Candidates, k: int, /) -> TopK:
        """Rank exactly min(k, eligible) items a query. O(n·m·d) or as the scorer scores."""
        if self._index is not None and self._factored is not None:
            return TopK(
                *self._index.top_k(
                    self._factored.query_vectors(queries),
                    k,
                    seen=_pair(candidates.seen),
                    allow=candidates.allow,
                    deny=candidates.deny,
                    lists=_pair(candidates.lists),
                    threads=self._threads,
                )
            )
        step = max(1, _SCORES_AT_ONCE // max(1, candidates.items))
        if len(queries) <= step:
            return self._select(queries, candidates, k)
        parts = []
        for start in range(0, len(queries), step):
            which = np.arange(start, min(start + step, len(queries)), dtype=np.int32)
            parts.append(self._select(queries.take(which), candidates.take(which), k))
        return TopK(
            np.concatenate([part.rows for part in parts]),
            np.concatenate([part.scores for part in parts]),
            np.concatenate([part.counts for part in parts]),
        )

    def _select(self, queries: Queries, candidates: Candidates, k: int) -> TopK:
        scores = self.inner.score(queries, None)
        wanted = (len(queries), candidates.items)
        if getattr(scores, "shape", wanted) != wanted:
            raise ShapeError(
                f"{type(self.inner).__name__} gave scores of shape {scores.shape}; {wanted[0]} "
                f"queries and a catalogue of {wanted[1]} items need {wanted}"
            )
        return TopK(
            *kernels.select_top_k(
                scores,
                k,
                seen=_pair(candidates.seen),
                allow=candidates.allow,
                deny=candidates.deny,
                lists=_pair(candidates.lists),
            )
        )

    def score(self, queries: Queries, items: I32 | None, /) -> F32:
        """As the scorer scores."""
        return self.inner.score(queries, items)

    def similar_items(self, items: I32, candidates: Candidates, k: int, /) -> TopK:
        """As the scorer relates items; by the cosine of item vectors where it is a dot product."""
        if isinstance(self.inner, RelatesItems):
            return self.inner.similar_items(items, candidates, k)
        return self._neighbours.similar_items(items, candidates, k)

    @cached_property
    def _neighbours(self) -> FactorNeighbours:
        from penchant.errors import RequestError

        if self._factored is None:
            raise RequestError(
                f"{type(self.inner).__name__} does not relate items to each other; "
                "ask a model whose scorer does, such as cf.item_knn or mf.sgd"
            )
        return FactorNeighbours(self._factored.item_vectors)

    def state(self) -> State:
        """The scorer's state, and the codes of its items."""
        arrays: dict[str, np.ndarray] = {}
        codes = self._known_codes()
        if codes is not None:
            arrays[_CODES[0]], arrays[_CODES[1]] = codes
        return State(arrays=arrays, parts={"scorer": self.inner.state()})


class FactorNeighbours:
    """Items are alike when their vectors point the same way (cosine)."""

    def __init__(self, item_vectors: F32) -> None:
        lengths = np.sqrt(np.einsum("ij,ij->i", item_vectors, item_vectors, dtype=np.float64))
        scale = np.divide(1.0, lengths, out=np.zeros_like(lengths), where=lengths > 0)
        self._unit = np.ascontiguousarray(item_vectors * scale[:, None], np.float32)
        self._unit.setflags(write=False)
        self._index = kernels.ItemIndex(self._unit)

    def similar_items(self, items: I32, candidates: Candidates, k: int, /) -> TopK:
        """Rank by cosine, the item itself left out."""
        own = (np.arange(len(items) + 1, dtype=np.int64), np.ascontiguousarray(items, np.int32))
        return TopK(
            *self._index.top_k(
                self._unit[items],
                k,
                seen=own,
                allow=candidates.allow,
                deny=candidates.deny,
                lists=_pair(candidates.lists),
            )
        )


class TopKRecommender:
    """Fits one scorer."""

    def __init__(self, settings: TopKSettings, scorer: Scorer) -> None:
        self._settings = settings
        self._scorer = scorer

    def fit(self, data: Dataset, context: FitContext, /) -> FittedTopK:
        """Fit the scorer."""
        return self._ranker(self._scorer.fit(data, context))

    def restore(self, state: State, /) -> FittedTopK:
        """Bring the scorer back."""
        arrays = state.arrays
        codes = (arrays[_CODES[0]], arrays[_CODES[1]]) if _CODES[0] in arrays else None
        return self._ranker(self._scorer.restore(state.parts["scorer"]), codes)

    def _ranker(self, scorer: FittedScorer, codes: tuple[U8, F32] | None = None) -> FittedTopK:
        settings = self._settings
        lacking = [verb for verb in ("score", "state") if not hasattr(scorer, verb)]
        if lacking:
            raise PluginError(
                f"{Spec.of(settings.scorer).name}: fit and restore must give a fitted scorer, with "
                f"the methods score and state, got a {type(scorer).__name__} without "
                f"{' and '.join(lacking)}"
            )
        return FittedTopK(
            scorer,
            resident=settings.resident,
            threads=settings.threads,
            quantized=settings.quantized,
            codes=codes,
        )
