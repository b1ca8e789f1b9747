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

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np

from penchant.errors import DataError, SettingsError
from penchant.evaluation.likings import Likings
from penchant.queries import Csr
from penchant.suggestions import did_you_mean

if TYPE_CHECKING:
    import numpy.typing as npt

    from penchant.data import Dataset
    from penchant.protocols import I32, I64, Bool

SplitKind: TypeAlias = Literal[
    "user-random", "user-time", "cold-item", "cold-user", "growing", "global-time"
]

_FEW_USERS = 100
_MANY_TIES = 0.1
_MANY_UNSEEN = 0.1
_NEVER = np.iinfo(np.int64).max


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
    """

    train: Dataset
    held_out: Dataset
    test: Csr
    users: I32
    candidates: I32 | None
    kind: SplitKind
    name: str
    warnings: tuple[str, ...] = ()

    def __str__(self) -> str:
        return (
            f"{self.name}: {len(self.train.interactions)} events to learn from, {self.test.nnz} "
            f"likings to find, {len(self.users)} users evaluated"
        )


def user_random_split(
    dataset: Dataset, share: float = 0.2, seed: int = 42, *, keep_negatives: bool = True
) -> Split:
    """Hold out a random ceil(share) of each user's likings, leaving at least one to learn from.

    One uniform number is drawn for each liking in the order of the log; the least of a user's are
    held out. O(n log n). Raises DataError, SettingsError.
    """
    _check(share, seed)
    likings = Likings.of(dataset)
    draws = np.random.default_rng(seed).random(len(likings))
    place, size = _places(np.lexsort((draws, likings.user)), likings, len(dataset.users))
    test = place < _held_out(size, share)[likings.user]
    return _split(dataset, likings, test, "user-random", keep_negatives)


def user_time_split(dataset: Dataset, share: float = 0.2, *, keep_negatives: bool = True) -> Split:
    """Hold out the latest ceil(share) of each user's likings, leaving at least one to learn from.

    Likings of one time go by ascending item id. Every user has a cut of their own, so train knows
    other users' futures: kinder than `global_time_split`, but it evaluates every user. Of other
    events (below `min_value`, repetitions), those before the user's first held-out liking stay.
    O(n log n). Raises DataError, SettingsError.
    """
    _check(share)
    likings = Likings.of(dataset)
    time = _times(likings, "user-time", "user_random_split")
    order = np.lexsort((likings.item_rank, time, likings.user))
    place, size = _places(order, likings, len(dataset.users))
    test = place >= (size - _held_out(size, share))[likings.user]
    cut = _first_held_out(likings, test, len(dataset.users))
    parted = np.unique(likings.user[~test & (time == cut[likings.user])])
    evaluated = int((cut < _NEVER).sum())
    warnings = []
    if len(parted) > _MANY_TIES * evaluated:
        warnings.append(
            f"for {len(parted)} of {evaluated} users the cut falls among likings of one moment; "
            f"those were parted by item id, not by time"
        )
    return _split(dataset, likings, test, "user-time", keep_negatives, cut=cut, warnings=warnings)


def cold_item_split(
    dataset: Dataset, share: float = 0.2, seed: int = 42, *, keep_negatives: bool = True
) -> Split:
    """Hide a random floor(share) of the liked items from train altogether.

    The hidden items are the only candidates: the question is which of the items without a past
    suits whom. They are the first of a random permutation of the liked items in ascending order of
    id. Users keep what they liked besides; one who liked nothing else is not evaluated.
    O(n log n). Raises DataError, SettingsError.
    """
    _check(share, seed)
    likings = Likings.of(dataset)
    cold = _hidden(dataset, likings, share, np.random.default_rng(seed))
    test = cold[likings.item]
    return _split(dataset, likings, test, "cold-item", keep_negatives, cold=cold)


def growing_split(
    dataset: Dataset, share: float = 0.2, seed: int = 42, *, keep_negatives: bool = True
) -> Split:
    """Hide a random floor(share) of the liked items, and ceil(share) of each user's other likings.

    The question of a catalogue that grows: new items and old ones stand in one list, and all may be
    recommended. Items are hidden as by `cold_item_split` of the same seed, likings of the others
    held out as by `user_random_split`. O(n log n). Raises DataError, SettingsError.
    """
    _check(share, seed)
    likings = Likings.of(dataset)
    draw = np.random.default_rng(seed)
    cold = _hidden(dataset, likings, share, draw)
    fresh = cold[likings.item]
    # Likings of hidden items come after a user's others, so that places count the others alone.
    order = np.lexsort((draw.random(len(likings)), fresh, likings.user))
    place, _ = _places(order, likings, len(dataset.users))
    size = np.bincount(likings.user[~fresh], minlength=len(dataset.users))
    test = fresh | (place < _held_out(size, share)[likings.user])
    split = _split(dataset, likings, test, "growing", keep_negatives, cold=cold)
    return replace(split, candidates=None)


def cold_user_split(
    dataset: Dataset,
    share: float = 0.2,
    seed: int = 42,
    *,
    known: int = 3,
    keep_negatives: bool = True,
) -> Split:
    """Leave a random ceil(share) of the users no more than their first `known` likings.

    Those users alone are evaluated. They are drawn from the users with more likings than that, in
    the order of rows; which of theirs are the first goes by time and then by item id, or at random
    where events have no times. Their other events (below `min_value`, repetitions) stay if they are
    from before the first held-out liking. O(n log n). Raises DataError, SettingsError.
    """
    _check(share, seed)
    if known < 1:
        raise SettingsError(
            f"known must be at least 1, got {known}; a user without any liking has no history to "
            f"recommend by"
        )
    likings = Likings.of(dataset)
    draw = np.random.default_rng(seed)
    size = np.bincount(likings.user, minlength=len(dataset.users))
    eligible = np.flatnonzero(size > known)
    if not len(eligible):
        raise DataError(
            f"the cold-user split finds no user with more than {known} likings; lower known or "
            f"give more events a user"
        )
    chosen = np.zeros(len(dataset.users), np.bool_)
    chosen[draw.permutation(eligible)[: int(np.ceil(len(eligible) * share))]] = True
    when = draw.random(len(likings)) if likings.time is None else likings.time
    place, _ = _places(
        np.lexsort((likings.item_rank, when, likings.user)), likings, len(dataset.users)
    )
    test = chosen[likings.user] & (place >= known)
    cut = _first_held_out(likings, test, len(dataset.users))
    return _split(dataset, likings, test, "cold-user", keep_negatives, cut=cut)


def global_time_split(
    dataset: Dataset, share: float = 0.2, *, keep_negatives: bool = True
) -> Split:
    """Hold out all likings from one moment on, chosen so that a share of them lies there.

    The only split whose train knows nothing of the future. A liking at the very cut is held out.
    Users need likings on both sides to be evaluated, which on small data are few (see `warnings`).
    Items first liked after the cut stay among the relevant ones: a model that can't rank them
    misses them. O(n log n). Raises DataError, SettingsError.
    """
    _check(share)
    likings = Likings.of(dataset)
    time = _times(likings, "global-time", "user_random_split")
    last = len(time) - 1
    moment = np.sort(time)[min(int(len(time) * (1 - share)), last)]
    test = time >= moment
    cut = np.full(len(dataset.users), moment)
    return _split(dataset, likings, test, "global-time", keep_negatives, cut=cut)


SPLITS: Mapping[str, Callable[..., Split]] = MappingProxyType(
    {
        "user-random": user_random_split,
        "user-time": user_time_split,
        "cold-item": cold_item_split,
        "cold-user": cold_user_split,
        "growing": growing_split,
        "global-time": global_time_split,
    }
)
_SEEDED = ("user-random", "cold-item", "cold-user", "growing")


def make_split(
    dataset: Dataset,
    kind: str,
    *,
    share: float = 0.2,
    seed: int = 42,
    keep_negatives: bool = True,
) -> Split:
    """Split by the name of the kind, as a recipe has it; `seed` is for those that draw.

    Raises SettingsError for an unknown kind, and as the split does.
    """
    if kind not in SPLITS:
        raise SettingsError(
            f"no split is named {kind!r}{did_you_mean(kind, SPLITS)} (splits: {', '.join(SPLITS)})"
        )
    drawn = {"seed": seed} if kind in _SEEDED else {}
    return SPLITS[kind](dataset, share, keep_negatives=keep_negatives, **drawn)


def validation_split(split: Split, *, share: float = 0.2, seed: int = 1) -> Split:
    """Carve a split of the same kind out of the train part, so that tuning never sees the test.

    Events below `min_value` stay in train if they are there. Raises DataError, SettingsError.
    """
    inner = make_split(split.train, split.kind, share=share, seed=seed)
    return replace(inner, name=f"{split.name}/validation")


def _check(share: float, seed: int = 0) -> None:
    if not 0 < share < 1:
        raise SettingsError(f"share must lie between 0 and 1, both left out, got {share}")
    if seed < 0:
        raise SettingsError(f"seed must be a whole number from 0, got {seed}")


def _times(likings: Likings, kind: str, instead: str) -> I64:
    if likings.time is None:
        raise DataError(
            f"the {kind} split needs the times of the events but the data have none; name the time "
            f"column, or use {instead}"
        )
    return likings.time


def _held_out(size: I64, share: float) -> I64:
    """How many of `size` likings are held out: ceil(share), yet never all."""
    wanted: I64 = np.ceil(size * share).astype(np.int64)
    return np.minimum(wanted, np.maximum(size - 1, 0))


def _hidden(dataset: Dataset, likings: Likings, share: float, draw: np.random.Generator) -> Bool:
    """Mark a random floor(share) of the liked items, drawn in ascending order of id."""
    _, first = np.unique(likings.item_rank, return_index=True)
    liked = likings.item[first]
    hidden = int(len(liked) * share)
    if not hidden:
        raise DataError(
            f"the split hides none of {len(liked)} liked items at a share of {share}; raise the "
            f"share or give more items"
        )
    cold = np.zeros(len(dataset.items), np.bool_)
    cold[liked[draw.permutation(len(liked))[:hidden]]] = True
    return cold


def _first_held_out(likings: Likings, test: Bool, users: int) -> I64:
    """When each user's first test liking was, (users,); without one or without times, never."""
    cut = np.full(users, _NEVER)
    if likings.time is not None:
        np.minimum.at(cut, likings.user[test], likings.time[test])
    return cut


def _places(order: npt.NDArray[np.intp], likings: Likings, users: int) -> tuple[I64, I64]:
    """The place of each liking among its user's in `order` (which runs user by user), and sizes."""
    size = np.bincount(likings.user, minlength=users)
    start = np.cumsum(size) - size
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order)) - np.repeat(start, size)
    return place, size


def _split(
    dataset: Dataset,
    likings: Likings,
    test: Bool,
    kind: SplitKind,
    keep_negatives: bool,
    *,
    cut: I64 | None = None,
    cold: Bool | None = None,
    warnings: list[str] | None = None,
) -> Split:
    """Make both parts of the `test` likings; other events stay before `cut` and off `cold`."""
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
    )


def _weaknesses(likings: Likings, test: Bool, users: I32, cold: Bool | None) -> list[str]:
    found = []
    everybody = len(np.unique(likings.user))
    if len(users) < _FEW_USERS:
        found.append(f"only {len(users)} users are evaluated; their mean is mostly chance")
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
