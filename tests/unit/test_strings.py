"""String tables and packed strings, as Python sees them."""

import numpy as np
import pytest
from penchant.errors import DataError, ShapeError
from penchant.kernels import StringTable, pack_strings, unpack_strings


def table_of(strings):
    data, offsets = pack_strings(strings)
    return StringTable(data, offsets, *StringTable.build(data, offsets))


def test_strings_are_laid_end_to_end():
    data, offsets = pack_strings(["ab", "", "é"])
    assert data.tobytes() == b"ab\xc3\xa9"
    assert offsets.tolist() == [0, 2, 2, 4]
    assert (data.dtype, offsets.dtype) == (np.uint8, np.int64)


@pytest.mark.parametrize("kind", [list, tuple, lambda it: np.array(it, object), np.array])
def test_any_sequence_of_str_packs_the_same(kind):
    data, offsets = pack_strings(kind(["b", "a", "c"]))
    assert (data.tobytes(), offsets.tolist()) == (b"bac", [0, 1, 2, 3])


def test_no_strings_at_all_is_a_table_in_which_nothing_is_found():
    table = table_of([])
    assert len(table) == 0
    assert table.find("a") == -1
    assert table.first_duplicate() is None


def test_a_string_is_found_by_str_and_by_its_bytes():
    table = table_of(["user-1", "user-2", "ü"])
    assert [table.find("user-2"), table.find("ü")] == [1, 2]
    assert table.find("ü".encode()) == 2
    assert table.find("user-3") == -1


def test_many_keys_are_found_at_once():
    table = table_of(["a", "b", "c"])
    found = table.find_many(*pack_strings(["c", "x", "a", ""]))
    assert found.tolist() == [2, -1, 0, -1]
    assert found.dtype == np.int32


@pytest.mark.parametrize("odd", [1, None, b"a", "a\ud800"])
def test_a_few_keys_are_found_where_all_of_them_are_text(odd):
    table = table_of(["a", "b", "c"])
    found = table.find_few(["c", "x", "a", "", np.str_("b")])
    assert (found.tolist(), found.dtype) == ([2, -1, 0, -1, 1], np.int32)
    assert table.find_few([]).tolist() == []
    assert table.find_few(["a", odd]) is None


def test_a_string_that_stands_twice_is_found_where_it_stands_first():
    table = table_of(["x", "b", "b", "x"])
    assert table.find("b") == 1
    assert table.first_duplicate() == (1, 2)


def test_equal_text_in_two_unicode_forms_stays_apart():
    table = table_of(["é", "e\u0301"])
    assert table.first_duplicate() is None
    assert table.find("e\u0301") == 1


def test_a_key_that_utf8_cannot_hold_is_absent():
    assert table_of(["a"]).find("\ud800") == -1


def test_the_hash_is_the_published_xxh64():
    hashes, order = StringTable.build(*pack_strings(["abc"]))
    assert (hashes.tolist(), order.tolist()) == ([0x44BC2CF5AD770999], [0])


def test_packed_strings_come_back_in_the_order_asked():
    packed = pack_strings(["a", "bé", ""])
    assert unpack_strings(*packed, np.array([1, 2, 1], np.int32)) == ["bé", "", "bé"]


def test_a_table_reads_arrays_mapped_from_disk(tmp_path):
    data, offsets = pack_strings(["one", "two"])
    for name, array in zip("dohr", (data, offsets, *StringTable.build(data, offsets)), strict=True):
        np.save(tmp_path / f"{name}.npy", array)
    mapped = [np.load(tmp_path / f"{name}.npy", mmap_mode="r") for name in "dohr"]
    assert StringTable(*mapped).find("two") == 1


def test_a_non_str_is_named_by_position():
    with pytest.raises(TypeError, match=r"strings\[1\] must be a str, got int"):
        pack_strings(["a", 3])
    with pytest.raises(TypeError, match=r"strings\[0\] must be a str, got NoneType"):
        pack_strings(np.array([None], object))


def test_a_lone_surrogate_is_named_by_position():
    with pytest.raises(DataError, match=r"strings\[2\] has a lone surrogate"):
        pack_strings(["a", "b", "\udfff"])


def test_a_key_that_is_no_string_is_a_type_error():
    with pytest.raises(TypeError, match="key must be a str or bytes, got int"):
        table_of(["a"]).find(3)


def test_positions_outside_and_bytes_that_are_no_text_are_data_errors():
    data, offsets = pack_strings(["a"])
    for position in (-1, 1):
        with pytest.raises(DataError, match=f"positions holds {position}, .* in the 1 strings"):
            unpack_strings(data, offsets, np.array([position], np.int32))
    with pytest.raises(DataError, match="string 0 is not UTF-8"):
        unpack_strings(np.array([255], np.uint8), offsets, np.array([0], np.int32))


@pytest.mark.parametrize(
    ("offsets", "message"),
    [
        ([1, 3], "offsets runs from 1 to 3, and must run from 0 to 3"),
        ([0, 2], "offsets runs from 0 to 2, and must run from 0 to 3"),
        ([0, 2, 1, 3], "offsets falls from 2 to 1 at position 2"),
    ],
)
def test_offsets_that_do_not_fit_the_data_are_refused(offsets, message):
    with pytest.raises(DataError, match=message):
        StringTable.build(np.zeros(3, np.uint8), np.array(offsets, np.int64))


def test_arrays_of_another_dtype_layout_or_length_are_refused():
    data, offsets = pack_strings(["a", "b"])
    hashes, order = StringTable.build(data, offsets)
    with pytest.raises(TypeError, match="data must be a numpy array of uint8, got bytes"):
        StringTable(b"ab", offsets, hashes, order)
    with pytest.raises(ShapeError, match="offsets has dtype int32, but int64 is needed"):
        StringTable(data, offsets.astype(np.int32), hashes, order)
    with pytest.raises(ShapeError, match="data has 2 dimensions, but 1 are needed"):
        StringTable(data[None], offsets, hashes, order)
    with pytest.raises(ShapeError, match="order is not C-contiguous"):
        StringTable(data, offsets, hashes, np.repeat(order, 2)[::2])
    with pytest.raises(ShapeError, match=r"hashes has 1 entries, .* for each of the 2"):
        StringTable(data, offsets, hashes[:1], order)
