"""`hybrid.calibrated`: the example of the paper in small, and each step against the formula."""

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
from penchant_hybrid.calibrated import FittedCalibrated
from penchant_hybrid.settings import CalibratedSettings

# The one asked likes three romances and an action film; romances are what others like most.
GENRES = ["romance"] * 3 + ["action"] + ["romance"] * 5 + ["action"] * 3


def cinema() -> Dataset:
    pairs = [(0, item) for item in range(4)]
    pairs += [(user, item) for item in range(4, 12) for user in range(1, 14 - item)]
    user, item = (np.array(column, np.int32) for column in zip(*pairs, strict=True))
    return Dataset(
        users=Users.of([f"u{row}" for row in range(10)]),
        items=Items.of([f"i{row}" for row in range(12)], categories={"genre": GENRES}),
        interactions=Interactions.of(user, item, np.ones(len(user), np.float32)),
    )


def shown(data: Dataset, k: int, user: int = 0, **settings: Any) -> list[int]:
    spec = use("hybrid.calibrated", scorer="base.popular", **settings)
    fitted = Registry.discover(only={"hybrid"}).recommender(spec).fit(data, FitContext())
    queries = known(data, np.array([user], np.int32))
    top = fitted.recommend(queries, Candidates(len(data.items), seen=queries.history), k)
    return top.rows[0, : top.counts[0]].tolist()


def test_a_quarter_of_action_in_the_taste_is_one_in_four_of_the_list() -> None:
    assert shown(cinema(), 4, calibration=0.0) == [4, 5, 6, 7], "by relevance: romances alone"
    rows = shown(cinema(), 4, calibration=0.9)
    assert [GENRES[row] for row in rows].count("action") == 1
    assert rows[0] == 4, "of a genre the more relevant first"


def test_a_list_for_somebody_without_a_taste_is_that_of_the_strategy() -> None:
    data = cinema()
    spec = use("hybrid.calibrated", scorer="base.popular", calibration=1.0)
    fitted = Registry.discover(only={"hybrid"}).recommender(spec).fit(data, FitContext())
    stranger = Queries(np.array([-1], np.int32), Csr.empty(1, 12))
    assert fitted.recommend(stranger, Candidates(12), 3).rows.tolist() == [[4, 5, 6]]


def test_what_was_disliked_is_no_taste() -> None:
    data = checkerboard()
    fitted = (
        Registry.discover(only={"hybrid"})
        .recommender(use("hybrid.calibrated", scorer="base.popular", column="colour"))
        .fit(data, FitContext())
    )
    codes, shares = fitted.taste(known(data), 0)
    assert len(codes) == 1, "user-0 disliked an item of the other colour"
    assert shares.tolist() == [1.0]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"calibration": -0.1}, "calibration must be from 0 to 1, got -0.1"),
        ({"column": "gender"}, "no item column 'gender'; did you mean 'genre'?"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings: Any, words: str) -> None:
    with pytest.raises(SettingsError) as refused:
        shown(cinema(), 1, **settings)
    assert words in str(refused.value)


def test_vectors_have_no_proportions() -> None:
    vectors = np.ones((12, 2), np.float32)
    data = cinema()
    items = Items.of(data.items.vocabulary.ids(), vectors={"look": vectors})
    bare = Dataset(users=data.users, items=items, interactions=data.interactions)
    with pytest.raises(SettingsError, match=r"can't go by column 'look', which holds vector"):
        shown(bare, 1, column="look")


def test_new_items_bring_their_labels() -> None:
    spec = use("hybrid.calibrated", scorer="cf.item_knn", column="colour", pool=20)
    model = penchant.fit(checkerboard(), recommender=spec)
    newer = model.with_items([{"item_id": "new", "colour": "violet"}])
    assert "new" in newer.recommend("user-0", k=20).ids


@given(st.data(), st.floats(0, 1, width=32))
def test_each_step_takes_what_is_best_for_the_formula(draw: st.DataObject, weight: float) -> None:
    size = draw.draw(st.integers(1, 7))
    tag_sets = st.lists(st.sets(st.integers(0, 3), max_size=3), min_size=size, max_size=size)
    tags = draw.draw(tag_sets)
    liked = sorted(draw.draw(st.sets(st.integers(0, size - 1), min_size=1)))
    scores = np.array(
        draw.draw(st.lists(st.integers(0, 9), min_size=size, max_size=size)), np.float32
    )
    indptr = np.cumsum([0, *map(len, tags)]).astype(np.int64)
    flat = np.array([tag for mine in tags for tag in sorted(mine)], np.int32)
    settings = CalibratedSettings(scorer="base.popular", calibration=weight)
    fitted = FittedCalibrated(None, Csr(indptr, flat, None, 4), "tags", None, settings)  # type: ignore[arg-type]
    ones = np.ones(len(liked), np.float32)
    history = Csr(np.array([0, len(liked)]), np.array(liked, np.int32), ones, size)
    pool = np.lexsort((np.arange(size), -scores)).astype(np.int32)
    queries = Queries(np.array([-1], np.int32), history)
    rows, values = fitted._order(queries, 0, pool, scores[pool], size)
    assert (np.diff(values) <= 0).all()

    def share(items: list[int]) -> np.ndarray:
        labelled = [tags[item] for item in items if tags[item]]
        total = np.zeros(4)
        for mine in labelled:
            for tag in mine:
                total[tag] += 1 / len(mine)
        return total / max(1, len(labelled))

    taste, span = share(liked), float(scores.max() - scores.min())
    relevance = [float(s - scores.min()) / span if span else 1.0 for s in scores]

    def worth(items: list[int]) -> float:
        mixed = 0.99 * share(items) + 0.01 * taste
        some = taste > 0
        far = float((taste[some] * np.log(taste[some] / mixed[some])).sum())
        c = weight if some.any() else 0.0
        return (1 - c) * sum(relevance[item] for item in items) - c * far

    listed: list[int] = []
    for row in rows.tolist():
        best = max(worth([*listed, other]) for other in range(size) if other not in listed)
        assert worth([*listed, row]) == pytest.approx(best, abs=1e-5)
        listed.append(row)
