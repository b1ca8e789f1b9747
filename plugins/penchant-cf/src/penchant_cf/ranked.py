"""Similar items, ranked by a matrix of likeness."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from penchant import kernels
from penchant.queries import Csr, TopK

if TYPE_CHECKING:
    from penchant.protocols import F32, I32
    from penchant.queries import Candidates


def rank(likeness: F32, items: I32, candidates: Candidates, k: int) -> TopK:
    """Rank by (n, catalogue) likeness to each of `items`; only what is alike (> 0) comes back."""
    alike = likeness > 0
    alike[np.arange(len(items)), items] = False
    if candidates.lists is not None:
        alike &= candidates.lists.binary().to_dense() > 0
    rows, columns = np.nonzero(alike)
    lists = Csr.from_pairs(rows.astype(np.int32), columns.astype(np.int32), None, likeness.shape)
    seen = candidates.seen
    return TopK(
        *kernels.select_top_k(
            likeness,
            k,
            seen=None if seen is None else (seen.indptr, seen.indices),
            allow=candidates.allow,
            deny=candidates.deny,
            lists=(lists.indptr, lists.indices),
        )
    )
