"""Ids, views, conditions and tables against twins of one line, on whatever hypothesis finds."""

from __future__ import annotations

import unicodedata

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from penchant.data import Dataset, Interactions, Items, Relations, Vocabulary
from penchant.errors import DataError

# Everything that UTF-8 can hold: NUL, emoji, right-to-left text, combining marks.
TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)
WORDS = st.sampled_from(
    ["a", "\x00", "a\x00", "é", "e\u0301", "👩‍🚀", "שלום", "مرحبا", " ", "ß", "SS"]
)
IDS = st.one_of(
    st.lists(TEXT | WORDS, max_size=30),
    st.lists(st.integers(-(2**63), 2**63 - 1) | st.integers(-3, 3), max_size=30),
)


@given(IDS)
def test_ids_come_back_as_they_went_in(ids):
    vocabulary, rows = Vocabulary.unique(ids)
    distinct = list(dict.fromkeys(ids))
    assert vocabulary.ids() == distinct
    assert rows.tolist() == [distinct.index(key) for key in ids]
    assert vocabulary.ids(rows) == ids
    assert vocabulary.rows(ids).tolist() == rows.tolist()
    assert vocabulary.rows(ids * 3).tolist() == rows.tolist() * 3  # many are looked up otherwise
    assert [vocabulary.row(key) for key in ids] == rows.tolist()
    assert [vocabulary.id(row) for row in rows.tolist()] == ids
    assert Vocabulary.from_ids(distinct) == vocabulary
    assert Vocabulary.from_arrays(vocabulary.arrays()) == vocabulary
    assert vocabulary.ids(vocabulary.ascending()) == sorted(distinct)


@given(IDS, IDS)
def test_unknown_ids_have_no_row(ids, others):
    assume(not ids or not others or type(ids[0]) is type(others[0]))
    vocabulary, _ = Vocabulary.unique(ids)
    distinct = list(dict.fromkeys(ids))
    expected = [distinct.index(key) if key in distinct else -1 for key in others]
    assert vocabulary.rows(others).tolist() == expected
    assert [key in vocabulary for key in others] == [row >= 0 for row in expected]


@given(IDS, IDS)
def test_extending_keeps_the_old_rows(ids, others):
    assume(not ids or not others or type(ids[0]) is type(others[0]))
    old, _ = Vocabulary.unique(ids)
    new = [key for key in dict.fromkeys(others) if key not in ids]
    whole = old.extended(new)
    assert whole.ids() == [*old.ids(), *new]
    assert whole.rows(whole.ids()).tolist() == list(range(len(whole)))
    at_once = Vocabulary.from_ids(whole.ids())
    for name, array in at_once.arrays().items():
        assert whole.arrays()[name].tolist() == array.tolist()


@given(st.lists(TEXT, max_size=5), st.integers(0xD800, 0xDFFF), st.data())
def test_half_a_surrogate_pair_is_no_id(ids, code, data):
    at = data.draw(st.integers(0, len(ids)))
    broken = [*ids[:at], "x" + chr(code), *ids[at:]]
    with pytest.raises(DataError, match=rf"at position {at}, which is no valid Unicode"):
        Vocabulary.from_ids(broken)


@given(TEXT)
def test_normal_forms_of_one_text_are_different_ids(text):
    forms = {unicodedata.normalize(form, text) for form in ("NFC", "NFD", "NFKC", "NFKD")} - {""}
    vocabulary = Vocabulary.from_ids(sorted(forms))
    assert len(vocabulary) == len(forms)
    assert {vocabulary.id(vocabulary.row(form)) for form in forms} == forms


# ---- events

EVENTS = st.lists(
    st.tuples(
        st.integers(0, 3), st.integers(0, 4), st.sampled_from([-1.0, 0.0, 0.5, 3.0, 5.0]),
        st.integers(-2, 2),
    ),
    max_size=40,
)  # fmt: skip

FOLD = {
    "last": lambda events: max(enumerate(events), key=lambda e: (e[1][3], e[0]))[1][2],
    "sum": lambda events: sum(event[2] for event in events),
    "max": lambda events: max(event[2] for event in events),
    "count": len,
}


def log_of(events, *, times=True):
    user, item, value, time = zip(*events, strict=True) if events else ((), (), (), ())
    return Interactions.of(user, item, value, time if times else None, n_users=4, n_items=5)


def cells(view):
    """What a view holds, as {(row, column): value}; also checks that columns ascend."""
    assert all((np.diff(row) > 0).all() for row in view)
    rows = view.row_of_entry().tolist()
    return dict(
        zip(zip(rows, view.indices.tolist(), strict=True), view.values.tolist(), strict=True)
    )


@given(EVENTS, st.sampled_from(sorted(FOLD)), st.booleans())
def test_views_are_dictionaries_of_folded_events(events, aggregate, times):
    if not times:
        events = [(user, item, value, 0) for user, item, value, _ in events]
    pairs = {}
    for event in events:
        pairs.setdefault(event[:2], []).append(event)
    expected = {pair: float(FOLD[aggregate](of_pair)) for pair, of_pair in pairs.items()}
    log = log_of(events, times=times)
    assert cells(log.by_user(aggregate)) == expected
    assert cells(log.by_item(aggregate)) == {(i, u): v for (u, i), v in expected.items()}
    if times:
        latest = {pair: max(event[3] for event in of_pair) for pair, of_pair in pairs.items()}
        assert log.times_by_user().tolist() == [latest[pair] for pair in sorted(pairs)]


