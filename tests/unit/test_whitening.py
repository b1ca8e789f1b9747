"""Directions evened out."""

from __future__ import annotations

import numpy as np
import pytest
from penchant.item_text import Whitening, unit


def cone(count: int, dim: int = 8, seed: int = 0) -> np.ndarray:
    """Vectors in a narrow cone, with one direction that takes most of the variance."""
    noise = np.random.default_rng(seed).normal(size=(count, dim)).astype(np.float32)
    noise[:, 1] *= 5
    noise[:, 0] += 20
    return unit(noise)


def test_centring_takes_the_cones_axis_away() -> None:
    vectors = cone(500)
    assert (vectors @ vectors.T).min() > 0.1
    centred = Whitening.of(vectors, 0.0)(vectors)
    assert abs(float(centred.mean(axis=0) @ centred.mean(axis=0))) < 0.02


def test_more_power_evens_the_spectrum_out() -> None:
    vectors = cone(2000)

    def unevenness(power: float) -> float:
        spread = np.linalg.eigvalsh(np.cov(Whitening.of(vectors, power)(vectors).T))
        return float(spread[-1] / spread[1])

    assert unevenness(0.0) > 2 * unevenness(0.5) > 4 * unevenness(1.0)


def test_full_whitening_gives_the_identity_but_for_shrinkage() -> None:
    vectors = cone(5000)
    whitening = Whitening.of(vectors, 1.0)
    raw = (vectors - whitening.mean).astype(np.float64) @ whitening.mix
    spread = np.linalg.eigvalsh(np.cov(raw.T))
    assert spread[-1] / spread[1] < 1.05


def test_a_small_catalogue_is_hardly_more_than_centred() -> None:
    vectors = cone(4, dim=200)
    plain, whitened = (Whitening.of(vectors, power)(vectors) for power in (0.0, 0.5))
    assert (plain * whitened).sum(axis=1).min() > 0.99


def test_rows_of_zeros_have_no_say_and_stay_zeros() -> None:
    vectors = cone(30)
    padded = np.concatenate([vectors, np.zeros((5, 8), np.float32)])
    whitening = Whitening.of(padded, 0.5)
    np.testing.assert_array_equal(whitening.mix, Whitening.of(vectors, 0.5).mix)
    assert not whitening(padded)[-5:].any()


@pytest.mark.parametrize("count", [0, 1, 3])
def test_nothing_to_learn_from_gives_zeros_and_no_nan(count: int) -> None:
    same = np.tile(unit(np.array([[1.0, 2.0, 3.0]], np.float32)), (count, 1))
    whitening = Whitening.of(same, 0.5)
    assert not whitening(same).any()
    other = whitening(unit(np.array([[3.0, -1.0, 0.5]], np.float32)))
    assert np.isfinite(other).all()


def test_a_vector_has_the_same_bits_in_any_batch() -> None:
    vectors = cone(50, dim=33)
    whitening = Whitening.of(vectors, 0.5)
    whole = whitening(vectors)
    for row in range(0, 50, 7):
        np.testing.assert_array_equal(whitening(vectors[row : row + 1])[0], whole[row])
