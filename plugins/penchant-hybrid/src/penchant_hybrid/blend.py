"""A fitted blend: score = Σ weight_p / spread_p · score_p over the parts that can answer.

Two forms. Where every part is a dot product, so is the blend: the parts' item vectors, times their
factors, stand side by side, and one fused kernel call ranks by all of them (`FactoredBlend`).
Otherwise the parts are asked one after the other and added in their order (`Blend`). A part without
evidence for a query adds nothing to it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import numpy.typing as npt
from penchant import kernels
from penchant.protocols import Evidence, Factored

from penchant_hybrid.joined import Joined, strongest_first
from penchant_hybrid.parts import Part

if TYPE_CHECKING:
    from penchant.data import Dataset
    from penchant.protocols import F32, I32
    from penchant.queries import Queries


class Blend(Joined):
    """Adds the scores of its parts."""

    @property
    def weights(self) -> Mapping[str, float]:
        """How much each part counts, by its name (and position, where names repeat)."""
        names = [part.name for part in self._parts]
        return {
            name if names.count(name) == 1 else f"{name} {place}": part.weight
            for place, (name, part) in enumerate(zip(names, self._parts, strict=True), start=1)
        }

    def score(self, queries: Queries, items: I32 | None, /) -> F32:
        """Add the parts' scores in their order. As slow as all of them together."""
        width = queries.history.columns if items is None else len(items)
        total = np.zeros((len(queries), width), np.float32)
        for part in self._parts:
            if part.weight > 0:
                part.add(total, queries, items)
        return total

    def explain(self, queries: Queries, item: int, /) -> Sequence[Evidence]:
        """All parts' reasons, each in its share; they sum to the score where the parts' do."""
        return strongest_first(
            [
                reason
                for part in self._parts
                if part.weight > 0
                for reason in part.explain(queries, item)
            ]
        )

    def _with(self, parts: Sequence[Part], data: Dataset) -> Blend:  # noqa: ARG002
        return blend_of(parts)


class FactoredBlend(Blend):
    """One dot product for all parts.

    item_vectors: the parts' vectors, times their factors, side by side; None to make them.
    """

    def __init__(self, parts: Sequence[Part], item_vectors: F32 | None = None) -> None:
        super().__init__(parts)
        self._factored = tuple(cast("Factored", part.scorer) for part in parts)
        if item_vectors is None:
            item_vectors = np.concatenate(
                [
                    factored.item_vectors * part.factor
                    for factored, part in zip(self._factored, parts, strict=True)
                ],
                axis=1,
            )
        item_vectors.setflags(write=False)
        self._items = item_vectors

    @property
    def item_vectors(self) -> F32:
        """(items, Σ d)."""
        return self._items

    def query_vectors(self, queries: Queries, /) -> F32:
        """(n, Σ d): the parts' query vectors side by side, zeros for a part without evidence."""
        vectors = []
        for factored, part in zip(self._factored, self._parts, strict=True):
            mine, answered = factored.query_vectors(queries), part.answers(queries)
            if not answered.all():
                mine = np.where(answered[:, None], mine, np.float32(0))
            vectors.append(mine)
        return np.concatenate(vectors, axis=1)

    def score(self, queries: Queries, items: I32 | None, /) -> F32:
        """Multiply. O(n·m·Σ d)."""
        chosen = self._items if items is None else self._items[items]
        return kernels.dot(self.query_vectors(queries), chosen)

    def _arrays(self) -> Mapping[str, npt.NDArray[Any]]:
        """The vectors too, so that a loaded model maps them instead of making them again."""
        return {"item_vectors": self._items}


def blend_of(parts: Sequence[Part], item_vectors: F32 | None = None) -> Blend:
    """Make the faster form where every part is a dot product."""
    if all(isinstance(part.scorer, Factored) for part in parts):
        return FactoredBlend(parts, item_vectors)
    return Blend(parts)