@given(EVENTS, EVENTS, st.data())
def test_logs_are_lists_of_events(first, second, data):
    both = log_of(first).concat(log_of(second))
    whole = first + second

    def events(log):
        return list(
            zip(log.user.tolist(), log.item.tolist(), log.value.tolist(), log.time.tolist(),
                strict=True)
        )  # fmt: skip

    if not whole:
        return
    assert events(both) == whole
    mask = np.array(data.draw(st.lists(st.booleans(), min_size=len(whole), max_size=len(whole))))
    assert events(both.filtered(mask)) == [e for e, keep in zip(whole, mask, strict=True) if keep]


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3), st.sampled_from([0.5, 1.0, 2.0]))))
def test_edges_add_up(edges):
    dense = np.zeros((4, 4))
    for source, target, weight in edges:
        dense[source, target] += weight
    source, target, weight = zip(*edges, strict=True) if edges else ((), (), ())
    ties = Relations.of(source, target, weight, n_users=4)
    assert np.array_equal(ties.by_source.to_dense(), dense)


# ---- tables

NAMES = st.sampled_from(["", "a", "b", "c"])
ROWS = st.lists(
    st.tuples(NAMES, st.lists(NAMES, max_size=3), st.sampled_from([np.nan, 0.0, 1.0, 2.0]), TEXT),
    max_size=12,
)


def table_of(rows, start=0):
    names, labels, numbers, texts = zip(*rows, strict=True) if rows else ((), (), (), ())
    return Items.of(
        list(range(start, start + len(rows))),
        texts={"text": texts},
        categories={"name": names},
        labels={"labels": labels},
        numbers={"number": numbers},
    )


@given(ROWS, st.sets(st.sampled_from("abcz")), st.sampled_from([None, 0, 1]))
def test_conditions_are_comprehensions(rows, wanted, low):
    table = table_of(rows)
    assert table.where({"name": sorted(wanted)}).tolist() == [row[0] in wanted for row in rows]
    assert table.where({"labels": sorted(wanted)}).tolist() == [
        bool(wanted & set(row[1])) for row in rows
    ]
    many = [*sorted(wanted), *map(str, range(9))]
    assert table.where({"labels": many}).tolist() == table.where({"labels": many[:-9]}).tolist()
    assert table.where({"name": many}).tolist() == table.where({"name": many[:-9]}).tolist()
    for count in (0, 1, 2, 20):
        numbers = [2.0, 1.0, *range(5, 23)][:count]
        assert table.where({"number": numbers}).tolist() == [row[2] in numbers for row in rows]
    assert table.where({"number": (low, 1)}).tolist() == [
        row[2] <= 1 and (low is None or row[2] >= low) for row in rows
    ]
    assert table.where({"number": (1, None)}).tolist() == [row[2] >= 1 for row in rows]
    assert table.where({"number": (None, None)}).tolist() == [row[2] == row[2] for row in rows]
    assert table.where({}).all()
    for name in wanted:
        both = table.where({"name": name, "labels": [name]})
        assert both.tolist() == [row[0] == name and name in row[1] for row in rows]


@given(ROWS)
def test_a_stored_table_is_the_same_table(rows):
    table = table_of(rows)
    again = Items.from_arrays(table.arrays(), table.meta())
    assert again.text("text") == [row[3] for row in rows]
    assert again.texts() == table.texts()
    assert again.vocabulary == table.vocabulary
    assert np.array_equal(again.number("number"), table.number("number"), equal_nan=True)


@given(ROWS, ROWS)
def test_joined_tables_are_joined_lists(first, second):
    both = table_of(first).joined(table_of(second, start=len(first)))
    whole = table_of(first + second)
    assert both.texts(("text", "name")) == whole.texts(("text", "name"))
    assert [sorted(t.split(", ")) for t in both.labels("labels").words()] == [
        sorted({name for name in row[1] if name} or [""]) for row in first + second
    ]
    assert np.array_equal(both.number("number"), whole.number("number"), equal_nan=True)


# ---- frames


# The first example imports the library.
@settings(deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["u", "v", "é", "42"]),
            st.integers(-3, 3),
            st.sampled_from([0.5, 1.0, 5.0]),
            st.integers(0, 10**12),
        ),
        min_size=1,
        max_size=20,
        unique=True,
    )
)
def test_every_library_gives_the_same_dataset(events):
    import pandas as pd
    import polars as pl
    import pyarrow as pa

    names = ("user_id", "item_id", "value", "time")
    plain = {
        name: list(column) for name, column in zip(names, zip(*events, strict=True), strict=True)
    }
    arrow = pa.table(plain)
    frames = [plain, pd.DataFrame(plain), pl.DataFrame(plain), arrow]
    data = [Dataset.from_frame(frame) for frame in frames]
    assert len({dataset.fingerprint for dataset in data}) == 1
    log = data[0].interactions
    assert data[0].users.vocabulary.ids(log.user) == plain["user_id"]
    assert data[0].items.vocabulary.ids(log.item) == plain["item_id"]
    assert log.value.tolist() == plain["value"]
    assert log.time.tolist() == [time * 1_000_000 for time in plain["time"]]


# The first example imports the library.
@settings(deadline=None)
@given(
    st.lists(st.lists(st.sampled_from([0.0, 0.0, 1.0, 2.5]), min_size=3, max_size=3), min_size=1)
)
def test_a_matrix_comes_back(dense):
    from scipy import sparse

    data = Dataset.from_frame(sparse.csr_matrix(np.array(dense)))
    assert np.array_equal(data.interactions.by_user().to_dense(), np.array(dense, np.float32))
