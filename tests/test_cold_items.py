"""Films that nobody has liked yet, ranked by factors that are mapped from their words."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import pytest
from penchant import Registry
from penchant.evaluation import cold_item_split, evaluate_scorer

pytestmark = pytest.mark.data


def test_ndcg_at_10_of_hidden_films(data_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parents[1] / "benches"))
    bench = import_module("bench_cold_items")
    data, flags = bench.films(data_folder / "ml-100k")
    split = cold_item_split(data)
    scorer = bench.Fit(split, flags, Registry.discover(), 0.1).scorer(80.0)
    found = evaluate_scorer(scorer, split)
    assert len(found.users) == 910
    assert found.values["ndcg@10"] >= 0.210  # 0.2128; profiles of words 0.124, chance 0.048
