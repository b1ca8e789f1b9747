"""`content.tags`: tags of an item by likeness of its words to each tag's, without an example.

Zero-shot classification by embeddings (Yin, Hay, Roth, "Benchmarking Zero-shot Text
Classification", 2019, section 5): item and tag are encoded alike, and their cosine says how well
the tag fits. Some tags are near to everything and some to nothing, so a cosine is calibrated: how
many standard deviations it lies above the mean of that tag over the catalogue.

Genres of films from their titles alone, all-MiniLM-L6-v2, MovieLens latest small; chance is .12:

                              area under the curve    precision at 1.5 deviations
    "drama"                           .602                      .239
    "drama film"                      .604                      .286
    "drama film", whitened            .600                      .260
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal
from weakref import ReferenceType, ref

import numpy as np
from penchant import kernels
from penchant.components import Spec
from penchant.data import CategoryColumn, LabelColumn, Vocabulary
from penchant.errors import DataError, ModelFileError
from penchant.item_text import EncodedText, ItemText, as_sparse, described, unit_rows
from penchant.protocols import Features, State
from penchant.queries import Csr, Queries

if TYPE_CHECKING:
    import numpy.typing as npt
    from penchant.data import Dataset, Items
    from penchant.protocols import F32, I32, FitContext
    from penchant.registry import Registry

    from penchant_content.settings import TagsSettings

SOURCE = "content.tags"
_FLAT = 1e-6
"""A tag whose likeness varies no more than this tells no items apart."""
_PREFIX = "tags."


class Tags:
    """The extractor; seed and threads change nothing."""

    def __init__(self, settings: TagsSettings, registry: Registry) -> None:
        self._settings = settings
        assert settings.encoder is not None  # noqa: S101 - the settings see to it
        self._encoder = Spec.of(settings.encoder)
        self._registry = registry
        registry.component(self._encoder.name, "encoder")
        read = {} if settings.columns is None else {"columns": settings.columns}
        spec = Spec(self._encoder.name, {**self._encoder.settings, **read})
        self._text = ItemText(SOURCE, spec, registry, whitening=None)

    def fit(self, data: Dataset, context: FitContext, /) -> FittedTags:
        """Encode tags and items, and see how the likeness to each tag is spread.

        Raises DataError where no item has a text, or the column of tags holds none.
        """
        tags = self._vocabulary(data)
        text, features = self._text.fit(data, context)
        vectors = features.matrix
        assert isinstance(text, EncodedText)  # noqa: S101 - over an encoder
        assert not isinstance(vectors, Csr)  # noqa: S101
        names = [str(name) for name in tags.ids()]
        encoded = self._registry.encoder(self._encoder).encode(names, kind="query")
        strangers = Queries(
            np.full(len(tags), -1, np.int32),
            Csr.empty(len(tags), 0),
            texts={str(text.facts["fingerprint"]): encoded},
        )
        asked = text.words(strangers)
        assert asked is not None  # noqa: S101 - they are the encoder's own
        alike = kernels.dot(vectors[described(vectors)], asked).astype(np.float64)
        calibrated = FittedTags(
            tags=tags,
            asked=asked,
            mean=alike.mean(axis=0),
            spread=alike.std(axis=0),
            text=text,
            settings=self._settings,
        )
        # Who fits an extractor asks for all items next, and encoding them takes the time.
        return replace(calibrated, known=(ref(data.items), calibrated.of(vectors)))

    def restore(self, state: State, /) -> FittedTags:
        """Bring back what `state()` gave."""
        arrays = state.arrays
        try:
            text = self._text.restore(state.parts["text"])
            assert isinstance(text, EncodedText)  # noqa: S101 - over an encoder
            names = {
                name.removeprefix(_PREFIX): array
                for name, array in arrays.items()
                if name.startswith(_PREFIX)
            }
            return FittedTags(
                tags=Vocabulary.from_arrays(names),
                asked=arrays["asked"],
                mean=arrays["mean"],
                spread=arrays["spread"],
                text=text,
                settings=self._settings,
            )
        except KeyError as error:
            raise ModelFileError(
                f"{SOURCE} can't be restored: the model lacks {error}; fit it again"
            ) from None

    def _vocabulary(self, data: Dataset) -> Vocabulary:
        """The tags given, or the names in a column of the items, in order of appearance."""
        settings = self._settings
        if settings.tags is not None:
            return Vocabulary.from_ids(list(settings.tags))
        column = data.items.columns.get(str(settings.tags_of))
        if not isinstance(column, CategoryColumn | LabelColumn):
            raise DataError(
                f"{SOURCE}: tags_of must be a category or label column of the items "
                f"({', '.join(data.items.named('category', 'label')) or 'there are none'}), got "
                f"{settings.tags_of!r}"
            )
        if not len(column.names):
            raise DataError(f"{SOURCE}: no item has a name in the column {settings.tags_of!r}")
        return column.names


@dataclass(frozen=True, kw_only=True)
class FittedTags:
    """Tags items by their words.

    asked: (tags, d) float32, vectors of the tags. mean, spread: (tags,) float64 of each tag's
        likeness to the catalogue's items.
    """

    tags: Vocabulary
    asked: F32
    mean: npt.NDArray[np.float64]
    spread: npt.NDArray[np.float64]
    text: EncodedText
    settings: TagsSettings
    known: tuple[ReferenceType[Items], Csr] | None = None

    def __post_init__(self) -> None:
        for array in (self.asked, self.mean, self.spread):
            array.setflags(write=False)

    @property
    def side(self) -> Literal["items"]:
        """Items have tags."""
        return "items"

    def extract(self, data: Dataset, rows: I32, /) -> Features:
        """Give (len(rows), tags) sparse rows of length 1, none for an item that no tag fits.

        Values are proportional to how far the tag's likeness lies above its mean.
        """
        if self.known is not None and self.known[0]() is data.items:
            matrix = self.known[1].take(rows)
        else:
            matrix = self.of(self.text.describe(data, rows))
        return Features(matrix, tuple(str(name) for name in self.tags.ids()))

    def of(self, vectors: F32) -> Csr:
        """The tags that fit vectors, (n, d): the `most` nearest of those `least` above the mean."""
        above = kernels.dot(vectors, self.asked).astype(np.float64) - self.mean
        above /= np.where(self.spread > _FLAT, self.spread, np.inf)
        above[~described(vectors)] = 0
        order = np.argsort(-above, axis=1, kind="stable")[:, : self.settings.most]
        near = np.zeros(above.shape, np.bool_)
        np.put_along_axis(near, order, True, axis=1)
        fits = np.where(near & (above >= self.settings.least), above, 0)
        return unit_rows(as_sparse(fits.astype(np.float32)))

    def state(self) -> State:
        """Give the tags, their vectors, and what reads texts."""
        names = {f"{_PREFIX}{name}": array for name, array in self.tags.arrays().items()}
        arrays = {**names, "asked": self.asked, "mean": self.mean, "spread": self.spread}
        return State(arrays, parts={"text": self.text.state()})
