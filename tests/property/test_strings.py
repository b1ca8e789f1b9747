"""String tables against list.index, and against damage."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from penchant.kernels import StringTable, pack_strings, unpack_strings

TEXTS = st.lists(st.text(max_size=3) | st.text("ab", max_size=2), max_size=30)


@given(TEXTS, TEXTS)
def test_every_key_is_where_a_search_from_the_left_finds_it(strings, keys):
    packed = pack_strings(strings)
    table = StringTable(*packed, *StringTable.build(*packed))
    expected = [strings.index(key) if key in strings else -1 for key in keys + strings]
    assert [table.find(key) for key in keys + strings] == expected
    assert table.find_many(*pack_strings(keys + strings)).tolist() == expected
    assert table.find_few(keys + strings).tolist() == expected
    seconds = [at for at, text in enumerate(strings) if text in strings[:at]]
    duplicate = (strings.index(strings[seconds[0]]), seconds[0]) if seconds else None
    assert table.first_duplicate() == duplicate


@given(TEXTS)
def test_packing_loses_nothing(strings):
    packed = pack_strings(strings)
    assert unpack_strings(*packed, np.arange(len(strings), dtype=np.int32)) == strings


@given(
    st.lists(st.integers(-(2**63), 2**63 - 1), min_size=3, max_size=3),
    hnp.arrays(np.uint64, 4),
    hnp.arrays(np.int32, 4),
    st.binary(max_size=4),
)
def test_a_damaged_table_gives_wrong_answers_but_never_reads_outside(middle, hashes, order, key):
    data = np.frombuffer(b"abcdefgh", np.uint8)
    table = StringTable(data, np.array([0, *middle, 8], np.int64), hashes, order)
    assert table.find(key) in {-1, *order.tolist()}
    table.first_duplicate()
