"""Evening out the directions of text vectors, so that their cosine can tell items apart.

A language model's vectors crowd into a narrow cone: the mean of a history points along the cone's
axis, at nothing in particular. Centring removes the axis, and whitening shrinks the few directions
that take most of the variance (Su, Cao, Liu, Ou, "Whitening Sentence Representations for Better
Semantics and Faster Retrieval", 2021). Whitening all the way blows up directions that hold only
noise, so the power is a setting, and the spectrum is shrunk towards its mean by d / (n + d), which
comes to plain centring for a small catalogue.

NDCG@10 on cold items (20 % of them hidden), all-MiniLM-L6-v2, means of three validation splits:

    power                    as encoded    0 (centred)   0.25    0.5     0.6     1
    MovieLens latest small   .086          .145          .159    .172    .175    .167
    MovieLens 100K           .131          .243          .251    .252    .249    .217
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from penchant import kernels
from penchant.item_text.features import NOTHING, lengths, unit

if TYPE_CHECKING:
    import numpy.typing as npt

    from penchant.protocols import F32

_ROWS_AT_ONCE = 65_536


@dataclass(frozen=True)
class Whitening:
    """The map x -> unit((unit(x) - mean) @ mix).

    mean (d,) float32; mix (d, d) float32, symmetric, or (0, d) for plain centring.
    """

    mean: F32
    mix: F32

    def __post_init__(self) -> None:
        self.mean.setflags(write=False)
        self.mix.setflags(write=False)

    @classmethod
    def of(cls, vectors: F32, power: float) -> Whitening:
        """Learn from a catalogue, (n, d) of length 1; rows of zeros have no say. O(n d^2 + d^3)."""
        vectors = vectors[lengths(vectors) > 0]
        count, dim = vectors.shape
        mean = np.zeros(dim) if not count else vectors.mean(axis=0, dtype=np.float64)
        flat = np.empty((0, dim), np.float32)
        if not power or count < 2:
            return cls(mean.astype(np.float32), flat)
        covariance = np.zeros((dim, dim))
        for start in range(0, count, _ROWS_AT_ONCE):
            centred = vectors[start : start + _ROWS_AT_ONCE] - mean
            covariance += centred.T @ centred
        spread, directions = np.linalg.eigh(covariance / count)
        average = float(spread.mean())
        if average < 1e-12:  # every item has the same text
            return cls(mean.astype(np.float32), flat)
        shrinkage = dim / (count + dim)
        spread = (1 - shrinkage) * np.maximum(spread, 0) / average + shrinkage
        mix = (directions * spread ** (-power / 2)) @ directions.T
        return cls(mean.astype(np.float32), np.ascontiguousarray((mix + mix.T) / 2, np.float32))

    def __call__(self, vectors: F32) -> F32:
        """Map (n, d) vectors of length 1; zeros stay zeros. The same bits in any batch."""
        known = lengths(vectors) > 0
        centred = np.where(known[:, None], vectors - self.mean, np.float32(0))
        centred[lengths(centred) < NOTHING] = 0
        if len(self.mix):
            centred = kernels.dot(np.ascontiguousarray(centred), self.mix)
        return unit(centred)

    @classmethod
    def restored(cls, arrays: Mapping[str, npt.NDArray[np.float32]]) -> Whitening | None:
        """Bring back what `arrays()` gave, None where there is none of it."""
        return cls(arrays["mean"], arrays["mix"]) if "mean" in arrays else None

    def arrays(self) -> dict[str, npt.NDArray[np.float32]]:
        """The two arrays, for a state."""
        return {"mean": self.mean, "mix": self.mix}
