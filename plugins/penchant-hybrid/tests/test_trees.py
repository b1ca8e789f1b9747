"""`hybrid.stacked` with trees: what a linear model can't say, reasons, and what is missing."""

from __future__ import annotations

from typing import Any

import numpy as np
import penchant
import pytest
from penchant.errors import FitCancelled, PluginError, SettingsError
from penchant.protocols import FitContext
from penchant.registry import Registry
from penchant.testing.data import checkerboard, known
from penchant_hybrid import stacked, trees
from penchant_hybrid.logit import choice_coefficients
from penchant_hybrid.settings import StackedSettings

LISTS, LENGTH = 200, 6


def middling(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Lists whose one liked item is the only one with a score of 1, among scores of 0 and 2."""
    generator = np.random.default_rng(seed)
    scores = generator.choice([0.0, 2.0], (LISTS, LENGTH)).astype(np.float32)
    liked = np.zeros((LISTS, LENGTH), np.bool_)
    liked[np.arange(LISTS), generator.integers(0, LENGTH, LISTS)] = True
    scores[liked] = 1
    features = np.stack([scores.ravel(), np.zeros(scores.size, np.float32)], axis=1)
    return features, np.zeros(scores.size), liked.ravel(), np.full(LISTS, LENGTH)


def test_trees_find_that_neither_the_lowest_nor_the_highest_score_is_liked() -> None:
    import lightgbm

    grown = trees.grown_trees(*middling(1), seed=0, between=lambda step: None)
    low, middle, high = lightgbm.Booster(model_str=grown.tobytes().decode()).predict(
        np.array([[0, 0], [1, 0], [2, 0]], np.float32), num_threads=1
    )
    assert middle > max(low, high)


def test_trees_add_nothing_where_the_start_is_right_already() -> None:
    import lightgbm

    features, start, liked, sizes = middling(1)
    spans = []
    for given in (start, np.where(liked, 50.0, 0.0)):
        grown = trees.grown_trees(features, given, liked, sizes, 0, lambda step: None)
        booster = lightgbm.Booster(model_str=grown.tobytes().decode())
        spans.append(float(np.ptp(booster.predict(features, num_threads=1))))
    assert spans[0] > 0.1
    assert spans[1] < 1e-6


def test_trees_learn_from_more_than_what_the_parts_propose(monkeypatch: pytest.MonkeyPatch) -> None:
    learned: dict[str, list[np.ndarray]] = {"linear": [], "trees": []}

    def linear(features: Any, chosen: Any, sizes: np.ndarray, *others: Any) -> np.ndarray:
        learned["linear"].append(sizes)
        return choice_coefficients(features, chosen, sizes, *others)

    def grown(features: Any, start: Any, chosen: Any, sizes: np.ndarray, *others: Any) -> Any:
        learned["trees"].append(sizes)
        return trees.grown_trees(features, start, chosen, sizes, *others)

    monkeypatch.setattr(stacked, "DEPTH", 15)
    monkeypatch.setattr(stacked, "choice_coefficients", linear)
    monkeypatch.setattr(stacked, "grown_trees", grown)
    data = checkerboard(users=60, items=40)
    spec = {"use": "hybrid.stacked", "parts": ["base.popular", "cf.item_knn"], "model": "trees"}
    for _ in range(2):
        Registry.discover().scorer(spec).fit(data, FitContext(seed=1))
    assert learned["trees"][0].sum() > learned["linear"][0].sum()
    assert learned["trees"][0].tolist() == learned["trees"][1].tolist()


def test_the_same_seed_grows_the_same_trees() -> None:
    once, again = (
        trees.grown_trees(*middling(1), seed=3, between=lambda step: None) for _ in range(2)
    )
    assert (once == again).all()


def test_every_round_can_be_the_last() -> None:
    rounds: list[int] = []

    def between(step: int) -> None:
        rounds.append(step)
        if step == 4:
            raise FitCancelled("enough")

    with pytest.raises(FitCancelled, match="enough"):
        trees.grown_trees(*middling(1), seed=0, between=between)
    assert rounds == [0, 1, 2, 3, 4]


def test_reasons_name_the_parts_and_sum_to_the_score() -> None:
    data = checkerboard(users=60, items=40)
    spec = {"use": "hybrid.stacked", "parts": ["base.popular", "cf.item_knn"], "model": "trees"}
    fitted = Registry.discover().scorer(spec).fit(data, FitContext())
    assert isinstance(fitted, trees.TreeStack)
    queries = known(data, np.array([3], np.int32))
    for item in (0, 7, 21):
        reasons = fitted.explain(queries, item)
        score = float(fitted.score(queries, np.array([item], np.int32))[0, 0])
        assert sum(reason.weight for reason in reasons) == pytest.approx(score, abs=1e-5)
        assert {reason.source for reason in reasons} <= {"base.popular", "cf.item_knn", ""}


def test_a_saved_model_answers_alike(tmp_path: object) -> None:
    data = checkerboard(users=60, items=40)
    spec = {"use": "hybrid.stacked", "parts": ["base.popular", "cf.item_knn"], "model": "trees"}
    model = penchant.fit(data, scorers=[spec])
    model.save(f"{tmp_path}/model")
    user = model.users.id(5)
    before, after = (
        one.recommend(user, k=5) for one in (model, penchant.load(f"{tmp_path}/model"))
    )
    assert before.ids == after.ids
    assert list(before.scores) == list(after.scores)


def test_without_the_package_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trees, "find_spec", lambda name: None)
    spec = {"use": "hybrid.stacked", "parts": ["base.popular"], "model": "trees"}
    with pytest.raises(PluginError) as caught:
        Registry.discover().scorer(spec)
    assert str(caught.value) == (
        "hybrid.stacked with model = 'trees' needs the package lightgbm, which isn't installed; "
        "pip install 'penchant-hybrid[trees]', or take model = 'linear'"
    )
    assert Registry.discover().scorer({**spec, "model": "linear"})


def test_another_model_is_refused() -> None:
    with pytest.raises((SettingsError, ValueError), match="model"):
        Registry.discover().scorer(
            {"use": "hybrid.stacked", "parts": ["base.popular"], "model": "tree"}
        )
    assert StackedSettings(parts=("base.popular",)).model == "linear"
