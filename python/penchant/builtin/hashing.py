"""`base.hashing`: words and word pairs hashed into a vector; needs no files and knows no meanings.

The hashing trick of Weinberger, Dasgupta, Langford, Smola, Attenberg, "Feature Hashing for Large
Scale Multitask Learning", 2009: each term adds +1 or -1, by one bit of its hash, to one coordinate.
Counts are damped by a square root, and vectors have length 1.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from penchant.builtin.settings import HashingSettings
    from penchant.protocols import F32

_WORD = re.compile(r"\w+")


class HashingEncoder:
    """Encodes a text by the words and neighbouring word pairs in it; `kind` makes no difference."""

    batch_invariant = True

    def __init__(self, settings: HashingSettings) -> None:
        self._dim = settings.dim

    @property
    def dim(self) -> int:
        """Length of a vector."""
        return self._dim

    @property
    def fingerprint(self) -> str:
        """Names the function from text to vector."""
        return f"base.hashing/1/{self._dim}"

    def encode(
        self,
        texts: Sequence[str],
        /,
        *,
        kind: Literal["document", "query"] = "document",  # noqa: ARG002
    ) -> F32:
        """Encode (n, dim) float32 of length 1; a text without words gives zeros. O(characters)."""
        vectors = np.zeros((len(texts), self._dim), np.float32)
        for row, text in enumerate(texts):
            words = _WORD.findall(text.casefold())
            terms = words + [f"{a} {b}" for a, b in pairwise(words)]
            if not terms:
                continue
            hashes = np.array(
                [zlib.crc32(term.encode("utf-8", "surrogatepass")) for term in terms], np.int64
            )
            signs = np.where(hashes & 1, 1.0, -1.0)
            sums = np.bincount((hashes >> 1) % self._dim, signs, self._dim)
            damped = np.sign(sums) * np.sqrt(np.abs(sums))
            length = float(np.sqrt(damped @ damped))
            if length > 0:
                vectors[row] = damped / length
        return vectors
