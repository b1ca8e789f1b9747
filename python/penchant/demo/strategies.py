"""What the demo compares, and with which encoder it reads."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from penchant.components import Spec, use
from penchant.errors import EncoderMissing, UnknownComponent

if TYPE_CHECKING:
    from penchant.components import SpecLike
    from penchant.registry import Registry

# Weights were chosen by NDCG@10 on validation likings cut out of the train part of MovieLens
# latest-small, never on those held out for the table.
WEIGHTS = {"cf.ease": 1.0, "cf.item_knn": 0.5, "content.text": 0.2}


def choose_encoder(
    folder: Path | None, registry: Registry, say: Callable[[str], None], *, threads: int = 1
) -> Spec:
    """Take the folder given, else the packaged MiniLM, else `base.hashing`; say which in a line."""
    if folder is not None:
        chosen = use("onnx.text", path=str(folder), remember=50_000, threads=threads)
        registry.encoder(chosen)
        say(f"Encoder: {folder}")
        return chosen
    chosen = use("onnx.minilm", remember=50_000, threads=threads)
    try:
        encoder: Any = registry.encoder(chosen)
    except (EncoderMissing, UnknownComponent) as error:
        say(f"Encoder: base.hashing, which knows words but no meanings, for {error}")
        return use("base.hashing")
    say(f"Encoder: all-MiniLM-L6-v2, {encoder.dim} dimensions, in {encoder.folder}")
    return chosen


def warm(encoder: Spec) -> dict[str, SpecLike]:
    """The strategies of the table for users and items with a past."""
    return {
        "popular": "base.popular",
        "item-kNN": "cf.item_knn",
        "EASE": "cf.ease",
        "SGD factors": "mf.sgd",
        "content": _content(encoder),
        "hybrid": hybrid(encoder),
    }


def cold(encoder: Spec) -> dict[str, SpecLike]:
    """The strategies of the table for items without a past."""
    return {
        "TF-IDF": use("content.text", extractor="content.tfidf"),
        "content": _content(encoder),
        "hybrid": hybrid(encoder),
    }


def hybrid(encoder: Spec) -> Spec:
    """The blend that the demo saves."""
    parts: list[dict[str, Any]] = []
    for name, weight in WEIGHTS.items():
        spec = _content(encoder) if name == "content.text" else Spec(name)
        parts.append({**spec.to_json(), "weight": weight})
    return use("hybrid.weighted", parts=parts)


def _content(encoder: Spec) -> Spec:
    return use("content.text", encoder=encoder.to_json())
