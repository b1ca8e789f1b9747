"""Questions in words, where users and items are vectors of factors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from penchant.item_text import lengths, unit

if TYPE_CHECKING:
    from penchant.protocols import F32


def toward(vectors: F32, asked: F32, usual: float) -> F32:
    """(n, f): users' vectors turned halfway to where their words point, `asked`.

    Each stays as long as it was; one of zeros gets the `usual` length.
    """
    length = lengths(vectors)[:, None]
    length[length == 0] = usual
    return (unit(unit(vectors) + unit(asked)) * length).astype(np.float32)


def usual_length(vectors: F32) -> float:
    """The mean length of those that have any, 1 where none has."""
    known = lengths(vectors)
    return float(known[known > 0].mean()) if known.any() else 1.0
