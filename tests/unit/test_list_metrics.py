"""Metrics of lists beside who got them, and of whole rankings: figures a person can work out."""

from __future__ import annotations

from collections.abc import Sequence
from math import log

import numpy as np
import pytest
from penchant import metrics
from penchant.data import Dataset, Interactions, Items, Users
from penchant.errors import RequestError, ShapeError
from penchant.evaluation import compare, evaluate_recommender, evaluate_scorer, user_random_split
from penchant.evaluation.features import features_of
from penchant.evaluation.judging import judge
from penchant.fitting import fit
from penchant.metrics import Catalogue, Judged, Shown
from penchant.protocols import State
from penchant.queries import Csr, TopK

ITEMS = 6
# Items 0 and 1 are crime, 2 is crime and drama, 3 and 4 are drama, of 5 nothing is known.
GENRES = [["crime"], ["crime"], ["crime", "drama"], ["drama"], ["drama"], []]


def csr(*rows: Sequence[int], columns: int = ITEMS) -> Csr:
    indptr = np.cumsum([0, *map(len, rows)]).astype(np.int64)
    return Csr(indptr, np.array([i for row in rows for i in sorted(row)], np.int32), None, columns)


def shown(
    rows: Sequence[Sequence[int]],
    liked: Sequence[Sequence[int]],
    relevant: Sequence[Sequence[int]] | None = None,
    **catalogue: object,
) -> Shown:
    """Lists of four places for users who liked and would like something."""
    lists = np.array([[*row, *[-1] * (4 - len(row))] for row in rows], np.int32)
    counts = np.array([len(row) for row in rows], np.int32)
    judged = Judged.of(lists, counts, csr(*(relevant or [[0]] * len(rows))))
    of = Catalogue.of(csr(*liked), **catalogue)
    genres = features_of(Items.of(list("abcdef"), labels={"genres": GENRES}))
    return Shown(lists, judged, of, csr(*liked), genres)


# ---- right and wrong


def test_accuracy_counts_what_is_rightly_shown_and_rightly_left_out():
    # Item 0 is a hit and 1 is false; of the others 5 is missed, 2 to 4 are rightly left out.
    one = shown([[0, 1]], [[3]], [[0, 5]])
    assert metrics.accuracy(one, 2) == pytest.approx([4 / 6])
    assert metrics.accuracy(one, 4) == pytest.approx([4 / 6])  # empty places claim nothing


def test_accuracy_is_over_the_eligible_items():
    eligible = np.array([True, True, False, False, False, True])
    assert metrics.accuracy(shown([[0, 1]], [[3]], [[0, 5]], eligible=eligible), 2) == [1 / 3]


def test_serendipity_is_for_hits_that_popularity_has_not():
    # Item 0 is the most liked, 1 the next, nobody likes 4. Worth of the places: 6/6, 5/6, 4/6.
    liked = [[0, 1], [0]]
    best = shown([[0, 1, 4], [4, 0, 1]], liked, [[0, 1, 4], [4]])
    assert metrics.serendipity(best, 3) == pytest.approx([(4 / 6) / 3, 1 / 3])
    assert metrics.serendipity(best, 1) == pytest.approx([0, 1])


def test_a_lift_of_one_is_twice_as_popular():
    # Users 0 and 1 like item 0 of both, user 1 likes 1 too: popularity 1 and 1/2.
    liked = [[0], [0, 1]]
    same = shown([[0], [0, 1]], liked)
    assert metrics.popularity_lift(same, 2).value == pytest.approx(0.0)
    less = metrics.popularity_lift(shown([[1], [1]], liked), 2)
    assert less.value == pytest.approx((0.5 + 0.5 - 1 - 0.75) / 1.75)
    assert metrics.popularity_lift(shown([[0], []], [[1], []]), 1).users.tolist() == [0]


def test_a_catalogue_that_nobody_likes_has_no_lift():
    assert metrics.popularity_lift(shown([[0]], [[]]), 1).weights.tolist() == []
    of = shown([[0]], [[1]])
    unloved = Catalogue(np.zeros(ITEMS, np.int64), 0)
    assert metrics.popularity_lift(Shown(of.rows, of.judged, unloved, of.liked), 1).value == 0.0


# ---- what lists are like


