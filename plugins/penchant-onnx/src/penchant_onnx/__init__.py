"""Text encoders for penchant on ONNX Runtime: `onnx.text` reads a sentence-transformers folder.

Declaring imports neither onnxruntime nor tokenizers; building an encoder imports tokenizers, and
its first vector onnxruntime.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from penchant import Component, hookimpl

from penchant_onnx.settings import TextSettings

if TYPE_CHECKING:
    from penchant.protocols import Encoder
    from penchant.registry import Registry

PENCHANT_API = 1


def _text(settings: TextSettings, _registry: Registry) -> Encoder:
    from penchant_onnx.text import OnnxText

    return OnnxText(settings)


@hookimpl
def penchant_encoders() -> Iterable[Component[Encoder]]:
    """Declare `onnx.text`."""
    return [
        Component("text", _text, TextSettings, "Vectors by a local sentence-transformers folder")
    ]
