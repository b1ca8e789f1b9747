"""What lists are like: how different their items are, and whether tastes are met in proportion."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from penchant.errors import RequestError
from penchant.metrics.catalogue import first
from penchant.queries import Csr

if TYPE_CHECKING:
    from collections.abc import Iterator

    from penchant.metrics.ranking import F64
    from penchant.metrics.shown import Shown

# Sums of features held at once: 32 MB of float64.
_SUMS_AT_ONCE = 4_000_000
# How much of the taste is mixed into the list, so that a missing kind costs a finite amount.
SMOOTHING = 0.01


def diversity(shown: Shown, k: int) -> F64:
    """Give the mean distance of the pairs of items in the first k places, (n,) float64.

    The distance of two items is 1 less the cosine of their features: for labels, 1 where they share
    none and 0 where they have the same. Pairs with an item of which nothing is known are left out;
    a list without a pair has 0. The intra-list distance of Ziegler, McNee, Konstan and Lausen,
    "Improving Recommendation Lists Through Topic Diversification" (2005), as a mean over pairs.
    Worked out from sums of unit vectors, in O(n·(k·features of an item + features)).

    Raises RequestError without features.
    """
    features = _features(shown)
    rows = first(shown.rows, shown.catalogue, k)
    values = _values(features)
    squares = _totals(features, values**2)
    units = _scaled(features, np.sqrt(squares))
    known = np.append(squares > 0, False)[rows].sum(axis=1)
    spread = np.empty(len(rows))
    for part, sums in _sums(_lists(rows, features.rows), units):
        alike = (sums**2).sum(axis=1) - known[part]
        pairs = known[part] * (known[part] - 1.0)
        spread[part] = np.where(pairs > 0, 1.0 - alike / np.maximum(pairs, 1.0), 0.0)
    return spread


def miscalibration(shown: Shown, k: int) -> F64:
    """Give how far the first k places are from the user's taste in proportion, (n,) float64.

    Each item spreads one unit evenly over its labels. With p the share of each label in what the
    user liked in training, q that in the list, and q' = 0.99·q + 0.01·p, this is Σ p·ln(p / q'): 0
    for the same proportions, ln(100) at most. Steck, "Calibrated Recommendations" (2018), equations
    2 to 5, each item of equal weight. Items of which nothing is known are left out; a list without
    a label has the most there can be, a user without a known taste 0.

    Raises RequestError without features, and for features below 0. O(n·labels + likings).
    """
    features = _features(shown)
    values = _values(features)
    if (values < 0).any():
        raise RequestError(
            "miscalibration is of shares of labels, which can't be below 0; name a label or "
            "category column, as miscalibration:genres@10"
        )
    totals = np.bincount(features.row_of_entry(), values, minlength=features.rows).astype(
        np.float64
    )
    shares = _scaled(features, totals)
    listed = _lists(first(shown.rows, shown.catalogue, k), features.rows)
    distance = np.empty(len(shown.rows))
    # The tastes of the same queries come in the same parts.
    for (part, sums), (_, liked) in zip(
        _sums(listed, shares), _sums(shown.liked, shares), strict=True
    ):
        taste, list_ = _normalized(liked), _normalized(sums)
        mixed = (1.0 - SMOOTHING) * list_ + SMOOTHING * taste
        ratio = np.divide(taste, mixed, out=np.ones_like(taste), where=taste > 0)
        distance[part] = (taste * np.log(ratio)).sum(axis=1)
    return np.maximum(distance, 0.0)


def _features(shown: Shown) -> Csr:
    if shown.features is None:
        raise RequestError(
            "nothing is known of what the items are like, which diversity and miscalibration go "
            "by; give features, such as the labels of each item"
        )
    return shown.features


def _values(features: Csr) -> F64:
    if features.values is None:
        return np.ones(features.nnz)
    return features.values.astype(np.float64)


def _totals(features: Csr, values: F64) -> F64:
    """The sum of each item's values."""
    totals = np.bincount(features.row_of_entry(), values, minlength=features.rows)
    return totals.astype(np.float64)


def _scaled(features: Csr, by: F64) -> tuple[Csr, F64]:
    """The features and their values over a number an item; rows of 0 stay."""
    owner = features.row_of_entry()
    return features, _values(features) / np.where(by > 0, by, 1.0)[owner]


def _lists(rows: np.ndarray, items: int) -> Csr:
    """Lists as ragged rows, in which order no longer matters."""
    filled = rows >= 0
    owner = np.repeat(np.arange(len(rows), dtype=np.int32), filled.sum(axis=1))
    return Csr.from_pairs(owner, rows[filled], None, (len(rows), items))


def _sums(picked: Csr, scaled: tuple[Csr, F64]) -> Iterator[tuple[slice, F64]]:
    """The sum of the features of the items of each row, some rows at a time."""
    features, values = scaled
    step = max(1, _SUMS_AT_ONCE // max(1, features.columns))
    for start in range(0, picked.rows, step):
        part = slice(start, min(start + step, picked.rows))
        mine = picked.take(np.arange(part.start, part.stop, dtype=np.int32))
        indptr, places = features.positions(mine.indices)
        owner = np.repeat(mine.row_of_entry(), np.diff(indptr)).astype(np.int64)
        cells = owner * features.columns + features.indices[places]
        size = mine.rows * features.columns
        sums = np.bincount(cells, values[places], minlength=size).astype(np.float64)
        yield part, sums.reshape(mine.rows, features.columns)


def _normalized(sums: F64) -> F64:
    total = sums.sum(axis=1, keepdims=True)
    shares: F64 = sums / np.where(total > 0, total, 1.0)
    return shares
