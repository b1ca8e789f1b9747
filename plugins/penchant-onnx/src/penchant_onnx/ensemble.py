"""`onnx.ensemble`: several encoders as one, which is as sure of a likeness as they are together."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from penchant import kernels
from penchant.components import Spec
from penchant.errors import SettingsError

if TYPE_CHECKING:
    from penchant.protocols import F32, Encoder
    from penchant.registry import Registry

    from penchant_onnx.settings import EnsembleSettings

# Raised whenever the same parts and weights would give other vectors.
SEMANTICS = 1


class Ensemble:
    """An `Encoder` whose dot product is the weighted mean of the cosines of its parts.

    A vector is the parts' vectors end to end, each scaled to length 1 and by the square root of its
    share of the weights. So it has length 1 where every part has something to say; a part that
    gives zeros for a text (no word that it knows) adds nothing to any likeness of it.
    """

    batch_invariant = True

    def __init__(self, settings: EnsembleSettings, registry: Registry) -> None:
        self._folder = None if settings.path is None else Path(settings.path)
        self._encoders: list[Encoder] = []
        weights = []
        for spec, weight in settings.split():
            self._encoders.append(registry.encoder(_placed(spec, self._folder)))
            weights.append(weight)
        self._shares = np.array(weights) / sum(weights)

    @property
    def dim(self) -> int:
        """Length of a vector: that of all parts' together."""
        return sum(encoder.dim for encoder in self._encoders)

    @property
    def folder(self) -> Path | None:
        """The folder that holds the parts' folders, where `path` says so."""
        return self._folder

    @cached_property
    def fingerprint(self) -> str:
        """Names the function from text to vector, by the parts' fingerprints and shares."""
        parts = [encoder.fingerprint for encoder in self._encoders]
        said = json.dumps([SEMANTICS, parts, self._shares.tolist()])
        return "onnx.ensemble/" + kernels.blake3_bytes(said.encode("utf-8"))

    def encode(
        self, texts: Sequence[str], /, *, kind: Literal["document", "query"] = "document"
    ) -> F32:
        """Encode `n` texts into (n, dim) float32, by each part in turn.

        A part that is not batch-invariant gets one text at a time.
        """
        vectors = np.zeros((len(texts), self.dim), np.float32)
        start = 0
        for encoder, share in zip(self._encoders, self._shares, strict=True):
            part = _encoded(encoder, texts, kind).astype(np.float64)
            lengths = np.sqrt(np.square(part).sum(axis=1, keepdims=True))
            scales = np.sqrt(share) / np.where(lengths > 0, lengths, 1)
            vectors[:, start : start + encoder.dim] = part * scales
            start += encoder.dim
        return vectors


def _encoded(encoder: Encoder, texts: Sequence[str], kind: Literal["document", "query"]) -> F32:
    if encoder.batch_invariant or len(texts) < 2:
        return encoder.encode(texts, kind=kind)
    return np.concatenate([encoder.encode([text], kind=kind) for text in texts])


def _placed(spec: Spec, folder: Path | None) -> Spec:
    """The spec with its `path` inside the ensemble's folder, if there is one."""
    path: Any = spec.settings.get("path")
    if folder is None or path is None:
        return spec
    if not isinstance(path, str) or Path(path).is_absolute() or ".." in Path(path).parts:
        raise SettingsError(
            f"onnx.ensemble: the path of part {spec.name} must name a folder inside '{folder}', "
            f"got {path!r}; put it there, so that all parts travel with a model, or leave the "
            "ensemble's own path out"
        )
    return Spec(spec.name, {**spec.settings, "path": str(folder / path)})
