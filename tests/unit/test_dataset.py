"""The dataset: numbering, likings, guesses about columns, description, fingerprint."""

from __future__ import annotations

import json

import numpy as np
import pytest
from penchant.data import Dataset, Interactions, Items, Relations, Users
from penchant.errors import DataError

EVENTS = {
    "user_id": ["ann", "bob", "ann", "ann"],
    "item_id": ["heat", "jaws", "jaws", "ran"],
    "rating": [5, 2, 4, 1],
    "timestamp": [100, 200, 300, 400],
}
ITEMS = {
    "item_id": ["alien", "jaws"],
    "title": ["Alien", "Jaws"],
    "genres": ["horror|space", "horror"],
    "year": [1979, 1975],
}


def small(**changes):
    return Dataset.from_frame(EVENTS, items=ITEMS, **{"min_value": 4, **changes})


def test_items_of_the_table_come_first_and_cold_ones_stay():
    data = small()
    assert data.items.vocabulary.ids() == ["alien", "jaws", "heat", "ran"]
    assert data.users.vocabulary.ids() == ["ann", "bob"]
    assert data.interactions.item.tolist() == [2, 1, 1, 3]
    assert data.items.text("title") == ["Alien", "Jaws", "", ""]
    assert data.report.notes == {"items without a row in their table": 2}


def test_users_of_the_table_come_first():
    users = {"user_id": ["zoe", "bob"], "bio": ["likes fish", "likes boats"]}
    data = Dataset.from_frame(EVENTS, users=users)
    assert data.users.vocabulary.ids() == ["zoe", "bob", "ann"]
    assert data.users.texts() == ["likes fish", "likes boats", ""]
    assert data.interactions.user.tolist() == [2, 1, 2, 2]


def test_likings_are_events_at_or_above_the_threshold():
    data = small()
    assert data.positives().value.tolist() == [5.0, 4.0]
    assert data.positives(2).value.tolist() == [5.0, 2.0, 4.0]
    assert data.positive_csr().to_dense().tolist() == [[0, 1, 1, 0], [0, 0, 0, 0]]
    assert data.positive_csr(2).to_dense().tolist() == [[0, 1, 1, 0], [0, 1, 0, 0]]
    assert data.positive_csr() is data.positive_csr()
    assert data.positive_csr(4) is data.positive_csr()
    assert Dataset.from_frame(EVENTS).positives() is not None
    assert Dataset.from_frame(EVENTS).positive_csr().nnz == 4


def test_a_pair_liked_once_is_liked_whatever_came_later():
    events = {"user_id": ["u", "u"], "item_id": ["i", "i"], "value": [5, 1], "time": [1, 2]}
    data = Dataset.from_frame(events, min_value=4)
    assert data.positive_csr().to_dense().tolist() == [[1.0]]
    assert data.interactions.by_user().to_dense().tolist() == [[1.0]]


def test_subsets_keep_users_and_items():
    data = small()
    part = data.subset(data.interactions.value > 3)
    assert len(part.interactions) == 2
    assert part.items is data.items
    assert part.min_value == 4
    other = data.with_interactions(part.interactions.take(np.array([0])))
    assert len(other.interactions) == 1
    assert len(data.interactions) == 4


def test_one_user_with_one_item_is_a_dataset():
    data = Dataset.from_frame({"user_id": [1], "item_id": [2]})
    assert data.interactions.by_user().to_dense().tolist() == [[1.0]]
    assert data.describe().density == 1.0


