"""EASE pulled towards likeness in words: B comes near XᵀX's wishes, and near S, at once.

The minimum over B with a diagonal of zeros of

    |X - XB|² + λ((1 - w)·|B|² + w·|B - S|²)

where S are the weights by which the other items' words foretell those of one: the same regression
on text features in the place of users (Moon, Lee, "LLM-Enhanced Linear Autoencoders for
Recommendation", 2025, in the form of one matrix for all w). With P = (XᵀX + λI)⁻¹ and Q = λPS it is

    B = E + w·T,   T_ij = Q_ij + E_ij·Q_jj   off the diagonal,

E being the weights without a text: the text costs one product of matrices whatever w is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from penchant.errors import DataError
from penchant.evaluation import evaluate_scorer, user_random_split
from penchant.item_text import likeness
from penchant.queries import Csr

if TYPE_CHECKING:
    from penchant.data import Dataset
    from penchant.protocols import F32, FittedScorer

Tries: TypeAlias = "Callable[[float], FittedScorer]"

_WEIGHTS = (0.25, 0.5, 0.75, 1.0)
_METRIC = "ndcg@10"


def learned_weight(data: Dataset, seed: int, tries_on: Callable[[Dataset], Tries]) -> float:
    """The weight w of the text that finds best what a fifth of the likings hides, or 0.

    It is 0 where the best of the others gains less than one standard error over it (the mean of the
    users' differences of NDCG@10), and where there is too little to hide.
    tries_on: gives, for the data that are left, the model of any weight.
    """
    try:
        split = user_random_split(data, seed=seed)
    except DataError:
        return 0.0
    at = tries_on(split.train)
    without = evaluate_scorer(at(0.0), split, metrics=(_METRIC,)).per_user[_METRIC]
    best, weight = 0.0, 0.0
    for share in _WEIGHTS:
        gain = evaluate_scorer(at(share), split, metrics=(_METRIC,)).per_user[_METRIC] - without
        mean = float(gain.mean())
        if mean > max(best, float(gain.std()) / len(gain) ** 0.5):
            best, weight = mean, share
    return weight


def pull_of_text(weights: F32, precision: F32, features: F32 | Csr, l2: float, own: float) -> F32:
    """T, (w, w) float32.

    weights: E, with a diagonal of zeros. precision: (w,), √diag P. l2: λ.
    features: (w, d), rows of length 1 or none. own: regularization of the regression that makes S.
    O(w³) time, O(w²) memory.
    """
    share = np.float32(l2) * precision**2
    # λP = diag(share) - E·diag(share).
    toward = share[:, None] * _weights_of_words(features, own)
    toward -= weights @ toward
    pull: F32 = toward + weights * toward.diagonal()
    np.fill_diagonal(pull, 0.0)
    return pull


def _weights_of_words(features: F32 | Csr, l2: float) -> F32:
    """S: EASE with features in the place of users."""
    if isinstance(features, Csr) or features.shape[0] <= features.shape[1]:
        size = features.rows if isinstance(features, Csr) else len(features)
        gram = likeness(features, features).astype(np.float64)
        gram[np.diag_indices(size)] += l2
        hat = -l2 * np.linalg.inv(gram)
        hat[np.diag_indices(size)] += 1.0
    else:
        wide = features.astype(np.float64)
        gram = wide.T @ wide
        gram[np.diag_indices(len(gram))] += l2
        hat = wide @ np.linalg.solve(gram, wide.T)
    hat /= np.maximum(1.0 - hat.diagonal(), np.finfo(np.float32).eps)
    np.fill_diagonal(hat, 0.0)
    return hat.astype(np.float32)
