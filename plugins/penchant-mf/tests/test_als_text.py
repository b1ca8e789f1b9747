"""`mf.als` with a text: where words say items are, and what likings make of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from penchant import Registry
from penchant.data import Dataset, Interactions
from penchant.errors import DataError
from penchant.protocols import FitContext
from penchant.queries import Csr, Queries
from penchant.testing.data import checkerboard, known

HASHING = {"use": "base.hashing", "dim": 64}
ALS = {
    "use": "mf.als",
    "factors": 4,
    "unobserved_weight": 1.0,
    "regularization": 0.5,
    "text_regularization": 0.1,
}
WAYS = ["content.tfidf", HASHING, ["content.tfidf", {**HASHING, "weight": 0.5}]]


@pytest.fixture(scope="module")
def registry() -> Registry:
    return Registry.discover(only={"base", "content", "mf"})


def fit(registry: Registry, data: Dataset, threads: int = 1, **more: Any) -> Any:
    return registry.scorer({**ALS, **more}).fit(data, FitContext(threads=threads))


@pytest.mark.parametrize("text", WAYS)
def test_items_that_nobody_has_touched_go_to_those_who_like_their_kind(
    registry: Registry, text: Any
) -> None:
    data = checkerboard(users=20, items=14, cold=4)
    scores = fit(registry, data, text=text).score(known(data), None)
    own_colour = np.arange(20)[:, None] % 2 == np.arange(14) % 2
    cold = np.arange(14) >= 10
    assert (scores[:, cold][own_colour[:, cold]].reshape(20, -1).min(axis=1) > 0.1).all()
    for user in range(20):
        mine, other = own_colour[user] & cold, ~own_colour[user] & cold
        assert scores[user, mine].min() > scores[user, other].max() + 0.1
    without = fit(registry, data).score(known(data), None)
    assert not without[:, cold].any()


@pytest.mark.parametrize("text", WAYS)
def test_an_item_told_of_later_is_where_it_would_have_been(registry: Registry, text: Any) -> None:
    data = checkerboard(users=20, items=14, cold=4)
    fitted = fit(registry, data, text=text)
    fewer = checkerboard(users=20, items=12, cold=2)
    grown = fit(registry, fewer, text=text).with_items(data)
    assert grown.item_vectors[12:].any(axis=1).all()
    scores, wanted = (model.score(known(data), None) for model in (grown, fitted))
    assert np.corrcoef(scores[:, 12:].ravel(), wanted[:, 12:].ravel())[0, 1] > 0.9


def test_a_new_items_likings_pull_it_away_from_its_words(registry: Registry) -> None:
    data = checkerboard(users=20, items=14, cold=2)
    fitted = fit(registry, checkerboard(users=20, items=12), text=HASHING)
    log = data.interactions
    # Item 12 reads like those of the even users, and the odd ones like it.
    users = np.arange(1, 20, 2, dtype=np.int32)
    events = Interactions.of(
        users, np.full(10, 12, np.int32), np.full(10, 5.0), n_users=20, n_items=14
    )
    told = replace(data, interactions=events)
    assert len(log)
    by_words, by_both = fitted.with_items(data), fitted.with_items(told)
    odd, even = (
        [model.score(known(data), None)[start::2, 12].mean() for model in (by_words, by_both)]
        for start in (1, 0)
    )
    assert even[0] > odd[0]
    assert odd[1] > odd[0]
    assert even[1] < even[0]


@pytest.mark.parametrize("text", WAYS)
def test_threads_change_no_bit(registry: Registry, text: Any) -> None:
    data = checkerboard(users=40, items=30, cold=3)
    one, *others = (
        fit(registry, data, threads, text=text, factors=20).item_vectors for threads in (1, 2, 8)
    )
    for other in others:
        assert other.tobytes() == one.tobytes()


def test_a_known_user_and_a_stranger_who_likes_the_same_get_the_same_bits(
    registry: Registry,
) -> None:
    from penchant.testing.data import strangers

    data = checkerboard(users=20, items=14, cold=4)
    fitted = fit(registry, data, text="content.tfidf")
    np.testing.assert_array_equal(
        fitted.score(known(data), None), fitted.score(strangers(data), None)
    )


def test_items_without_words_are_refused(registry: Registry) -> None:
    from penchant.data import Items

    board = checkerboard()
    bare = replace(board, items=Items.of(board.items.vocabulary.ids(np.arange(10, dtype=np.int32))))
    with pytest.raises(DataError, match=r"mf\.als: no item has a word in any text"):
        fit(registry, bare, text="content.tfidf")


def test_words_find_items_and_turn_a_history(registry: Registry) -> None:
    data = checkerboard(users=20, items=14, cold=4)
    fitted = fit(registry, data, text=HASHING)
    ((name, encoder),) = fitted.encoders().items()
    asked = {name: encoder.encode(["a telescope, stars and the moon"], kind="query")}
    nobody = np.array([-1], np.int32)
    question = Queries(nobody, Csr.empty(1, 14), None, asked)
    assert fitted.answers(question).all()
    scores = fitted.score(question, None)[0]
    assert scores[::2].min() > scores[1::2].max()
    # The second user likes the other colour; words bring theirs nearer.
    history = known(data).history.take(np.array([1], np.int32))
    before = Queries(nobody, history)
    both = Queries(nobody, history, None, asked)
    turned, own = (fitted.score(queries, None)[0] for queries in (both, before))
    assert turned[::2].mean() > own[::2].mean()
    reasons = fitted.explain(both, 0)
    assert "text" in {reason.kind for reason in reasons}
    assert sum(reason.weight for reason in reasons) == pytest.approx(float(turned[0]), abs=1e-4)


def test_silence_beside_a_question_keeps_its_bits(registry: Registry) -> None:
    data = checkerboard(users=20, items=14, cold=4)
    fitted = fit(registry, data, text=HASHING)
    ((name, encoder),) = fitted.encoders().items()
    spoken = encoder.encode(["bread"], kind="query")
    queries = known(data).take(np.array([0, 1], np.int32))
    mixed = replace(queries, texts={name: np.concatenate([np.zeros_like(spoken), spoken])})
    one, other = fitted.score(queries, None), fitted.score(mixed, None)
    np.testing.assert_array_equal(one[0], other[0])
    assert not np.array_equal(one[1], other[1])


def test_terms_read_no_questions(registry: Registry) -> None:
    fitted = fit(registry, checkerboard(), text="content.tfidf")
    assert not hasattr(fitted, "encoders")
