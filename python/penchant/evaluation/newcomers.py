"""Splits that ask about newcomers: items without a past, users with hardly any."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from penchant.errors import DataError, SettingsError
from penchant.evaluation.likings import Likings
from penchant.evaluation.parting import (
    Split,
    check,
    first_held_out,
    held_out_of,
    parted,
    places,
)

if TYPE_CHECKING:
    from penchant.data import Dataset
    from penchant.protocols import Bool


def cold_item_split(
    dataset: Dataset, share: float = 0.2, seed: int = 42, *, keep_negatives: bool = True
) -> Split:
    """Hide a random floor(share) of the liked items from train altogether.

    The hidden items are the only candidates: the question is which of the items without a past
    suits whom. They are the first of a random permutation of the liked items in ascending order of
    id. Users keep what they liked besides; one who liked nothing else is not evaluated.
    O(n log n). Raises DataError, SettingsError.
    """
    check(share, seed)
    likings = Likings.of(dataset)
    cold = _hidden(dataset, likings, share, np.random.default_rng(seed))
    test = cold[likings.item]
    return parted(dataset, likings, test, "cold-item", keep_negatives, cold=cold)


def growing_split(
    dataset: Dataset, share: float = 0.2, seed: int = 42, *, keep_negatives: bool = True
) -> Split:
    """Hide a random floor(share) of the liked items, and ceil(share) of each user's other likings.

    The question of a catalogue that grows: new items and old ones stand in one list, and all may be
    recommended. Items are hidden as by `cold_item_split` of the same seed, likings of the others
    held out as by `user_random_split`. O(n log n). Raises DataError, SettingsError.
    """
    check(share, seed)
    likings = Likings.of(dataset)
    draw = np.random.default_rng(seed)
    cold = _hidden(dataset, likings, share, draw)
    fresh = cold[likings.item]
    # Likings of hidden items come after a user's others, so that places count the others alone.
    order = np.lexsort((draw.random(len(likings)), fresh, likings.user))
    place, _ = places(order, likings, len(dataset.users))
    size = np.bincount(likings.user[~fresh], minlength=len(dataset.users))
    test = fresh | (place < held_out_of(size, share)[likings.user])
    split = parted(dataset, likings, test, "growing", keep_negatives, cold=cold)
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
    check(share, seed)
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
    place, _ = places(
        np.lexsort((likings.item_rank, when, likings.user)), likings, len(dataset.users)
    )
    test = chosen[likings.user] & (place >= known)
    cut = first_held_out(likings, test, len(dataset.users))
    return parted(dataset, likings, test, "cold-user", keep_negatives, cut=cut)


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
