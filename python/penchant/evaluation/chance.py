"""Chance: what a model without any clue would reach, the least that a figure must beat."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from penchant.protocols import State

if TYPE_CHECKING:
    from penchant.protocols import F32, I32
    from penchant.queries import Queries


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
