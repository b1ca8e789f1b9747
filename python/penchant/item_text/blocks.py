"""Several descriptions of an item side by side: terms of its title, vectors of its plot.

Each block has rows of length √(its share of the weights), so that the cosine of two rows is the
weighted mean of the blocks' cosines. An item that says nothing in one block is described by the
others alone.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeAlias

import numpy as np

from penchant.components import Spec, SpecLike
from penchant.errors import ModelFileError, SettingsError
from penchant.item_text.describing import ItemText
from penchant.item_text.features import side_by_side
from penchant.protocols import Features, ReadsText, State
from penchant.queries import Csr

if TYPE_CHECKING:
    from penchant.data import Dataset
    from penchant.item_text.describing import FittedItemText
    from penchant.protocols import F32, I32, Encoder, FitContext
    from penchant.queries import Queries
    from penchant.registry import Registry

TextLike: TypeAlias = "SpecLike | Sequence[SpecLike]"


class TextSource(Protocol):
    """Learns to describe items: an `ItemText`, or several of them."""

    def fit(self, data: Dataset, context: FitContext, /) -> tuple[FittedItemText, Features]:
        """Learn, and describe every item."""

    def restore(self, state: State, /) -> FittedItemText:
        """Bring back what `state()` gave."""


def text_source(owner: str, text: TextLike, registry: Registry) -> TextSource:
    """What a strategy's setting `text` names: one encoder or extractor, or a list of them.

    Each of a list may have a `weight`, 1 without. Raises UnknownComponent, SettingsError.
    """
    if isinstance(text, str | Mapping | Spec):
        return ItemText(owner, text, registry)
    if not text:
        raise SettingsError(f"{owner}: text names nothing; leave it out, or name what reads it")
    weights, sources = [], []
    for given in text:
        spec = Spec.of(given)
        settings = dict(spec.settings)
        weight = settings.pop("weight", 1.0)
        if not isinstance(weight, int | float) or not (math.isfinite(weight) and weight > 0):
            raise SettingsError(
                f"{owner}: the weight of {spec.name} must be a number above 0, got {weight!r}"
            )
        weights.append(float(weight))
        sources.append(ItemText(owner, Spec(spec.name, settings), registry))
    return _Blocks(owner, tuple(weight / sum(weights) for weight in weights), tuple(sources))


@dataclass(frozen=True)
class _Blocks:
    owner: str
    shares: tuple[float, ...]
    sources: tuple[ItemText, ...]

    def fit(self, data: Dataset, context: FitContext, /) -> tuple[FittedItemText, Features]:
        fitted = [source.fit(data, context) for source in self.sources]
        widths = [_width(features.matrix) for _, features in fitted]
        texts = FittedBlocks(self.shares, tuple(text for text, _ in fitted), tuple(widths))
        names = [features.names for _, features in fitted]
        return texts, Features(
            side_by_side([features.matrix for _, features in fitted], self.shares),
            sum(names, ()) if all(names) else (),
        )

    def restore(self, state: State, /) -> FittedItemText:
        try:
            parts = [state.parts[f"block_{place}"] for place in range(len(self.sources))]
        except KeyError as error:
            raise ModelFileError(
                f"{self.owner} can't be restored: the model lacks {error}; fit it again"
            ) from None
        texts = [source.restore(part) for source, part in zip(self.sources, parts, strict=True)]
        return FittedBlocks(self.shares, tuple(texts), tuple(state.arrays["widths"].tolist()))


@dataclass(frozen=True)
class FittedBlocks:
    """Several describers; they read questions in words where any of them does.

    shares: how much each counts, together 1. widths: how many features each has.
    """

    shares: tuple[float, ...]
    texts: tuple[FittedItemText, ...]
    widths: tuple[int, ...]

    def __post_init__(self) -> None:
        if any(isinstance(text, ReadsText) for text in self.texts):
            self.__dict__["encoders"] = self._encoders

    def describe(self, data: Dataset, rows: I32, /) -> F32 | Csr:
        """The blocks of `rows` side by side; sparse if any of them is."""
        return side_by_side([text.describe(data, rows) for text in self.texts], self.shares)

    def describe_users(self, texts: Sequence[str], context: FitContext, /) -> F32 | Csr:
        """The blocks of texts side by side. Raises SettingsError where one can't read them."""
        return side_by_side(
            [text.describe_users(texts, context) for text in self.texts], self.shares
        )

    def words(self, queries: Queries, /) -> F32 | None:
        """(n, Σ widths): what the readers among them read, zeros in the blocks of the others."""
        read = [text.words(queries) for text in self.texts]
        if all(told is None for told in read):
            return None
        blocks = [
            np.zeros((len(queries), width), np.float32) if told is None else told
            for told, width in zip(read, self.widths, strict=True)
        ]
        joined = side_by_side(blocks, self.shares)
        assert not isinstance(joined, Csr)  # noqa: S101 - as no block is
        return joined

    def state(self) -> State:
        """The blocks' states."""
        return State(
            {"widths": np.array(self.widths, np.int64)},
            parts={f"block_{place}": text.state() for place, text in enumerate(self.texts)},
        )

    def _encoders(self) -> Mapping[str, Encoder]:
        """Those of all blocks."""
        readers = [text for text in self.texts if isinstance(text, ReadsText)]
        return {key: encoder for text in readers for key, encoder in text.encoders().items()}


def _width(features: F32 | Csr) -> int:
    return features.columns if isinstance(features, Csr) else features.shape[1]
