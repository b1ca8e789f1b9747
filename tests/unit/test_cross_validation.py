"""Cross-validation, folds and three parts: every event once, and nothing looked at twice."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from penchant.data import Dataset, Interactions, Items, Users
from penchant.errors import RequestError, SettingsError
from penchant.evaluation import (
    cross_validate,
    evaluate_recommender,
    k_fold_splits,
    three_way_split,
)
from penchant.fitting import fit


def ratings(min_value: float | None = None) -> Dataset:
    drawn = np.random.default_rng(3)
    pairs = np.unique(drawn.integers(0, (25, 15), (260, 2)), axis=0)
    bias = drawn.normal(0, 1, 15)
    value = np.clip(np.round(3 + bias[pairs[:, 1]]), 1, 5)
    time = drawn.permutation(len(pairs))
    log = Interactions.of(pairs[:, 0], pairs[:, 1], value, time, n_users=25, n_items=15)
    users, items = Users.of([f"u{n}" for n in range(25)]), Items.of([f"i{n}" for n in range(15)])
    return Dataset(users, items, log, min_value=min_value)


def test_each_fold_has_a_figure_of_each_measure_and_its_seconds() -> None:
    told = cross_validate("mf.sgd", ratings(4.0), measures=["rmse", "mae"], cv=3)
    assert list(told) == ["test_rmse", "test_mae", "fit_time", "test_time"]
    assert told["test_rmse"].shape == (3,)
    assert told["test_rmse"].dtype == np.float64
    assert (told["test_rmse"] >= told["test_mae"]).all()
    # Half a rounding step is all that the items' means leave.
    assert told["test_rmse"].mean() < ratings().interactions.value.std()
    assert len(told["fit_time"]) == len(told["test_time"]) == 3
    assert min(told["fit_time"]) > 0


def test_rankings_are_validated_on_the_folds_of_the_seed() -> None:
    told = cross_validate("base.popular", ratings(4.0), ["ndcg@5", "auc"], cv=2, seed=7)
    for fold, split in enumerate(k_fold_splits(ratings(4.0), 2, 7)):
        model = fit(split.train, scorers=["base.popular"], seed=7)
        alone = evaluate_recommender(model.recommender, split, metrics=["ndcg@5", "auc"])
        assert told["test_ndcg@5"][fold] == alone.values["ndcg@5"]
        assert told["test_auc"][fold] == alone.values["auc"]


def test_a_verbose_one_prints_the_folds_their_mean_and_deviation(
    capsys: pytest.CaptureFixture[str],
) -> None:
    told = cross_validate("mf.sgd", ratings(), ["mae"], cv=2, verbose=True)
    head, mae, *times = capsys.readouterr().out.splitlines()
    assert head.split() == ["fold", "1", "fold", "2", "mean", "std"]
    values = told["test_mae"]
    cells = [f"{value:.4f}" for value in (*values, values.mean(), values.std())]
    assert mae.split() == ["test_mae", *cells]
    assert [line.split()[0] for line in times] == ["fit_time", "test_time"]


@pytest.mark.parametrize(
    ("cv", "measures", "error", "told"),
    [
        (1, ["rmse"], SettingsError, "folds must be at least 2, got 1"),
        ("five", ["rmse"], SettingsError, "cv must be a number of folds, such as 5, got 'five'"),
        (3, ["rsme"], RequestError, "did you mean 'rmse'"),
    ],
)
def test_a_mistake_is_told(
    cv: int, measures: Sequence[str], error: type[Exception], told: str
) -> None:
    with pytest.raises(error, match=told):
        cross_validate("mf.sgd", ratings(), measures, cv)


@pytest.mark.parametrize("kind", ["user-time", "user-random"])
def test_three_parts_share_no_liking_and_make_up_all(kind: str) -> None:
    choosing, judging = three_way_split(ratings(), kind)
    sizes = len(choosing.train.interactions), choosing.test.nnz, judging.test.nnz
    assert sum(sizes) == len(ratings().interactions)
    assert len(judging.train.interactions) == sizes[0] + sizes[1]
    parts = [
        set(zip(part.row_of_entry().tolist(), part.indices.tolist(), strict=True))
        for part in (choosing.train.interactions.by_user(), choosing.test, judging.test)
    ]
    assert len(set.union(*parts)) == sum(sizes)
    each = ratings().interactions.by_user().counts()
    judged = np.minimum(np.ceil(each * 0.15), each - 1)
    assert judging.test.counts().tolist() == judged.tolist()
    left = each - judged
    chosen = np.minimum(np.ceil(left * (0.15 / 0.85)), left - 1)
    assert choosing.test.counts().tolist() == chosen.tolist()


def test_three_parts_need_something_to_learn_from() -> None:
    with pytest.raises(SettingsError, match=r"validation 0.5 and test 0.5 leave nothing to learn"):
        three_way_split(ratings(), "user-random", validation=0.5, test=0.5)
