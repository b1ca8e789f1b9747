"""How good a ranked list is: one float64 a query, all from hits in the first k places.

Definitions are those of the literature that reports implicit-feedback results. An item is relevant
or not (binary); k means places, so a list shorter than k has misses at its end. Lists are ranked
with equal scores by lower row, so a constant score is one fixed list and not a lucky draw. Queries
without a relevant item are left out by `Judged`; no value is ever NaN.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from penchant.metrics.judged import Judged

F64: TypeAlias = npt.NDArray[np.float64]


def precision(judged: Judged, k: int) -> F64:
    """Give hits / k, in 0..1."""
    return _hits(judged, k) / k


def recall(judged: Judged, k: int) -> F64:
    """Give hits / relevant, in 0..1; with more than k relevant items 1 is out of reach."""
    return _hits(judged, k) / judged.relevant


def recall_capped(judged: Judged, k: int) -> F64:
    """Give hits / min(k, relevant), in 0..1.

    This is the recall of Liang et al., "Variational Autoencoders for Collaborative Filtering"
    (2018), and of the papers that compare with it (RecVAE, EASE, iALS revisited).
    """
    return _hits(judged, k) / np.minimum(k, judged.relevant)


def f1(judged: Judged, k: int) -> F64:
    """Give 2·hits / (k + relevant), in 0..1: the harmonic mean of `precision` and `recall`.

    Of each query, so the mean over queries is not the harmonic mean of the two means.
    """
    return 2.0 * _hits(judged, k) / (k + judged.relevant)


def hit_rate(judged: Judged, k: int) -> F64:
    """Give 1 where the first k places hold a relevant item, else 0."""
    return np.minimum(_hits(judged, k), 1.0)


def ndcg(judged: Judged, k: int) -> F64:
    """Give the discounted gain over that of the ideal list, in 0..1.

    A hit at place p (from 1) gains 1 / log2(p + 1); the ideal list starts with min(k, relevant)
    hits (Järvelin and Kekäläinen, "Cumulated gain-based evaluation of IR techniques", 2002, with
    binary gains and the discount now usual).
    """
    hits = judged.first(k)
    gains = 1.0 / np.log2(np.arange(k) + 2.0)
    ideal: F64 = np.cumsum(gains)[np.minimum(k, judged.relevant) - 1]
    found: F64 = (hits * gains).sum(axis=1)
    return found / ideal


def mrr(judged: Judged, k: int) -> F64:
    """Give 1 / the place (from 1) of the first hit, 0 without one; the mean of it is the MRR."""
    hits = judged.first(k)
    first = hits.argmax(axis=1)
    return np.where(hits.any(axis=1), 1.0 / (first + 1.0), 0.0)


def average_precision(judged: Judged, k: int) -> F64:
    """Give the sum of the precisions at the places of hits, over min(k, relevant).

    The mean of it over queries is MAP@k.
    """
    hits = judged.first(k)
    precisions = np.cumsum(hits, axis=1) / np.arange(1.0, k + 1.0)
    found: F64 = (precisions * hits).sum(axis=1)
    return found / np.minimum(k, judged.relevant)


def _hits(judged: Judged, k: int) -> F64:
    hits: F64 = judged.first(k).sum(axis=1, dtype=np.float64)
    return hits
