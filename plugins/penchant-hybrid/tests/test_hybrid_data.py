"""Weights learned on real data: a blend must beat its parts on likings it has never seen."""

import os
from pathlib import Path

import pytest
from penchant import use
from penchant.data import Dataset
from penchant.evaluation import evaluate_scorer, user_time_split, validation_split
from penchant.protocols import FitContext
from penchant.registry import Registry

pytestmark = pytest.mark.data


def test_a_blend_with_learned_weights_beats_its_parts_on_ml_latest_small() -> None:
    folder = os.environ.get("PENCHANT_DATA")
    if folder is None:
        pytest.skip("PENCHANT_DATA names no data folder")
    movies = Path(folder) / "ml-latest-small"
    data = Dataset.from_frame(
        movies / "ratings.csv",
        items=movies / "movies.csv",
        user="userId",
        item="movieId",
        item_id="movieId",
        min_value=4,
    )
    split = user_time_split(data)
    inner = validation_split(split)
    registry = Registry.discover(only={"cf", "content", "hybrid"})

    def judged(spec: object, train: Dataset, validation: Dataset | None) -> float:
        context = FitContext(threads=2, validation=validation)
        fitted = registry.scorer(spec).fit(train, context)
        return evaluate_scorer(fitted, split, metrics=("ndcg@10",)).values["ndcg@10"]

    parts = ("cf.ease", "base.popular", "content.text")
    blend = use("hybrid.weighted", parts=parts)
    assert judged(blend, inner.train, inner.held_out) > max(
        judged(part, split.train, None) for part in parts
    )