def test_a_written_column_of_integers_gives_integer_ids(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("user_id,item_id\n42,042\n-7,43\n")
    data = Dataset.from_frame(path)
    assert data.users.vocabulary.ids() == [42, -7]
    assert data.items.vocabulary.ids() == ["042", "43"]
    assert "2 users (integer ids), 2 items (text ids)" in str(data.describe())


def test_ids_of_two_files_agree_on_text(tmp_path):
    events, items = tmp_path / "events.csv", tmp_path / "items.csv"
    events.write_text("user_id,item_id\nu,42\n")
    items.write_text("item_id,title\n42,Heat\ntt7,Jaws\n")
    data = Dataset.from_frame(events, items=items)
    assert data.items.vocabulary.ids() == ["42", "tt7"]
    assert data.interactions.item.tolist() == [0]
    assert data.items.text("title") == ["Heat", "Jaws"]


def test_ids_of_two_types_are_refused():
    with pytest.raises(
        DataError, match=r"'item_id' holds text but column 'item_id' of the items ho"
    ):
        Dataset.from_frame(EVENTS, items={"item_id": [1, 2]})


def test_the_id_column_of_a_table_is_called_as_in_the_interactions_or_as_said():
    events = {"user_id": ["u"], "movieId": ["m"]}
    for items in ({"movieId": ["m"], "title": ["M"]}, {"item_id": ["m"], "title": ["M"]}):
        assert Dataset.from_frame(events, item="movieId", items=items).items.name(0) == "M"
    named = {"key": ["m"], "title": ["M"]}
    data = Dataset.from_frame(events, item="movieId", items=named, item_id="key")
    assert data.items.name(0) == "M"
    with pytest.raises(
        DataError, match=r"the items have no column 'movieId' \(columns: key, title"
    ):
        Dataset.from_frame(events, item="movieId", items=named)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"user": "userId"}, r"the interactions have no column 'userId'; did you mean 'user_id'\?"),
        ({"value": "raiting"}, r"no column 'raiting'; did you mean 'rating'\? \(columns: user_id,"),
        ({"time": "when"}, r"no column 'when' \(columns"),
        ({"kind": "kind"}, r"no column 'kind'"),
        (
            {"text": ["titel"]},
            r"no table of items or users has the column 'titel'; did you mean 't",
        ),
        ({"text": ["title"], "label": ["title"]}, r"column 'title' is said to be text and label"),
        ({"text": 5}, r"text must list names of columns, such as \['title'\], got 5"),
        ({"label": [5]}, r"label must list names of columns, such as \['title'\], got \[5\]"),
        ({"label_separator": 5}, r"label_separator must be a text, got 5"),
        ({"weight": 5}, r"weight must be the name of a column, got 5"),
        ({"user": "item_id"}, r"user and item must be different columns, got 'item_id' for both"),
        ({"delimiter": 5}, r"delimiter must be a text, got 5"),
        ({"encoding": None}, r"encoding must be a text, got None"),
        ({"columns": 5}, r"columns must list names of columns, such as \['title'\], got 5"),
        ({"rating_range": (5, 1)}, r"rating_range is \(low, high\), got \(5, 1\)"),
        ({"rating_range": (1,)}, r"rating_range is \(low, high\), got \(1,\)"),
        ({"min_value": float("nan")}, r"min_value must be a finite number or None, got nan"),
    ],
)
def test_wrong_names_and_settings_are_refused(changes, message):
    with pytest.raises(DataError, match=message):
        small(**changes)


def test_more_kinds_of_event_than_a_byte_are_refused():
    events = {"user_id": ["u"] * 257, "item_id": ["i"] * 257, "k": list(map(str, range(257)))}
    with pytest.raises(DataError, match=r"column 'k' holds 257 kinds of event, more than 256"):
        Dataset.from_frame(events, kind="k")


# ---- kinds of columns


def kinds_of(**columns):
    rows = len(next(iter(columns.values())))
    events = {"user_id": ["u"], "item_id": [0]}
    data = Dataset.from_frame(events, items={"item_id": np.arange(rows), **columns})
    return {name: column.kind for name, column in data.items.columns.items()}


def test_kinds_of_columns_are_guessed():
    assert kinds_of(
        title=["a", "a", "a", "a"],
        plot=["one", "two", "three", "four"],
        country=["us", "us", "fr", "fr"],
        genre=["a|b", "a", "b", ""],
        written=["['x', 'y']", "[]", "['y']", ""],
        tags=[["x"], ["y", "x"], [], None],
        year=[1, 2, 3, 4],
        price=[1.5, None, 2.5, 3.0],
        new=[True, False, True, True],
        poster=["http://a/b", "https://c", "", None],
        vector=[[1.0, 2.0], [0.0, 1.0], None, [3.0, 4.0]],
        empty=["", "", "", ""],
        born=np.array(["2020-01-01", "NaT", "2020-01-02", "2020-01-03"], "M8[D]"),
    ) == {
        "title": "text",
        "plot": "text",
        "country": "category",
        "genre": "label",
        "written": "label",
        "tags": "label",
        "year": "number",
        "price": "number",
        "new": "category",
        "poster": "media",
        "vector": "vector",
        "empty": "text",
        "born": "number",
    }


def test_numbers_of_a_file_are_numbers_and_codes_are_text(tmp_path):
    path = tmp_path / "items.csv"
    path.write_text("item_id,year,imdb,price\n0,1995,0114709,.5\n1,,0113497,-1e3\n")
    data = Dataset.from_frame({"user_id": ["u"], "item_id": [0]}, items=path)
    assert {n: c.kind for n, c in data.items.columns.items()} == {
        "year": "number",
        "imdb": "text",
        "price": "number",
    }
    assert data.items.number("price").tolist() == [0.5, -1000.0]
    assert data.items.columns["year"].missing().tolist() == [False, True]


