"""Evaluation of recommenders and scorers: toy answers, then the figures of real data."""

from __future__ import annotations

import hashlib
import os
from functools import cache
from pathlib import Path

import numpy as np
import penchant
import pytest
from penchant.builtin.popular import Popular
from penchant.builtin.top_k import FittedTopK
from penchant.data import Dataset, Interactions, Items, Users
from penchant.errors import DataError, RequestError, ShapeError
from penchant.evaluation import (
    evaluate_recommender,
    evaluate_scorer,
    make_split,
    user_random_split,
    user_time_split,
    validation_split,
)
from penchant.metrics import CATALOGUE_METRICS, RANKING_METRICS
from penchant.protocols import FitContext, State
from penchant.queries import TopK
from penchant.testing.data import checkerboard

EVERY_METRIC = [f"{name}@{k}" for name in (*RANKING_METRICS, *CATALOGUE_METRICS) for k in (1, 3)]


class Fixed:
    """Scores every query by one list of scores and keeps what it was asked."""

    def __init__(self, scores) -> None:
        self.scores = np.array(scores, np.float32)
        self.asked = []

    def score(self, queries, items, /):
        self.asked.append(queries)
        return np.tile(self.scores, (len(queries), 1))

    def state(self) -> State:
        return State()


class Lists:
    """A recommender around a scorer that keeps what it was asked."""

    def __init__(self, scorer) -> None:
        self.inner = FittedTopK(scorer, resident=False, threads=1)
        self.asked = []

    def recommend(self, queries, candidates, k, /):
        self.asked.append((queries, candidates, k))
        return self.inner.recommend(queries, candidates, k)

    def state(self) -> State:
        return State()


def three_users() -> Dataset:
    """Users 0 and 1 like items 0, 1 and then 2; user 2 likes 3, dislikes 4, and then likes 0."""
    user = [0, 0, 0, 1, 1, 1, 2, 2, 2]
    item = [0, 1, 2, 0, 1, 2, 3, 4, 0]
    value = [5, 5, 5, 5, 5, 5, 5, 1, 5]
    log = Interactions.of(user, item, value, [1, 2, 3] * 3, n_users=3, n_items=5)
    return Dataset(Users.of(["a", "b", "c"]), Items.of(list("pqrst")), log, min_value=4.0)


def test_a_scorer_that_puts_the_answers_first_is_perfect():
    split = user_time_split(three_users())
    told = evaluate_scorer(Fixed([3, 1, 2, 0, 0]), split, metrics=["ndcg@2", "recall@2", "mrr@1"])
    assert dict(told.values) == {"ndcg@2": 1.0, "recall@2": 1.0, "mrr@1": 1.0}
    assert told.users.tolist() == [0, 1, 2]


def test_values_are_means_over_the_users():
    # Seen items apart, users 0 and 1 get 3 then 4, never 2; user 2 gets 0, the answer.
    told = evaluate_scorer(
        Fixed([5, 4, 0, 2, 1]), user_time_split(three_users()), metrics=["hit_rate@1", "hit_rate@2"]
    )
    assert told.per_user["hit_rate@1"].tolist() == [0, 0, 1]
    assert told.values["hit_rate@1"] == pytest.approx(1 / 3)


def test_what_train_knows_is_never_counted_as_a_place():
    # Item 0 is the best for all, but users 0 and 1 know it: their first place is item 2.
    told = evaluate_scorer(
        Fixed([9, 8, 7, 0, 0]), user_time_split(three_users()), metrics=["mrr@1", "coverage@1"]
    )
    assert told.values["mrr@1"] == 1.0
    assert told.values["coverage@1"] == pytest.approx(2 / 5)


def test_a_dislike_takes_a_place_only_where_train_does_not_know_it():
    # The scorer loves item 4, which user 2 dislikes, above item 0, which is the answer.
    scorer = Fixed([1, 0, 0, 0, 9])
    for keep, hit in ((True, 1.0), (False, 0.0)):
        split = user_time_split(three_users(), keep_negatives=keep)
        told = evaluate_scorer(scorer, split, metrics=["hit_rate@1"])
        assert told.per_user["hit_rate@1"][2] == hit


