"""Text encoders for penchant on ONNX Runtime.

`onnx.text` reads a folder in sentence-transformers layout; `onnx.minilm` makes such a folder from
the packages that carry all-MiniLM-L6-v2.

Declaring imports neither onnxruntime nor tokenizers; building an encoder imports tokenizers, and
its first vector onnxruntime.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from penchant import Component, hookimpl

from penchant_onnx.settings import MinilmSettings, TextSettings

if TYPE_CHECKING:
    from penchant.protocols import Encoder
    from penchant.registry import Registry

PENCHANT_API = 1


def _text(settings: TextSettings, _registry: Registry) -> Encoder:
    from penchant_onnx.memory import Remembering
    from penchant_onnx.text import OnnxText

    encoder = OnnxText(settings)
    return Remembering(encoder, settings.remember) if settings.remember else encoder


def _minilm(settings: MinilmSettings, registry: Registry) -> Encoder:
    from penchant_onnx.packaged import default_cache_folder, make_encoder_folder

    path = settings.path or str(make_encoder_folder(default_cache_folder()))
    return _text(
        TextSettings(path=path, threads=settings.threads, remember=settings.remember), registry
    )


@hookimpl
def penchant_encoders() -> Iterable[Component[Encoder]]:
    """Declare `onnx.text` and `onnx.minilm`."""
    return [
        Component("text", _text, TextSettings, "Vectors by a local sentence-transformers folder"),
        Component("minilm", _minilm, MinilmSettings, "all-MiniLM-L6-v2 from installed packages"),
    ]
