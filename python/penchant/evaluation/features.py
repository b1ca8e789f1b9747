"""What items are like, as metrics of lists go by it: the labels or the vectors of a column."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from penchant.data.columns import CategoryColumn, LabelColumn, VectorColumn
from penchant.errors import RequestError
from penchant.queries import Csr
from penchant.suggestions import did_you_mean

if TYPE_CHECKING:
    from penchant.data.tables import Items

_KINDS = ("label", "category", "vector")


def features_of(items: Items, column: str = "") -> Csr:
    """Give items x features of a label, category or vector column.

    column: its name; by default the first label column, or else category, or else vector column.
    Labels and categories are ones, an item without a value is an empty row.

    Raises RequestError for a column that isn't there or is of another kind.
    """
    usable = [name for kind in _KINDS for name in items.named(kind)]
    name = column or next(iter(usable), "")
    if name not in usable:
        known = f"label, category and vector columns: {', '.join(usable) or 'none'}"
        if not column:
            raise RequestError(
                f"items have no labels to measure lists by ({known}); give the dataset a table of "
                f"items, or leave out diversity and miscalibration"
            )
        if column in items.columns:
            raise RequestError(
                f"lists can't be measured by column {column!r}, a {items.columns[column].kind} "
                f"({known})"
            )
        raise RequestError(
            f"there is no item column {column!r} to measure lists by{did_you_mean(column, usable)} "
            f"({known})"
        )
    found = items.columns[name]
    if isinstance(found, LabelColumn):
        return found.codes.binary()
    if isinstance(found, CategoryColumn):
        rows = np.flatnonzero(found.codes >= 0).astype(np.int32)
        shape = (len(found), len(found.names))
        return Csr.from_pairs(rows, found.codes[rows], np.ones(len(rows), np.float32), shape)
    assert isinstance(found, VectorColumn)  # noqa: S101
    size, dim = found.values.shape
    columns = np.tile(np.arange(dim, dtype=np.int32), size)
    return Csr(np.arange(size + 1, dtype=np.int64) * dim, columns, found.values.ravel(), dim)
