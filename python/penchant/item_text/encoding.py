"""Items through an encoder, and the encoder of a loaded model, opened when the first words come.

Convention. An encoder that lives in files has a `folder` attribute (a Path) and a setting named
`path`. The folder travels with the model (`State.folders["encoder"]`), and the encoder is built
again with `path` set to the copy. An encoder without `folder` is built again from its settings.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from penchant.components import Spec
from penchant.errors import EncoderMissing, FitCancelled, PluginError
from penchant.item_text.features import unit

if TYPE_CHECKING:
    from penchant.protocols import F32, Encoder, FitContext
    from penchant.registry import Registry

FOLDER = "encoder"
_TEXTS_AT_ONCE = 512


def folder_of(encoder: Encoder) -> Path | None:
    """The folder that an encoder lives in, or None where it needs no files."""
    folder = getattr(encoder, "folder", None)
    return None if folder is None else Path(folder)


def encode_items(
    owner: str,
    encoder: Encoder,
    texts: Sequence[str],
    context: FitContext,
    *,
    kind: Literal["document", "query"] = "document",
) -> F32:
    """Encode items' texts, or users', into (n, dim) float32 of length 1; a blank text gives zeros.

    kind: "query" for the texts of users.

    The context's threads share the texts, some hundreds at a time; an encoder whose vectors depend
    on the batch gets one text at a time. Neither changes a bit.
    """
    whose = "items" if kind == "document" else "users"
    told = [row for row, text in enumerate(texts) if text.strip()]
    vectors = np.zeros((len(texts), encoder.dim), np.float32)
    size = _TEXTS_AT_ONCE if encoder.batch_invariant else 1
    chunks = [told[start : start + size] for start in range(0, len(told), size)]

    def encode(rows: list[int]) -> tuple[list[int], F32]:
        if context.cancelled():
            raise FitCancelled(f"{owner} was stopped while it encoded the {whose}")
        return rows, encoder.encode([texts[row] for row in rows], kind=kind)

    pool = ThreadPoolExecutor(context.threads) if context.threads > 1 else None
    done = 0
    try:
        for rows, encoded in map(encode, chunks) if pool is None else pool.map(encode, chunks):
            vectors[rows] = encoded
            done += len(rows)
            context.progress(f"{owner}: encoding {whose}", done, len(told))
    finally:
        if pool is not None:
            pool.shutdown(cancel_futures=True)
    return unit(vectors)


@dataclass(frozen=True)
class SavedEncoder:
    """An encoder that a model was fitted with, built when it is first asked.

    `dim`, `fingerprint` and `batch_invariant` are the ones kept in the model, so nothing is opened
    to know them.
    """

    dim: int
    fingerprint: str
    batch_invariant: bool
    spec: Spec
    folder: Path | None
    registry: Registry

    def encode(
        self, texts: Sequence[str], /, *, kind: Literal["document", "query"] = "document"
    ) -> F32:
        """Encode as the encoder itself would; raises EncoderMissing where it can't be built."""
        return self._encoder().encode(texts, kind=kind)

    def _encoder(self) -> Encoder:
        built: Encoder | None = self.__dict__.get("_built")
        if built is None:
            settings = dict(self.spec.settings)
            if self.folder is not None:
                settings["path"] = str(self.folder)
            try:
                built = self.registry.encoder(Spec(self.spec.name, settings))
            except (PluginError, ValueError) as error:
                raise EncoderMissing(f"the model's encoder can't be built: {error}") from error
            if built.fingerprint != self.fingerprint:
                raise EncoderMissing(
                    f"the encoder {self.spec.name} in '{self.folder}' is not the one that the "
                    f"model was fitted with (fingerprint {built.fingerprint}, wanted "
                    f"{self.fingerprint}); give the folder of that one"
                )
            # Two threads may both build one: the same vectors, and the last stays.
            self.__dict__["_built"] = built
        return built
