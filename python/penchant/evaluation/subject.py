"""What is judged: a fitted component, or a model, which must not know the answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import numpy as np

from penchant.errors import DataError
from penchant.evaluation.leaks import pairs_of

if TYPE_CHECKING:
    from penchant.evaluation.parting import Split
    from penchant.model import Model
    from penchant.protocols import FittedRecommender

T = TypeVar("T")


def component_of(subject: T | Model, split: Split) -> T | FittedRecommender:
    """The recommender of a model; anything else as it is.

    Raises DataError for a model of other users or items than the split's, or one that knows
    likings that it would have to find. O(n log n).
    """
    from penchant.model import Model

    if not isinstance(subject, Model):
        return subject
    train = split.train
    if (
        subject.users != train.users.vocabulary
        or subject.items.vocabulary != train.items.vocabulary
    ):
        raise DataError(
            f"the model has {len(subject.users)} users and {len(subject.items)} items, which are "
            f"others than the {len(train.users)} and {len(train.items)} of split.train; fit it on "
            "that"
        )
    known = int(np.isin(pairs_of(split.test), pairs_of(subject.past.events)).sum())
    if known:
        raise DataError(
            f"the model knows {known} of the {split.test.nnz} likings that it would have to find; "
            "fit it on split.train"
        )
    return subject.recommender