def test_a_recommender_is_asked_for_what_the_deepest_metric_needs():
    split = user_time_split(three_users())
    lists = Lists(Fixed([3, 1, 2, 0, 0]))
    evaluate_recommender(lists, split, metrics=["ndcg@3", "recall@1"], batch=2)
    (first, candidates, k), (second, _, _) = lists.asked
    assert k == 3
    assert first.rows.tolist() == [0, 1]
    assert second.rows.tolist() == [2]
    assert candidates.seen.row(0).tolist() == [0, 1]
    assert second.history.row(0).tolist() == [3, 4]
    assert second.history.row_values(0).tolist() == [5.0, 1.0]
    assert second.times.tolist() == [1, 2]
    assert candidates.allow is None


def test_the_batch_does_not_change_a_figure():
    split = user_time_split(three_users())
    scorer = Fixed([1, 5, 2, 2, 3])
    told = [
        evaluate_recommender(Lists(scorer), split, metrics=EVERY_METRIC, batch=batch)
        for batch in (1, 2, 1024)
    ]
    told += [evaluate_scorer(scorer, split, metrics=EVERY_METRIC, batch=batch) for batch in (1, 7)]
    assert all(dict(one.values) == dict(told[0].values) for one in told)
    assert list(told[0].values) == EVERY_METRIC


def test_only_candidates_are_recommended_and_are_what_coverage_is_over():
    data = three_users()
    split = make_split(data, "cold-item", share=0.5)
    told = evaluate_scorer(Fixed([5, 4, 3, 2, 1]), split, metrics=["coverage@5", "recall@5"])
    assert len(split.candidates) == 2
    assert told.values["coverage@5"] == 1.0
    assert told.values["recall@5"] == 1.0


def test_a_place_is_never_given_to_what_is_no_candidate():
    # The scorer loves the warm items alone, yet the first place is for a cold one.
    split = make_split(three_users(), "cold-item", share=0.5)
    scores = np.full(5, 9.0)
    scores[split.candidates] = 0.0
    for told in (
        evaluate_scorer(Fixed(scores), split, metrics=["recall@2"]),
        evaluate_recommender(Lists(Fixed(scores)), split, metrics=["recall@2"]),
    ):
        assert told.values["recall@2"] == 1.0


def test_every_metric_is_measured_and_finite():
    told = evaluate_scorer(
        Fixed([1, 1, 1, 1, 1]), user_time_split(three_users()), metrics=EVERY_METRIC
    )
    assert all(np.isfinite(value) for value in told.values.values())
    of_all = ("coverage", "gini")
    assert set(told.per_user) == {name for name in EVERY_METRIC if not name.startswith(of_all)}
    assert all(len(values) == len(told.users) for values in told.per_user.values())


def test_lists_longer_than_the_catalogue_are_padded():
    told = evaluate_scorer(Fixed([0] * 5), user_time_split(three_users()), metrics=["recall@50"])
    assert told.values["recall@50"] == 1.0


def test_what_was_measured_does_not_change():
    told = evaluate_scorer(Fixed([0] * 5), user_time_split(three_users()))
    with pytest.raises(TypeError):
        told.values["ndcg@10"] = 1.0
    with pytest.raises(ValueError, match="read-only"):
        told.per_user["ndcg@10"][0] = 1.0


def test_questions_that_cannot_be_measured_are_refused():
    split = user_time_split(three_users())
    with pytest.raises(RequestError, match="no metric is named 'ncdg'; did you mean 'ndcg'"):
        evaluate_scorer(Fixed([0] * 5), split, metrics=["ncdg@10"])
    with pytest.raises(RequestError, match="batch must be at least 1, got 0"):
        evaluate_scorer(Fixed([0] * 5), split, batch=0)


