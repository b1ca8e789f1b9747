"""`hybrid.mmr` on a catalogue small enough to choose by hand, and against a naive twin."""

from __future__ import annotations

from typing import Any

import hypothesis.strategies as st
import numpy as np
import penchant
import pytest
from hypothesis import given
from penchant import use
from penchant.data import Dataset, Interactions, Items, Users
from penchant.errors import SettingsError
from penchant.protocols import FitContext
from penchant.queries import Candidates, Csr, Queries
from penchant.registry import Registry
from penchant.testing.data import checkerboard, known
from penchant_hybrid.reranked import falling, scaled

# Liked by 5, 4, 3 and 2 users: two of horror, then a comedy and a drama that is a comedy too.
GENRES = [("horror",), ("horror",), ("comedy",), ("drama", "comedy")]


def shop(**columns: Any) -> Dataset:
    """Items 0 to 3, the lower the more popular."""
    pairs = [(user, item) for item in range(4) for user in range(5 - item)]
    user, item = (np.array(column, np.int32) for column in zip(*pairs, strict=True))
    return Dataset(
        users=Users.of([f"u{row}" for row in range(5)]),
        items=Items.of([f"i{row}" for row in range(4)], **columns),
        interactions=Interactions.of(user, item, np.ones(len(user), np.float32)),
    )


def ranked(data: Dataset, k: int = 4, **settings: Any) -> tuple[list[int], list[float]]:
    spec = use("hybrid.mmr", scorer="base.popular", **settings)
    fitted = Registry.discover(only={"hybrid"}).recommender(spec).fit(data, FitContext())
    stranger = Queries(np.array([-1], np.int32), Csr.empty(1, len(data.items)))
    top = fitted.recommend(stranger, Candidates(len(data.items)), k)
    return top.rows[0].tolist(), top.scores[0].tolist()


def test_the_second_horror_film_comes_after_what_is_unlike_the_first() -> None:
    rows, scores = ranked(shop(labels={"genres": GENRES}), relevance_weight=0.5)
    # Relevance is 1, 2/3, 1/3, 0. After 0: item 1 has 1/3 - 1/2, item 2 has 1/6, item 3 has 0.
    assert rows == [0, 2, 1, 3]
    np.testing.assert_allclose(scores, [1 / 2, 1 / 6, -1 / 6, -0.5 / np.sqrt(2)], atol=1e-6)


def test_a_weight_of_1_leaves_the_order_and_one_of_0_looks_at_likeness_alone() -> None:
    data = shop(labels={"genres": GENRES})
    assert ranked(data, relevance_weight=1.0)[0] == [0, 1, 2, 3]
    assert ranked(data, relevance_weight=0.0)[0] == [0, 2, 3, 1]


def test_only_the_pool_is_chosen_from() -> None:
    data = shop(labels={"genres": GENRES})
    assert ranked(data, 2, relevance_weight=0.0, pool=2)[0] == [0, 1]
    assert ranked(data, 2, relevance_weight=0.0, pool=3)[0] == [0, 2]


def test_categories_and_vectors_are_compared_by_too() -> None:
    horror = ["horror", "horror", "comedy", None]
    assert ranked(shop(categories={"genre": horror}), relevance_weight=0.5)[0] == [0, 2, 3, 1]
    vectors = np.array([[2, 0], [1, 0], [0, 3], [-1, 0]], np.float32)
    rows, scores = ranked(shop(vectors={"look": vectors}), relevance_weight=0.5)
    assert rows == [0, 2, 3, 1]
    assert scores[2] == 0, (
        "what points the other way is no more unlike than what is at right angles"
    )


def test_the_strategys_own_vectors_are_compared_where_they_are_asked_for() -> None:
    data = checkerboard()
    registry = Registry.discover(only={"mf", "hybrid"})
    spec = use("hybrid.mmr", scorer=use("mf.sgd", factors=4, epochs=3), vectors=True)
    fitted = registry.recommender({**spec.settings, "use": spec.name, "relevance_weight": 0.0})
    user = known(data, np.array([0], np.int32))
    model = fitted.fit(data, FitContext())
    first, second = model.recommend(user, Candidates(10), 2).rows[0].tolist()
    vectors = model.inner.inner.item_vectors
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    cosines = np.maximum(unit @ unit[first], 0)
    assert cosines[second] == pytest.approx(cosines.min(), abs=1e-6)


def test_vectors_of_a_strategy_that_has_none_are_refused() -> None:
    with pytest.raises(SettingsError, match=r"leave out vectors and name a column"):
        ranked(shop(), vectors=True)


