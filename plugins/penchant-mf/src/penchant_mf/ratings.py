"""The ratings that a descent is about: one of a pair, finite, differing, spread by about 1."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from penchant.errors import DataError

if TYPE_CHECKING:
    from penchant.data import Dataset
    from penchant.protocols import F32
    from penchant.queries import Csr


def ratings_of(data: Dataset) -> tuple[Csr, F32]:
    """Users x items, and the last value of each pair, 1 where events have none."""
    ratings = data.interactions.by_user()
    values = ratings.values if ratings.values is not None else np.ones(ratings.nnz, np.float32)
    return ratings, values


def scale_of(values: F32) -> np.float32:
    """The power of two nearest to the values' spread: ratings divided by it spread by about 1.

    Steps and pulls then suit any scale, and a power of two costs no bit of accuracy.
    """
    return np.float32(2.0 ** np.round(np.log2(np.std(values, dtype=np.float64))))


def check_values(name: str, values: F32) -> None:
    """Raise DataError, in the name of a strategy, for values that nothing can be learned from."""
    if not len(values):
        raise DataError(f"{name} needs ratings, and the data have no events")
    low, high = float(values.min()), float(values.max())
    if not (np.isfinite(low) and np.isfinite(high)):
        raise DataError(f"{name} needs finite ratings; clean the data with clean='drop'")
    if low == high:
        raise DataError(
            f"{name} learns from ratings that differ, and all {len(values):,} values are {low:g}; "
            "for likings without ratings use mf.als or cf.ease"
        )
