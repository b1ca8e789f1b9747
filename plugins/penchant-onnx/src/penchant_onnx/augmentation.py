"""Ways of saying an item again, so that what learns from texts doesn't learn them by heart."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from penchant.errors import SettingsError

if TYPE_CHECKING:
    from penchant.data import Items


@dataclass(frozen=True)
class Augmentation:
    """What copies of an item leave out, and how exactly a vector is taken.

    drop_words: share of words left out of a copy of each text. drop_fields: a copy for each column,
    without that column. noise: standard deviation of a vector's error, relative to its length.
    """

    drop_words: float = 0.0
    drop_fields: bool = False
    noise: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.drop_words < 1:
            raise SettingsError(f"drop_words must be at least 0 and below 1, got {self.drop_words}")
        if not 0 <= self.noise < 10:
            raise SettingsError(f"noise must be at least 0 and below 10, got {self.noise}")


def wordings(
    items: Items, columns: Sequence[str] | None, augmentation: Augmentation, seed: int
) -> list[list[str]]:
    """The items' texts, then those of each kind of copy; all as long as the items, in their order.

    columns: those read; None reads all texts, categories and labels, as `content.text` does.
    """
    texts = items.texts(columns)
    said = [texts]
    if augmentation.drop_words:
        said.append(dropped(texts, augmentation.drop_words, seed))
    if augmentation.drop_fields:
        names = columns or items.named("text", "category", "label")
        for name in names:
            fewer = items.texts([other for other in names if other != name])
            said.append([short or whole for short, whole in zip(fewer, texts, strict=True)])
    return said


def dropped(texts: Sequence[str], share: float, seed: int) -> list[str]:
    """The texts with a share of their words left out, at least one word kept."""
    chance = random.Random(seed)  # noqa: S311
    copies = []
    for text in texts:
        words = text.split()
        kept = [word for word in words if chance.random() >= share]
        copies.append(" ".join(kept or words[:1]))
    return copies
