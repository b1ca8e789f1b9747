"""`mf.bpr` and `mf.warp` with a text: where words say items are that nobody likes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from penchant import Registry
from penchant.data import Dataset, Interactions, Items
from penchant.errors import DataError, SettingsError
from penchant.protocols import FitContext
from penchant.queries import Csr, Queries
from penchant.testing.data import checkerboard, known

HASHING = {"use": "base.hashing", "dim": 64}
WAYS = ["content.tfidf", HASHING, ["content.tfidf", {**HASHING, "weight": 0.5}]]
NAMES = ["mf.bpr", "mf.warp"]
EVEN_USERS = np.arange(20)[:, None] % 2 == np.arange(14) % 2


@pytest.fixture(scope="module")
def registry() -> Registry:
    return Registry.discover(only={"base", "content", "mf"})


def fit(registry: Registry, name: str, data: Dataset, **more: Any) -> Any:
    settings = {"factors": 4, "text_regularization": 0.1, **more}
    return registry.scorer({"use": name, **settings}).fit(data, FitContext())


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("text", WAYS)
def test_items_that_nobody_has_touched_go_to_those_who_like_their_kind(
    registry: Registry, name: str, text: Any
) -> None:
    data = checkerboard(users=20, items=14, cold=4)
    scores = fit(registry, name, data, text=text).score(known(data), None)
    cold = np.arange(14) >= 10
    for user in range(20):
        mine, other = EVEN_USERS[user] & cold, ~EVEN_USERS[user] & cold
        assert scores[user, mine].min() > scores[user, other].max() + 0.1


@pytest.mark.parametrize("name", NAMES)
def test_what_is_liked_stays_where_likings_put_it(registry: Registry, name: str) -> None:
    data = checkerboard(users=20, items=14, cold=4)
    told, untold = fit(registry, name, data, text=HASHING), fit(registry, name, data)
    np.testing.assert_array_equal(told.item_vectors[:10], untold.item_vectors[:10])
    assert not np.array_equal(told.item_vectors[10:], untold.item_vectors[10:])


@pytest.mark.parametrize("name", NAMES)
def test_a_new_item_is_where_its_words_say_until_somebody_likes_it(
    registry: Registry, name: str
) -> None:
    data = checkerboard(users=20, items=14, cold=4)
    fitted = fit(registry, name, checkerboard(users=20, items=12, cold=2), text=HASHING)
    silent = fitted.with_items(data)
    scores = silent.score(known(data), None)
    assert scores[::2, 12].min() > scores[1::2, 12].max()
    # Item 12 reads like those of the even users, and the odd ones like it.
    users = np.arange(1, 20, 2, dtype=np.int32)
    liked = Interactions.of(
        users, np.full(10, 12, np.int32), np.full(10, 5.0), n_users=20, n_items=14
    )
    grown = fitted.with_items(replace(data, interactions=liked))
    scores = grown.score(known(data), None)
    assert scores[1::2, 12].mean() > scores[::2, 12].mean()
    np.testing.assert_array_equal(grown.item_vectors[13], silent.item_vectors[13])


@pytest.mark.parametrize("name", NAMES)
def test_words_find_items_and_turn_a_history(registry: Registry, name: str) -> None:
    data = checkerboard(users=20, items=14, cold=4)
    fitted = fit(registry, name, data, text=HASHING)
    ((key, encoder),) = fitted.encoders().items()
    asked = {key: encoder.encode(["a telescope, stars and the moon"], kind="query")}
    nobody = np.array([-1], np.int32)
    question = Queries(nobody, Csr.empty(1, 14), None, asked)
    assert fitted.answers(question).all()
    scores = fitted.score(question, None)[0]
    assert scores[::2].min() > scores[1::2].max()
    # The second user likes the other colour; words bring theirs nearer.
    history = known(data).history.take(np.array([1], np.int32))
    both, before = Queries(nobody, history, None, asked), Queries(nobody, history)
    turned, own = (fitted.score(queries, None)[0] for queries in (both, before))
    assert turned[::2].mean() > own[::2].mean()
    reasons = fitted.explain(both, 0)
    assert "text" in {reason.kind for reason in reasons}
    assert sum(reason.weight for reason in reasons) == pytest.approx(float(turned[0]), abs=1e-4)


def test_items_without_words_are_refused(registry: Registry) -> None:
    board = checkerboard()
    bare = replace(board, items=Items.of(board.items.vocabulary.ids(np.arange(10, dtype=np.int32))))
    with pytest.raises(DataError, match=r"mf\.bpr: no item has a word in any text"):
        fit(registry, "mf.bpr", bare, text="content.tfidf")


def test_a_map_without_a_pull_is_refused(registry: Registry) -> None:
    with pytest.raises(SettingsError, match=r"text_regularization must be greater than 0, got 0"):
        registry.scorer({"use": "mf.warp", "text_regularization": 0})
