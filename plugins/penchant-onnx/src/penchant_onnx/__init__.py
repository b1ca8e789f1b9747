"""Text encoders for penchant on ONNX Runtime.

`onnx.text` reads a folder in sentence-transformers layout; `onnx.minilm` makes such a folder from
the packages that carry all-MiniLM-L6-v2; `onnx.ensemble` makes one encoder of several.

Declaring imports neither onnxruntime nor tokenizers; building an encoder imports tokenizers, and
its first vector onnxruntime.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from penchant import Component, hookimpl

from penchant_onnx.settings import EnsembleSettings, MinilmSettings, TextSettings

if TYPE_CHECKING:
    import click
    from penchant.protocols import Encoder
    from penchant.registry import Registry

PENCHANT_API = 1


def _text(settings: TextSettings, _registry: Registry) -> Encoder:
    from penchant_onnx.text import OnnxText

    return _keeping(OnnxText(settings), settings)


def _keeping(encoder: Encoder, settings: TextSettings) -> Encoder:
    """Put the cache on disk around an encoder, and the memory around both, as far as wanted."""
    if settings.cache is not None:
        from penchant_onnx.cache import Cached

        encoder = Cached(encoder, settings.cache, settings.cache_megabytes)
    if settings.remember:
        from penchant_onnx.memory import Remembering

        encoder = Remembering(encoder, settings.remember)
    return encoder


def _minilm(settings: MinilmSettings, registry: Registry) -> Encoder:
    from penchant_onnx.packaged import minilm_folder

    path = settings.path or str(minilm_folder(settings.precision))
    return _text(settings.of(path), registry)


def _ensemble(settings: EnsembleSettings, registry: Registry) -> Encoder:
    from penchant_onnx.ensemble import Ensemble

    return Ensemble(settings, registry)


@hookimpl
def penchant_encoders() -> Iterable[Component[Encoder]]:
    """Declare `onnx.text`, `onnx.minilm` and `onnx.ensemble`."""
    return [
        Component("text", _text, TextSettings, "Vectors by a local sentence-transformers folder"),
        Component("minilm", _minilm, MinilmSettings, "all-MiniLM-L6-v2 from installed packages"),
        Component("ensemble", _ensemble, EnsembleSettings, "Several encoders as one"),
    ]


@hookimpl
def penchant_commands(cli: click.Group) -> None:
    """Add the group `penchant onnx`."""
    from penchant_onnx.commands import onnx

    cli.add_command(onnx)
