"""The `.npy` files of a model: which dtypes may stand in one, and the exact header each has.

A header is a function of dtype and shape alone. So a reader never parses the header of a file: it
makes the one that the manifest calls for and compares bytes. The files are ordinary format 1.0
files that `numpy.load` reads too (NEP 1), little-endian, in C order, their data 64-byte aligned.
"""

from __future__ import annotations

import re
import struct
import sys
from collections.abc import Iterator
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

ALIGNMENT = 64
MAX_DIMENSIONS = 32
_PIECE = 1 << 20
_MAGIC = b"\x93NUMPY\x01\x00"
_PLAIN = re.compile(
    r"[|<](?:b1|[iu][1248]|f[248]|c8|c16|[SU][1-9][0-9]{0,8}|[mM]8(?:\[[0-9A-Za-z/]{1,20}\])?)"
)


def little_endian(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Give the dtype that an array of `dtype` is stored in.

    Raises ValueError, with the end of a sentence, for a dtype that has no place in a model:
    objects, records, and floats whose width depends on the machine.
    """
    stored = dtype.newbyteorder("<")
    if not _PLAIN.fullmatch(stored.str):
        raise ValueError(f"is {dtype}; a model holds plain numbers, strings and times only")
    return stored


def plain_dtype(text: str) -> np.dtype[Any]:
    """Read a dtype as a manifest writes it (`<f4`); raises ValueError for any other text."""
    if not _PLAIN.fullmatch(text):
        raise ValueError(f"{text!r} is no plain dtype")
    try:
        dtype = np.dtype(text)
    except TypeError as error:
        raise ValueError(f"{text!r} is no plain dtype") from error
    if dtype.str != text:
        raise ValueError(f"{text!r} is written {dtype.str!r}")
    return dtype


def header(dtype: np.dtype[Any], shape: tuple[int, ...]) -> bytes:
    """Give the bytes that stand before the data; their number is a multiple of 64."""
    text = f"{{'descr': '{dtype.str}', 'fortran_order': False, 'shape': {shape!r}, }}"
    start = len(_MAGIC) + 2
    length = len(text) + 1 + -(start + len(text) + 1) % ALIGNMENT
    return _MAGIC + struct.pack("<H", length) + text.ljust(length - 1).encode("ascii") + b"\n"


def file_size(dtype: np.dtype[Any], shape: tuple[int, ...]) -> int:
    """Give the size in bytes of the file of such an array.

    Raises ValueError for a shape that no array can have. Nothing is allocated.
    """
    if len(shape) > MAX_DIMENSIONS:
        raise ValueError(f"has {len(shape)} axes, and an array has at most {MAX_DIMENSIONS}")
    if prod(max(n, 1) for n in shape) * dtype.itemsize > sys.maxsize:
        raise ValueError(f"has a shape that no array can have, {list(shape)}")
    return len(header(dtype, shape)) + prod(shape) * dtype.itemsize


def pieces(array: npt.NDArray[Any], stored: np.dtype[Any]) -> Iterator[npt.NDArray[Any]]:
    """Give the data of `array` as the bytes of a file of dtype `stored`, in C order.

    An array that lies in memory as in the file is given whole, without a copy; any other in pieces
    of 1 MiB, so that a transposed view needs no second copy of itself.
    """
    if array.flags.c_contiguous and array.dtype == stored:
        yield array.reshape(-1).view(np.uint8)
        return
    chunks = np.nditer(
        array,
        flags=["external_loop", "buffered", "zerosize_ok"],
        order="C",
        buffersize=max(_PIECE // stored.itemsize, 1),
    )
    for chunk in chunks:
        yield chunk.astype(stored).view(np.uint8)  # type: ignore[attr-defined]
