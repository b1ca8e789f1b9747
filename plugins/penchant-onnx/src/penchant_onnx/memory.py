"""An encoder that remembers: texts that come again are not run again."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from penchant.protocols import F32

    from penchant_onnx.text import OnnxText


class Remembering:
    """An `Encoder` that keeps the vectors of the last `capacity` texts in memory.

    Right only because the encoder inside is batch-invariant: a vector has the same bits whether it
    is remembered or made anew. Safe from many threads; `capacity * dim * 4` bytes at most.
    """

    batch_invariant = True

    def __init__(self, encoder: OnnxText, capacity: int) -> None:
        self._encoder = encoder
        self._capacity = capacity
        self._vectors: dict[tuple[str, str], F32] = {}
        self._lock = Lock()

    @property
    def dim(self) -> int:
        """Length of a vector."""
        return self._encoder.dim

    @property
    def fingerprint(self) -> str:
        """The fingerprint of the encoder inside."""
        return self._encoder.fingerprint

    @property
    def folder(self) -> Path:
        """The folder of the encoder inside."""
        return self._encoder.folder

    def encode(
        self, texts: Sequence[str], /, *, kind: Literal["document", "query"] = "document"
    ) -> F32:
        """Encode as the encoder inside would, running only what isn't remembered."""
        with self._lock:
            known = {text: self._vectors.get((kind, text)) for text in texts}
        new = [text for text, vector in known.items() if vector is None]
        if new:
            made = self._encoder.encode(new, kind=kind)
            with self._lock:
                for text, vector in zip(new, made, strict=True):
                    known[text] = self._vectors[(kind, text)] = vector
                while len(self._vectors) > self._capacity:
                    del self._vectors[next(iter(self._vectors))]
        vectors = np.empty((len(texts), self.dim), np.float32)
        for row, text in enumerate(texts):
            vectors[row] = known[text]
        return vectors
