"""`content.columns`: an item as its columns side by side, each weighed by how well it foretells.

One bag of all words lets long texts drown short facts: a film's genres are three words among a
hundred. Here a column is a block of its own with rows of length 1 (see `blocks.py`), and blocks are
scaled by the root of their weights, so that the product of two items is the weighted mean of the
columns' cosines.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from penchant.errors import DataError
from penchant.item_text import described, side_by_side
from penchant.protocols import Features, State

from penchant_content.blocks import Block, block_of, kind_of, restored
from penchant_content.settings import ALL_IN_WORDS
from penchant_content.weights import learn_weights, shares_of

if TYPE_CHECKING:
    from penchant.data import Dataset
    from penchant.protocols import F32, I32, FitContext
    from penchant.queries import Csr

    from penchant_content.settings import ColumnsSettings

_READ = ("text", "category", "label", "number", "vector")


class Columns:
    """The extractor; threads change nothing."""

    def __init__(self, settings: ColumnsSettings) -> None:
        self._settings = settings

    def fit(self, data: Dataset, context: FitContext, /) -> FittedColumns:
        """Learn to read the columns, then their weights unless they are given."""
        given = self._settings.weights
        kinds, blocks, features = read_columns(
            "content.columns", data, columns_of(self._settings.columns, given), context
        )
        weights = (
            learn_weights(list(features.values()), data, context)
            if given is None
            else shares_of([given[column] for column in blocks])
        )
        return FittedColumns(kinds, blocks, weights)

    def restore(self, state: State, /) -> FittedColumns:
        """Bring back what `state()` gave."""
        return FittedColumns.restored(state)


@dataclass(frozen=True)
class FittedColumns:
    """Reads the columns of items.

    kinds, blocks: by column, in order. weights: of the columns, together 1.
    """

    kinds: Mapping[str, str]
    blocks: Mapping[str, Block]
    weights: Sequence[float]

    @property
    def side(self) -> Literal["items"]:
        """Items have columns."""
        return "items"

    def describe(self, data: Dataset, rows: I32, /) -> list[F32 | Csr]:
        """Features of each column, rows of length 1 or none."""
        return [block.describe(data, rows) for block in self.blocks.values()]

    def extract(self, data: Dataset, rows: I32, /) -> Features:
        """Give (len(rows), d) rows of length 1 or none, called "column: value" where all can be."""
        names = [[f"{c}: {name}" for name in block.names()] for c, block in self.blocks.items()]
        return Features(
            side_by_side(self.describe(data, rows), self.weights),
            tuple(chain(*names)) if all(names) else (),
        )

    def state(self) -> State:
        """What each column was found to be."""
        meta: dict[str, Any] = {"columns": dict(self.kinds), "weights": list(self.weights)}
        parts = {f"column_{n}": block.state() for n, block in enumerate(self.blocks.values())}
        return State(meta=meta, parts=parts)

    @classmethod
    def restored(cls, state: State) -> FittedColumns:
        """Bring back what `state()` gave."""
        kinds, weights = state.meta["columns"], state.meta["weights"]
        assert isinstance(kinds, Mapping)  # noqa: S101 - as written above
        assert isinstance(weights, Sequence)  # noqa: S101
        kind_by = {name: str(kind) for name, kind in kinds.items()}
        blocks = {
            name: restored(kind, name, state.parts[f"column_{n}"])
            for n, (name, kind) in enumerate(kind_by.items())
        }
        return cls(kind_by, blocks, [float(str(weight)) for weight in weights])


def columns_of(
    columns: Sequence[str] | None, weights: Mapping[str, float] | None
) -> Sequence[str] | None:
    """The columns to read: those named, those weighed, or None for all that can be read."""
    if columns is None and weights is not None:
        return [name for name, weight in weights.items() if weight and name != ALL_IN_WORDS]
    return columns


def read_columns(
    owner: str, data: Dataset, columns: Sequence[str] | None, context: FitContext
) -> tuple[dict[str, str], dict[str, Block], dict[str, F32 | Csr]]:
    """Kinds, blocks and features of every item, by column; those that say nothing are left out.

    Raises DataError where all do, RequestError for a column that isn't there.
    """
    everything = np.arange(len(data.items), dtype=np.int32)
    asked = data.items.named(*_READ) if columns is None else columns
    blocks = {column: block_of(data, column, _labelled(context, column)) for column in asked}
    features = {column: block.describe(data, everything) for column, block in blocks.items()}
    says = [column for column in blocks if described(features[column]).any()]
    if not says:
        read = f"the columns {', '.join(asked)}" if asked else "its columns"
        raise DataError(
            f"{owner}: no item says anything in {read}; give the dataset items with attributes"
        )
    return (
        {column: kind_of(data, column) for column in says},
        {column: blocks[column] for column in says},
        {column: features[column] for column in says},
    )


def _labelled(context: FitContext, column: str) -> FitContext:
    def progress(task: str, done: float, total: float, detail: str = "", /) -> None:
        context.progress(f"{column}: {task}", done, total, detail)

    return replace(context, progress=progress)
