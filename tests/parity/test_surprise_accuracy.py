"""Errors and concordance beside Surprise's; `make parity-test` has it."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("surprise", reason="needs scikit-surprise, as make parity-test has it")

from penchant import metrics
from surprise import Prediction, accuracy

USERS = 6


def ratings(seed):
    draw = np.random.default_rng(seed)
    users = np.sort(draw.integers(USERS, size=90))
    return draw.normal(3, 1, 90), draw.integers(1, 6, 90).astype(float), users


def predictions(said, given, users):
    told = zip(users, given, said, strict=True)
    return [Prediction(user, item, r, est, {}) for item, (user, r, est) in enumerate(told)]


@pytest.mark.parametrize("seed", range(5))
def test_errors_are_those_of_surprise(seed):
    said, given, users = ratings(seed)
    told = predictions(said, given, users)
    assert metrics.rmse(said, given) == pytest.approx(accuracy.rmse(told, verbose=False), abs=1e-9)
    assert metrics.mae(said, given) == pytest.approx(accuracy.mae(told, verbose=False), abs=1e-9)


@pytest.mark.parametrize("seed", range(5))
def test_concordance_is_that_of_surprise_where_every_user_has_both_kinds_of_pairs(seed):
    # Surprise averages concordant pairs over users with one, and discordant ones over users with
    # one. With both for everybody, and no ties of predictions, the numbers of users cancel.
    said, given, users = ratings(seed)
    told = accuracy.fcp(predictions(said, given, users), verbose=False)
    assert metrics.fcp(said, given, users) == pytest.approx(told, abs=1e-9)


def test_concordance_differs_where_a_user_has_no_discordant_pair():
    said, given, users = [2.0, 1.0, 1.0, 3.0, 2.0], [5.0, 1.0, 5.0, 1.0, 0.5], [0, 0, 1, 1, 1]
    # The first user's pair is met; of the second's three one is: 2 of 4. The mean over the users
    # who have such is 1 concordant pair and 2 discordant ones.
    assert metrics.fcp(said, given, users) == 2 / 4
    assert accuracy.fcp(predictions(said, given, users), verbose=False) == 1 / (1 + 2)
