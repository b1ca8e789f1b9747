"""One score an item, the same for everybody: what the baselines that know nobody have in common."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from penchant import kernels
from penchant.protocols import Evidence, State

if TYPE_CHECKING:
    from penchant.data import Dataset
    from penchant.protocols import F32, I32, Bool
    from penchant.queries import Queries


@dataclass(frozen=True)
class Standing:
    """What the scores are.

    source: the component. kind: the kind of its evidence. added: scores the new items of a dataset
        whose items up to the given row are known, (new,) float32.
    """

    source: str
    kind: str
    added: Callable[[Dataset, int], F32]


class SameForAll:
    """An item's score is a number of its own, (items,) float32."""

    def __init__(self, scores: F32, standing: Standing) -> None:
        scores.setflags(write=False)
        self._scores = scores
        self._standing = standing

    @property
    def item_vectors(self) -> F32:
        """(items, 1): the scores."""
        return self._scores.reshape(-1, 1)

    def query_vectors(self, queries: Queries, /) -> F32:
        """(n, 1): ones."""
        return np.ones((len(queries), 1), np.float32)

    def score(self, queries: Queries, items: I32 | None, /) -> F32:
        """Give everybody the same. O(n·m)."""
        chosen = self.item_vectors if items is None else self.item_vectors[items]
        return kernels.dot(self.query_vectors(queries), chosen)

    def answers(self, queries: Queries, /) -> Bool:
        """Everybody can be told."""
        return np.ones(len(queries), bool)

    def explain(self, queries: Queries, item: int, /) -> Sequence[Evidence]:  # noqa: ARG002
        """The one reason there is; its weight is the score."""
        weight = float(self._scores[item])
        return (Evidence(self._standing.kind, weight, source=self._standing.source),)

    def with_items(self, data: Dataset, /) -> SameForAll:
        """Score the new items; those of the others stay."""
        new = self._standing.added(data, len(self._scores))
        return SameForAll(np.concatenate([self._scores, new]), self._standing)

    def state(self) -> State:
        """The scores."""
        return State({"scores": self._scores})


def restored(state: State, standing: Standing) -> SameForAll:
    """Bring back what `state()` gave."""
    return SameForAll(np.asarray(state.arrays["scores"]), standing)
