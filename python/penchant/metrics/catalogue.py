"""What lists show of a catalogue, relevant or not: how much of it, how well known, how new."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from penchant.errors import ShapeError
from penchant.metrics.judged import check_cut

if TYPE_CHECKING:
    from penchant.metrics.ranking import F64
    from penchant.protocols import I32, I64, Bool
    from penchant.queries import Csr


@dataclass(frozen=True, slots=True, eq=False)
class Catalogue:
    """What was known of the items when the lists were made.

    liked_by: (items,) int64, how many users liked each item in the training data.
    users: how many users liked anything there.
    eligible: (items,) bool, what could be shown at all, or None for every item.
    """

    liked_by: I64
    users: int
    eligible: Bool | None = None

    @classmethod
    def of(cls, liked: Csr, eligible: Bool | None = None) -> Catalogue:
        """Count the likings of training, users x items, each pair once."""
        counts = np.bincount(liked.indices, minlength=liked.columns)
        return cls(counts.astype(np.int64), int((liked.counts() > 0).sum()), eligible)


def coverage(rows: I32, catalogue: Catalogue, k: int) -> float:
    """Give the share of the eligible items that stand in the first k places of any list.

    rows is (n, width) int32, -1 where a list has ended. One number for all lists; 0 where nothing
    is eligible. O(n·k + items).
    """
    shown = first(rows, catalogue, k)
    seen = np.zeros(len(catalogue.liked_by), np.bool_)
    seen[shown[shown >= 0]] = True
    if catalogue.eligible is not None:
        seen &= catalogue.eligible
    size = len(seen) if catalogue.eligible is None else int(catalogue.eligible.sum())
    return float(seen.sum() / size) if size else 0.0


def gini(rows: I32, catalogue: Catalogue, k: int) -> float:
    """Give the Gini index of how often each eligible item stands in the first k places.

    0 where all are shown equally often, near 1 where a few are shown to everybody. With the n
    counts x in ascending order, Σ (2j - n - 1)·xⱼ / (n·Σ x), as by Shani and Gunawardana,
    "Evaluating Recommendation Systems" (2011), section 8.3.3, who divide by n - 1. One number for
    all lists; 0 where nothing is shown. O(n·k + items·log(items)).
    """
    shown = first(rows, catalogue, k)
    counts = np.bincount(shown[shown >= 0], minlength=len(catalogue.liked_by))
    if catalogue.eligible is not None:
        counts = counts[catalogue.eligible]
    total = int(counts.sum())
    if not total:
        return 0.0
    place = 2.0 * np.arange(1, len(counts) + 1) - len(counts) - 1
    return float(place @ np.sort(counts) / (len(counts) * total))


def novelty(rows: I32, catalogue: Catalogue, k: int) -> F64:
    """Give the mean self-information of the first k items of each list, (n,) float64, in bits.

    An item liked by c of u users carries -log2((c + 1) / (u + 1)) bits: 0 where everybody likes it,
    log2(u + 1) where nobody does. After Zhou et al., "Solving the apparent diversity-accuracy
    dilemma of recommender systems" (2010), who have c / u; the added one keeps an item that nobody
    liked finite. An empty list has 0.
    """
    bits = np.log2(catalogue.users + 1.0) - np.log2(catalogue.liked_by + 1.0)
    return _mean_of_shown(first(rows, catalogue, k), bits)


def popularity(rows: I32, catalogue: Catalogue, k: int) -> F64:
    """Give the mean popularity share of the first k items of each list, (n,) float64, in 0..1.

    The popularity share of an item is the part of the training users that liked it (the average
    recommendation popularity of Yin et al., "Challenging the Long Tail Recommendation", 2012, over
    the number of users). An empty list has 0.
    """
    return _mean_of_shown(first(rows, catalogue, k), catalogue.liked_by / max(catalogue.users, 1))


def first(rows: I32, catalogue: Catalogue, k: int) -> I32:
    """The first k places of each list, once they are known to fit the catalogue."""
    if rows.ndim != 2:
        raise ShapeError(f"lists are (queries, places), got an array of shape {rows.shape}")
    check_cut(k, rows.shape[1])
    size = len(catalogue.liked_by)
    if rows.size and int(rows.max()) >= size:
        raise ShapeError(f"a list holds item {int(rows.max())} of a catalogue of {size}")
    return rows[:, :k]


def _mean_of_shown(shown: I32, value: F64) -> F64:
    filled = shown >= 0
    # The appended 0 is what an empty place (-1) reads.
    total: F64 = np.append(value, 0.0)[shown].sum(axis=1)
    mean: F64 = total / np.maximum(filled.sum(axis=1), 1)
    return mean
