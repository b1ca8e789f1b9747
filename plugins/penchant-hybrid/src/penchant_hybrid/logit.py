"""Conditional logistic regression: which items of a list were chosen, foretold from features.

P(i is chosen from list L) = exp(θ·x_i) / Σ_{j in L} exp(θ·x_j) (McFadden, "Conditional Logit
Analysis of Qualitative Choice Behavior", 1974). Where several items of a list were chosen, each is
one choice from the whole of the list, and all choices of a list together count as one, so that
lists of many choices don't outvote the others. What all items of a list have in common cancels.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    F64 = npt.NDArray[np.float64]

STEPS = 50
_TOLERANCE = 1e-8


def choice_coefficients(
    features: F64,
    chosen: npt.NDArray[np.bool_],
    sizes: npt.NDArray[np.int64],
    ridge: float,
    between: Callable[[int], None] | None = None,
) -> F64:
    """Find θ, (d,), that minimizes -Σ_lists mean_{chosen i} log P(i) + ridge/2 Σ_f (θ_f s_f)².

    `features` is (n, d): the items of the first list, of the second, and so on. `chosen`, (n,),
    marks at least one of each, and `sizes`, (lists,), says how many items the lists have, at least
    one. s_f is the standard deviation of a feature, so that its unit doesn't matter; one that never
    varies gets 0.

    By Newton's method with halved steps: the objective is convex, and strictly so for `ridge` > 0.
    `between` is called before each step. O(n·d²) a step, of which there are about ten.
    """
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    of = np.repeat(np.arange(len(sizes)), sizes)
    scale = features.std(axis=0)
    varies = scale > 0
    x = features[:, varies] / scale[varies]
    wanted = chosen / np.add.reduceat(chosen.astype(np.float64), starts)[of]
    theta = np.zeros(x.shape[1])
    value, odds = _objective(x, wanted, starts, of, theta, ridge)
    for step in range(STEPS):
        if between is not None:
            between(step)
        slope = x.T @ (odds - wanted) + ridge * theta
        means = np.add.reduceat(odds[:, None] * x, starts, axis=0)
        curvature = (x * odds[:, None]).T @ x - means.T @ means + ridge * np.eye(len(theta))
        move = np.linalg.solve(curvature, slope)
        length = 1.0
        while True:
            tried = theta - length * move
            less, found = _objective(x, wanted, starts, of, tried, ridge)
            if less <= value or length < 1e-6:
                break
            length /= 2
        done = value - less <= _TOLERANCE * abs(value)
        if less <= value:
            theta, value, odds = tried, less, found
        if done:
            break
    coefficients = np.zeros(len(scale))
    coefficients[varies] = theta / scale[varies]
    return coefficients


def _objective(
    x: F64,
    wanted: F64,
    starts: npt.NDArray[np.int64],
    of: npt.NDArray[np.int64],
    theta: F64,
    ridge: float,
) -> tuple[float, F64]:
    """The objective at `theta`, and the probability of each item within its list."""
    scores = x @ theta
    scores -= np.maximum.reduceat(scores, starts)[of]
    odds = np.exp(scores)
    totals = np.add.reduceat(odds, starts)
    # Of one list, what is wanted sums to 1.
    value = float(np.log(totals).sum() - wanted @ scores + ridge / 2 * (theta @ theta))
    return value, odds / totals[of]
