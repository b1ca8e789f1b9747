"""`content.tfidf`: an item as the terms of its text, weighted by how rare they are.

The formula is scikit-learn's default: weight = count x (ln((1 + n) / (1 + df)) + 1), rows scaled to
length 1 (Salton and Buckley, "Term-weighting approaches in automatic text retrieval", 1988, with
both counts smoothed by one). `n` is the number of items at fit, those without text included.
"""

from __future__ import annotations

from collections import Counter
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import numpy as np
from penchant import kernels
from penchant.errors import FitCancelled
from penchant.protocols import Features, State
from penchant.queries import Csr

from penchant_content.terms import count_terms

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt
    from penchant.data import Dataset
    from penchant.protocols import I32, I64, U8, FitContext

    from penchant_content.settings import TfidfSettings

_ITEMS_AT_ONCE = 4096


class Tfidf:
    """The extractor. Fitting is one pass over the items' texts; threads and seed change nothing."""

    def __init__(self, settings: TfidfSettings) -> None:
        self._settings = settings

    def fit(self, data: Dataset, context: FitContext, /) -> FittedTfidf:
        """Learn the terms and their weights. O(characters) time, O(terms) memory besides texts."""
        settings = self._settings
        frequency: Counter[str] = Counter()
        for start in range(0, len(data.items), _ITEMS_AT_ONCE):
            if context.cancelled():
                raise FitCancelled("content.tfidf was stopped while it read the items")
            context.progress("content.tfidf: reading items", start, len(data.items))
            rows = np.arange(start, min(start + _ITEMS_AT_ONCE, len(data.items)), dtype=np.int32)
            for text in data.items.texts(settings.columns, rows):
                frequency.update(count_terms(text, settings.analyzer, settings.ngrams).keys())
        context.progress("content.tfidf: reading items", len(data.items), len(data.items))
        kept = [term for term, df in frequency.items() if df >= settings.min_df]
        if settings.max_features is not None:
            kept = sorted(kept, key=lambda term: (-frequency[term], term))[: settings.max_features]
        kept.sort()
        counts = np.array([frequency[term] for term in kept], np.int64)
        idf = rarity(counts, len(data.items))
        return FittedTfidf(settings, *kernels.pack_strings(kept), idf)

    def restore(self, state: State, /) -> FittedTfidf:
        """Bring back what `state()` gave."""
        arrays = state.arrays
        return FittedTfidf(self._settings, arrays["terms"], arrays["offsets"], arrays["idf"])


def rarity(counts: I64, items: int) -> npt.NDArray[np.float64]:
    """How heavy a term is that `counts` of the items have: ln((1 + n) / (1 + df)) + 1."""
    weights: npt.NDArray[np.float64] = np.log((1 + items) / (1 + counts)) + 1
    return weights


class FittedTfidf:
    """Knows the terms, in code point order, and the weight of each."""

    def __init__(
        self, settings: TfidfSettings, data: U8, offsets: I64, idf: npt.NDArray[np.float64]
    ) -> None:
        self._settings = settings
        self._data, self._offsets, self._idf = data, offsets, idf
        for array in (data, offsets, idf):
            array.setflags(write=False)

    @property
    def side(self) -> Literal["items"]:
        """Items have texts."""
        return "items"

    @cached_property
    def terms(self) -> tuple[str, ...]:
        """The terms, by column."""
        everything = np.arange(len(self._idf), dtype=np.int32)
        return tuple(kernels.unpack_strings(self._data, self._offsets, everything))

    @cached_property
    def _column_of(self) -> dict[str, int]:
        return {term: column for column, term in enumerate(self.terms)}

    def extract(self, data: Dataset, rows: I32, /) -> Features:
        """Give (len(rows), terms) sparse rows of length 1; an item without known terms is empty."""
        return self.describe_texts(data.items.texts(self._settings.columns, rows))

    def describe_texts(self, texts: Sequence[str], /) -> Features:
        """Give (len(texts), terms) sparse rows of length 1; a text without known terms is empty."""
        settings, column_of = self._settings, self._column_of
        indptr = np.zeros(len(texts) + 1, np.int64)
        columns: list[int] = []
        counts: list[int] = []
        for position, text in enumerate(texts):
            counted = count_terms(text, settings.analyzer, settings.ngrams)
            known = sorted((column_of[term], n) for term, n in counted.items() if term in column_of)
            columns.extend(column for column, _ in known)
            counts.extend(n for _, n in known)
            indptr[position + 1] = len(columns)
        indices = np.array(columns, np.int32)
        weights = np.array(counts, np.float64) * self._idf[indices]
        owner = np.repeat(np.arange(len(texts)), np.diff(indptr))
        lengths = np.sqrt(np.bincount(owner, weights * weights, len(texts)))
        values = (weights / lengths[owner]).astype(np.float32)
        return Features(Csr(indptr, indices, values, len(self._idf)), self.terms)

    def state(self) -> State:
        """Give the terms as packed UTF-8 and their weights."""
        return State({"terms": self._data, "offsets": self._offsets, "idf": self._idf})
