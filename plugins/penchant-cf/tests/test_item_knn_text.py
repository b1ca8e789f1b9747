"""`cf.item_knn` with a text: items that nobody has liked, and those told of later."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from penchant import Registry
from penchant.data import Dataset
from penchant.errors import SettingsError
from penchant.protocols import FitContext
from penchant.queries import Candidates
from penchant.testing.data import checkerboard, known
from penchant_cf.item_knn import FittedItemKnn

HASHING = {"use": "base.hashing", "dim": 64}
WAYS: list[Any] = ["content.tfidf", HASHING, ["content.tfidf", {**HASHING, "weight": 0.5}]]


@pytest.fixture(scope="module")
def registry() -> Registry:
    return Registry.discover(only={"base", "content", "cf"})


def fit(registry: Registry, data: Dataset, **settings: Any) -> FittedItemKnn:
    fitted = registry.scorer({"use": "cf.item_knn", **settings}).fit(data, FitContext())
    assert isinstance(fitted, FittedItemKnn)
    return fitted


@pytest.mark.parametrize("text", WAYS)
@pytest.mark.parametrize("similarity", ["tfidf", "bm25", "cosine"])
def test_items_that_nobody_has_touched_go_to_those_who_like_their_kind(
    registry: Registry, text: Any, similarity: str
) -> None:
    data = checkerboard(users=20, items=14, cold=4)
    scores = fit(registry, data, text=text, similarity=similarity).score(known(data), None)
    own_colour = np.arange(20)[:, None] % 2 == np.arange(14) % 2
    cold = np.arange(14) >= 10
    for user in range(20):
        mine, other = own_colour[user] & cold, ~own_colour[user] & cold
        assert scores[user, mine].min() > scores[user, other].max()
    without = fit(registry, data, similarity=similarity).score(known(data), None)
    assert not without[:, cold].any()


@pytest.mark.parametrize("text", WAYS)
def test_an_item_told_of_later_is_where_it_would_have_been(registry: Registry, text: Any) -> None:
    data, fewer = (checkerboard(users=20, items=items, cold=items - 10) for items in (14, 12))
    fitted = fit(registry, data, text=text, shrinkage=0.0)
    before = fit(registry, fewer, text=text, shrinkage=0.0)
    grown = before.with_items(data)
    scores, wanted = (model.score(known(data), None) for model in (grown, fitted))
    assert scores[:, 12:].any(axis=1).all()
    assert np.corrcoef(scores[:, 12:].ravel(), wanted[:, 12:].ravel())[0, 1] > 0.9
    np.testing.assert_array_equal(scores[:, :12], before.score(known(fewer), None))
    similar = grown.similar_items(np.array([12], np.int32), Candidates(14), 3)
    assert (similar.rows[0, : similar.counts[0]] % 2 == 0).all()
    again = registry.scorer({"use": "cf.item_knn", "text": text}).restore(grown.state())
    np.testing.assert_array_equal(again.score(known(data), None), scores)


def test_the_similarity_is_the_mean_of_two_cosines(registry: Registry) -> None:
    data = checkerboard(users=20, items=10)
    everything = {"shrinkage": 0.0, "similarity": "cosine", "neighbours": 10}
    plain = fit(registry, data, **everything)
    told = fit(registry, data, **everything, text="content.tfidf", text_weight=0.3)
    items = np.arange(10, dtype=np.int32)
    words = registry.extractor("content.tfidf").fit(data, FitContext()).extract(data, items).matrix
    dense = words.to_dense()  # type: ignore[union-attr]
    wanted = 0.7 * plain._likeness(items) + 0.3 * dense @ dense.T
    np.fill_diagonal(wanted, 0)
    np.testing.assert_allclose(told._likeness(items), wanted, atol=1e-5)


def test_a_text_goes_with_cosines_and_a_share_of_them(registry: Registry) -> None:
    with pytest.raises(SettingsError, match=r"a text goes with similarity 'tfidf', 'bm25' or 'co"):
        registry.scorer({"use": "cf.item_knn", "similarity": "jaccard", "text": HASHING})
    with pytest.raises(SettingsError, match=r"text_weight must be greater than 0 and less"):
        registry.scorer({"use": "cf.item_knn", "text": HASHING, "text_weight": 1})
