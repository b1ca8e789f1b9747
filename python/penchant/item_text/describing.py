"""What turns an item's text into numbers: an encoder or an extractor, chosen by name.

An encoder gives vectors and reads questions in words too; an extractor gives named features or
vectors, of items alone. Dense vectors are whitened (see `whitening.py`); all rows have length 1, or
none for an item of which nothing is said.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeAlias

import numpy as np

from penchant.components import Spec
from penchant.errors import (
    DataError,
    EncoderMissing,
    ModelFileError,
    SettingsError,
    UnknownComponent,
)
from penchant.item_text.encoding import FOLDER, SavedEncoder, encode_items, folder_of
from penchant.item_text.features import unit, unit_rows
from penchant.item_text.whitening import Whitening
from penchant.protocols import DescribesTexts, Features, FitContext, State
from penchant.queries import Csr

if TYPE_CHECKING:
    from penchant.components import SpecLike
    from penchant.data import Dataset
    from penchant.protocols import F32, I32, Encoder, Extraction, Extractor, Json
    from penchant.queries import Queries
    from penchant.registry import Registry

Columns: TypeAlias = "str | tuple[str, ...] | None"

WHITENING = 0.5
"""How far dense vectors are whitened unless a strategy lets its user say; see `Whitening`."""


class FittedItemText(Protocol):
    """Describes items, also those that came after the fit."""

    def describe(self, data: Dataset, rows: I32, /) -> F32 | Csr:
        """Features of `rows` of the items of `data`: sparse or dense as at the fit."""

    def describe_users(self, texts: Sequence[str], context: FitContext, /) -> F32 | Csr:
        """(n, d) features of what users say of themselves, as of an item of which one says it.

        Raises SettingsError where items alone can be described.
        """

    def words(self, queries: Queries, /) -> F32 | None:
        """(n, d) vectors of what queries say in words, zeros for silence; None where all are."""

    def state(self) -> State:
        """All that `ItemText.restore` needs."""


class ItemText:
    """Learns to describe the items of a dataset.

    owner: the strategy that asks, for messages.
    spec: an extractor of items, or an encoder, whose table may also have `columns`: the names of
        the item columns to read, or a template over them; without it every text, category and label
        is read (see `Items.texts`).
    whitening: the power of the whitening of dense vectors, None to leave them alone.

    Raises UnknownComponent for a name that is neither, SettingsError.
    """

    def __init__(
        self, owner: str, spec: SpecLike, registry: Registry, *, whitening: float | None = WHITENING
    ) -> None:
        spec = Spec.of(spec)
        self._owner, self._registry, self._power = owner, registry, whitening
        self._encoder: Spec | None = None
        self._extractor: Extractor | None = None
        self._columns: Columns = None
        self._named = spec.settings.get("columns")  # of an extractor's too, to speak of
        kind = registry.kind_of(spec.name)
        if kind == "encoder":
            settings = dict(spec.settings)
            self._columns = _columns(owner, settings.pop("columns", None))
            # Not built here: a loaded model must come up where the encoder's files are not.
            self._encoder = Spec(spec.name, settings)
        elif kind == "extractor":
            self._extractor = registry.extractor(spec)
        else:
            raise UnknownComponent(
                f"{owner} describes items by an encoder or an extractor, and {spec.name} is a "
                f"{kind}; take content.tfidf, or an encoder such as onnx.minilm"
            )

    def fit(self, data: Dataset, context: FitContext, /) -> tuple[FittedItemText, Features]:
        """Learn, and describe every item. Most of the time is the encoder's.

        Raises DataError where no item has a text, or the extractor describes no items.
        """
        if self._encoder is not None:
            return self._encode(data, context, self._registry.encoder(self._encoder))
        return self._extract(data, context)

    def restore(self, state: State, /) -> FittedItemText:
        """Bring back what `state()` gave; the encoder is opened by the first question in words."""
        try:
            if self._encoder is not None:
                return self._restore_encoded(state, self._encoder)
            extraction = self._taken().restore(state.parts["extractor"])
        except KeyError as error:
            raise ModelFileError(
                f"{self._owner} can't be restored: the model lacks {error}; fit it again"
            ) from None
        whitening = Whitening.restored(state.arrays)
        return ExtractedText(extraction=extraction, whitening=whitening, owner=self._owner)

    def _encode(
        self, data: Dataset, context: FitContext, encoder: Encoder
    ) -> tuple[FittedItemText, Features]:
        texts = data.items.texts(self._columns)
        if not any(text.strip() for text in texts):
            raise DataError(self._no_text())
        vectors, whitening = self._whitened(encode_items(self._owner, encoder, texts, context))
        fitted = EncodedText(
            encoder=encoder,
            owner=self._owner,
            columns=self._columns,
            whitening=whitening,
            facts={
                "fingerprint": encoder.fingerprint,
                "dim": encoder.dim,
                "batch_invariant": encoder.batch_invariant,
                "in_folder": folder_of(encoder) is not None,
            },
        )
        return fitted, Features(vectors)

    def _restore_encoded(self, state: State, spec: Spec) -> EncodedText:
        meta, folder = state.meta, state.folders.get(FOLDER)
        encoder = None
        if folder is not None or not meta["in_folder"]:
            encoder = SavedEncoder(
                dim=int(str(meta["dim"])),
                fingerprint=str(meta["fingerprint"]),
                batch_invariant=bool(meta["batch_invariant"]),
                spec=spec,
                folder=folder if meta["in_folder"] else None,
                registry=self._registry,
            )
        return EncodedText(
            encoder=encoder,
            owner=self._owner,
            columns=self._columns,
            whitening=Whitening.restored(state.arrays),
            facts=meta,
        )

    def _extract(self, data: Dataset, context: FitContext) -> tuple[FittedItemText, Features]:
        extraction = self._taken().fit(data, context)
        if extraction.side != "items":
            raise DataError(
                f"{self._owner} needs an extractor of items, and this one describes "
                f"{extraction.side}; take content.tfidf"
            )
        everything = np.arange(len(data.items), dtype=np.int32)
        features = extraction.extract(data, everything)
        if isinstance(features.matrix, Csr):
            if not features.matrix.nnz:
                raise DataError(self._no_text())
            fitted = ExtractedText(extraction=extraction, whitening=None, owner=self._owner)
            return fitted, Features(unit_rows(features.matrix), features.names)
        vectors = unit(np.ascontiguousarray(features.matrix, np.float32))
        vectors, whitening = self._whitened(vectors)
        fitted = ExtractedText(extraction=extraction, whitening=whitening, owner=self._owner)
        return fitted, Features(vectors, features.names)

    def _whitened(self, vectors: F32) -> tuple[F32, Whitening | None]:
        if self._power is None:
            return vectors, None
        whitening = Whitening.of(vectors, self._power)
        return whitening(vectors), whitening

    def _taken(self) -> Extractor:
        assert self._extractor is not None  # noqa: S101 - there is one where no encoder is
        return self._extractor

    def _no_text(self) -> str:
        columns = self._named
        if columns is None:
            read = "any text, category or label column"
        else:
            names = [columns] if isinstance(columns, str) else columns
            read = f"the columns {', '.join(names)}"
        return (
            f"{self._owner}: no item has a word in {read}; give the dataset items with texts, or "
            "do without text"
        )


@dataclass(frozen=True, kw_only=True)
class EncodedText:
    """Over an encoder.

    encoder: None in a model that was saved without it; then words can't be read, and new items
        can't be described.
    """

    encoder: Encoder | None
    owner: str
    facts: Mapping[str, Json]
    columns: Columns
    whitening: Whitening | None

    def encoders(self) -> Mapping[str, Encoder]:
        """The encoder by its fingerprint, or nothing."""
        return {} if self.encoder is None else {self.encoder.fingerprint: self.encoder}

    def describe(self, data: Dataset, rows: I32, /) -> F32:
        """Encode the texts of `rows`. Raises EncoderMissing."""
        if self.encoder is None:
            raise EncoderMissing(
                "this model was saved without its encoder, so it can't take up new items; "
                "load it with penchant.load(folder, encoder=DIR)"
            )
        texts = data.items.texts(self.columns, rows)
        vectors = encode_items(self.owner, self.encoder, texts, FitContext())
        return vectors if self.whitening is None else self.whitening(vectors)

    def describe_users(self, texts: Sequence[str], context: FitContext, /) -> F32:
        """Encode texts as questions are. Raises EncoderMissing."""
        if self.encoder is None:
            raise EncoderMissing(
                "this model was saved without its encoder, so it can't read texts of users; "
                "load it with penchant.load(folder, encoder=DIR)"
            )
        vectors = encode_items(self.owner, self.encoder, texts, context, kind="query")
        return vectors if self.whitening is None else self.whitening(vectors)

    def words(self, queries: Queries, /) -> F32 | None:
        """Vectors of length 1 of each query's words, zeros for silence; None where all are."""
        told = queries.texts.get(str(self.facts["fingerprint"]))
        if told is None:
            return None
        told = unit(np.ascontiguousarray(told, np.float32))
        return told if self.whitening is None else self.whitening(told)

    def state(self) -> State:
        """What the encoder is, and its folder where it has one."""
        folder = None if self.encoder is None else folder_of(self.encoder)
        folders = {} if folder is None else {FOLDER: folder}
        arrays = {} if self.whitening is None else self.whitening.arrays()
        return State(arrays, self.facts, folders=folders)