def test_items_of_one_kind_are_not_diverse():
    lists = shown([[0, 1], [0, 3], [0, 2], [0, 5], [0]], [[0]] * 5)
    half = 1 - 1 / 2**0.5  # crime beside crime and drama
    assert metrics.diversity(lists, 2) == pytest.approx([0, 1, half, 0, 0], abs=1e-12)


def test_diversity_is_a_mean_over_pairs():
    lists = shown([[0, 1, 3, 5]], [[0]])
    assert metrics.diversity(lists, 4) == pytest.approx([(0 + 1 + 1) / 3])


def test_a_list_in_the_proportions_of_the_taste_is_calibrated():
    lists = shown([[0, 3], [0, 1], [2, 5], []], [[1, 4]] * 4)
    one_kind = 0.5 * log(0.5 / (0.99 + 0.005)) + 0.5 * log(0.5 / 0.005)
    told = metrics.miscalibration(lists, 2)
    assert told == pytest.approx([0, one_kind, 0, log(100)], abs=1e-12)


def test_an_unknown_taste_can_not_be_missed():
    assert metrics.miscalibration(shown([[0], [0]], [[5], []]), 1) == pytest.approx([0, 0])


def test_many_features_are_summed_in_parts(monkeypatch):
    lists = shown([[0, 3], [0, 1], [2, 5], []], [[1, 4], [0], [3, 1], [2]])
    at_once = metrics.diversity(lists, 3), metrics.miscalibration(lists, 3)
    monkeypatch.setattr("penchant.metrics.likeness._SUMS_AT_ONCE", 2)
    assert np.array_equal(metrics.diversity(lists, 3), at_once[0])
    assert np.array_equal(metrics.miscalibration(lists, 3), at_once[1])


def test_what_items_are_like_comes_from_a_column():
    items = Items.of(
        list("abc"),
        texts={"title": ["x", "y", "z"]},
        categories={"shelf": ["A", None, "A"]},
        vectors={"place": [[1, 0], [0, 1], [-1, 0]]},
    )
    assert features_of(items).to_dense().tolist() == [[1], [0], [1]]
    assert features_of(items, "place").to_dense().tolist() == [[1, 0], [0, 1], [-1, 0]]
    labelled = Items.of(["a"], categories={"shelf": ["A"]}, labels={"tags": [["x", "y"]]})
    assert features_of(labelled).columns == 2
    with pytest.raises(RequestError, match=r"by column 'title', a text \(label, .*: shelf, place"):
        features_of(items, "title")
    with pytest.raises(RequestError, match=r"no item column 'shelv' to measure .* mean 'shelf'"):
        features_of(items, "shelv")
    with pytest.raises(RequestError, match=r"no labels to measure lists by \(.*: none\); give"):
        features_of(Items.of(["a"]))


def test_features_are_needed_and_proportions_are_not_below_zero():
    lists = shown([[0]], [[1]])
    bare = Shown(lists.rows, lists.judged, lists.catalogue, lists.liked)
    for metric in (metrics.diversity, metrics.miscalibration):
        with pytest.raises(RequestError, match="nothing is known of what the items are like"):
            metric(bare, 1)
    vectors = Csr(np.arange(7), np.zeros(6, np.int32), np.full(6, -1, np.float32), 1)
    below = Shown(lists.rows, lists.judged, lists.catalogue, lists.liked, vectors)
    assert metrics.diversity(below, 1) == [0]
    with pytest.raises(RequestError, match="shares of labels, which can't be below 0; name a lab"):
        metrics.miscalibration(below, 1)


def test_parts_that_do_not_fit_are_refused():
    lists = shown([[0]], [[1]])
    with pytest.raises(ShapeError, match=r"1 lists of a catalogue of 6 need .* got 2 rows of 6"):
        Shown(lists.rows, lists.judged, lists.catalogue, csr([1], [2]))
    with pytest.raises(ShapeError, match="6 items needs as many rows of features, got 1"):
        Shown(lists.rows, lists.judged, lists.catalogue, lists.liked, csr([1]))


# ---- whole rankings


def top(rows: Sequence[int], scores: Sequence[float], width: int = ITEMS) -> TopK:
    pad = width - len(rows)
    return TopK(
        np.array([[*rows, *[-1] * pad]], np.int32),
        np.array([[*scores, *[-np.inf] * pad]], np.float32),
        np.array([len(rows)], np.int32),
    )


