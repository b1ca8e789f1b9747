"""Columns of items that are worked out from the others: tags from texts, by any extractor.

An extractor whose features have names says which of them each item has, and these become the labels
of a new column before anything else is fitted. From then on it is a column like any other: it is
asked for by `where=`, strategies read it, and explanations speak of it. New items get theirs before
strategies see them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from penchant.components import Spec
from penchant.errors import DataError
from penchant.protocols import State
from penchant.queries import Csr
from penchant.recipes import with_encoder

if TYPE_CHECKING:
    from penchant.components import SpecLike
    from penchant.data import Dataset, Items
    from penchant.data.columns import LabelColumn
    from penchant.protocols import I32, Extraction, FitContext
    from penchant.registry import Registry


class Deriving:
    """Extractors by the columns that they are to fill.

    Raises UnknownComponent for what is no extractor, SettingsError.
    """

    def __init__(self, specs: Mapping[str, SpecLike], registry: Registry) -> None:
        self._specs = {column: Spec.of(spec) for column, spec in specs.items()}
        self._extractors = {column: registry.extractor(spec) for column, spec in specs.items()}

    @classmethod
    def of(
        cls, specs: Mapping[str, SpecLike], encoder: SpecLike | None, registry: Registry
    ) -> Deriving:
        """Make one whose extractors have the encoder, where they take one and name none."""
        if encoder is not None:
            specs = {c: with_encoder(Spec.of(one), encoder, registry) for c, one in specs.items()}
        return cls(specs, registry)

    @property
    def specs(self) -> Mapping[str, Spec]:
        """The extractors by name, with all their settings."""
        return self._specs

    def fit(self, data: Dataset, context: FitContext) -> Derived:
        """Learn each column from those that the items came with.

        Raises DataError for a column that is there, an extractor of users, or one without names.
        """
        for column in self._specs:
            if column in data.items.columns:
                raise DataError(f"the items have a column {column!r} already; derive another name")
        fitted = {column: one.fit(data, context) for column, one in self._extractors.items()}
        return Derived(self._specs, fitted)

    def restore(self, state: State) -> Derived:
        """Bring back what `Derived.state` gave."""
        return Derived(
            self._specs,
            {column: one.restore(state.parts[column]) for column, one in self._extractors.items()},
        )


@dataclass(frozen=True)
class Derived:
    """Fitted extractors by the columns that they fill, and what they were asked for by."""

    specs: Mapping[str, Spec]
    extractions: Mapping[str, Extraction]

    def onto(self, data: Dataset) -> Dataset:
        """The dataset with each column that its items lack; a column that they have stays."""
        from penchant.data import Items

        if not self.extractions:
            return data
        rows = np.arange(len(data.items), dtype=np.int32)
        columns = {
            column: _labels(column, extraction, data, rows)
            for column, extraction in self.extractions.items()
            if column not in data.items.columns
        }
        items = Items(data.items.vocabulary, {**data.items.columns, **columns})
        return replace(data, items=items)

    def onto_items(self, items: Items) -> Items:
        """The same for items alone."""
        from penchant.data import Dataset, Interactions, Users

        if not self.extractions:
            return items
        none = np.empty(0, np.int32)
        events = Interactions.of(none, none, None, n_users=0, n_items=len(items))
        return self.onto(Dataset(users=Users.of([]), items=items, interactions=events)).items

    def state(self) -> State:
        """What `Deriving.restore` needs."""
        return State(parts={column: one.state() for column, one in self.extractions.items()})


NOTHING_DERIVED = Derived({}, {})


def _labels(column: str, extraction: Extraction, data: Dataset, rows: I32) -> LabelColumn:
    """The names of the features that an item has (those that aren't zero)."""
    from penchant.data.columns import LabelColumn
    from penchant.data.vocabulary import Vocabulary
    from penchant.item_text import as_sparse

    features = extraction.extract(data, rows) if extraction.side == "items" else None
    if features is None or not features.names:
        raise DataError(
            f"column {column!r} can't be derived: that takes an extractor of items whose features "
            "have names, such as content.tags"
        )
    matrix = features.matrix
    sparse = matrix if isinstance(matrix, Csr) else as_sparse(matrix)
    if sparse.values is not None:
        sparse = sparse.where(sparse.values != 0)
    return LabelColumn(replace(sparse, values=None), Vocabulary.from_ids(list(features.names)))
