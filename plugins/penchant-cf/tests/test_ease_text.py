"""`cf.ease` with a text: the minimum it stands for, and the items that nobody has liked."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from penchant import Registry
from penchant.data import Dataset
from penchant.protocols import FitContext
from penchant.queries import Candidates
from penchant.settings import make_settings
from penchant.testing.data import checkerboard, known
from penchant_cf.ease import FittedEase
from penchant_cf.ease_text import learned_weight, pull_of_text
from penchant_cf.settings import EaseSettings

HASHING = {"use": "base.hashing", "dim": 16}
WAYS: list[Any] = ["content.tfidf", HASHING, ["content.tfidf", {**HASHING, "weight": 0.5}]]


@pytest.fixture(scope="module")
def registry() -> Registry:
    return Registry.discover(only={"base", "content", "cf"})


def fit(registry: Registry, data: Dataset, **settings: Any) -> FittedEase:
    spec = {"use": "cf.ease", "l2": 2.0, "text_regularization": 0.5, **settings}
    fitted = registry.scorer(spec).fit(data, FitContext())
    assert isinstance(fitted, FittedEase)
    return fitted


@pytest.mark.parametrize("width", [3, 20])
def test_the_pulled_weights_are_the_minimum_of_what_they_stand_for(width: int) -> None:
    draw = np.random.default_rng(4)
    likes = (draw.random((30, 9)) < 0.3).astype(np.float64)
    features = draw.standard_normal((9, width)).astype(np.float32)
    features /= np.linalg.norm(features, axis=1, keepdims=True)
    l2, own, share = 3.0, 0.7, 0.4
    inverse = np.linalg.inv(likes.T @ likes + l2 * np.eye(9))
    weights = -inverse / np.diag(inverse)
    np.fill_diagonal(weights, 0)
    precision = np.sqrt(np.diag(inverse)).astype(np.float32)
    pull = pull_of_text(weights.astype(np.float32), precision, features, l2, own)
    found = weights + share * pull.astype(np.float64)
    # S by the formula of EASE, with a feature in the place of a user.
    words = np.linalg.inv(features.T.astype(np.float64).T @ features.T + own * np.eye(9))
    similar = -words / np.diag(words)
    np.fill_diagonal(similar, 0)
    # Each column minimizes its part: the slope is zero in all places but the diagonal's.
    slope = likes.T @ (likes @ found - likes) + l2 * (found - share * similar)
    np.fill_diagonal(slope, 0)
    np.testing.assert_allclose(slope, 0, atol=2e-4)
    assert not found.diagonal().any()


@pytest.mark.parametrize("users", [8, 40])
@pytest.mark.parametrize("text", WAYS)
def test_without_weight_the_text_changes_no_item_that_is_liked(
    registry: Registry, text: Any, users: int
) -> None:
    data = checkerboard(users=users, items=14, cold=2)
    plain, told = fit(registry, data), fit(registry, data, text=text, text_weight=0.0)
    warm = np.arange(12, dtype=np.int32)
    np.testing.assert_array_equal(plain.score(known(data), warm), told.score(known(data), warm))


@pytest.mark.parametrize("text", WAYS)
def test_items_that_nobody_has_touched_go_to_those_who_like_their_kind(
    registry: Registry, text: Any
) -> None:
    data = checkerboard(users=20, items=14, cold=4)
    scores = fit(registry, data, text=text).score(known(data), None)
    own_colour = np.arange(20)[:, None] % 2 == np.arange(14) % 2
    cold = np.arange(14) >= 10
    for user in range(20):
        mine, other = own_colour[user] & cold, ~own_colour[user] & cold
        assert scores[user, mine].min() > scores[user, other].max()
    assert not fit(registry, data).score(known(data), None)[:, cold].any()


@pytest.mark.parametrize("text", WAYS)
@pytest.mark.parametrize("top", [None, 5])
def test_an_item_told_of_later_is_where_it_would_have_been(
    registry: Registry, text: Any, top: int | None
) -> None:
    data, fewer = (checkerboard(users=20, items=items, cold=items - 10) for items in (14, 12))
    fitted = fit(registry, data, text=text, top=top, text_weight=0.5)
    grown = fit(registry, fewer, text=text, top=top, text_weight=0.5).with_items(data)
    scores, wanted = (model.score(known(data), None) for model in (grown, fitted))
    assert scores[:, 12:].any(axis=1).all()
    assert np.corrcoef(scores[:, 12:].ravel(), wanted[:, 12:].ravel())[0, 1] > 0.9
    again = grown.with_items(data)
    np.testing.assert_array_equal(again.score(known(data), None), scores)


def test_a_liking_of_a_new_item_speaks_for_its_kind(registry: Registry) -> None:
    from penchant.queries import Csr, Queries

    data = checkerboard(users=20, items=14, cold=4)
    fitted = fit(registry, data, text="content.tfidf")
    liked = Csr(np.array([0, 1], np.int64), np.array([12], np.int32), np.ones(1, "f4") * 5, 14)
    scores = fitted.score(Queries(np.array([-1], np.int32), liked), None)[0]
    assert scores[:10:2].mean() > scores[1:10:2].mean()
    (reason,) = fitted.explain(Queries(np.array([-1], np.int32), liked), 2)
    assert (reason.item, reason.weight) == (12, pytest.approx(float(scores[2])))
    similar = fitted.similar_items(np.array([12, 0], np.int32), Candidates(14), 3)
    assert similar.counts.min() > 0
    assert (similar.rows[0, : similar.counts[0]] % 2 == 0).all()


def test_a_weight_is_learned_only_where_words_tell_of_likings(registry: Registry) -> None:
    data = checkerboard(users=60, items=40)

    class Told:
        """Finds more of the user's colour the nearer the weight is to what is best."""

        def __init__(self, best: float, weight: float) -> None:
            self.off = abs(weight - best)

        def score(self, queries: Any, items: Any) -> np.ndarray:
            own = (queries.rows[:, None] % 2 == np.arange(40) % 2).astype(np.float32)
            noise = np.random.default_rng(0).random(own.shape, np.float32)
            return own + np.float32(12 * self.off) * noise

        def state(self) -> Any:
            raise NotImplementedError

    for best in (0.0, 0.5, 1.0):
        assert learned_weight(data, 1, lambda _, b=best: lambda w: Told(b, w)) == best  # type: ignore[misc]


def test_too_little_to_hide_learns_no_weight(registry: Registry) -> None:
    from penchant.testing.data import one_item

    assert fit(registry, one_item(), text=HASHING).score(known(one_item()), None).shape == (6, 1)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"text_weight": 1.5}, "text_weight must be from 0 to 1, or left out, got 1.5"),
        ({"text_regularization": 0.0}, "text_regularization must be greater than 0, got 0.0"),
    ],
)
def test_a_setting_out_of_range_is_refused(given: dict[str, float], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        make_settings(EaseSettings, given, "cf.ease")
