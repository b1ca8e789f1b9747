"""One item column as a block of features: what its kind of values says of likeness.

A text by its terms, a name or a set of names by what they are, a number by its neighbourhood, a
ready vector as it is. Rows of a block have length 1, or none where the value is missing or new, so
that the product of two rows is a cosine. A name that turns up after the fit says nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from penchant.data import Vocabulary
from penchant.item_text import Whitening, unit, unit_rows
from penchant.protocols import FitContext, State
from penchant.queries import Csr

from penchant_content.settings import TfidfSettings
from penchant_content.tfidf import FittedTfidf, Tfidf, rarity

if TYPE_CHECKING:
    import numpy.typing as npt
    from penchant.data import Dataset
    from penchant.protocols import F32, I32

WHITENING = 0.5
_KNOTS = 11


class Block(Protocol):
    """A column, described."""

    def names(self) -> Sequence[str]:
        """What the features are called; nothing where they have no names."""

    def describe(self, data: Dataset, rows: I32, /) -> F32 | Csr:
        """Features of `rows` of the items, rows of length 1 or none."""

    def state(self) -> State:
        """All that `restored` needs."""


def block_of(data: Dataset, column: str, context: FitContext) -> Block:
    """Learn to read a column of the items; RequestError where there is none of that name."""
    kind = kind_of(data, column)
    if kind == "text":
        return Words(Tfidf(TfidfSettings(columns=(column,))).fit(data, context))
    if kind == "number":
        return Numbers.of(column, data.items.number(column))
    if kind == "vector":
        vectors = unit(data.items.vectors(column))
        return Vectors(column, Whitening.of(vectors, WHITENING))
    names, codes = _coded(data, column)
    counts = np.bincount(codes.indices, minlength=len(names))
    return Names(column, names, rarity(counts, len(data.items)))


def kind_of(data: Dataset, column: str) -> str:
    """The kind of a column; RequestError, with the columns there are, where there is none."""
    if column not in data.items.columns:
        data.items.texts((column,), np.empty(0, np.int32))
    return data.items.columns[column].kind


def restored(kind: str, column: str, state: State) -> Block:
    """Bring back the block of a column of this kind."""
    if kind == "text":
        settings = TfidfSettings(columns=(column,))
        return Words(Tfidf(settings).restore(state))
    if kind == "number":
        return Numbers(column, state.arrays["knots"])
    if kind == "vector":
        return Vectors(column, Whitening(state.arrays["mean"], state.arrays["mix"]))
    arrays = dict(state.arrays)
    return Names(column, rare=arrays.pop("rare"), known=Vocabulary.from_arrays(arrays))


@dataclass(frozen=True)
class Words:
    """A text by its terms, as `content.tfidf` has them."""

    terms: FittedTfidf

    def names(self) -> Sequence[str]:
        """The terms."""
        return self.terms.terms

    def describe(self, data: Dataset, rows: I32, /) -> Csr:
        """The terms of the texts."""
        matrix = self.terms.extract(data, rows).matrix
        assert isinstance(matrix, Csr)  # noqa: S101 - terms are sparse
        return matrix

    def state(self) -> State:
        """The terms and their weights."""
        return self.terms.state()


@dataclass(frozen=True)
class Names:
    """A category, or a set of labels: a feature a name, rare ones heavier.

    rare: the weights of the names, as `content.tfidf` has them.
    """

    column: str
    known: Vocabulary
    rare: npt.NDArray[np.float64]

    def __post_init__(self) -> None:
        self.rare.setflags(write=False)

    def names(self) -> Sequence[str]:
        """The names."""
        return [str(name) for name in self.known.ids()]

    def describe(self, data: Dataset, rows: I32, /) -> Csr:
        """The known names of each row, by their weights."""
        names, codes = _coded(data, self.column)
        taken = codes.take(rows)
        met, place = np.unique(taken.indices, return_inverse=True)
        own = self.known.rows(list(names.ids(met))) if len(met) else met
        columns = own[place].astype(np.int32)
        kept = taken.where(columns >= 0)
        columns = columns[columns >= 0]
        order = np.lexsort((columns, kept.row_of_entry()))
        weights = self.rare[columns[order]].astype(np.float32)
        return unit_rows(Csr(kept.indptr, columns[order], weights, len(self.known)))

    def state(self) -> State:
        """The names and their weights."""
        return State({**self.known.arrays(), "rare": self.rare})


@dataclass(frozen=True)
class Numbers:
    """A number by how near it is to eleven knots, the tenths of the catalogue's values.

    Between two knots it belongs to both, the more to the nearer one: the features of 1994 are like
    those of 1995 and unlike those of 1960, wherever a border between bins would fall. A number
    beyond the outermost knot is taken for that.
    """

    column: str
    knots: npt.NDArray[np.float64]

    def __post_init__(self) -> None:
        self.knots.setflags(write=False)

    @classmethod
    def of(cls, column: str, values: npt.NDArray[np.float64]) -> Numbers:
        """Lay the knots; fewer where values repeat."""
        known = values[~np.isnan(values)]
        tenths = np.quantile(known, np.linspace(0, 1, _KNOTS)) if len(known) else known
        return cls(column, np.unique(tenths))

    def names(self) -> Sequence[str]:
        """The knots."""
        return [f"around {knot:g}" for knot in self.knots.tolist()]

    def describe(self, data: Dataset, rows: I32, /) -> Csr:
        """The shares of the knots below and above."""
        if not len(self.knots):
            return Csr.empty(len(rows), 0)
        values = data.items.number(self.column)[rows]
        known = np.flatnonzero(~np.isnan(values))
        place = np.interp(values[known], self.knots, np.arange(len(self.knots)))
        below = place.astype(np.int64)
        share = place - below
        pairs = np.stack([below, below + 1], axis=1)
        weights = np.stack([1 - share, share], axis=1)
        weights /= np.sqrt(np.square(weights).sum(axis=1, keepdims=True))
        there = weights > 0
        counts = np.zeros(len(rows), np.int64)
        counts[known] = there.sum(axis=1)
        return Csr(
            np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
            pairs[there].astype(np.int32),
            weights[there].astype(np.float32),
            len(self.knots),
        )

    def state(self) -> State:
        """The knots."""
        return State({"knots": self.knots})


@dataclass(frozen=True)
class Vectors:
    """Ready vectors, centred and half whitened over the catalogue (see `Whitening`)."""

    column: str
    whitening: Whitening

    def names(self) -> Sequence[str]:
        """They have none."""
        return ()

    def describe(self, data: Dataset, rows: I32, /) -> F32:
        """The vectors, of length 1."""
        return self.whitening(unit(data.items.vectors(self.column)[rows]))

    def state(self) -> State:
        """The whitening."""
        return State(self.whitening.arrays())


def _coded(data: Dataset, column: str) -> tuple[Vocabulary, Csr]:
    """The names of a category or label column, and which ones each item has."""
    items = data.items
    if items.columns[column].kind == "label":
        labels = items.labels(column)
        return labels.names, labels.codes
    category = items.category(column)
    there: npt.NDArray[Any] = category.codes >= 0
    indptr = np.concatenate([[0], np.cumsum(there)]).astype(np.int64)
    return category.names, Csr(indptr, category.codes[there], None, len(category.names))
