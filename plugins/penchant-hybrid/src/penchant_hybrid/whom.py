"""Whether a condition on who asks holds: counts and facts of queries, no data and no columns."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from penchant.protocols import Bool
    from penchant.queries import Queries

    from penchant_hybrid.settings import When


def holds(when: When, queries: Queries, min_value: float | None) -> Bool:
    """(n,) bool: whether all that the condition says is so.

    min_value: what makes an event of a history a liking.
    """
    fits = np.ones(len(queries), np.bool_)
    if when.known is not None:
        fits &= (queries.rows >= 0) == when.known
    if when.words is not None:
        asked = np.zeros(len(queries), np.bool_)
        for vectors in queries.texts.values():
            asked |= vectors.any(axis=1)
        fits &= asked == when.words
    if when.min_likings is not None or when.max_likings is not None:
        likings = queries.history.at_least(min_value).counts()
        if when.min_likings is not None:
            fits &= likings >= when.min_likings
        if when.max_likings is not None:
            fits &= likings <= when.max_likings
    return fits
