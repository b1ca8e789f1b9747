"""`mf.sgd` with a text: where words say items are, and what ratings make of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from penchant import Registry
from penchant.data import Dataset, Interactions, Items
from penchant.errors import DataError, SettingsError
from penchant.protocols import FitContext, ReadsText, capability
from penchant.queries import Queries
from penchant.testing.data import checkerboard, known, strangers

HASHING = {"use": "base.hashing", "dim": 64}
SGD = {"use": "mf.sgd", "factors": 4, "learning_rate": 0.2, "text_regularization": 0.1}
WAYS = ["content.tfidf", HASHING, ["content.tfidf", {**HASHING, "weight": 0.5}]]


@pytest.fixture(scope="module")
def registry() -> Registry:
    return Registry.discover(only={"base", "content", "mf"})


def fit(registry: Registry, data: Dataset, threads: int = 1, **more: Any) -> Any:
    return registry.scorer({**SGD, **more}).fit(data, FitContext(threads=threads))


@pytest.mark.parametrize("text", WAYS)
@pytest.mark.parametrize("models", [1, 3])
def test_items_that_nobody_has_rated_are_foretold_from_those_of_their_kind(
    registry: Registry, text: Any, models: int
) -> None:
    data = checkerboard(users=20, items=14, cold=4)
    scores = fit(registry, data, text=text, models=models).score(known(data), None)
    cold = np.arange(14) >= 10
    own_colour = np.arange(20)[:, None] % 2 == np.arange(14) % 2
    for user in range(20):
        mine, other = own_colour[user] & cold, ~own_colour[user] & cold
        assert scores[user, mine].min() > scores[user, other].max() + 0.5
    without = fit(registry, data, models=models).score(known(data), None)
    assert np.ptp(without[:, cold], axis=1).max() == 0


@pytest.mark.parametrize("text", WAYS)
def test_an_item_told_of_later_is_where_it_would_have_been(registry: Registry, text: Any) -> None:
    data, fewer = (checkerboard(users=20, items=items, cold=items - 10) for items in (14, 12))
    before = fit(registry, fewer, text=text)
    grown = before.with_items(data)
    scores, wanted = grown.score(known(data), None), fit(registry, data, text=text)
    np.testing.assert_array_equal(scores[:, :12], before.score(known(fewer), None))
    wanted = wanted.score(known(data), None)
    assert np.corrcoef(scores[:, 12:].ravel(), wanted[:, 12:].ravel())[0, 1] > 0.9
    again = registry.scorer({**SGD, "text": text}).restore(grown.state())
    np.testing.assert_array_equal(again.score(known(data), None), scores)


def test_a_new_items_ratings_pull_it_away_from_its_words(registry: Registry) -> None:
    data = checkerboard(users=20, items=14, cold=2)
    fitted = fit(registry, checkerboard(users=20, items=12), text=HASHING)
    # Item 12 reads like those of the even users, and the odd ones like it.
    raters = np.arange(20, dtype=np.int32)
    ratings = np.where(raters % 2, 5.0, 1.0).astype(np.float32)
    events = Interactions.of(raters, np.full(20, 12, np.int32), ratings, n_users=20, n_items=14)
    by_words, by_both = fitted.with_items(data), fitted.with_items(data.with_interactions(events))
    one, other = (model.score(known(data), None)[:, 12] for model in (by_words, by_both))
    assert one[::2].min() > one[1::2].max()
    assert other[::2].max() < other[1::2].min()


def test_threads_and_runs_change_no_bit(registry: Registry) -> None:
    data = checkerboard(users=40, items=30, cold=3)
    one, *others = (
        fit(registry, data, threads, text=WAYS[2]).item_vectors for threads in (1, 2, 8, 1)
    )
    for other in others:
        assert other.tobytes() == one.tobytes()


def test_items_without_words_are_refused(registry: Registry) -> None:
    board = checkerboard()
    bare = replace(board, items=Items.of(board.items.vocabulary.ids(np.arange(10, dtype=np.int32))))
    with pytest.raises(DataError, match=r"mf\.sgd: no item has a word in any text"):
        fit(registry, bare, text="content.tfidf")
    with pytest.raises(SettingsError, match=r"text_regularization must be greater than 0, got 0"):
        fit(registry, board, text_regularization=0)


def asked(fitted: Any, queries: Queries, words: str) -> Queries:
    """The queries, the last of which says something in words."""
    reads = capability(fitted, ReadsText)
    assert reads is not None
    texts = {}
    for name, encoder in reads.encoders().items():
        texts[name] = np.zeros((len(queries), encoder.dim), np.float32)
        texts[name][-1] = encoder.encode([words], kind="query")[0]
    return replace(queries, texts=texts)


@pytest.mark.parametrize("text", WAYS[1:])
def test_words_find_items_and_turn_a_history(registry: Registry, text: Any) -> None:
    data = checkerboard(users=20, items=14, cold=4)
    fitted = fit(registry, data, text=text)
    titles = data.items.texts("{title} {description} {colour} {tags}")
    nobody = strangers(data).take(np.array([0], np.int32))
    empty = replace(nobody, history=nobody.history.where(np.zeros(nobody.history.nnz, np.bool_)))
    for item in (0, 1):
        spoken = asked(fitted, empty, titles[item])
        assert fitted.answers(spoken).all()
        scores = fitted.score(spoken, None)[0]
        assert scores[item % 2 :: 2].min() > scores[1 - item % 2 :: 2].max()
    # User 0 likes the even ones: words of an odd one turn that, for this query alone.
    pair = known(data).take(np.array([2, 0], np.int32))
    before, after = fitted.score(pair, None), fitted.score(asked(fitted, pair, titles[1]), None)
    np.testing.assert_array_equal(after[0], before[0])
    assert np.ptp(after[1]) < np.ptp(before[1])


def test_reasons_name_the_words_and_add_up(registry: Registry) -> None:
    data = checkerboard(users=20, items=14, cold=4)
    fitted = fit(registry, data, text=HASHING)
    one = known(data).take(np.array([0], np.int32))
    queries = asked(fitted, one, "anything red")
    for item in (0, 12):
        reasons = fitted.explain(queries, item)
        score = fitted.score(queries, np.array([item], np.int32))[0, 0]
        assert sum(reason.weight for reason in reasons) == pytest.approx(score, abs=1e-4)
        assert "text" in {reason.kind for reason in reasons}


def test_terms_read_no_questions(registry: Registry) -> None:
    assert capability(fit(registry, checkerboard(), text="content.tfidf"), ReadsText) is None
