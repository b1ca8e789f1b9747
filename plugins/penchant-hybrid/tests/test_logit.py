"""Conditional logistic regression on lists whose odds a person can count."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from penchant_hybrid.logit import choice_coefficients


def lists(*chosen_first: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Lists of two items, of which the first has the feature; which one was chosen."""
    features = np.tile([[1.0], [0.0]], (len(chosen_first), 1))
    chosen = np.array([[first, not first] for first in chosen_first]).ravel()
    return features, chosen, np.full(len(chosen_first), 2)


def test_a_coefficient_is_the_logarithm_of_the_odds() -> None:
    three_to_one = lists(True, True, True, False)
    assert choice_coefficients(*three_to_one, ridge=1e-9) == pytest.approx([np.log(3)], rel=1e-6)
    even = lists(True, False)
    assert choice_coefficients(*even, ridge=1e-9) == pytest.approx([0.0], abs=1e-6)


def test_a_ridge_holds_coefficients_back_where_all_say_the_same() -> None:
    always = lists(*[True] * 10)
    loose, tight = (choice_coefficients(*always, ridge=ridge)[0] for ridge in (0.1, 10.0))
    assert loose > tight > 0


def test_a_feature_that_never_varies_gets_nothing() -> None:
    features, chosen, sizes = lists(True, True, False)
    constant = np.ones((len(features), 1))
    found = choice_coefficients(np.hstack([constant, features]), chosen, sizes, ridge=1e-9)
    assert found[0] == 0
    assert found[1] == pytest.approx(np.log(2), rel=1e-6)


def test_the_unit_of_a_feature_does_not_matter() -> None:
    features, chosen, sizes = lists(True, True, False)
    plain = choice_coefficients(features, chosen, sizes, ridge=1.0)
    in_thousandths = choice_coefficients(features * 1000, chosen, sizes, ridge=1.0)
    assert in_thousandths * 1000 == pytest.approx(plain, rel=1e-6)


def test_many_choices_of_one_list_count_as_one() -> None:
    features = np.array([[1.0], [1.0], [0.0], [0.0], [1.0], [0.0]])
    chosen = np.array([True, True, False, False, False, True])
    # One list is for the feature, in two items, and one against it.
    found = choice_coefficients(features, chosen, np.array([4, 2]), ridge=1e-9)
    assert found == pytest.approx([0.0], abs=1e-6)


def objective(
    theta: np.ndarray, features: np.ndarray, chosen: np.ndarray, sizes: list[int], ridge: float
) -> float:
    """The objective read off its definition, list by list."""
    total = ridge / 2 * float(((theta * features.std(axis=0)) ** 2).sum())
    start = 0
    for size in sizes:
        of = slice(start, start + size)
        odds = np.exp(features[of] @ theta)
        total -= float(np.mean(np.log(odds[chosen[of]] / odds.sum())))
        start += size
    return total


@given(
    sizes=st.lists(st.integers(1, 5), min_size=1, max_size=6),
    seed=st.integers(0, 2**16),
    ridge=st.sampled_from([0.1, 1.0, 30.0]),
)
def test_no_step_from_what_is_found_makes_it_better(
    sizes: list[int], seed: int, ridge: float
) -> None:
    draw = np.random.default_rng(seed)
    features = draw.normal(size=(sum(sizes), 3)).round(1)
    chosen = draw.random(sum(sizes)) < 0.4
    chosen[np.cumsum([0, *sizes[:-1]])] = True
    found = choice_coefficients(features, chosen, np.array(sizes), ridge)
    least = objective(found, features, chosen, sizes, ridge)
    for size in (1e-2, 1.0):
        for step in draw.normal(size=(8, 3)) * size:
            assert objective(found + step, features, chosen, sizes, ridge) >= least - 1e-7
