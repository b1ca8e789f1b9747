"""Chance: each user's own order of the items, which tells what a measure gives for nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from penchant.protocols import FitContext, State

if TYPE_CHECKING:
    import numpy.typing as npt

    from penchant.data import Dataset
    from penchant.protocols import F32, I32, Bool
    from penchant.queries import Queries

# Steele, Lea, Flood, "Fast Splittable Pseudorandom Number Generators" (2014), figure 15: the step
# between states, and the two multipliers of the mixing function (Stafford's variant 13).
_STEP = np.uint64(0x9E3779B97F4A7C15)
_FIRST, _SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
# Keeps the keys of users known by row apart from those of strangers.
_STRANGER = np.uint64(1 << 63)


class FittedRandomOrder:
    """A score is a hash of seed, user and item as a number in [0, 1): alone and in a batch alike.

    A user's key is the row; that of a stranger comes from the items of the history.
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def score(self, queries: Queries, items: I32 | None, /) -> F32:
        """Hash. O(n·m)."""
        chosen = np.arange(queries.history.columns) if items is None else items
        mixed = _mixed(self._keys(queries)[:, None] + _STEP * chosen.astype(np.uint64)[None, :])
        # 24 bits are what a float32 in [0, 1) holds exactly.
        return (mixed >> np.uint64(40)).astype(np.float32) * np.float32(2.0**-24)

    def answers(self, queries: Queries, /) -> Bool:
        """Everybody can be given an order."""
        return np.ones(len(queries), bool)

    def with_items(self, data: Dataset, /) -> FittedRandomOrder:  # noqa: ARG002
        """The hash knows every item that there may ever be."""
        return self

    def state(self) -> State:
        """The seed."""
        return State(meta={"seed": self._seed})

    def _keys(self, queries: Queries) -> npt.NDArray[np.uint64]:
        """(n,) a number of each query's own."""
        history = queries.history
        marks = _mixed(_STEP * (history.indices.astype(np.uint64) + np.uint64(1)))
        sums = np.zeros(len(marks) + 1, np.uint64)
        np.cumsum(marks, out=sums[1:])
        told = (sums[history.indptr[1:]] - sums[history.indptr[:-1]]) | _STRANGER
        known = queries.rows >= 0
        who: npt.NDArray[np.uint64] = np.where(known, queries.rows.astype(np.uint64), told)
        seed = np.array([self._seed], np.uint64)
        return _mixed(_mixed(seed) + _STEP * who)


class RandomOrder:
    """Learns nothing but the seed."""

    def fit(self, data: Dataset, context: FitContext, /) -> FittedRandomOrder:  # noqa: ARG002
        """Take the seed of the fit."""
        return FittedRandomOrder(context.seed)

    def restore(self, state: State, /) -> FittedRandomOrder:
        """Bring back the seed."""
        return FittedRandomOrder(int(str(state.meta["seed"])))


def _mixed(counters: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """SplitMix64's mixing function; products wrap around."""
    mixed = (counters ^ (counters >> np.uint64(30))) * _FIRST
    mixed = (mixed ^ (mixed >> np.uint64(27))) * _SECOND
    return mixed ^ (mixed >> np.uint64(31))
