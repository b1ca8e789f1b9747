"""How well items are found again, by how much was known of them.

A mean over all test likings hides where it comes from: a model may gain on the popular items and
lose on those that hardly anybody has liked yet, or the other way round.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from penchant.errors import SettingsError

if TYPE_CHECKING:
    from penchant.evaluation.parting import Split
    from penchant.protocols import Bool

BOUNDS = (0, 5, 20)


def by_past(split: Split, bounds: Sequence[int] = BOUNDS) -> Mapping[str, Split]:
    """Part the likings to find by how many users liked the item in train.

    bounds: the greatest count of each bucket but the last, ascending: (0, 5, 20) gives "0", "1-5",
    "6-20" and "21+". A bucket is the same split with its own likings alone to find, by the users
    who have one; train and candidates stay, so lists are the same in all. Empty buckets are left
    out. A recall or an NDCG of a bucket stands for itself; its precision is a share of the lists.
    O(test likings). Raises SettingsError for bounds that don't ascend from 0.
    """
    edges = [int(bound) for bound in bounds]
    if not edges or edges[0] < 0 or any(b <= a for a, b in pairwise(edges)):
        raise SettingsError(f"bounds must ascend, from 0 at the least, got {list(bounds)}")
    past = np.bincount(split.train.positive_csr().indices, minlength=split.test.columns)
    bucket = np.searchsorted(edges, past[split.test.indices])
    marks = {label: bucket == place for place, label in enumerate(_labels(edges))}
    return parted(split, marks)


def parted(split: Split, marks: Mapping[str, Bool]) -> Mapping[str, Split]:
    """The split with a part of the likings to find each time, by the users who have one.

    marks: by label, (test.nnz,) bool. Parts that no evaluated user has a liking of are left out.
    """
    warm = np.zeros(split.test.rows, np.bool_)
    warm[split.users] = True
    found = {}
    for label, mark in marks.items():
        test = split.test.where(mark)
        users = np.flatnonzero(warm & (test.counts() > 0)).astype(np.int32)
        if len(users):
            users.setflags(write=False)
            found[label] = replace(split, test=test, users=users, name=f"{split.name}/{label}")
    return found


def _labels(edges: Sequence[int]) -> list[str]:
    lows = [0, *(edge + 1 for edge in edges[:-1])]
    inner = [
        str(low) if low == high else f"{low}-{high}" for low, high in zip(lows, edges, strict=True)
    ]
    return [*inner, f"{edges[-1] + 1}+"]
