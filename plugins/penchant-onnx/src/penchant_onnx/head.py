"""A head on an encoder's output, learned from what the same people liked.

The head is one square matrix W behind the pooling. Two items liked by one user are drawn; after the
head, one must find the other among a thousand items drawn evenly from those that anybody liked
(InfoNCE: van den Oord, Li, Vinyals, "Representation Learning with Contrastive Predictive Coding",
2018, equation 4). Wrong answers are drawn evenly on purpose: the head may learn that some kinds of
items are liked more. With the other users' items in their place, which cancels popularity, every
head ranked worse than none (MovieLens, latest fifth of the likings: NDCG@10 .0149 without, .0081;
with even draws .110; of items hidden from learning .079 without, .17).

Learning begins at the identity, and the step is kept that ranks likings of a validation part best;
so the encoder's own vectors are the worst that can come out of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import numpy.typing as npt
from penchant.item_text import unit

from penchant_onnx.likings import Likings, ranked

if TYPE_CHECKING:
    from penchant.evaluation import Split
    from penchant.protocols import F32, I32, Bool

F64: TypeAlias = npt.NDArray[np.float64]

# Chosen on validation parts of MovieLens.
_PAIRS = 512
_WRONG = 1024
_TEMPERATURE = 0.1
_RATE = 1e-3
_STEPS_BETWEEN = 25
_PATIENCE = 100
_MOST_STEPS = 2000


def learn_head(vectors: F32, split: Split, *, noise: float, seed: int) -> tuple[F32, int]:
    """Learn W (d, d) and after how many steps it was best; the identity after 0 is the least.

    vectors: (versions, items, d) of length 1; the first version is judged. A step is
    O(pairs·wrong·d + (pairs + wrong)·d²).
    """
    draws = np.random.default_rng(seed)
    likings = Likings(split)
    dim = vectors.shape[2]
    weight = np.eye(dim)
    mean, square = np.zeros((dim, dim)), np.zeros((dim, dim))
    best, best_weight, best_step = ranked(vectors[0], split), weight.copy(), 0
    for step in range(1, _MOST_STEPS + 1):
        asked, right = likings.pairs(_PAIRS, draws)
        wrong = likings.wrong(_WRONG, draws)
        a, b, c = (_drawn(vectors, items, noise, draws) for items in (asked, right, wrong))
        slope = _slope(weight, a, b, c, wrong[None, :] == right[:, None])
        # Kingma, Ba, "Adam: A Method for Stochastic Optimization", 2015, algorithm 1.
        mean = 0.9 * mean + 0.1 * slope
        square = 0.999 * square + 0.001 * slope**2
        weight -= _RATE * (mean / (1 - 0.9**step)) / (np.sqrt(square / (1 - 0.999**step)) + 1e-8)
        if step % _STEPS_BETWEEN == 0:
            now = ranked(unit((vectors[0] @ weight.T).astype(np.float32)), split)
            if now > best:
                best, best_weight, best_step = now, weight.copy(), step
            elif step - best_step >= _PATIENCE:
                break
    return best_weight.astype(np.float32), best_step


def _drawn(vectors: F32, items: I32, noise: float, draws: np.random.Generator) -> F64:
    """A version each of some items, (n, d), with noise."""
    drawn: F64 = vectors[draws.integers(0, len(vectors), len(items)), items].astype(np.float64)
    if noise:
        drawn += draws.normal(0, noise / np.sqrt(drawn.shape[1]), drawn.shape)
    return drawn


def _slope(weight: F64, asked: F64, right: F64, wrong: F64, same: Bool) -> F64:
    """Gradient of the mean InfoNCE loss by the head, (d, d).

    asked, right: (n, d), the two items of each pair. wrong: (m, d). same: (n, m), where what should
    be wrong is the right answer, and counts as none.
    """
    (x, x_length), (y, y_length), (z, z_length) = (
        _through(weight, rows) for rows in (asked, right, wrong)
    )
    logits = np.concatenate([(x * y).sum(axis=1, keepdims=True), x @ z.T], axis=1) / _TEMPERATURE
    logits[:, 1:][same] = -np.inf
    blame = np.exp(logits - logits.max(axis=1, keepdims=True))
    blame /= blame.sum(axis=1, keepdims=True)
    blame[:, 0] -= 1
    blame /= len(asked) * _TEMPERATURE
    of_right, of_wrong = blame[:, :1], blame[:, 1:]
    slope: F64 = _back(of_right * y + of_wrong @ z, x, x_length).T @ asked
    slope += _back(of_right * x, y, y_length).T @ right
    slope += _back(of_wrong.T @ x, z, z_length).T @ wrong
    return slope


def _through(weight: F64, rows: F64) -> tuple[F64, F64]:
    mapped = rows @ weight.T
    length = np.maximum(np.sqrt(np.square(mapped).sum(axis=1, keepdims=True)), 1e-12)
    return mapped / length, length


def _back(slope: F64, scaled: F64, length: F64) -> F64:
    """The gradient before vectors were scaled to length 1, from the one after."""
    before: F64 = (slope - scaled * (slope * scaled).sum(axis=1, keepdims=True)) / length
    return before
