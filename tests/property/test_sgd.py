"""Matrix factorisation against the same steps in numpy, and against itself on other threads."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from penchant.kernels import sgd

SETTINGS = {
    "learning_rate": 0.02,
    "decay": 0.9,
    "regularization": 0.05,
    "bias_regularization": 0.01,
    "seed": 11,
}
ARRAYS = ("user_factors", "item_factors", "user_bias", "item_bias", "train_rmse")


def naive(users, items, ratings, start):
    """Two epochs: user by user, four ratings at once, and then the rest."""
    p, q = start.user_factors.astype(np.float64), start.item_factors.astype(np.float64)
    bu, bi = np.zeros(len(p)), np.zeros(len(q))
    mean, rate, rmse = ratings.mean(dtype=np.float64), 0.02, []
    for _ in range(2):
        squares = 0.0
        for user in range(len(p)):
            mine = np.flatnonzero(users == user)
            for batch in (mine[at : at + 4] for at in range(0, len(mine), 4)):
                old = p[user].copy()
                rows = items[batch]
                errors = ratings[batch] - mean - bu[user] - bi[rows] - q[rows] @ old
                for item, error in zip(rows, errors, strict=True):
                    p[user] += rate * (error * q[item] - 0.05 * old)
                    q[item] += rate * (error * old - 0.05 * q[item])
                    bi[item] += rate * (error - 0.01 * bi[item])
                bu[user] += rate * (errors.sum() - len(batch) * 0.01 * bu[user])
                squares += (errors**2).sum()
        rmse.append(np.sqrt(squares / len(ratings)))
        rate *= 0.9
    return p, q, bu, bi, rmse


@given(
    st.lists(st.tuples(st.integers(0, 5), st.integers(0, 4), st.floats(1, 5)), min_size=1),
    st.integers(1, 40),
)
def test_the_steps_are_those_of_the_formula(triples, factors):
    users, items = (np.array([t[at] for t in triples], np.int32) for at in (0, 1))
    ratings = np.array([t[2] for t in triples], np.float32)
    arguments = (users, items, ratings, 6, 5)
    start = sgd(*arguments, factors=factors, epochs=0, **SETTINGS)
    model = sgd(*arguments, factors=factors, epochs=2, **SETTINGS)
    for name, expected in zip(ARRAYS, naive(users, items, ratings, start), strict=True):
        np.testing.assert_allclose(getattr(model, name), expected, atol=2e-5, err_msg=name)


@pytest.mark.parametrize("factors", [20, 64])
def test_threads_do_not_change_a_bit_of_a_large_fit(factors):
    rng = np.random.default_rng(5)
    n = 300_000
    users = rng.integers(0, 3_000, n, dtype=np.int32)
    items = (rng.random(n) ** 2 * 500).astype(np.int32)
    ratings = rng.integers(1, 6, n).astype(np.float32)
    one, two, five = (
        sgd(users, items, ratings, 3_000, 500, factors=factors, epochs=2, threads=t, **SETTINGS)
        for t in (1, 2, 5)
    )
    for name in ARRAYS:
        bits = getattr(one, name).tobytes()
        assert getattr(two, name).tobytes() == bits
        assert getattr(five, name).tobytes() == bits
