"""Accuracy on real data: a fifth of the films hidden, and ranked by their titles and genres."""

import os
from pathlib import Path

import pytest
from penchant.data import Dataset
from penchant.evaluation import Split, cold_item_split, evaluate_scorer
from penchant.protocols import FitContext
from penchant.registry import Registry

pytestmark = pytest.mark.data


@pytest.fixture(scope="module")
def split() -> Split:
    folder = os.environ.get("PENCHANT_DATA")
    if folder is None:
        pytest.skip("PENCHANT_DATA names no data folder")
    films = Path(folder) / "ml-latest-small"
    data = Dataset.from_frame(
        films / "ratings.csv",
        items=films / "movies.csv",
        user="userId",
        item="movieId",
        min_value=4,
    )
    return cold_item_split(data)


@pytest.mark.parametrize(
    ("spec", "floor"),
    [
        ({"use": "content.text"}, 0.140),  # 0.1450; random ranking 0.014
        ({"use": "content.text", "encoder": "base.hashing"}, 0.128),  # 0.1327
        ({"use": "content.fields"}, 0.180),  # 0.1866
    ],
)
def test_ndcg_at_10_of_hidden_films(split: Split, spec: dict[str, str], floor: float) -> None:
    registry = Registry.discover(only={"content"})
    scorer = registry.scorer(spec)
    fitted = scorer.fit(split.train, FitContext())
    assert evaluate_scorer(fitted, split, metrics=("ndcg@10",)).values["ndcg@10"] >= floor
