"""Splits that ask about everybody: by a share, by number or by time; and all splits by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from penchant.errors import DataError, SettingsError
from penchant.evaluation.likings import Likings
from penchant.evaluation.newcomers import cold_item_split, cold_user_split, growing_split
from penchant.evaluation.parting import (
    NEVER,
    Split,
    check,
    first_held_out,
    held_out_of,
    parted,
    places,
    times_of,
)
from penchant.suggestions import did_you_mean

if TYPE_CHECKING:
    from penchant.data import Dataset
    from penchant.evaluation.parting import SplitKind
    from penchant.protocols import Bool

_MANY_TIES = 0.1


def user_random_split(
    dataset: Dataset, share: float = 0.2, seed: int = 42, *, keep_negatives: bool = True
) -> Split:
    """Hold out a random ceil(share) of each user's likings, leaving at least one to learn from.

    One uniform number is drawn for each liking in the order of the log; the least of a user's are
    held out. O(n log n). Raises DataError, SettingsError.
    """
    check(share, seed)
    likings = Likings.of(dataset)
    draws = np.random.default_rng(seed).random(len(likings))
    place, size = places(np.lexsort((draws, likings.user)), likings, len(dataset.users))
    test = place < held_out_of(size, share)[likings.user]
    return parted(dataset, likings, test, "user-random", keep_negatives)


def user_time_split(dataset: Dataset, share: float = 0.2, *, keep_negatives: bool = True) -> Split:
    """Hold out the latest ceil(share) of each user's likings, leaving at least one to learn from.

    Likings of one time go by ascending item id. Every user has a cut of their own, so train knows
    other users' futures: kinder than `global_time_split`, but it evaluates every user. Of other
    events (below `min_value`, repetitions), those before the user's first held-out liking stay.
    O(n log n). Raises DataError, SettingsError.
    """
    check(share)
    likings = Likings.of(dataset)
    time = times_of(likings, "user-time", "user_random_split")
    order = np.lexsort((likings.item_rank, time, likings.user))
    place, size = places(order, likings, len(dataset.users))
    test = place >= (size - held_out_of(size, share))[likings.user]
    cut = first_held_out(likings, test, len(dataset.users))
    torn = np.unique(likings.user[~test & (time == cut[likings.user])])
    evaluated = int((cut < NEVER).sum())
    warnings = []
    if len(torn) > _MANY_TIES * evaluated:
        warnings.append(
            f"for {len(torn)} of {evaluated} users the cut falls among likings of one moment; "
            f"those were parted by item id, not by time"
        )
    return parted(dataset, likings, test, "user-time", keep_negatives, cut=cut, warnings=warnings)


def leave_last_split(dataset: Dataset, n: int = 1, *, keep_negatives: bool = True) -> Split:
    """Hold out the latest `n` likings of each user who has more than that.

    With `n` 1 this is the leave-one-out of much published work. A user of `n` likings or fewer has
    all of them in train. Ties and other events as in `user_time_split`. O(n log n). Raises
    DataError, SettingsError.
    """
    if n < 1:
        raise SettingsError(f"n must be at least 1, the likings held out of each user, got {n}")
    likings = Likings.of(dataset)
    time = times_of(likings, "leave-last", "user_random_split")
    order = np.lexsort((likings.item_rank, time, likings.user))
    place, size = places(order, likings, len(dataset.users))
    held = np.where(size > n, n, 0)
    test = place >= (size - held)[likings.user]
    cut = first_held_out(likings, test, len(dataset.users))
    return parted(dataset, likings, test, "leave-last", keep_negatives, cut=cut)


def global_time_split(
    dataset: Dataset, share: float = 0.2, *, keep_negatives: bool = True
) -> Split:
    """Hold out all likings from one moment on, chosen so that a share of them lies there.

    The only split whose train knows nothing of the future. A liking at the very cut is held out.
    Users need likings on both sides to be evaluated, which on small data are few (see `warnings`).
    Items first liked after the cut stay among the relevant ones: a model that can't rank them
    misses them. O(n log n). Raises DataError, SettingsError.
    """
    check(share)
    likings = Likings.of(dataset)
    time = np.sort(times_of(likings, "global-time", "user_random_split"))
    moment = int(time[min(int(len(time) * (1 - share)), len(time) - 1)])
    return _from(dataset, moment, "global-time", keep_negatives)


def _from(dataset: Dataset, moment: int, kind: SplitKind, keep_negatives: bool) -> Split:
    """Hold out the likings from one moment on."""
    likings = Likings.of(dataset)
    test = times_of(likings, kind, "user_random_split") >= moment
    cut = np.full(len(dataset.users), moment)
    return parted(dataset, likings, test, kind, keep_negatives, cut=cut)


def sliding_time_splits(
    dataset: Dataset, windows: int = 3, share: float = 0.1, *, keep_negatives: bool = True
) -> tuple[Split, ...]:
    """Look from several moments at what came next: one split a window, the earliest first.

    The last `windows`·`share` of all likings are cut into windows of about equally many, each from
    one moment to the next. A window's train is all from before it; what came after it is in neither
    part. Each is a `global_time_split` of the log as it stood at the window's end. O(windows·n log
    n). Raises DataError, SettingsError.
    """
    check(share)
    if windows < 1:
        raise SettingsError(f"windows must be at least 1, got {windows}")
    if windows * share >= 1:
        raise SettingsError(
            f"{windows} windows of {share:g} each leave nothing to learn from; take fewer windows "
            f"or a smaller share"
        )
    likings = Likings.of(dataset)
    time = np.sort(times_of(likings, "sliding-time", "k_fold_splits"))
    first = [int(len(time) * (1 - share * left)) for left in range(windows, 0, -1)]
    moments = [int(time[min(at, len(time) - 1)]) for at in first]
    stamps = dataset.interactions.time
    splits = []
    for number, (start, end) in enumerate(zip(moments, [*moments[1:], NEVER], strict=True), 1):
        if start >= end:
            raise DataError(
                f"window {number} of {windows} is empty: too many likings share one time; take "
                f"fewer windows or a greater share"
            )
        until = dataset if end == NEVER or stamps is None else dataset.subset(stamps < end)
        one = _from(until, start, "sliding-time", keep_negatives)
        splits.append(replace(one, name=f"sliding-time {number}/{windows}", whole=dataset))
    return tuple(splits)


def k_fold_splits(
    dataset: Dataset, folds: int = 5, seed: int = 42, *, keep_negatives: bool = True
) -> tuple[Split, ...]:
    """Part the likings into `folds` test parts at random; each liking is held out exactly once.

    Each user's likings go round the folds in a random order, so every fold holds out about
    1 / `folds` of them; a user's only liking is never held out. O(folds·n log n). Raises DataError,
    SettingsError.
    """
    check(0.5, seed)
    if folds < 2:
        raise SettingsError(f"folds must be at least 2, got {folds}")
    likings = Likings.of(dataset)
    draw = np.random.default_rng(seed)
    order = np.lexsort((draw.random(len(likings)), likings.user))
    place, size = places(order, likings, len(dataset.users))
    # Users start at different folds, else those of few likings would all lie in the first ones.
    fold = (place + draw.integers(folds, size=len(dataset.users))[likings.user]) % folds
    fold[size[likings.user] < 2] = -1
    filled = len(np.unique(fold[fold >= 0]))
    if 0 < filled < folds:
        raise DataError(
            f"{folds - filled} of {folds} folds are empty, for {len(likings)} likings of "
            f"{int((size > 0).sum())} users can't fill them all; take fewer folds"
        )
    return tuple(
        replace(
            parted(dataset, likings, fold == number, "k-fold", keep_negatives),
            name=f"k-fold {number + 1}/{folds}",
        )
        for number in range(folds)
    )


def given_split(
    dataset: Dataset, held_out: Bool, *, name: str = "given", keep_negatives: bool = True
) -> Split:
    """Hold out the likings that somebody chose: those of published splits, of a rule of your own.

    held_out: (events,) bool in the order of `dataset.interactions`: of two tables that were put one
        below the other it is false for the rows of the first and true for those of the second. A
        liking is held out where its first event is, and its other events leave train with it; what
        is held out of other events is in neither part.
    name: what to call it in a table.

    O(n log n). Raises DataError.
    """
    mask = np.asarray(held_out)
    size = len(dataset.interactions)
    if mask.dtype != np.bool_ or mask.shape != (size,):
        raise DataError(
            f"held_out has dtype {mask.dtype} and shape {mask.shape}; wanted a bool for each of "
            f"the {size} events, ({size},)"
        )
    likings = Likings.of(dataset)
    test = mask[likings.event]
    if test.all() or not test.any():
        part = "train" if test.all() else "test"
        raise DataError(
            f"held_out leaves the {part} part empty: it is true for {int(test.sum())} of the "
            f"{len(test)} likings"
        )
    split = parted(dataset, likings, test, "given", keep_negatives, leave=mask)
    return replace(split, name=name)


SPLITS: Mapping[str, Callable[..., Split]] = MappingProxyType(
    {
        "user-random": user_random_split,
        "user-time": user_time_split,
        "leave-last": leave_last_split,
        "cold-item": cold_item_split,
        "cold-user": cold_user_split,
        "growing": growing_split,
        "global-time": global_time_split,
    }
)
_INNER = {"k-fold": "user-random", "given": "user-random", "sliding-time": "global-time"}
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

    "leave-last" holds out one liking a user and has no share.

    Raises SettingsError for an unknown kind, and as the split does.
    """
    if kind not in SPLITS:
        raise SettingsError(
            f"no split is named {kind!r}{did_you_mean(kind, SPLITS)} (splits: {', '.join(SPLITS)})"
        )
    check(share, seed)
    settings: dict[str, int | float] = {} if kind == "leave-last" else {"share": share}
    if kind in _SEEDED:
        settings["seed"] = seed
    return SPLITS[kind](dataset, keep_negatives=keep_negatives, **settings)


