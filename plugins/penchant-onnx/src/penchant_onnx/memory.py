"""An encoder that remembers: texts that come again are not run again."""

from __future__ import annotations

from collections.abc import Sequence
from threading import Lock
from typing import TYPE_CHECKING, Literal

import numpy as np

from penchant_onnx.wrapping import Wrapping

if TYPE_CHECKING:
    from penchant.protocols import F32, Encoder


class Remembering(Wrapping):
    """An `Encoder` that keeps the vectors of the last `capacity` texts in memory.

    Safe from many threads; `capacity * dim * 4` bytes at most.
    """

    def __init__(self, encoder: Encoder, capacity: int) -> None:
        super().__init__(encoder)
        self._capacity = capacity
        self._vectors: dict[tuple[str, str], F32] = {}
        self._lock = Lock()

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
