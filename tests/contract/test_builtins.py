"""The builtin components, held to the contract that strangers are held to."""

from __future__ import annotations

from penchant.testing import (
    EncoderContract,
    ExtractorContract,
    GeneratorContract,
    RecommenderContract,
    ScorerContract,
)


class TestHashing(EncoderContract):
    name, settings = "base.hashing", {"dim": 64}


class TestActivity(ExtractorContract):
    name = "base.activity"


class TestPopular(ScorerContract):
    name = "base.popular"
    fold_in = True
    explain_sums = True


class TestTrending(ScorerContract):
    name = "base.trending"
    fold_in = True
    explain_sums = True


class TestRecent(ScorerContract):
    name, settings = "base.recent", {"event": "first"}
    fold_in = True
    explain_sums = True


class TestRandom(ScorerContract):
    name = "base.random"
    fold_in = True


class TestTopK(RecommenderContract):
    name = "base.top_k"
    ranks_by_score = True


class TestTemplate(GeneratorContract):
    name = "base.template"
