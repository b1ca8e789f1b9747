"""Bitsets made of masks against those made of rows."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from penchant.kernels import bitset
from penchant.queries import bits_of


@given(st.lists(st.booleans(), max_size=200))
def test_a_mask_and_its_rows_are_the_same_set(held: list[bool]) -> None:
    mask = np.array(held, np.bool_)
    packed = bits_of(mask)
    assert packed.dtype == np.uint64
    rows = np.flatnonzero(mask).astype(np.int32)
    assert packed.tolist() == bitset(rows, len(mask)).tolist()
