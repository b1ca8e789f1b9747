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

from penchant.components import Spec, SpecLike
from penchant.errors import ModelFileError, SettingsError
from penchant.item_text.describing import ItemText
from penchant.item_text.features import side_by_side
from penchant.protocols import Features, State
from penchant.queries import Csr

if TYPE_CHECKING:
    from penchant.data import Dataset
    from penchant.item_text.describing import FittedItemText
    from penchant.protocols import F32, I32, FitContext
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
        texts = FittedBlocks(self.shares, tuple(text for text, _ in fitted))
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
        return FittedBlocks(self.shares, tuple(texts))


@dataclass(frozen=True)
class FittedBlocks:
    """Several describers; they read no questions in words.

    shares: how much each counts, together 1.
    """

    shares: tuple[float, ...]
    texts: tuple[FittedItemText, ...]

    def describe(self, data: Dataset, rows: I32, /) -> F32 | Csr:
        """The blocks of `rows` side by side; sparse if any of them is."""
        return side_by_side([text.describe(data, rows) for text in self.texts], self.shares)

    def words(self, _queries: Queries, /) -> None:
        """Nobody's."""
        return

    def state(self) -> State:
        """The blocks' states."""
        return State(
            parts={f"block_{place}": text.state() for place, text in enumerate(self.texts)}
        )