def test_a_recommender_that_gives_short_lists_is_named():
    class Short:
        def recommend(self, queries, candidates, k, /):
            n = len(queries)
            return TopK(
                np.zeros((n, 1), np.int32), np.zeros((n, 1), np.float32), np.ones(n, np.int32)
            )

        def state(self):
            return State()

    with pytest.raises(ShapeError, match=r"for 10 items for 3 users .* \(3, 10\), got \(3, 1\)"):
        evaluate_recommender(Short(), user_time_split(three_users()))


# ---- real data: the same pairs as the reference protocol of the yardsticks, worked out once apart
# from penchant. A digest is over the (user id, item id) int64 pairs in ascending order.

ROOT = Path(__file__).parents[2]
DATA = os.environ.get("PENCHANT_DATA")
NEEDS_DATA = [
    pytest.mark.data,
    pytest.mark.skipif(DATA is None, reason="PENCHANT_DATA doesn't name the folder of real data"),
]


@cache
def movielens_small() -> Dataset:
    folder = ROOT / "examples/data/movielens-small"
    return Dataset.from_frame(
        folder / "ratings.csv",
        items=folder / "movies.csv",
        user="userId",
        item="movieId",
        min_value=4.0,
    )


@cache
def movielens_100k() -> Dataset:
    return Dataset.from_frame(
        Path(DATA) / "ml-100k" / "u.data",
        columns=["user_id", "item_id", "rating", "time"],
        delimiter="\t",
        min_value=4.0,
    )


def digest(csr, data) -> list[str]:
    users = np.array(data.users.vocabulary.ids(csr.row_of_entry()))
    items = np.array(data.items.vocabulary.ids(csr.indices))
    order = np.lexsort((items, users))
    table = np.stack([users[order], items[order]], axis=1).astype("<i8")
    return [str(len(table)), hashlib.sha256(np.ascontiguousarray(table).tobytes()).hexdigest()[:16]]


def digest_of_ids(vocabulary, rows) -> list[str]:
    ids = np.sort(np.array(vocabulary.ids(rows))).astype("<i8")
    return [str(len(ids)), hashlib.sha256(ids.tobytes()).hexdigest()[:16]]


LOADERS = {"small": movielens_small, "100k": movielens_100k}

# data, kind, train pairs and digest, test pairs and digest, users and digest, digest of candidates
REFERENCE = """
small user-random 38615 4afc9ceb4b400e2f 9965 11676360327cc5f3 608 f984ec604ea27ccc -
small user-time 38615 43005234da3047ed 9965 9e2d926796376411 608 f984ec604ea27ccc -
small cold-item 38948 11c894e0adbdb8ee 9632 aacd012c247e2e32 596 4bcc37a3e9f3a9f6 bd7f6aab1a05f35f
small global-time 38864 6af4a6cf42dcfe25 9716 dab237d60b2624bb 26 689aa402f1be7c43 -
100k user-random 43929 07e3263e0e1e80c5 11446 f606c36bcf7cff15 942 58c646a0460e1fe9 -
100k user-time 43929 b79cee892fa1f41c 11446 1aac730f029fb1f3 942 58c646a0460e1fe9 -
100k cold-item 44233 ce04a4e97768ec2c 11142 b04a6fd9e88004e2 910 8f67a30fa0a035e2 024d8ce3d043327d
100k global-time 44300 f46328d50fa3914a 11075 e51581e6e3d9c88f 91 f6c7f098002ff941 -
"""


def on_real_data(name, *rest):
    return pytest.param(
        LOADERS[name], *rest, marks=NEEDS_DATA if name == "100k" else [], id=f"{name}-{rest[0]}"
    )


@pytest.mark.parametrize("keep_negatives", [True, False])
@pytest.mark.parametrize(
    ("load", "kind", "figures"),
    [
        on_real_data(name, kind, figures)
        for name, kind, *figures in map(str.split, REFERENCE.strip().splitlines())
    ],
)
def test_real_data_are_split_as_the_yardsticks_were(load, kind, figures, keep_negatives):
    data = load()
    split = make_split(data, kind, keep_negatives=keep_negatives)
    hidden = ["-"]
    if split.candidates is not None:
        hidden = digest_of_ids(data.items.vocabulary, split.candidates)[1:]
    assert figures == [
        *digest(split.train.positive_csr(), data),
        *digest(split.test, data),
        *digest_of_ids(data.users.vocabulary, split.users),
        *hidden,
    ]
    assert (len(split.train.interactions) == int(figures[0])) == (not keep_negatives)


