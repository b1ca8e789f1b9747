"""Columns that give the answers away: counts and means taken over the events to be found, too.

A table of items often comes with "ratings" or "average", made from the very log that is split. What
a column was made from can't be seen, but whom it agrees with can: with all events, and not with
those of train.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np

from penchant.data.columns import CategoryColumn, NumberColumn, TextColumn, VectorColumn

if TYPE_CHECKING:
    from penchant.data import Dataset
    from penchant.data.columns import Column
    from penchant.evaluation.parting import Split
    from penchant.metrics.ranking import F64

# As many rows must tell the two apart: what fewer agree in may be chance.
_LEAST_ROWS = 20
_NEARLY_ALL = 0.95
# Spearman's coefficient from which two orders are one, but for rounded values.
_SAME_ORDER = 0.999
# Vectors of at most so many numbers may be put together by hand; longer ones are learned.
_BY_HAND = 16
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")


def giveaways(split: Split) -> tuple[str, ...]:
    """Name the columns of items and users that were worked out from what is to be found.

    Looked at are numbers, the first number in each text and category, and each number of vectors of
    up to 16, beside five figures of each row's events: how many, of how many partners, how many
    likings, the sum and the mean of the values. A column is named where 95 % of the rows whose
    figure in train is another have that of all events (to the digits that the column is written
    in), or where it runs in the same order (Spearman, .999) as all events and less so as train.
    Fewer than 20 such rows tell nothing.

    Nothing is found where the split doesn't know what it was cut from (`Split.whole`). O(events log
    events) where there are such columns.
    """
    whole, train = split.whole, split.train
    if whole is None or len(whole.interactions) == len(train.interactions):
        return ()
    found = []
    for side, table in (("items", train.items), ("users", train.users)):
        columns = dict(_numbers(table.columns))
        if not columns:
            continue
        everything, known = _figures(whole, side), _figures(train, side)
        for name, values in columns.items():
            for what, truth in everything.items():
                if _agrees(values, truth, known[what]):
                    found.append(
                        f"column {name!r} of the {side} goes by the {what} of each in all the "
                        f"data, the events to be found included, and not by that in train: a "
                        f"model that reads it is told; work it out from train alone, or ignore it"
                    )
                    break
    return tuple(found)


def _numbers(columns: Mapping[str, Column]) -> Iterator[tuple[str, F64]]:
    """The columns that hold numbers, NaN for a row without one."""
    for name, column in columns.items():
        if isinstance(column, NumberColumn):
            yield name, column.values.astype(np.float64)
        elif isinstance(column, VectorColumn) and column.values.shape[1] <= _BY_HAND:
            known = ~column.missing()
            for place, values in enumerate(column.values.T.astype(np.float64)):
                yield f"{name}[{place}]", np.where(known, values, np.nan)
        elif type(column) in (TextColumn, CategoryColumn):
            firsts = [_NUMBER.search(text) for text in column.words() or ()]
            if sum(one is not None for one in firsts) >= _LEAST_ROWS:
                yield name, np.array([np.nan if one is None else float(one[0]) for one in firsts])


def _figures(data: Dataset, side: str) -> dict[str, F64]:
    """Five figures of the events of each row of a side, NaN where it has none."""
    log, liked = data.interactions, data.positive_csr()
    of_items = side == "items"
    rows, size = (log.item, len(data.items)) if of_items else (log.user, len(data.users))
    pairs = log.by_user("count")
    events = np.bincount(rows, minlength=size).astype(np.float64)
    total = np.bincount(rows, log.value, size).astype(np.float64)
    if of_items:
        partners, likings = (np.bincount(one.indices, minlength=size) for one in (pairs, liked))
    else:
        partners, likings = pairs.counts(), liked.counts()
    with np.errstate(invalid="ignore"):
        mean = total / events
    return {
        "number of events": events,
        f"number of {'users' if of_items else 'items'}": partners.astype(np.float64),
        "number of likings": likings.astype(np.float64),
        "sum of the values": total,
        "mean value": mean,
    }


def _agrees(values: F64, truth: F64, known: F64) -> bool:
    """Whether values are, or run as, what is true of all events, and not what train knows."""
    there = np.isfinite(values) & np.isfinite(truth)
    values, truth, known = values[there], truth[there], known[there]
    close = _unit(values) / 2 + 1e-6 * np.abs(truth)
    # NaN: train has no event of the row.
    apart = ~(np.abs(truth - known) <= 2 * close)
    if apart.sum() < _LEAST_ROWS or len(np.unique(truth[apart])) < _LEAST_ROWS // 4:
        return False
    if (np.abs(values - truth) <= close)[apart].mean() >= _NEARLY_ALL:
        return True
    known = np.where(np.isfinite(known), known, known[np.isfinite(known)].min(initial=0))
    alike = abs(_spearman(values, truth))
    return bool(alike >= _SAME_ORDER and alike > abs(_spearman(values, known)))


def _unit(values: F64) -> float:
    """What the last digit counts that the values are written in: 1, 0.1, 0.01, or next to none."""
    for digits in range(4):
        if np.allclose(values, np.round(values, digits), rtol=0, atol=1e-6 * 10.0**-digits):
            return 0.0 if digits == 0 else 10.0**-digits
    return 0.0


def _spearman(a: F64, b: F64) -> float:
    """The correlation of ranks, equal values at the mean of their places; 0 for one value alone."""
    a, b = _ranks(a), _ranks(b)
    spread = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / spread if spread else 0.0


def _ranks(values: F64) -> F64:
    """The ranks less their mean."""
    _, at, counts = np.unique(values, return_inverse=True, return_counts=True)
    middle = np.cumsum(counts) - (counts + 1) / 2
    ranks: F64 = middle[at] - (len(values) - 1) / 2
    return ranks