@pytest.mark.parametrize(
    ("rows", "scores", "relevant", "value"),
    [
        ([0, 1, 2, 3], [4, 3, 2, 1], [0, 1], 1.0),
        ([2, 3, 0, 1], [4, 3, 2, 1], [0, 1], 0.0),
        ([0, 2, 1, 3], [4, 3, 2, 1], [0, 1], 3 / 4),
        ([0, 1, 2, 3], [1, 1, 1, 1], [0, 1], 1 / 2),
        ([0, 1, 2, 3], [2, 1, 1, 1], [3], 1 - 2 / 3),
        ([2, 0], [2, 1], [0, 1], (1 / 2 + 1 / 4) / 2),  # 1 and 3 are not listed: they are tied
        ([0, 1], [2, 1], [0, 1, 2, 3], 1 / 2),
    ],
)
def test_the_area_counts_pairs_in_the_right_order(rows, scores, relevant, value):
    told = metrics.auc(top(rows, scores), csr(relevant), np.array([4]))
    assert told == pytest.approx([value])


def test_nobody_asked_for_has_no_area():
    assert metrics.auc(top([0], [1]), csr([]), np.array([4])).shape == (0,)
    with pytest.raises(ShapeError, match=r"1 lists need as many numbers .* shape \(2,\)"):
        metrics.auc(top([0], [1]), csr([0]), np.array([4, 4]))


# ---- in an evaluation


class ByRow:
    """Scores each item by its row, the first the best."""

    def score(self, queries, items, /):
        scores = -np.arange(queries.history.columns, dtype=np.float32)
        return np.tile(scores if items is None else scores[items], (len(queries), 1))

    def state(self) -> State:
        return State()


def films() -> Dataset:
    drawn = np.random.default_rng(5)
    pairs = np.unique(drawn.integers(0, (30, 12), (160, 2)), axis=0)
    log = Interactions.of(pairs[:, 0], pairs[:, 1], n_users=30, n_items=12)
    labels = {"genres": [["crime"], ["crime", "drama"], ["drama"]] * 4}
    items = Items.of([f"i{n}" for n in range(12)], labels=labels)
    return Dataset(Users.of([f"u{n}" for n in range(30)]), items, log)


def test_the_area_of_an_evaluation_is_that_of_all_pairs_of_each_user():
    split = user_random_split(films())
    told = evaluate_scorer(ByRow(), split, metrics=["auc", "ndcg@3"], batch=7)
    assert list(told.values) == ["auc", "ndcg@3"]
    seen, found = split.train.interactions.by_user(), []
    for user in split.users:
        good = set(split.test.row(user).tolist())
        bad = set(range(12)) - good - set(seen.row(user).tolist())
        pairs = [g < b for g in good for b in bad]
        found.append(np.mean(pairs) if pairs else 0.5)
    assert told.per_user["auc"] == pytest.approx(found, abs=1e-12)
    model = fit(split.train, scorers=["base.popular"])
    area = evaluate_recommender(model.recommender, split, metrics=["auc"]).values["auc"]
    assert 0 < area < 1


def test_a_comparison_has_metrics_of_lists_with_their_intervals():
    asked = ["ndcg@3", "auc", "accuracy@3", "diversity:genres@3", "serendipity@3"]
    asked += ["popularity_lift@3", "miscalibration@3"]
    report = compare(["base.popular", "base.random"], films(), metrics=asked)
    (section,) = report.sections
    popular, other = section.comparison.rows
    assert list(popular.metrics) == asked
    assert set(popular.intervals) == set(other.differences) == set(asked)
    assert popular.metrics["popularity_lift@3"] > other.metrics["popularity_lift@3"]
    assert other.mark("popularity_lift@3") == "-"


def test_a_column_that_is_not_there_is_told_before_anything_is_fitted():
    with pytest.raises(RequestError, match=r"no item column 'genre' .* mean 'genres'"):
        compare(["base.popular"], films(), metrics=["ndcg@3", "diversity:genre@3"])


def test_lists_hold_no_whole_rankings():
    split = user_random_split(films())
    rows = np.zeros((len(split.users), 1), np.int32)
    with pytest.raises(RequestError, match="auc is of whole rankings, which lists don't hold"):
        judge(rows, np.ones(len(split.users), np.int32), split, ["auc"])