@pytest.mark.parametrize(
    ("load", "train", "test"),
    [
        on_real_data("small", ["30641", "12c3690d00f9ba0f"], ["7974", "37c0b7d52e72e6bc"]),
        on_real_data("100k", ["34764", "788e6624129af789"], ["9165", "2dd0690df52bac3c"]),
    ],
)
def test_the_validation_part_is_that_of_the_yardsticks(load, train, test):
    inner = validation_split(user_time_split(load()))
    assert digest(inner.train.positive_csr(), inner.train) == train
    assert digest(inner.test, inner.train) == test


# Popularity as the reference protocol has it. Likings alone are seen, and items are numbered by
# id, since equal counts go by the lower row.

POPULARITY = """
small user-random ndcg@10 .1429 recall@10 .0887 recall@20 .1400 ndcg@100 .2034 coverage@10 .0064
small user-time ndcg@10 .0680 recall@10 .0520 recall@20 .0825 ndcg@100 .1271 coverage@10 .0086
100k user-random ndcg@10 .1577 recall@10 .1119 recall@20 .1846 ndcg@100 .2694 coverage@10 .0297
100k user-time ndcg@10 .0797 recall@10 .0598 recall@20 .1072 ndcg@100 .1756 coverage@10 .0359
100k global-time ndcg@10 .1159 recall@10 .0733 recall@20 .1199 ndcg@100 .1845 coverage@10 .0373
"""


def likings_by_id(data: Dataset) -> Dataset:
    log = data.positives()
    ids = np.array(data.items.vocabulary.ids(log.item))
    return Dataset.from_frame(
        {
            "user_id": np.array(data.users.vocabulary.ids(log.user)),
            "item_id": ids,
            "value": log.value,
            "time": log.time,
        },
        items={"item_id": np.unique(ids)},
        time_unit="us",
        min_value=data.min_value,
    )


@pytest.mark.parametrize(
    ("load", "kind", "figures"),
    [
        on_real_data(name, kind, figures)
        for name, kind, *figures in map(str.split, POPULARITY.strip().splitlines())
    ],
)
def test_popularity_scores_what_the_yardsticks_say(load, kind, figures):
    expected = dict(zip(figures[::2], map(float, figures[1::2]), strict=True))
    split = make_split(likings_by_id(load()), kind)
    scorer = Popular().fit(split.train, FitContext())
    fused = evaluate_recommender(
        FittedTopK(scorer, resident=False, threads=1), split, metrics=expected
    )
    assert {name: round(value, 4) for name, value in fused.values.items()} == expected
    assert dict(evaluate_scorer(scorer, split, metrics=expected).values) == dict(fused.values)


def test_a_model_is_judged_as_its_recommender_is() -> None:
    data = checkerboard()
    split = user_random_split(data)
    model = penchant.fit(split.train, scorers=["cf.item_knn"])
    judged = evaluate_recommender(model, split)
    assert judged.values == evaluate_recommender(model.recommender, split).values
    assert repr(judged).startswith(f"<Evaluation of {len(split.users)} users: ndcg@10 ")


def test_a_model_that_knows_the_answers_is_refused() -> None:
    data = checkerboard()
    split = user_random_split(data)
    with pytest.raises(
        DataError, match=rf"knows {split.test.nnz} of the {split.test.nnz} likings .* split.train"
    ):
        evaluate_recommender(penchant.fit(data, scorers=["base.popular"]), split)
    other = penchant.Dataset.from_frame({"user_id": ["eve"], "item_id": ["apple"]})
    with pytest.raises(DataError, match="has 1 users and 1 items, which are others than the"):
        evaluate_recommender(penchant.fit(other, scorers=["base.popular"]), split)
