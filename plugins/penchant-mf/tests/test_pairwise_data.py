"""Ranking on real data: likings held out of MovieLens, found again from the rest."""

import os
from pathlib import Path

import numpy as np
import pytest
from penchant.data import Dataset
from penchant.evaluation import Split, evaluate_scorer, user_time_split
from penchant.protocols import FitContext, FittedScorer
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


def fitted(name: str, data: Dataset) -> FittedScorer:
    return Registry.discover(only={"mf"}).scorer(name).fit(data, FitContext(threads=2))


@pytest.mark.parametrize(("name", "floor"), [("mf.warp", 0.09), ("mf.bpr", 0.072)])
def test_ndcg_at_10_with_defaults(split: Split, name: str, floor: float) -> None:
    model = fitted(name, split.train)
    assert evaluate_scorer(model, split, metrics=("ndcg@10",)).values["ndcg@10"] >= floor


@pytest.mark.parametrize("name", ["mf.warp", "mf.bpr"])
def test_a_stranger_is_ranked_for_about_as_well_as_a_known_user(split: Split, name: str) -> None:
    """A fifth of the users are left out of one fit, and asked about as strangers there."""
    likes = split.train.positive_csr()
    users = np.arange(likes.rows, dtype=np.int32)
    out = users[users % 5 == 0]
    rest = split.train.subset(split.train.interactions.user % 5 != 0)
    held_out = split.test.take(out)
    history = split.train.interactions.by_user().take(out)

    def found(model: FittedScorer, rows: np.ndarray) -> float:
        scores = model.score(Queries(rows, history), None)
        scores[likes.take(out).to_dense() > 0] = -np.inf
        best = np.argsort(-scores, axis=1, kind="stable")[:, :10]
        hits = np.take_along_axis(held_out.to_dense(), best, axis=1)
        return float((hits / np.log2(np.arange(10) + 2)).sum())

    known = found(fitted(name, split.train), out)
    assert found(fitted(name, rest), np.full(len(out), -1, np.int32)) >= 0.9 * known
