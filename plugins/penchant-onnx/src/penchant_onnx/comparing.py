"""What one encoder keeps of another, on texts of the user's own: the report of every command.

Likeness is what recommendation uses, so that is what is compared: the cosines of all pairs of
texts, and the ten nearest neighbours of each. Both are defined for vectors of any two lengths.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from penchant.errors import DataError
from penchant.item_text import unit

if TYPE_CHECKING:
    from penchant.protocols import F32, Json

    from penchant_onnx.text import OnnxText

NEIGHBOURS = 10
_TEXTS = 2000


@dataclass(frozen=True)
class Side:
    """One encoder: the size of its files, the length of a vector, and its speed as opened."""

    megabytes: float
    dim: int
    texts_per_second: float


@dataclass(frozen=True)
class Comparison:
    """Two encoders on the same texts.

    drift: the mean difference between the two cosines of a pair of texts.
    cosine, least_cosine: of a text's two vectors, where they have one length and so may be compared
        (they still mean little where one is a rotation of the other).
    overlap: the share of a text's ten nearest that are the same.
    """

    texts: int
    before: Side
    after: Side
    drift: float
    overlap: float
    cosine: float | None
    least_cosine: float | None

    def to_json(self) -> dict[str, Json]:
        """Plain numbers."""
        return asdict(self)

    def __str__(self) -> str:
        sides = (("before", self.before), ("after", self.after))
        lines = [f"{'':8}{'MB':>8}{'numbers':>9}{'texts/s':>10}"]
        lines += [
            f"{name:8}{one.megabytes:8.1f}{one.dim:9}{one.texts_per_second:10.0f}"
            for name, one in sides
        ]
        same = f"of {self.texts} texts: {self.overlap:.1%} of the {NEIGHBOURS} nearest are the same"
        lines += [f"{same}, cosines of pairs differ by {self.drift:.3f}"]
        if self.cosine is not None:
            lines[-1] += (
                f", cosine of old and new {self.cosine:.4f} (least {self.least_cosine:.4f})"
            )
        return "\n".join(lines)


def compare(before: OnnxText, after: OnnxText, texts: Sequence[str]) -> Comparison:
    """Compare two encoders on at most 2,000 of the texts, evenly spread; O(n²·d).

    Texts that are equal or blank are left out; raises DataError where fewer than three are left.
    """
    some = told(texts)
    if len(some) < 3:
        raise DataError(f"a comparison needs at least 3 different texts, got {len(some)}")
    some = [some[at] for at in np.linspace(0, len(some) - 1, min(len(some), _TEXTS), dtype=int)]
    old, old_speed = _timed(before, some)
    new, new_speed = _timed(after, some)
    overlap, drift = likenesses(old, new)
    cosines = (old * new).sum(axis=1) if old.shape == new.shape else None
    return Comparison(
        texts=len(some),
        before=Side(_megabytes(before.files), before.dim, old_speed),
        after=Side(_megabytes(after.files), after.dim, new_speed),
        drift=drift,
        overlap=overlap,
        cosine=None if cosines is None else float(cosines.mean()),
        least_cosine=None if cosines is None else float(cosines.min()),
    )


def told(texts: Sequence[str]) -> list[str]:
    """The texts that say something, each once, in order."""
    return list(dict.fromkeys(text for text in texts if text.strip()))


def likenesses(old: F32, new: F32) -> tuple[float, float]:
    """Overlap of the ten nearest, and mean difference of cosines, of (n, d) vectors of length 1."""
    one, other = old @ old.T, new @ new.T
    upper = np.triu_indices(len(one), 1)
    drift = float(np.abs(one[upper] - other[upper]).mean())
    k = min(NEIGHBOURS, len(one) - 1)
    pairs = zip(_nearest(one, k).tolist(), _nearest(other, k).tolist(), strict=True)
    return sum(len({*a} & {*b}) for a, b in pairs) / (k * len(one)), drift


def _nearest(likeness: F32, k: int) -> Any:
    """(n, k) rows most like each row but itself, equal ones by lower row."""
    np.fill_diagonal(likeness, -np.inf)
    return np.argsort(-likeness, axis=1, kind="stable")[:, :k]


def _timed(encoder: OnnxText, texts: list[str]) -> tuple[F32, float]:
    encoder.encode(texts[:2])  # opens the graph
    start = time.perf_counter()
    vectors = encoder.encode(texts)
    return unit(vectors), len(texts) / (time.perf_counter() - start)


def _megabytes(files: Sequence[Path]) -> float:
    return sum(file.stat().st_size for file in files) / 1e6
