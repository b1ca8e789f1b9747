"""What models without a clue reach: lists at random, and lists in the order of the rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from penchant.protocols import State

if TYPE_CHECKING:
    from penchant.protocols import F32, I32
    from penchant.queries import Queries


class ByRow:
    """Scores all alike, so that items are ranked by row: what a model says of unknown items."""

    def __init__(self, items: int) -> None:
        self._items = items

    def score(self, queries: Queries, items: I32 | None, /) -> F32:
        """Give zeros."""
        return np.zeros((len(queries), self._items if items is None else len(items)), np.float32)

    def state(self) -> State:
        """Nothing to keep."""
        return State()


class Chance:
    """Scores at random: what a model without any clue would reach."""

    def __init__(self, items: int) -> None:
        self._items = items

    def score(self, queries: Queries, items: I32 | None, /) -> F32:
        """Draw a score an item, anew for each user row."""
        drawn = [np.random.default_rng(row).random(self._items) for row in queries.rows.tolist()]
        scores = np.array(drawn, np.float32).reshape(len(queries), self._items)
        return scores if items is None else scores[:, items]

    def state(self) -> State:
        """Nothing to keep."""
        return State()