def test_the_caller_has_the_last_word():
    items = {"item_id": [0, 1], "a": ["x;y", "y"], "b": [1, 2], "c": ["p", "q"], "d": ["u", "v"]}
    data = Dataset.from_frame(
        {"user_id": ["u"], "item_id": [0]},
        items=items,
        label=["a"],
        category=["b"],
        media=["c"],
        ignore=["d"],
        label_separator=";",
    )
    assert {n: c.kind for n, c in data.items.columns.items()} == {
        "a": "label",
        "b": "category",
        "c": "media",
    }
    assert data.items.where({"a": "y", "b": "2"}).tolist() == [False, True]


@pytest.mark.parametrize(
    ("column", "said", "message"),
    [
        (
            [[1.0], [1.0, 2.0]],
            "vector",
            r"column 'x' of the items has 2 numbers in row 2, but 1 in",
        ),
        (["a", "b"], "vector", r"column 'x' of the items is no vector of numbers a row"),
        (
            ["[1", "[1]]"],
            "label",
            r"column 'x' of the items has '\[1\]\]' in row 2, which is no wri",
        ),
        ([[NAN := float("nan")], [1.0]], "vector", r"items: x is not finite in 1 row \(row 1\)"),
        (["one", "2"], "number", r"items: x is no number in 1 row \(row 1\)"),
    ],
)
def test_a_column_that_is_not_what_was_said_is_refused(column, said, message):
    with pytest.raises(DataError, match=message):
        Dataset.from_frame(
            {"user_id": ["u"], "item_id": [0]},
            items={"item_id": [0, 1], "x": column},
            **{said: ["x"]},
        )


# ---- in short


def test_a_description_says_what_is_inside():
    told = small(relations={"source": ["ann"], "target": ["bob"]}).describe()
    assert (told.users, told.items, told.events, told.pairs, told.positives) == (2, 4, 4, 4, 2)
    assert told.density == 0.5
    assert told.value_range == (1.0, 5.0)
    assert told.time_range == ("1970-01-01T00:01:40+00:00", "1970-01-01T00:06:40+00:00")
    assert told.cold_items == 1
    assert told.without_text == 0.5
    assert told.relations == 1
    assert told.item_columns == {"title": "text", "genres": "label", "year": "number"}
    assert told.problems == ("1 user has a single event, which leaves nothing to test on",)
    assert "2 users (text ids), 4 items (text ids), 4 events" in str(told)
    assert json.loads(json.dumps(told.to_json()))["report"]["rows_kept"] == 4


def test_a_description_names_what_is_odd():
    told = Dataset.from_frame({"user_id": ["u"], "item_id": ["i"], "value": [1]}, min_value=4)
    assert told.describe().problems == (
        "events have no times, so a split by time isn't possible",
        "no event has a value of 4 or more, so nothing is a liking",
        "1 user has a single event, which leaves nothing to test on",
        "items have no attributes, so new items can't be recommended by content",
    )
    told = Dataset.from_frame(EVENTS).describe()
    assert "values differ but min_value is None" in told.problems[0]
    silent = Dataset.from_frame(EVENTS, items={"item_id": ["a", "heat"], "title": ["", "Heat"]})
    assert "1 item has neither events nor words" in silent.describe().problems


def test_an_empty_log_can_be_described():
    data = small()
    empty = data.subset(np.zeros(4, np.bool_))
    assert empty.describe().problems == ("there are no events",)
    assert empty.describe().value_range is None
    assert "0 events" in str(empty.describe())


def test_equal_data_have_equal_fingerprints():
    assert small().fingerprint == small().fingerprint
    assert len(small().fingerprint) == 64


@pytest.mark.parametrize(
    "other",
    [
        lambda: small(min_value=3),
        lambda: small(ignore=["year"]),
        lambda: small(relations={"source": ["ann"], "target": ["bob"]}),
        lambda: small().subset(np.array([True, True, True, False])),
        lambda: Dataset.from_frame({**EVENTS, "rating": [5, 2, 4, 2]}, items=ITEMS, min_value=4),
        lambda: Dataset.from_frame(
            EVENTS, items={**ITEMS, "title": ["Alien", "Jaws "]}, min_value=4
        ),
    ],
)
def test_any_difference_changes_the_fingerprint(other):
    assert other().fingerprint != small().fingerprint


def test_parts_of_different_sizes_are_refused():
    users, items = Users.of(["u"]), Items.of(["i"])
    log = Interactions.of([0], [0])
    with pytest.raises(DataError, match=r"are of 1 users and 1 items but the tables hold 1 and 2"):
        Dataset(users, Items.of(["i", "j"]), log)
    with pytest.raises(DataError, match=r"the relations are of 5 users but there are 1"):
        Dataset(users, items, log, Relations.of([0], [0], n_users=5))


def test_nothing_in_a_dataset_can_be_written_to():
    data = small(relations={"source": ["ann"], "target": ["bob"]})
    for name, array in data._arrays():
        assert not array.flags.writeable, name
    with pytest.raises(AttributeError):
        data.min_value = 3
