"""The area under the ROC curve: how often a relevant item stands before an irrelevant one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from penchant.errors import ShapeError
from penchant.metrics.judged import Judged

if TYPE_CHECKING:
    from penchant.metrics.ranking import F64
    from penchant.protocols import I64
    from penchant.queries import Csr, TopK


def auc(top: TopK, relevant: Csr, eligible: I64) -> F64:
    """Give the share of pairs, one relevant and one other item, that are in the right order.

    top: lists of the whole catalogue, n queries; of neighbours in a list with one score neither is
    before the other, and the pair counts half. Items that no list holds all stand at its end, tied.
    relevant: n x items. eligible: (n,) int64, how many items could be shown to each query, relevant
    ones included. One float64 a query that has something relevant, 0.5 where there is nothing else
    to be confused with. Equals the Mann-Whitney U over the number of pairs (Hanley and McNeil, "The
    meaning and use of the area under a ROC curve", 1982). O(n·width).

    Raises ShapeError for a number of eligible items a query that doesn't fit.
    """
    if eligible.shape != (len(top.rows),):
        raise ShapeError(
            f"{len(top.rows)} lists need as many numbers of eligible items, got an array of shape "
            f"{eligible.shape}"
        )
    judged = Judged.of(top.rows, top.counts, relevant)
    filled = np.arange(top.rows.shape[1]) < top.counts[judged.queries][:, None]
    wrong = filled & ~judged.hits
    others = eligible[judged.queries] - judged.relevant
    scores = top.scores[judged.queries]

    # Where the run of equal scores that each place belongs to starts, and where it ends.
    width = scores.shape[1]
    edge = np.ones(scores.shape, np.bool_)
    edge[:, 1:] = scores[:, 1:] != scores[:, :-1]
    start = np.maximum.accumulate(np.where(edge, np.arange(width), 0), axis=1)
    last = np.ones(scores.shape, np.bool_)
    last[:, :-1] = edge[:, 1:]
    from_end = np.where(last, np.arange(width), width - 1)[:, ::-1]
    end = np.minimum.accumulate(from_end, axis=1)[:, ::-1]

    before = np.zeros((len(scores), width + 1), np.int64)
    np.cumsum(wrong, axis=1, out=before[:, 1:])
    above = np.take_along_axis(before, start, axis=1)
    through = np.take_along_axis(before, end + 1, axis=1)
    beaten = others[:, None] - (above + through) / 2.0
    wins = (beaten * judged.hits).sum(axis=1)
    absent = judged.relevant - judged.hits.sum(axis=1)
    wins += absent * (others - before[:, -1]) / 2.0
    pairs = judged.relevant * others
    return np.where(pairs > 0, wins / np.maximum(pairs, 1), 0.5)
