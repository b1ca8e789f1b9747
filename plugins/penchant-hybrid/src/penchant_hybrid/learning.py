"""Weights learned from held-out events: parts are let in where they help, again and again.

The measure, NDCG@10, is the one that a user of the blend cares about. It has no gradient, so
weights are counts: starting from nothing, the part that helps most is added, once more if it was in
already, and the best of the sums met on the way stays (Caruana, Niculescu-Mizil, Crew, Ksikes,
"Ensemble Selection from Libraries of Models", 2004, section 2.1).

Among many parts one always seems to help by chance, and does harm later. So that is done for
several samples of the users, drawn with replacement; a part that fewer than half of them let in
gets the weight 0, as in stability selection (Meinshausen, Buehlmann, "Stability Selection", 2010),
and the others the mean of theirs, as in bagging (Breiman, "Bagging Predictors", 1996).

The seed alone decides the samples, and the events that the blend will be judged by later play no
part.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from penchant.errors import FitCancelled

from penchant_hybrid.judging import Panel, judge_of_pools, raised

if TYPE_CHECKING:
    import numpy.typing as npt
    from penchant.data import Dataset
    from penchant.protocols import FitContext

    from penchant_hybrid.judging import F64, Among, Counts
    from penchant_hybrid.parts import Part

SAMPLES = 16
ADDITIONS = 8
OFTEN = 0.5
_TASK = "weights"


def learn_weights(
    parts: Sequence[Part],
    data: Dataset,
    validation: Dataset,
    context: FitContext,
    among: Among = "all",
) -> list[float]:
    """Let parts in by the events of `validation`; the greatest weight found is scaled to 1.

    A part's own weight is what it counts each time that it is added; one of weight 0 stays out.
    `among` "new" ranks only the items that are liked in `validation` and not in `data`.

    Judged on up to 4096 users who like something in `validation` that they have not met in `data`,
    among what any part puts before the rest of the catalogue (`Judge.pooled`). O(users·items) a
    part, then O(sums·users·pool) for at most 128 sums a part, of which most are met again and
    again. Raises DataError without such users.
    """
    judge = judge_of_pools(parts, data, validation, context, among)
    return weights_by(Panel([judge], [1.0]), context)


def weights_by(panel: Panel, context: FitContext) -> list[float]:
    """The weights of parts by what the users of all judges of the panel find; see above."""
    shares = shares_by(panel, context)
    weights = shares.mean(axis=0)
    seldom = (shares > 0).mean(axis=0) < OFTEN
    weights[seldom & (weights < weights.max())] = 0.0
    weights *= panel.sizes
    context.progress(
        _TASK, SAMPLES, SAMPLES, f"{np.count_nonzero(weights)} of {len(weights)} parts"
    )
    return [float(weight) for weight in weights / weights.max()]


def shares_by(panel: Panel, context: FitContext, owner: str = "hybrid.weighted") -> F64:
    """(samples, parts): what each part counts in the best sum of each sample of the users.

    Rows sum to 1. `owner` is who learns, for the error of a fit that was cancelled.
    """
    users, draw = panel.users, np.random.default_rng(context.seed)
    found = []
    for sample in range(SAMPLES):
        context.progress(_TASK, sample, SAMPLES)
        if context.cancelled():
            raise FitCancelled(f"the fit of {owner} was cancelled while it weighed")
        times = np.bincount(draw.integers(0, users, users), minlength=users)
        counts = np.array(_best_counts(panel, times))
        found.append(counts / counts.sum())
    return np.stack(found)


def _best_counts(panel: Panel, times: npt.NDArray[np.int64]) -> Counts:
    """How often each part is in the best sum met. times: how often each user is in the sample."""
    counts: Counts = (0,) * len(panel.sizes)
    best, most = counts, -1.0
    for _ in range(ADDITIONS):
        values = np.array([float(times @ ndcg) for ndcg in panel.raised(counts)])
        values[panel.sizes == 0] = -1.0
        # The first of equals, so that parts named earlier are preferred.
        greatest = int(np.argmax(values))
        counts = raised(counts)[greatest]
        if values[greatest] > most:
            best, most = counts, values[greatest]
    return best
