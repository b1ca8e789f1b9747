"""The content strategies keep what every extractor and scorer promises, on each of their paths."""

from __future__ import annotations

import types
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import penchant_content
from penchant import Component, hookimpl
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
