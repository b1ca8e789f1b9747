"""The content strategies keep what every extractor and scorer promises, on each of their paths."""

from __future__ import annotations

import types
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import penchant_content
from penchant import Component, hookimpl
from penchant.data import Dataset, Users
from penchant.protocols import Features, State
from penchant.testing import ExtractorContract, ScorerContract

Table = Mapping[str, Any]


class TestTfidf(ExtractorContract):
    name = "content.tfidf"
    cancellable = True


class TestTfidfOfCharacters(ExtractorContract):
    name = "content.tfidf"
    settings: ClassVar[Table] = {
        "analyzer": "character",
        "ngrams": [1, 3],
        "min_df": 2,
        "max_features": 40,
    }
    cancellable = True


class TestTextOverTerms(ScorerContract):
    name = "content.text"
    fold_in = True
    explain_sums = True
    cancellable = True


class TestTextOverTermsThatAge(ScorerContract):
    name = "content.text"
    settings: ClassVar[Table] = {
        "extractor": {"use": "content.tfidf", "ngrams": [1, 1]},
        "half_life": 3.0,
    }
    fold_in = True
    explain_sums = True


class TestTextOverAnEncoder(ScorerContract):
    name = "content.text"
    settings: ClassVar[Table] = {
        "encoder": {"use": "base.hashing", "dim": 48},
        "half_life": 30,
    }
    fold_in = True
    explain_sums = True
    cancellable = True


class TestTextOverAnEncoderLeftAlone(ScorerContract):
    name = "content.text"
    settings: ClassVar[Table] = {
        "encoder": {"use": "base.hashing", "dim": 17},
        "whitening": None,
    }
    fold_in = True
    explain_sums = True


class WhoWrote(ScorerContract):
    """Users who wrote something, some of them nothing; a stranger has written nothing."""

    name = "content.text"
    explain_sums = True

    def datasets(self):
        return {kind: with_notes(data) for kind, data in super().datasets().items()}

    def dataset(self):
        return with_notes(super().dataset())


def with_notes(data: Dataset) -> Dataset:
    notes = ["stars and the moon", "", "bread in the garden"]
    texts = [notes[row % len(notes)] for row in range(len(data.users))]
    ids = data.users.vocabulary.ids(np.arange(len(data.users), dtype=np.int32))
    return replace(data, users=Users.of(ids, texts={"notes": texts}))


class TestTextOverTermsAndNotes(WhoWrote):
    settings: ClassVar[Table] = {"user_columns": ["notes"]}


class TestTextOverAnEncoderAndNotes(WhoWrote):
    settings: ClassVar[Table] = {
        "encoder": {"use": "base.hashing", "dim": 48},
        "user_columns": ["notes"],
    }
    cancellable = True


class TestTextWithCentresAndNotes(WhoWrote):
    settings: ClassVar[Table] = {
        "encoder": {"use": "base.hashing", "dim": 48},
        "user_columns": ["notes"],
        "centres": 2,
    }


class Years:
    """An extractor that gives vectors: an item's year as a place on a circle."""

    side = "items"

    def fit(self, data, context, /):
        return self

    def restore(self, state, /):
        return self

    def extract(self, data, rows, /):
        angle = data.items.number("year")[rows] / 7
        return Features(np.stack([np.cos(angle), np.sin(angle)], axis=1).astype(np.float32))

    def state(self):
        return State()


class NoSettings:
    """A component that takes none."""


@hookimpl
def penchant_extractors():
    return [Component("years", lambda settings, registry: Years(), NoSettings, "Years as angles")]


class TestTextOverAnExtractorOfVectors(ScorerContract):
    name = "content.text"
    settings: ClassVar[Table] = {"extractor": "my.years"}
    plugins: ClassVar[Table] = {
        "content": penchant_content,
        "my": types.SimpleNamespace(
            PENCHANT_API=1, __name__="mine", penchant_extractors=penchant_extractors
        ),
    }
    fold_in = True
    explain_sums = True


class TestColumns(ExtractorContract):
    name = "content.columns"
    cancellable = True


class TestColumnsWeighed(ExtractorContract):
    name = "content.columns"
    settings: ClassVar[Table] = {"weights": {"title": 0.2, "colour": 0.5, "year": 0.3}}


class TestFields(ScorerContract):
    name = "content.fields"
    fold_in = True
    explain_sums = True
    cancellable = True


class TestFieldsThatAge(ScorerContract):
    name = "content.fields"
    settings: ClassVar[Table] = {"columns": ["title", "tags", "year"], "half_life": 3.0}
    fold_in = True
    explain_sums = True


class TestFieldsOverAnEncoder(ScorerContract):
    name = "content.fields"
    settings: ClassVar[Table] = {
        "encoder": {"use": "base.hashing", "dim": 48},
        "weights": {"description": 1, "year": 0.5, "*": 2},
    }
    fold_in = True
    explain_sums = True


class TestTags(ExtractorContract):
    name = "content.tags"
    settings: ClassVar[Table] = {
        "encoder": {"use": "base.hashing", "dim": 256},
        "tags": ["stars", "bread", "night and silence"],
        "least": 0.1,
    }
    cancellable = True


class TestTagsOfAColumn(ExtractorContract):
    name = "content.tags"
    settings: ClassVar[Table] = {
        "encoder": {"use": "base.hashing", "dim": 256},
        "tags_of": "colour",
        "columns": ["description"],
        "least": 0.1,
    }


class TestTextOfSeveralCentres(ScorerContract):
    name = "content.text"
    settings: ClassVar[Table] = {
        "encoder": {"use": "base.hashing", "dim": 48},
        "centres": 3,
        "half_life": 30,
    }
    fold_in = True
    explain_sums = True