@dataclass(frozen=True, kw_only=True)
class ExtractedText:
    """Over an extractor; knows no words."""

    extraction: Extraction
    whitening: Whitening | None
    owner: str

    def describe(self, data: Dataset, rows: I32, /) -> F32 | Csr:
        """Extract the features of `rows`."""
        return self._scaled(self.extraction.extract(data, rows).matrix)

    def describe_users(self, texts: Sequence[str], _context: FitContext, /) -> F32 | Csr:
        """Extract the features of texts, where the extractor can; else raise SettingsError."""
        if not isinstance(self.extraction, DescribesTexts):
            raise SettingsError(
                f"{self.owner}: the extractor describes items alone and can't read texts of users; "
                "take content.tfidf, or an encoder"
            )
        return self._scaled(self.extraction.describe_texts(texts).matrix)

    def _scaled(self, matrix: F32 | Csr) -> F32 | Csr:
        if isinstance(matrix, Csr):
            return unit_rows(matrix)
        vectors = unit(np.ascontiguousarray(matrix, np.float32))
        return vectors if self.whitening is None else self.whitening(vectors)

    def words(self, _queries: Queries, /) -> None:
        """Nobody's."""
        return

    def state(self) -> State:
        """The extractor's state."""
        arrays = {} if self.whitening is None else self.whitening.arrays()
        return State(arrays, parts={"extractor": self.extraction.state()})


def _columns(owner: str, given: object) -> Columns:
    if given is None or (isinstance(given, str) and given):
        return given
    if isinstance(given, list | tuple) and given and all(isinstance(name, str) for name in given):
        return tuple(given)
    raise SettingsError(
        f"{owner}: columns must be a list of item columns, or a template such as "
        f"'{{title}} by {{author}}', got {given!r}"
    )
