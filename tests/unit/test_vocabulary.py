"""Ids and rows: exact comparison, one type, and errors that say what to do."""

from __future__ import annotations

import numpy as np
import pytest
from penchant.data import Vocabulary
from penchant.errors import DataError, ShapeError


def test_ids_keep_the_order_given():
    vocabulary = Vocabulary.from_ids(["b", "a", "c"])
    assert vocabulary.ids() == ["b", "a", "c"]
    assert [vocabulary.row(key) for key in "abc"] == [1, 0, 2]
    assert vocabulary.kind == "str"
    assert len(vocabulary) == 3


def test_integer_ids_need_not_ascend():
    vocabulary = Vocabulary.from_ids([30, -10, 2**63 - 1, 20])
    assert vocabulary.kind == "int"
    assert vocabulary.rows([20, 30, 31, -10]).tolist() == [3, 0, -1, 1]
    assert vocabulary.row(2**63 - 1) == 2
    assert vocabulary.id(0) == 30
    assert type(vocabulary.id(0)) is int
    assert all(type(key) is int for key in vocabulary.ids())


def test_unique_numbers_by_first_appearance():
    vocabulary, rows = Vocabulary.unique(["b", "a", "b", "c", "a"])
    assert vocabulary.ids() == ["b", "a", "c"]
    assert rows.tolist() == [0, 1, 0, 2, 1]
    assert rows.dtype == np.int32
    numbers, rows = Vocabulary.unique(np.array([7, 3, 7, 5, 3]))
    assert numbers.ids() == [7, 3, 5]
    assert rows.tolist() == [0, 1, 0, 2, 1]


def test_an_unknown_id_has_row_minus_one():
    assert Vocabulary.from_ids(["a"]).row("b") == -1
    assert Vocabulary.from_ids(["a"]).row("") == -1
    assert Vocabulary.from_ids(["a"]).row("\ud800") == -1
    assert Vocabulary.from_ids([1]).row(2) == -1
    assert Vocabulary.from_ids([1]).row(2**70) == -1
    assert Vocabulary.from_ids([1]).row(-(2**70)) == -1
    assert Vocabulary.from_ids(["a"]).rows(["b", "", "a"]).tolist() == [-1, -1, 0]
    assert Vocabulary.from_ids([]).rows(["a", "b"]).tolist() == [-1, -1]


def test_ids_are_gone_through_by_row():
    assert list(Vocabulary.from_ids(["b", "a"])) == ["b", "a"]
    assert list(Vocabulary.from_ids([7, 3])) == [7, 3]


def test_whole_floats_are_told_what_they_were():
    vocabulary = Vocabulary.from_ids([42])
    with pytest.raises(DataError, match=r"42\.0 is a float but .* integers; did you mean 42\?"):
        vocabulary.row(42.0)
    with pytest.raises(DataError, match=r"an array of float64; they are whole numbers, so astype"):
        vocabulary.rows(np.array([42.0]))
    with pytest.raises(DataError, match=r"got an array of float64$"):
        vocabulary.rows(np.array([0.5]))


def test_containment_never_raises():
    words, numbers = Vocabulary.from_ids(["1"]), Vocabulary.from_ids([1])
    assert "1" in words
    assert 1 not in words
    assert 1 in numbers
    assert np.int64(1) in numbers
    assert "1" not in numbers
    assert True not in numbers
    assert 1.0 not in numbers
    assert None not in words


def test_a_duplicate_is_named_with_both_positions():
    with pytest.raises(DataError, match=r"id 'b' stands at position 1 and again at 3"):
        Vocabulary.from_ids(["a", "b", "c", "b"])
    with pytest.raises(DataError, match=r"id 5 stands at position 0 and again at 1"):
        Vocabulary.from_ids([5, 5, 9, 9])


def test_mixed_types_are_named_with_their_first_positions():
    with pytest.raises(DataError, match=r"got 'a' at position 0 and 2 at position 2"):
        Vocabulary.from_ids(["a", "b", 2, 3])


@pytest.mark.parametrize(
    ("ids", "message"),
    [
        (["a", ""], r"the id at position 1 is an empty text"),
        ([True, False], r"got True \(bool\) at position 0"),
        ([1, 2.0], r"got 2.0 \(float\) at position 1"),
        ([1, None], r"got None \(missing value\) at position 1"),
        (np.array([1.0, 2.0]), r"got an array of float64"),
        (np.array([True]), r"got an array of bool"),
        (np.array([2**64 - 1], np.uint64), r"id 18446744073709551615 is past 64-bit integers"),
        ([1, 2**63], r"id 9223372036854775808 is past 64-bit integers; use text ids"),
        (np.array([[1]]), r"an array of one axis, got 2 axes"),
        ("abc", r"got the one value 'abc'; write \['abc'\]"),
        (["a", "\ud800"], r"at position 1, which is no valid Unicode text"),
    ],
)
def test_what_is_no_id_is_refused(ids, message):
    with pytest.raises(DataError, match=message):
        Vocabulary.from_ids(ids)


