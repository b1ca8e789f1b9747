"""Parts of a split in which a mean may hide a weakness: who is asked, and what is to be found.

Users differ by how much is known of them, items by how many already like them. A part is the same
split with fewer users, or fewer likings to find; train, candidates and thus every list stay.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from penchant.evaluation.buckets import parted

if TYPE_CHECKING:
    from penchant.evaluation.parting import Split

NEW, LIGHT = 5, 20
HEAD_SHARE = 0.2


def by_user_past(split: Split) -> Mapping[str, Split]:
    """Part the users by their likings in train: new (to 5), light (to 20) and heavy ones.

    Parts without users are left out. O(users).
    """
    likings = split.train.positive_csr().counts()[split.users]
    marks = {
        "new users": likings <= NEW,
        "light users": (likings > NEW) & (likings <= LIGHT),
        "heavy users": likings > LIGHT,
    }
    parts = {}
    for label, mark in marks.items():
        if mark.any():
            users = split.users[mark]
            users.setflags(write=False)
            parts[label] = replace(split, users=users, name=f"{split.name}/{label}")
    return parts


def by_item_past(split: Split) -> Mapping[str, Split]:
    """Part the likings to find by how many like the item in train: new, tail and head items.

    Head items are the most liked fifth of those that anybody likes in train, ties with its last
    included; new items have no liking there. Parts without a liking to find by an evaluated user
    are left out. O(test likings).
    """
    past = np.bincount(split.train.positive_csr().indices, minlength=split.test.columns)
    liked = np.sort(past[past > 0])[::-1]
    least = int(liked[max(1, int(len(liked) * HEAD_SHARE)) - 1])
    of_entry = past[split.test.indices]
    return parted(
        split,
        {
            "new items": of_entry == 0,
            "tail items": (of_entry > 0) & (of_entry < least),
            "head items": of_entry >= least,
        },
    )
