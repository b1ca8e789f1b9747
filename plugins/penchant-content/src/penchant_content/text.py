"""`content.text`: likeness in words to what somebody liked, over any encoder or extractor.

What it works on is settled at fit. Over an encoder, or an extractor that gives vectors, the score
is a dot product (`dense.py`); over an extractor that gives sparse features, such as
`content.tfidf`, a sparse product (`sparse.py`). Only with an encoder can it read a question in
words.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from penchant.components import Spec
from penchant.errors import DataError, ModelFileError
from penchant.queries import Csr

from penchant_content.dense import EncodedText, ExtractedVectors
from penchant_content.encoding import FOLDER, SavedEncoder, encode_items, folder_of
from penchant_content.profiles import unit
from penchant_content.sparse import SparseText
from penchant_content.whitening import Whitening

if TYPE_CHECKING:
    from penchant.data import Dataset
    from penchant.protocols import F32, Encoder, FitContext, FittedScorer, State
    from penchant.registry import Registry

    from penchant_content.settings import TextSettings

DEFAULT = "content.tfidf"


class TextScorer:
    """The scorer; seed and threads change nothing."""

    def __init__(self, settings: TextSettings, registry: Registry) -> None:
        self._settings = settings
        self._registry = registry
        self._encoder = None if settings.encoder is None else Spec.of(settings.encoder)
        if self._encoder is not None:
            # Not built here: a loaded model must come up where the encoder's files are not.
            registry.component(self._encoder.name, "encoder")
            return
        columns = {} if settings.columns is None else {"columns": settings.columns}
        extractor = Spec(DEFAULT, columns) if settings.extractor is None else settings.extractor
        self._extractor = registry.extractor(extractor)

    def fit(self, data: Dataset, context: FitContext, /) -> FittedScorer:
        """Describe every item. Most of the time is the encoder's.

        Raises DataError where no item has a text, or the extractor describes no items.
        """
        if self._encoder is not None:
            return self._encode(data, context, self._registry.encoder(self._encoder))
        return self._extract(data, context)

    def restore(self, state: State, /) -> FittedScorer:
        """Bring back what `state()` gave; the encoder is opened by the first question in words."""
        try:
            if self._encoder is not None:
                return self._restore_encoded(state, self._encoder)
            extraction = self._extractor.restore(state.parts["extractor"])
            if state.meta["form"] == "terms":
                return SparseText.restored(state, extraction, self._settings.half_life)
            return ExtractedVectors(
                vectors=state.arrays["vectors"],
                whitening=_restored_whitening(state),
                min_value=_number(state.meta["min_value"]),
                half_life=self._settings.half_life,
                extraction=extraction,
            )
        except KeyError as error:
            raise ModelFileError(
                f"content.text can't be restored: the model lacks {error}; fit it again"
            ) from None

    def _encode(self, data: Dataset, context: FitContext, encoder: Encoder) -> EncodedText:
        settings = self._settings
        texts = data.items.texts(settings.columns)
        if not any(text.strip() for text in texts):
            raise DataError(_no_text(settings))
        vectors = encode_items(encoder, texts, context)
        whitening = self._whitening(vectors)
        return EncodedText(
            vectors=vectors if whitening is None else whitening(vectors),
            whitening=whitening,
            min_value=data.min_value,
            half_life=settings.half_life,
            encoder=encoder,
            columns=settings.columns,
            facts={
                "min_value": data.min_value,
                "fingerprint": encoder.fingerprint,
                "dim": encoder.dim,
                "batch_invariant": encoder.batch_invariant,
                "in_folder": folder_of(encoder) is not None,
            },
        )

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
            vectors=state.arrays["vectors"],
            whitening=_restored_whitening(state),
            min_value=_number(meta["min_value"]),
            half_life=self._settings.half_life,
            encoder=encoder,
            columns=self._settings.columns,
            facts=meta,
        )

    def _extract(self, data: Dataset, context: FitContext) -> FittedScorer:
        settings = self._settings
        extraction = self._extractor.fit(data, context)
        if extraction.side != "items":
            raise DataError(
                f"content.text needs an extractor of items, and this one describes "
                f"{extraction.side}; take content.tfidf"
            )
        features = extraction.extract(data, np.arange(len(data.items), dtype=np.int32))
        if isinstance(features.matrix, Csr):
            if not features.matrix.nnz:
                raise DataError(_no_text(settings))
            return SparseText.of(
                features.matrix, features.names, extraction, data.min_value, settings.half_life
            )
        vectors = unit(np.ascontiguousarray(features.matrix, np.float32))
        whitening = self._whitening(vectors)
        return ExtractedVectors(
            vectors=vectors if whitening is None else whitening(vectors),
            whitening=whitening,
            min_value=data.min_value,
            half_life=settings.half_life,
            extraction=extraction,
        )

    def _whitening(self, vectors: F32) -> Whitening | None:
        power = self._settings.whitening
        return None if power is None else Whitening.of(vectors, power)


def _no_text(settings: TextSettings) -> str:
    read = "any text, category or label column"
    if settings.columns is not None:
        read = f"the columns {', '.join(settings.columns)}"
    return (
        f"content.text: no item has a word in {read}; give the dataset items with texts, or leave "
        "content.text out"
    )


def _restored_whitening(state: State) -> Whitening | None:
    if "mean" not in state.arrays:
        return None
    return Whitening(state.arrays["mean"], state.arrays["mix"])


def _number(value: object) -> float | None:
    return None if value is None else float(str(value))
