"""How far a scorer's scores lie apart, so that parts on different scales can be added.

One number a part, fixed at fit: the root of the mean, over a sample of users, of the variance of
the scores that a user's unseen items get. Differences between users are left out, since they don't
change any user's order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from penchant.queries import Queries

if TYPE_CHECKING:
    from penchant.data import Dataset
    from penchant.protocols import I32

    from penchant_hybrid.parts import Part

SAMPLE = 256
_SCORES_AT_ONCE = 8_000_000


def sample_of(data: Dataset, seed: int, size: int = SAMPLE) -> I32:
    """Draw up to `size` of the users who have events, without repeats, in ascending order."""
    active = np.flatnonzero(data.interactions.by_user().counts() > 0)
    if len(active) > size:
        active = np.sort(np.random.default_rng(seed).choice(active, size, replace=False))
    return active.astype(np.int32)


def spread_of(part: Part, data: Dataset, users: I32) -> float:
    """Measure the spread; 1 where the part answers nobody or scores everything alike.

    O(users·items) scores, in batches of bounded memory.
    """
    log = data.interactions
    step = max(1, _SCORES_AT_ONCE // max(1, len(data.items)))
    variances = []
    for start in range(0, len(users), step):
        queries = Queries.known(users[start : start + step], log.by_user(), log.times_by_user())
        queries = queries.take(np.flatnonzero(part.answers(queries)).astype(np.int32))
        if not len(queries):
            continue
        scores = part.scorer.score(queries, None)
        unseen = np.ones(scores.shape, np.bool_)
        unseen[queries.history.row_of_entry(), queries.history.indices] = False
        for row, mine in zip(scores, unseen, strict=True):
            if mine.any():
                variances.append(float(row[mine].var(dtype=np.float64)))
    spread = float(np.sqrt(np.mean(variances))) if variances else 0.0
    return spread if spread > 0 else 1.0
