"""`content.fields`: likeness to what somebody liked, column by column.

    score(u, i) = sum over fields f of  w_f (mean over liked j of cos_f(j, i)
                                              - mean over all items j of cos_f(j, i))

Each field is a column (see `blocks.py`), or all columns as one text read by an encoder. What all
items share says nothing of a taste: without the second mean, who likes dramas as everybody does is
shown whatever is most of all a drama. The score is linear in the weights and in the likings, so
each field's part of it is evidence. A content-based
profile for each attribute, as in Pazzani and Billsus, "Content-Based Recommendation Systems", 2007;
the weights are learned from items held out (see `weights.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from penchant import kernels
from penchant.components import Spec
from penchant.errors import ModelFileError
from penchant.growing import appended
from penchant.item_text import (
    EncodedText,
    ItemText,
    beside,
    described,
    stacked,
    transposed,
    values_of,
)
from penchant.protocols import Evidence, State
from penchant.queries import Csr, TopK

from penchant_content.columns import FittedColumns, columns_of, read_columns
from penchant_content.dense import ranked
from penchant_content.profiles import (
    any_in_row,
    centre_of,
    likeness_to,
    likings,
    mean_of,
    product,
    summed,
)
from penchant_content.settings import ALL_IN_WORDS
from penchant_content.weights import learn_weights, shares_of

if TYPE_CHECKING:
    import numpy.typing as npt
    from penchant.data import Dataset
    from penchant.item_text import FittedItemText
    from penchant.protocols import F32, I32, Bool, FitContext
    from penchant.queries import Candidates, Queries
    from penchant.registry import Registry

    from penchant_content.settings import FieldsSettings

SOURCE = "content.fields"
_SHOWN = 3


class Fields:
    """The scorer; threads change nothing, the seed chooses the items held out."""

    def __init__(self, settings: FieldsSettings, registry: Registry) -> None:
        self._settings = settings
        self._columns = columns_of(settings.columns, settings.weights)
        self._text: ItemText | None = None
        if settings.encoder is not None:
            spec = Spec.of(settings.encoder)
            registry.component(spec.name, "encoder")
            read = {} if self._columns is None else {"columns": tuple(self._columns)}
            self._text = ItemText(SOURCE, Spec(spec.name, {**spec.settings, **read}), registry)

    def fit(self, data: Dataset, context: FitContext, /) -> FittedFields:
        """Describe every item, then learn the weights unless they are given.

        Raises DataError where no item says anything, RequestError for a column that isn't there.
        """
        kinds, blocks, features = read_columns(SOURCE, data, self._columns, context)
        text = None
        if self._text is not None:
            text, encoded = self._text.fit(data, context)
            features[ALL_IN_WORDS] = encoded.matrix
        given = self._settings.weights
        weights = (
            learn_weights(list(features.values()), data, context)
            if given is None
            else shares_of([given[name] for name in features])
        )
        terms = _sparse(features.values(), len(data.items))
        vectors = _dense(features.values(), len(data.items))
        return FittedFields(
            columns=FittedColumns(kinds, blocks, weights[: len(blocks)]),
            text=text,
            fields=_laid_out(features, weights),
            terms=terms,
            vectors=vectors,
            centre=(centre_of(terms), centre_of(vectors)),
            min_value=data.min_value,
            half_life=self._settings.half_life,
        )

    def restore(self, state: State, /) -> FittedFields:
        """Bring back what `state()` gave; the encoder is opened by the first question in words."""
        arrays, meta = state.arrays, state.meta
        try:
            terms = Csr(
                arrays["terms.indptr"],
                arrays["terms.indices"],
                arrays["terms.values"],
                int(str(meta["terms"])),
            )
            least = meta["min_value"]
            return FittedFields(
                columns=FittedColumns.restored(state.parts["columns"]),
                text=None if self._text is None else self._text.restore(state.parts["text"]),
                fields=[Field(**field) for field in cast("Sequence[Any]", meta["fields"])],
                terms=terms,
                vectors=arrays["vectors"],
                centre=(arrays["centre.terms"], arrays["centre.vectors"]),
                min_value=None if least is None else float(str(least)),
                half_life=self._settings.half_life,
            )
        except KeyError as error:
            raise ModelFileError(
                f"{SOURCE} can't be restored: the model lacks {error}; fit it again"
            ) from None


@dataclass(frozen=True, kw_only=True)
class FittedFields:
    """Scores by fields: those of the columns, then what the encoder reads, if there is one.

    terms: (items, terms) float32, the sparse fields beside each other; `vectors`: (items, d)
        float32, the dense ones. Rows of each field have length 1, or none.
    centre: means of both over the items of the fit.
    """

    columns: FittedColumns
    text: FittedItemText | None
    fields: Sequence[Field]
    terms: Csr
    vectors: F32
    centre: tuple[F32, F32]
    min_value: float | None
    half_life: float | None

    def __post_init__(self) -> None:
        terms = (self.terms.indptr, self.terms.indices, values_of(self.terms))
        for array in (*terms, self.vectors, *self.centre):
            array.setflags(write=False)
        if isinstance(self.text, EncodedText):
            self.__dict__["encoders"] = self.text.encoders

    def score(self, queries: Queries, items: I32 | None, /) -> F32:
        """Give (n, m) float32, -2 to 2, and 1 more for words; 0 where either says nothing."""
        liked = self._liked(queries)
        scores = self._alike(liked, self._words(queries), items)
        common = self._common if items is None else self._common[items]
        scores[liked.counts() > 0] -= common
        return scores

    def answers(self, queries: Queries, /) -> Bool:
        """(n,) bool: liked an item that says something, or says something in words."""
        answered = any_in_row(self._liked(queries), self._described)
        told = self._words(queries)
        return answered if told is None else answered | told.any(axis=1)

    def explain(self, queries: Queries, item: int, /) -> Sequence[Evidence]:
        """Give each field's part of the score, with what is shared; the parts sum to it."""
        liked = self._liked(queries)
        parts = {False: np.zeros(self.terms.columns), True: np.zeros(self.vectors.shape[1])}
        if liked.nnz:
            own = self.terms.take(np.array([item], np.int32)).to_dense()[0].astype(np.float64)
            parts[False] = own * (summed(liked, self.terms).to_dense()[0] - self.centre[0])
            own = self.vectors[item].astype(np.float64)
            parts[True] = own * (summed(liked, self.vectors)[0] - self.centre[1])
        reasons = []
        for field in self.fields:
            alike = parts[field.dense][field.start : field.stop]
            if field.weight and alike.any():
                weight = field.weight * float(alike.sum())
                reasons.append(Evidence("field", weight, -1, self._shown(field, alike), SOURCE))
        told = self._words(queries)
        if told is not None and told.any():
            words = float(told[0].astype(np.float64) @ self.vectors[item, -told.shape[1] :])
            reasons.append(Evidence("text", words, source=SOURCE))
        return sorted(reasons, key=lambda reason: -reason.weight)

    def similar_items(self, items: I32, candidates: Candidates, k: int, /) -> TopK:
        """Rank by the weighted mean of the fields' cosines, the item itself left out."""
        ones = np.ones(len(items), np.float32)
        these = Csr(np.arange(len(items) + 1), items, ones, self.terms.rows)
        return ranked(self._alike(these, None, None), items, candidates, k)

    def with_items(self, data: Dataset, /) -> FittedFields:
        """Describe the items that are new; the known ones, and the weights, stay."""
        new = np.arange(self.terms.rows, len(data.items), dtype=np.int32)
        features = self.columns.describe(data, new)
        if self.text is not None:
            features.append(self.text.describe(data, new))
        return replace(
            self,
            terms=stacked(self.terms, _sparse(features, len(new))),
            vectors=appended(self.vectors, _dense(features, len(new))),
        )

    def state(self) -> State:
        """Give the features of the items, the weights, and what reads columns and words."""
        arrays: dict[str, npt.NDArray[Any]] = {
            "terms.indptr": self.terms.indptr,
            "terms.indices": self.terms.indices,
            "terms.values": values_of(self.terms),
            "vectors": self.vectors,
            "centre.terms": self.centre[0],
            "centre.vectors": self.centre[1],
        }
        parts = {"columns": self.columns.state()}
        if self.text is not None:
            parts["text"] = self.text.state()
        meta: dict[str, Any] = {
            "terms": self.terms.columns,
            "fields": [asdict(field) for field in self.fields],
            "min_value": self.min_value,
        }
        return State(arrays, meta, parts)

    # ---- inside

    @cached_property
    def _items(self) -> Csr:
        return transposed(self.terms)

    @cached_property
    def _described(self) -> Bool:
        return described(self.terms) | described(self.vectors)

    @cached_property
    def _common(self) -> F32:
        """(items,) the weighted mean of each item's likeness to all items of the fit."""
        of_terms, of_vectors = self._scales
        return likeness_to(self.terms, of_terms * self.centre[0]) + likeness_to(
            self.vectors, of_vectors * self.centre[1]
        )

    @cached_property
    def _scales(self) -> tuple[F32, F32]:
        """The weight of each term, and of each number of the vectors."""
        of_terms, of_vectors = (
            [
                np.full(f.stop - f.start, f.weight, np.float32)
                for f in self.fields
                if f.dense == kind
            ]
            for kind in (False, True)
        )
        none = np.empty(0, np.float32)
        return np.concatenate([none, *of_terms]), np.concatenate([none, *of_vectors])

    def _liked(self, queries: Queries) -> Csr:
        return mean_of(likings(queries, self.min_value, self.half_life))

    def _words(self, queries: Queries) -> F32 | None:
        return None if self.text is None else self.text.words(queries)

    def _alike(self, liked: Csr, told: F32 | None, items: I32 | None) -> F32:
        of_terms, of_vectors = self._scales
        among = self._items if items is None else transposed(self.terms.take(items))
        profiles = summed(liked, self.terms)
        weighted = values_of(profiles) * of_terms[profiles.indices]
        scores = product(replace(profiles, values=weighted), among)
        if self.vectors.shape[1]:
            asked = summed(liked, self.vectors) * of_vectors
            if told is not None:
                asked[:, -told.shape[1] :] += told
            scores += kernels.dot(asked, self.vectors if items is None else self.vectors[items])
        return scores

    def _shown(self, field: Field, parts: npt.NDArray[np.float64]) -> str:
        """The column, after what is shared most in it where that has names."""
        block = self.columns.blocks.get(field.name)
        names = block.names() if block is not None else ()
        if not names:
            return "" if field.name == ALL_IN_WORDS else field.name
        most = np.lexsort((np.arange(len(parts)), -parts))[:_SHOWN]
        shared = ", ".join(names[place] for place in most if parts[place] > 0)
        return f"{shared} ({field.name})" if shared else field.name


@dataclass(frozen=True)
class Field:
    """A field: its weight, and which terms, or which numbers of the vectors, are its own."""

    name: str
    weight: float
    dense: bool
    start: int
    stop: int


def _laid_out(features: Mapping[str, F32 | Csr], weights: Sequence[float]) -> tuple[Field, ...]:
    fields, ends = [], {False: 0, True: 0}
    for (name, block), weight in zip(features.items(), weights, strict=True):
        dense = not isinstance(block, Csr)
        start, width = ends[dense], block.columns if isinstance(block, Csr) else block.shape[1]
        ends[dense] += width
        fields.append(Field(name, weight, dense, start, start + width))
    return tuple(fields)


def _sparse(features: Iterable[F32 | Csr], items: int) -> Csr:
    blocks = [block for block in features if isinstance(block, Csr)]
    return beside(blocks, [1.0] * len(blocks)) if blocks else Csr.empty(items, 0)


def _dense(features: Iterable[F32 | Csr], items: int) -> F32:
    blocks = [block for block in features if not isinstance(block, Csr)]
    return np.concatenate([np.empty((items, 0), np.float32), *blocks], axis=1)
