"""Read-only arrays: how every array of a dataset is taken in.

A dataset promises never to change. An array that is read-only already is kept as it is (it may be
mapped from disk); a writeable one is copied, so that its owner may go on writing to it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from penchant.errors import ShapeError


def frozen(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Make an array that nobody else holds read-only, and give it back."""
    array.setflags(write=False)
    return array


def owned(
    array: npt.ArrayLike, dtype: npt.DTypeLike, name: str, *, ndim: int = 1
) -> npt.NDArray[Any]:
    """Give `array` as a read-only, C-contiguous array of `dtype`.

    Integers may be narrowed where every value fits, and floats lose precision. Raises
    ShapeError, naming the array, for another kind, another number of axes or a value out of range.
    """
    given, wanted = np.asarray(array), np.dtype(dtype)
    if given.ndim != ndim:
        raise ShapeError(f"{name} has {given.ndim} axes, wanted {ndim}")
    if given.dtype == wanted:
        if not given.flags.writeable and given.flags.c_contiguous:
            return given
        return frozen(np.array(given, wanted, order="C"))
    whole = given.dtype.kind in "iu" and wanted.kind in "iu"
    if given.size and not whole and not np.can_cast(given.dtype, wanted, "same_kind"):
        raise ShapeError(f"{name} is {given.dtype}, wanted {wanted}")
    cast = given.astype(wanted, order="C")
    if wanted.kind in "iu" and not np.array_equal(cast, given):
        raise ShapeError(f"{name} holds values that {wanted} can't hold")
    return frozen(cast)
