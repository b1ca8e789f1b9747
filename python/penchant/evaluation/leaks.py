"""The leak guard: a figure is worth nothing if the answers were in what was learned.

Splits made here are clean by construction; those that people put together or change are not always.
What can only be a mistake is refused, what may be meant is told.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from penchant.errors import DataError
from penchant.evaluation.giveaways import giveaways

if TYPE_CHECKING:
    import numpy.typing as npt

    from penchant.evaluation.parting import Split
    from penchant.queries import Csr

_BY_USER = ("user-time", "leave-last")
_BY_MOMENT = ("global-time", "sliding-time")


def leaks(split: Split) -> tuple[str, ...]:
    """Look for test events that train knows; gives sentences on what may be a leak, or none.

    Refused with DataError: likings to find that are events of train, too; a test part of other
    users or items than train; events in train of an item that a cold-item split hides. Told: events
    held out by time that are older than what train has of the same user (of anybody, for splits by
    one moment); columns of items and users that follow all events (`giveaways`). O(n log n).
    """
    refuse_leaks(split)
    return (*_told(split), *giveaways(split))


def refuse_leaks(split: Split) -> None:
    """Do as `leaks` of what can only be a mistake, and look for nothing else."""
    train, test = split.train, split.test
    if (test.rows, test.columns) != (len(train.users), len(train.items)):
        raise DataError(
            f"{split.name}: the test part is of {test.rows} users and {test.columns} items but "
            f"train has {len(train.users)} and {len(train.items)}; cut both from one dataset"
        )
    both = np.isin(pairs_of(test), pairs_of(train.interactions.by_user()))
    if both.any():
        at = int(np.flatnonzero(both)[0])
        user = train.users.vocabulary.id(int(test.row_of_entry()[at]))
        item = train.items.vocabulary.id(int(test.indices[at]))
        raise DataError(
            f"{split.name}: {int(both.sum())} likings to find are events of train too, such as "
            f"that of user {user!r} and item {item!r}; leave them out of one part"
        )
    if split.kind == "cold-item" and split.candidates is not None:
        known = np.intersect1d(split.candidates, train.interactions.item)
        if len(known):
            raise DataError(
                f"{split.name}: train has events of {len(known)} items that are to be new, such as "
                f"{train.items.vocabulary.id(int(known[0]))!r}; leave them out of train"
            )


def _told(split: Split) -> tuple[str, ...]:
    past, future = split.train.interactions, split.held_out.interactions
    if past.time is None or future.time is None or not len(past):
        return ()
    if split.kind in _BY_USER:
        last = np.full(len(split.train.users), np.iinfo(np.int64).min)
        np.maximum.at(last, past.user, past.time)
        early = future.time < last[future.user]
    elif split.kind in _BY_MOMENT:
        early = future.time < past.time.max()
    else:
        return ()
    if not early.any():
        return ()
    return (
        f"{int(early.sum())} of {len(future)} held-out events are older than events in train, "
        f"although the split is {split.kind}: the model is told of the future",
    )


def pairs_of(matrix: Csr) -> npt.NDArray[np.int64]:
    """Number the entries' pairs of row and column, the same in matrices of one shape."""
    return matrix.row_of_entry().astype(np.int64) * matrix.columns + matrix.indices
