"""Areas, gains and errors beside scikit-learn's; `make parity-test` has it."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="needs scikit-learn, as make parity-test has it")

from penchant import metrics
from penchant.metrics import Judged
from penchant.queries import TopK
from sklearn.metrics import (
    mean_absolute_error,
    ndcg_score,
    roc_auc_score,
    root_mean_squared_error,
)

from .asked import ITEMS, USERS, csr


def truth(asked):
    marks = np.zeros((USERS, ITEMS))
    for user, row in enumerate(asked.relevant):
        marks[user, row] = 1
    return marks


def ranked(scores, width):
    order = np.argsort(-scores, axis=1, kind="stable")[:, :width].astype(np.int32)
    counts = np.full(USERS, width, np.int32)
    return TopK(order, np.take_along_axis(scores, order, axis=1), counts)


@pytest.mark.parametrize("steps", [3, 10_000])
def test_the_area_is_that_of_scikit_learn_with_ties(asked, steps):
    scores = np.random.default_rng(1).integers(steps, size=(USERS, ITEMS)).astype(np.float32)
    told = metrics.auc(ranked(scores, ITEMS), csr(asked.relevant), np.full(USERS, ITEMS))
    marks = truth(asked)
    theirs = [roc_auc_score(marks[user], scores[user]) for user in range(USERS)]
    assert told == pytest.approx(theirs, abs=1e-9)


@pytest.mark.parametrize("k", [1, 7, 20])
def test_ndcg_is_that_of_scikit_learn_without_ties(asked, k):
    scores = np.random.default_rng(2).random((USERS, ITEMS)).astype(np.float32)
    top = ranked(scores, k)
    told = metrics.ndcg(Judged.of(top.rows, top.counts, csr(asked.relevant)), k)
    marks = truth(asked)
    theirs = [ndcg_score(marks[[u]], scores[[u]], k=k, ignore_ties=True) for u in range(USERS)]
    assert told == pytest.approx(theirs, abs=1e-9)


def test_errors_of_ratings_are_those_of_scikit_learn():
    draw = np.random.default_rng(3)
    said, given = draw.normal(3, 1, 5000), draw.integers(1, 6, 5000)
    assert metrics.rmse(said, given) == pytest.approx(root_mean_squared_error(given, said))
    assert metrics.mae(said, given) == pytest.approx(mean_absolute_error(given, said))
