"""Accuracy on real data: the latest fifth of each user's likings, found again from the rest."""

import os
from pathlib import Path

import numpy as np
import pytest
from penchant.data import Dataset, Interactions, Items, Users
from penchant.evaluation import Split, evaluate_scorer, user_time_split
from penchant.protocols import FitContext
from penchant.queries import Queries
from penchant.registry import Registry

pytestmark = pytest.mark.data


@pytest.fixture(scope="module")
def split() -> Split:
    folder = os.environ.get("PENCHANT_DATA")
    if folder is None:
        pytest.skip("PENCHANT_DATA names no data folder")
    data = Dataset.from_frame(
        Path(folder) / "ml-latest-small" / "ratings.csv",
        user="userId",
        item="movieId",
        min_value=4,
    )
    return user_time_split(data, keep_negatives=False)


@pytest.mark.parametrize(
    ("spec", "floor"),
    [
        ("cf.ease", 0.104),  # 0.1047; NumPy's own EASE at the same l2 is 0.1047
        ({"use": "cf.ease", "top": 200}, 0.103),  # 0.1039
        ("cf.slim", 0.104),  # 0.1051
        ("cf.item_knn", 0.095),  # 0.0959; implicit's TF-IDF 0.0853
        ({"use": "cf.item_knn", "similarity": "bm25"}, 0.095),  # 0.0959; implicit's BM25 0.0919
        ({"use": "cf.item_knn", "similarity": "jaccard"}, 0.093),  # 0.0939
        ("cf.user_knn", 0.087),  # 0.0884
    ],
)
def test_ndcg_at_10_on_ml_latest_small(split: Split, spec: object, floor: float) -> None:
    fitted = Registry.discover(only={"cf"}).scorer(spec).fit(split.train, FitContext(threads=2))
    assert evaluate_scorer(fitted, split, metrics=("ndcg@10",)).values["ndcg@10"] >= floor


@pytest.mark.parametrize(
    ("name", "ceiling"),
    [
        ("cf.rating_knn", 0.927),  # 0.9251; Surprise's KNNBaseline over items, tuned, 0.9359
        ("cf.slope_one", 0.951),  # 0.9494; Surprise's SlopeOne 0.9567
    ],
)
def test_rmse_of_ratings_on_the_first_fold_of_movielens_100k(name: str, ceiling: float) -> None:
    folder = os.environ.get("PENCHANT_DATA")
    if folder is None:
        pytest.skip("PENCHANT_DATA names no data folder")
    train, test = (
        np.loadtxt(Path(folder) / "ml-100k" / f"u1.{part}", np.int64).T for part in ("base", "test")
    )
    n_users, n_items = (int(max(train[at].max(), test[at].max())) for at in (0, 1))
    data = Dataset(
        users=Users.of(list(range(n_users))),
        items=Items.of(list(range(n_items))),
        interactions=Interactions.of(
            (train[0] - 1).astype(np.int32),
            (train[1] - 1).astype(np.int32),
            train[2].astype(np.float32),
            n_users=n_users,
            n_items=n_items,
        ),
        relations=None,
        min_value=None,
    )
    fitted = Registry.discover(only={"cf"}).scorer(name).fit(data, FitContext(threads=2))
    users = np.arange(n_users, dtype=np.int32)
    foretold = fitted.score(Queries.known(users, data.interactions.by_user()), None)
    errors = np.clip(foretold[test[0] - 1, test[1] - 1], 1, 5) - test[2]
    assert np.sqrt((errors**2).mean()) <= ceiling
