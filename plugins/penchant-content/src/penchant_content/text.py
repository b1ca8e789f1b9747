"""`content.text`: likeness in words to what somebody liked, over any encoder or extractor.

What it works on is settled at fit. Over an encoder, or an extractor that gives vectors, the score
is a dot product (`dense.py`); over an extractor that gives sparse features, such as
`content.tfidf`, a sparse product (`sparse.py`). Only with an encoder can it read a question in
words.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from penchant.components import Spec
from penchant.errors import DataError, ModelFileError, SettingsError
from penchant.item_text import ItemText
from penchant.queries import Csr

from penchant_content.centres import ManyCentres
from penchant_content.dense import SOURCE, DenseText
from penchant_content.sparse import SparseText

if TYPE_CHECKING:
    from penchant.data import Dataset
    from penchant.item_text import FittedItemText
    from penchant.protocols import F32, FitContext, FittedScorer, State
    from penchant.registry import Registry

    from penchant_content.settings import TextSettings

DEFAULT = "content.tfidf"


class TextScorer:
    """The scorer; seed and threads change nothing."""

    def __init__(self, settings: TextSettings, registry: Registry) -> None:
        self._half_life, self._centres = settings.half_life, settings.centres
        self._user_columns = settings.user_columns
        columns = {} if settings.columns is None else {"columns": settings.columns}
        if settings.encoder is not None:
            spec = Spec.of(settings.encoder)
            registry.component(spec.name, "encoder")
            spec = Spec(spec.name, {**spec.settings, **columns})
        elif settings.extractor is not None:
            spec = Spec.of(settings.extractor)
            registry.component(spec.name, "extractor")
        else:
            spec = Spec(DEFAULT, columns)
        self._text = ItemText(SOURCE, spec, registry, whitening=settings.whitening)

    def fit(self, data: Dataset, context: FitContext, /) -> FittedScorer:
        """Describe every item, and users by their own words. Most of the time is the encoder's.

        Raises DataError where no item has a text, or no user in the columns to read, or the
        extractor describes no items; SettingsError where it can't read texts of users.
        """
        text, features = self._text.fit(data, context)
        own = self._own_words(data, text, context)
        if isinstance(features.matrix, Csr):
            if self._centres > 1:
                raise SettingsError(
                    f"{SOURCE}: centres are of vectors, and the extractor gives sparse features; "
                    "leave centres at 1"
                )
            return SparseText.of(
                features.matrix,
                features.names,
                text,
                data.min_value,
                self._half_life,
                own if isinstance(own, Csr) else None,
            )
        own = own.to_dense() if isinstance(own, Csr) else own
        return self._dense(features.matrix, text, data.min_value, own)

    def restore(self, state: State, /) -> FittedScorer:
        """Bring back what `state()` gave; the encoder is opened by the first question in words."""
        try:
            text = self._text.restore(state.parts["text"])
            if state.meta["form"] == "terms":
                return SparseText.restored(state, text, self._half_life)
            return self._dense(
                state.arrays["vectors"],
                text,
                _number(state.meta["min_value"]),
                state.arrays.get("own"),
            )
        except KeyError as error:
            raise ModelFileError(
                f"{SOURCE} can't be restored: the model lacks {error}; fit it again"
            ) from None

    def _own_words(
        self, data: Dataset, text: FittedItemText, context: FitContext
    ) -> F32 | Csr | None:
        """(users, d): what users say of themselves, as features of items; None if unread."""
        if self._user_columns is None:
            return None
        texts = data.users.texts(self._user_columns)
        if not any(told.strip() for told in texts):
            raise DataError(
                f"{SOURCE}: no user has a word in the columns {', '.join(self._user_columns)}; "
                "give the dataset users with texts, or do without user_columns"
            )
        return text.describe_users(texts, context)

    def _dense(
        self, vectors: F32, text: FittedItemText, min_value: float | None, own: F32 | None
    ) -> FittedScorer:
        one = DenseText(
            vectors=vectors, text=text, min_value=min_value, half_life=self._half_life, own=own
        )
        return one if self._centres == 1 else ManyCentres(one, self._centres)


def _number(value: object) -> float | None:
    return None if value is None else float(str(value))
