"""Recipes that were tuned on what they are now judged by: their figures flatter.

`penchant tune` writes down what it held out (`Recipe.tuned`). From the same data that part can be
cut again, and looked through for the likings that another split asks for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from penchant.errors import PenchantError
from penchant.evaluation.leaks import pairs_of
from penchant.evaluation.splits import make_split

if TYPE_CHECKING:
    from penchant.data import Dataset
    from penchant.evaluation.parting import Split


def tuned_on_test(name: str, tuned: Mapping[str, Any], splits: Sequence[Split]) -> str | None:
    """Say how many of the likings to find were there when a recipe was tuned, or None for none.

    tuned: the recipe's `Recipe.tuned`. splits: of one kind, whose figures are pooled.

    Where the part that was tuned on can't be cut from the data of a split, the sentence says that
    nobody can tell. O(events) a split, after cutting.
    """
    known = asked = 0
    for split in splits:
        asked += split.test.nnz
        if split.train.fingerprint == tuned["train"]:
            continue
        part = _tuned_part(tuned, split.whole)
        if part is None:
            return (
                f"{name} was tuned on other data, which may hold the likings that it is asked for "
                f"here; tune it on these data, and judge it by the split of its [tuned]"
            )
        seen = pairs_of(part.interactions.by_user("count"))
        known += int(np.isin(pairs_of(split.test), seen).sum())
    if not known:
        return None
    return (
        f"{name} was tuned on {known} of the {asked} likings that it is asked for here, so its "
        f"figures flatter; judge it by the split of its [tuned] ({tuned['split']}, share "
        f"{tuned['share']:g}, seed {tuned['seed']}), or tune it for this one"
    )


def _tuned_part(tuned: Mapping[str, Any], whole: Dataset | None) -> Dataset | None:
    """The part that a recipe was tuned on, where it can be cut from these data."""
    if whole is None:
        return None
    data = replace(whole, min_value=tuned.get("min_value"))
    try:
        again = make_split(
            data,
            tuned["split"],
            share=tuned["share"],
            seed=tuned["seed"],
            keep_negatives=tuned["keep_negatives"],
        )
    except PenchantError:
        return None
    return again.train if again.train.fingerprint == tuned["train"] else None
