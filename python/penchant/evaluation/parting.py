"""Splits: which likings a model may learn from, and which it must find again.

What is parted are likings (see `penchant.evaluation.likings`): positives in the sense of
`dataset.min_value`, a pair of user and item at a time. All events of a pair in the test part leave
the train part. Vocabularies stay whole, so rows mean the same on both sides.

What else the train part holds is the setting `keep_negatives`. True keeps the events below
`min_value`, which a service knows as well and must not show again: "seen" is every event of train.
Where a split is in time, only those from before its cut are kept, and a cold item keeps none, so
that train never tells of what comes after. False leaves likings alone in train, as most published
protocols do: a disliked item may then be recommended, and counts as a miss.

Every split is a function of its arguments alone. A split that would leave a part empty raises
DataError saying which and why; what makes one weak without making it wrong is in its `warnings`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np

from penchant.errors import DataError, SettingsError
from penchant.queries import Csr

if TYPE_CHECKING:
    import numpy.typing as npt

    from penchant.data import Dataset
    from penchant.evaluation.likings import Likings
    from penchant.protocols import I32, I64, Bool

SplitKind: TypeAlias = Literal[
    "user-random",
    "user-time",
    "leave-last",
    "global-time",
    "cold-item",
    "cold-user",
    "growing",
    "k-fold",
    "sliding-time",
    "given",
]

NEVER = np.iinfo(np.int64).max
_FEW_USERS = 100
_MANY_UNSEEN = 0.1


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """Two parts of one dataset.

    train: what a model may learn from, with the vocabularies of the whole.
    held_out: all events of the test pairs, as a dataset (for `FitContext.validation`).
    test: users x items, the relevant items of every user (values 1); disjoint from train.
    users: (n,) int32 rows, ascending, that are evaluated: with a liking in train and one in test.
    candidates: item rows, ascending, that may be recommended; None for all.
    kind: which function made it. `name`: what to call it in a table.
    warnings: sentences on what makes its figures weak.
    whole: what it was cut from, where a function of `penchant.evaluation` made it.
    """

    train: Dataset
    held_out: Dataset
    test: Csr
    users: I32
    candidates: I32 | None
    kind: SplitKind
    name: str
    warnings: tuple[str, ...] = ()
    whole: Dataset | None = None

    def __str__(self) -> str:
        return (
            f"{self.name}: {len(self.train.interactions)} events to learn from, {self.test.nnz} "
            f"likings to find, {len(self.users)} users evaluated"
        )


def check(share: float, seed: int = 0) -> None:
    if not 0 < share < 1:
        raise SettingsError(f"share must lie between 0 and 1, both left out, got {share}")
    if seed < 0:
        raise SettingsError(f"seed must be a whole number from 0, got {seed}")


def times_of(likings: Likings, kind: str, instead: str) -> I64:
    if likings.time is None:
        raise DataError(
            f"the {kind} split needs the times of the events but the data have none; name the time "
            f"column, or use {instead}"
        )
    return likings.time


def held_out_of(size: I64, share: float) -> I64:
    """How many of `size` likings are held out: ceil(share), yet never all."""
    wanted: I64 = np.ceil(size * share).astype(np.int64)
    return np.minimum(wanted, np.maximum(size - 1, 0))


def first_held_out(likings: Likings, test: Bool, users: int) -> I64:
    """When each user's first test liking was, (users,); without one or without times, never."""
    cut = np.full(users, NEVER)
    if likings.time is not None:
        np.minimum.at(cut, likings.user[test], likings.time[test])
    return cut


def places(order: npt.NDArray[np.intp], likings: Likings, users: int) -> tuple[I64, I64]:
    """The place of each liking among its user's in `order` (which runs user by user), and sizes."""
    size = np.bincount(likings.user, minlength=users)
    start = np.cumsum(size) - size
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order)) - np.repeat(start, size)
    return place, size


def parted(
    dataset: Dataset,
    likings: Likings,
    test: Bool,
    kind: SplitKind,
    keep_negatives: bool,
    *,
    cut: I64 | None = None,
    cold: Bool | None = None,
    leave: Bool | None = None,
    warnings: list[str] | None = None,
) -> Split:
    """Make both parts of the `test` likings; other events stay before `cut` and off `cold`.

    leave: (events,) bool, those that are no part of train whatever else holds.
    """
    log = dataset.interactions
    if not test.any():
        raise DataError(
            f"the {kind} split leaves its test part empty: none of the users has two likings or "
            f"more, and one is kept to learn from"
        )
    if test.all():
        raise DataError(
            f"the {kind} split leaves its train part empty: all {len(likings)} likings lie at its "
            f"cut, too many of them at one time"
        )
    held_out = (likings.of_event >= 0) & test[likings.of_event]
    train = ~held_out
    if not keep_negatives:
        train &= likings.liked
    if cut is not None and log.time is not None:
        train &= log.time < cut[log.user]
    if cold is not None:
        train &= ~cold[log.item]
    if leave is not None:
        train &= ~leave
    train[likings.event[~test]] = True

    shape = (len(dataset.users), len(dataset.items))
    ones = np.ones(int(test.sum()), np.float32)
    relevant = Csr.from_pairs(likings.user[test], likings.item[test], ones, shape)
    past = np.bincount(likings.user[~test], minlength=shape[0])
    users = np.flatnonzero((past > 0) & (relevant.counts() > 0)).astype(np.int32)
    if not len(users):
        raise DataError(
            f"the {kind} split leaves no user with likings in both parts, so nobody can be "
            f"evaluated; give more events a user, or use another split"
        )
    candidates = None if cold is None else np.flatnonzero(cold).astype(np.int32)
    for array in (relevant.indptr, relevant.indices, relevant.values, users, candidates):
        if array is not None:
            array.setflags(write=False)
    return Split(
        train=dataset.subset(train),
        held_out=dataset.subset(held_out),
        test=relevant,
        users=users,
        candidates=candidates,
        kind=kind,
        name=kind,
        warnings=(*(warnings or ()), *_weaknesses(likings, test, users, cold)),
        whole=dataset,
    )


def _weaknesses(likings: Likings, test: Bool, users: I32, cold: Bool | None) -> list[str]:
    found = []
    everybody = len(np.unique(likings.user))
    if len(users) < _FEW_USERS:
        who = "1 user is" if len(users) == 1 else f"{len(users)} users are"
        found.append(f"only {who} evaluated; their mean is mostly chance")
    if 2 * len(users) < everybody:
        found.append(
            f"{everybody - len(users)} of {everybody} users have likings in one part alone and are "
            f"not evaluated"
        )
    unseen = ~np.isin(likings.item[test], likings.item[~test])
    if cold is None and unseen.mean() > _MANY_UNSEEN:
        found.append(
            f"{unseen.mean():.0%} of the likings to find are of items that nobody likes in train"
        )
    return found
