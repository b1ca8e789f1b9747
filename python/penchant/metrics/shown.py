"""Lists beside who got them: what they liked before, what items are like, what was relevant."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from penchant.errors import ShapeError
from penchant.metrics.catalogue import Catalogue, first, popularity
from penchant.metrics.judged import Judged
from penchant.metrics.rating import Share

if TYPE_CHECKING:
    from penchant.metrics.ranking import F64
    from penchant.protocols import I32, I64
    from penchant.queries import Csr


@dataclass(frozen=True, slots=True, eq=False)
class Shown:
    """The lists of `n` queries and all that can be known of them.

    rows: (n, width) int32, best place first, -1 where a list has ended.
    judged: the same lists held against what was relevant.
    catalogue: what was known of the items. `liked`: n x items, what each query liked in training.
    features: items x features, what items are like (labels: ones; vectors: their numbers), with
        values; None where the metric doesn't ask. An item without an entry is one nothing is known
        of.
    """

    rows: I32
    judged: Judged
    catalogue: Catalogue
    liked: Csr
    features: Csr | None = None

    def __post_init__(self) -> None:
        items = len(self.catalogue.liked_by)
        if (self.liked.rows, self.liked.columns) != (len(self.rows), items):
            raise ShapeError(
                f"{len(self.rows)} lists of a catalogue of {items} need what as many queries "
                f"liked, got {self.liked.rows} rows of {self.liked.columns} items"
            )
        if self.features is not None and self.features.rows != items:
            raise ShapeError(
                f"a catalogue of {items} items needs as many rows of features, got "
                f"{self.features.rows}"
            )


def accuracy(shown: Shown, k: int) -> F64:
    """Give the share of the eligible items that the first k places are right about, in 0..1.

    Right are a relevant item that is shown and an irrelevant one that isn't: with the n eligible
    items, (n - misses - false) / n. One float64 a query that has something relevant. Nearly all
    items are rightly left out of any list, so that this is near 1 for every strategy; it is here to
    compare with others who report it. 0 where nothing is eligible.
    """
    judged, catalogue = shown.judged, shown.catalogue
    filled = (first(shown.rows, catalogue, k)[judged.queries] >= 0).sum(axis=1)
    hits = judged.first(k).sum(axis=1)
    size = _eligible(catalogue)
    right: F64 = (size - (filled - hits) - (judged.relevant - hits)) / max(size, 1)
    return np.maximum(right, 0.0)


def serendipity(shown: Shown, k: int) -> F64:
    """Give how much sooner than by popularity relevant items come, over k, in 0..1.

    With n eligible items a place p (from 1) is worth (n + 1 - p) / n. A hit counts for the worth of
    its place less that of its rank by popularity, not below 0; where nobody liked it in training,
    for the whole worth. Items liked by equally many share a rank, and the next rank is one more.
    The definition of RecTools (`Serendipity`), after the idea of unexpected hits by Murakami, Mori
    and Orihara, "Metrics for evaluating the serendipity of recommendation lists" (2008). One
    float64 a query that has something relevant. O(n·k + items·log(items)).
    """
    judged, catalogue = shown.judged, shown.catalogue
    size = max(_eligible(catalogue), 1)
    rows = first(shown.rows, catalogue, k)[judged.queries]
    counts, at = np.unique(catalogue.liked_by, return_inverse=True)
    worth = np.maximum((size + 1.0 - (len(counts) - at)) / size, 0.0)
    expected = np.where(catalogue.liked_by > 0, worth, 0.0)
    places = np.maximum((size + 1.0 - np.arange(1, k + 1)) / size, 0.0)
    gains = np.maximum(places - np.append(expected, 0.0)[rows], 0.0)
    found: F64 = (gains * judged.first(k)).sum(axis=1)
    return found / k


def popularity_lift(shown: Shown, k: int) -> Share:
    """Give how much more popular the lists are than what the users liked: 0 for equally popular.

    (Σ of the mean popularity of each list - Σ of that of what each user liked) / the latter sum: 1
    means twice as popular, -0.5 half. The ΔGAP of Abdollahpouri, Mansoury, Burke and Mobasher, "The
    Unfairness of Popularity Bias in Recommendation" (2019), equation 2, of all users as one group.
    Users who liked nothing in training are left out. 0 where nobody liked anything.
    """
    catalogue, liked = shown.catalogue, shown.liked
    share = catalogue.liked_by / max(catalogue.users, 1)
    owner = liked.row_of_entry()
    total = np.bincount(owner, share[liked.indices], minlength=liked.rows)
    counts: I64 = liked.counts()
    known = np.flatnonzero(counts > 0).astype(np.int32)
    before = total[known] / counts[known]
    after = popularity(shown.rows, catalogue, k)[known]
    if not before.any():
        return Share(known, np.zeros(len(known)), np.ones(len(known)))
    return Share(known, after - before, before)


def _eligible(catalogue: Catalogue) -> int:
    chosen = catalogue.eligible
    return len(catalogue.liked_by) if chosen is None else int(chosen.sum())