@pytest.mark.parametrize(
    ("columns", "settings", "words"),
    [
        ({}, {}, "they have no column that says so (label, category and vector columns: none)"),
        ({"labels": {"genres": GENRES}}, {"column": "genre"}, "did you mean 'genres'?"),
        ({"numbers": {"year": [1.0] * 4}}, {"column": "year"}, "'year', which holds number"),
    ],
)
def test_a_column_that_tells_nothing_is_refused(columns: Any, settings: Any, words: str) -> None:
    with pytest.raises(SettingsError) as refused:
        ranked(shop(**columns), **settings)
    assert words in str(refused.value)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"scorer": "base.popular", "relevance_weight": 1.5}, "from 0 to 1, got 1.5"),
        ({"scorer": "base.popular", "pool": 0}, "pool must be at least 1, got 0"),
        ({"scorer": "base.popular", "vectors": True, "column": "a"}, "leave out column 'a'"),
        ({}, "name a scorer, or in its place a recommender, to be inside; got neither"),
        ({"scorer": "base.popular", "recommender": "base.top_k"}, "got both"),
    ],
)
def test_settings_out_of_range_are_refused(settings: Any, words: str) -> None:
    with pytest.raises(SettingsError) as refused:
        Registry.discover(only={"hybrid"}).recommender(use("hybrid.mmr", **settings))
    assert words in str(refused.value)


def test_a_model_explains_predicts_grows_and_takes_scorers_as_a_shorthand() -> None:
    data = checkerboard()
    model = penchant.fit(
        data, recommender=use("hybrid.mmr", column="colour"), scorers=["cf.item_knn"]
    )
    plain = penchant.fit(data, scorers=["cf.item_knn"])
    assert model.explain("user-0", "item-2").score == plain.explain("user-0", "item-2").score
    assert model.similar_items("item-2").ids == plain.similar_items("item-2").ids
    assert model.recommend("user-0").source == "hybrid.mmr"
    newer = model.with_items([{"item_id": "new", "colour": "violet"}])
    assert "new" in newer.recommend("user-0", k=20).ids


@given(
    st.lists(st.sets(st.integers(0, 5), max_size=3), min_size=1, max_size=8),
    st.data(),
    st.floats(0, 1, width=32),
)
def test_each_place_has_the_greatest_value_of_what_is_left(
    tags: list[set[int]], draw: st.DataObject, weight: float
) -> None:
    from penchant_hybrid.likeness import SparseLikeness
    from penchant_hybrid.mmr import FittedMmr
    from penchant_hybrid.settings import MmrSettings

    size = len(tags)
    scores = np.array(
        draw.draw(st.lists(st.integers(0, 9), min_size=size, max_size=size)), np.float32
    )
    indptr = np.cumsum([0, *map(len, tags)]).astype(np.int64)
    labels = np.array([tag for mine in tags for tag in sorted(mine)], np.int32)
    likeness = SparseLikeness(Csr(indptr, labels, None, 6))
    settings = MmrSettings(scorer="base.popular", relevance_weight=weight)
    fitted = FittedMmr(None, likeness, "tags", settings)  # type: ignore[arg-type]
    pool = np.lexsort((np.arange(size), -scores)).astype(np.int32)
    rows, values = fitted._order(None, 0, pool, scores[pool], size)  # type: ignore[arg-type]

    span = float(scores.max() - scores.min())
    relevance = [float(s - scores.min()) / span if span else 1.0 for s in scores]

    def alike(one: int, other: int) -> float:
        both = len(tags[one]) * len(tags[other])
        return len(tags[one] & tags[other]) / both**0.5 if both else 0.0

    listed: list[int] = []
    for row, value in zip(rows.tolist(), values.tolist(), strict=True):
        worth = {
            other: weight * relevance[other]
            - (1 - weight) * max((alike(other, mine) for mine in listed), default=0.0)
            for other in range(size)
            if other not in listed
        }
        assert value == pytest.approx(worth[row], abs=1e-5)
        assert worth[row] == pytest.approx(max(worth.values()), abs=1e-5)
        listed.append(row)


def test_scores_are_scaled_to_0_to_1_whatever_they_are() -> None:
    def of(*scores: float) -> list[float]:
        return scaled(np.array(scores, np.float32)).tolist()

    assert of(3, 1, 2) == [1, 0, 0.5]
    assert of(2, 2) == [1, 1]
    assert of(1, -np.inf, 0) == [1, 0, 0]
    assert of(3e38, -3e38, 0) == [1, 0, 0.5]
    assert of(-np.inf, -np.inf) == [1, 1]


def test_scores_are_lowered_to_fall() -> None:
    rows = np.array([5, 2, 3, 9], np.int32)
    got = falling(rows, np.array([1, 1, 4, 0], np.float32))
    below = np.nextafter(np.float32(1), np.float32(0))
    assert got.tolist() == [1, below, below, 0], "2 may not tie with 5 before it; 3 may with 2"