def test_the_wrong_type_gets_a_hint():
    numbers, words = Vocabulary.from_ids([42]), Vocabulary.from_ids(["42"])
    with pytest.raises(DataError, match=r'^"42" is text but the ids are integers; did you mean 42'):
        numbers.row("42")
    with pytest.raises(DataError, match=r'^"x" is text but the ids are integers$'):
        numbers.rows(["x"])
    with pytest.raises(
        DataError, match=r'^42 is an integer but the ids are text; did you mean "42'
    ):
        words.row(42)
    with pytest.raises(DataError, match=r"42 is an integer but the ids are text"):
        words.rows([42])
    with pytest.raises(DataError, match=r"True is a bool but the ids are integers"):
        numbers.row(True)
    with pytest.raises(DataError, match=r"1.5 is a float but the ids are integers"):
        numbers.row(1.5)
    with pytest.raises(DataError, match=r"None is a missing value but the ids are text"):
        words.row(None)


def test_new_ids_are_appended():
    old = Vocabulary.from_ids(["a", "b"])
    new = old.extended(["d", "c"])
    assert new.ids() == ["a", "b", "d", "c"]
    assert old.ids() == ["a", "b"]
    assert Vocabulary.from_ids([1]).extended(np.array([5])).ids() == [1, 5]
    assert Vocabulary.from_ids([]).extended([3]).ids() == [3]
    assert old.extended([]) is old


def test_extending_refuses_known_ids_and_the_other_type():
    with pytest.raises(DataError, match=r"id 'a' stands at position 0 and again at 1"):
        Vocabulary.from_ids(["a"]).extended(["a"])
    with pytest.raises(DataError, match=r"3 is an integer but the ids are text"):
        Vocabulary.from_ids(["a"]).extended([3])
    with pytest.raises(DataError, match=r'"a" is text but the ids are integers'):
        Vocabulary.from_ids([3]).extended(["a"])


def test_a_row_that_is_not_there_is_refused():
    vocabulary = Vocabulary.from_ids(["a", "b"])
    for row in (-1, 2):
        with pytest.raises(DataError, match=rf"row {row} isn't in a vocabulary of 2 ids"):
            vocabulary.id(row)
        with pytest.raises(DataError, match=rf"row {row} isn't in a vocabulary of 2 ids"):
            vocabulary.ids(np.array([0, row], np.int32))


@pytest.mark.parametrize("ids", [["é", "e", "z"], [9, 1, 5], []])
def test_arrays_bring_it_back_without_a_copy(ids):
    vocabulary = Vocabulary.from_ids(ids)
    arrays = vocabulary.arrays()
    assert all(not array.flags.writeable for array in arrays.values())
    again = Vocabulary.from_arrays(arrays)
    assert again == vocabulary
    assert again.ids() == ids
    assert all(
        np.shares_memory(array, again.arrays()[n]) or not array.size for n, array in arrays.items()
    )


def test_arrays_that_make_no_vocabulary_are_refused():
    arrays = dict(Vocabulary.from_ids([1, 2]).arrays())
    with pytest.raises(ShapeError, match=r"a vocabulary is made of"):
        Vocabulary.from_arrays({"ids": arrays["ids"]})
    with pytest.raises(ShapeError, match=r"needs an order and a place an id"):
        Vocabulary.from_arrays({**arrays, "order": arrays["order"][:1]})
    with pytest.raises(ShapeError, match=r"ids is float64, wanted int64"):
        Vocabulary.from_arrays({**arrays, "ids": np.array([1.0, 2.0])})


def test_ascending_gives_the_rows_in_id_order():
    assert Vocabulary.from_ids([30, 10, 20]).ascending().tolist() == [1, 2, 0]
    assert Vocabulary.from_ids(["b", "ä", "a"]).ascending().tolist() == [2, 0, 1]


def test_equality_is_of_ids_in_order():
    assert Vocabulary.from_ids(["a", "b"]) == Vocabulary.from_ids(["a", "b"])
    assert Vocabulary.from_ids(["a", "b"]) != Vocabulary.from_ids(["b", "a"])
    assert Vocabulary.from_ids(["1"]) != Vocabulary.from_ids([1])
    assert Vocabulary.from_ids(["a"]) != ["a"]


def test_the_callers_array_may_change_afterwards():
    ids = np.array([3, 1])
    vocabulary = Vocabulary.from_ids(ids)
    ids[0] = 99
    assert vocabulary.ids() == [3, 1]