def validation_split(split: Split, *, share: float = 0.2, seed: int = 1) -> Split:
    """Carve a split of the same kind out of the train part, so that tuning never sees the test.

    A fold and a given split are carved as "user-random", a window as "global-time".

    Events below `min_value` stay in train if they are there. Raises DataError, SettingsError.
    """
    kind = _INNER.get(split.kind, split.kind)
    try:
        inner = make_split(split.train, kind, share=share, seed=seed)
    except DataError as error:
        raise DataError(
            f"no validation part can be cut from the train part of {split.name}: {error}"
        ) from None
    return replace(inner, name=f"{split.name}/validation")


def three_way_split(
    dataset: Dataset,
    kind: str,
    *,
    validation: float = 0.15,
    test: float = 0.15,
    seed: int = 42,
    keep_negatives: bool = True,
) -> tuple[Split, Split]:
    """Part into 70 % to learn from, 15 % to choose settings by and 15 % to judge by.

    Gives (choosing, judging). `choosing.train` is the first part and `choosing.test` the second;
    `judging.train` is both and `judging.test` the third, since a model that is judged may learn
    from all that came before. Shares are of the whole, each rounded up for every user. Raises
    DataError, SettingsError.
    """
    check(validation, seed)
    check(test, seed)
    if validation + test >= 1:
        raise SettingsError(
            f"validation {validation:g} and test {test:g} leave nothing to learn from; their sum "
            f"must be below 1"
        )
    judging = make_split(dataset, kind, share=test, seed=seed, keep_negatives=keep_negatives)
    return validation_split(judging, share=validation / (1 - test), seed=seed + 1), judging
