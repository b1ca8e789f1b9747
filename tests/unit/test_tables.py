"""Items and users: columns, descriptions in words, conditions, storage."""

from __future__ import annotations

import json

import numpy as np
import pytest
from penchant.data import Items, NumberColumn, Users, VectorColumn, Vocabulary
from penchant.errors import DataError, RequestError, ShapeError

FILMS = Items.of(
    ["heat", "jaws", "blank"],
    texts={"title": ["Heat", "Jaws!", None], "plot": ["Cops and robbers.", "A shark", ""]},
    categories={"country": ["us", "us", None]},
    labels={"genre": [["crime", "drama"], ["horror", "drama", "horror"], None]},
    numbers={"year": [1995, 1975, np.nan]},
    vectors={"poster": [[1, 0], [0, 1], [0, 0]]},
    media={"trailer": ["heat.mp4", "", None]},
)


def test_columns_give_their_values():
    assert FILMS.text("title") == ["Heat", "Jaws!", ""]
    assert FILMS.text("title", np.array([1, 0], np.int32)) == ["Jaws!", "Heat"]
    assert FILMS.category("country").words() == ["us", "us", ""]
    assert FILMS.labels("genre").words() == ["crime, drama", "drama, horror", ""]
    assert FILMS.number("year")[:2].tolist() == [1995.0, 1975.0]
    assert FILMS.vectors("poster").dtype == np.float32
    assert FILMS.media("trailer") == ["heat.mp4", "", ""]
    assert FILMS.named("text") == ("title", "plot")
    assert FILMS.named("category", "label") == ("country", "genre")


def test_missing_values_are_known_as_such():
    missing = {name: column.missing().tolist() for name, column in FILMS.columns.items()}
    last = [False, False, True]
    assert missing == {
        "title": last, "plot": last, "country": last, "genre": last, "year": last, "poster": last,
        "trailer": [False, True, True],
    }  # fmt: skip


def test_a_row_is_described_in_sentences():
    assert FILMS.texts() == [
        "Heat. Cops and robbers. us. crime, drama",
        "Jaws! A shark. us. drama, horror",
        "",
    ]
    assert FILMS.texts(("title", "genre"), np.array([1], np.int32)) == ["Jaws! drama, horror"]
    assert FILMS.texts("plot") == ["Cops and robbers.", "A shark", ""]
    assert FILMS.texts("{title} ({year}) {{x}}")[:2] == ["Heat (1995) {x}", "Jaws! (1975) {x}"]
    assert Items(Vocabulary.from_ids([1, 2])).texts() == ["", ""]


def test_a_description_needs_columns_with_words():
    with pytest.raises(RequestError, match=r"no column 'titel'; did you mean 'title'\?"):
        FILMS.texts(("titel",))
    with pytest.raises(RequestError, match=r"column 'poster' holds vector, which has no words"):
        FILMS.texts("{poster}")
    with pytest.raises(RequestError, match=r"column 'trailer' holds media, which has no words"):
        FILMS.texts("trailer")
    with pytest.raises(RequestError, match=r"the template '\{title' can't be read"):
        FILMS.texts("{title")


def test_the_display_name_is_a_title_a_text_or_the_id():
    assert [FILMS.name(row) for row in range(3)] == ["Heat", "Jaws!", "blank"]
    assert FILMS.names(np.array([1, 2], np.int32)) == ["Jaws!", "blank"]
    plain = Items.of([7], texts={"plot": ["p"], "Name": ["n"]})
    assert plain.name(0) == "n"
    assert Items.of([7], texts={"isbn": ["0"], "Book-Title": ["b"]}).name(0) == "b"
    assert Items.of([7], texts={"plot": ["p"]}).name(0) == "p"
    assert Items.of([7]).name(0) == "7"


@pytest.mark.parametrize(
    ("conditions", "rows"),
    [
        ({}, [0, 1, 2]),
        ({"country": "us"}, [0, 1]),
        ({"country": "fr"}, []),
        ({"country": ["fr", "us"]}, [0, 1]),
        ({"genre": "drama"}, [0, 1]),
        ({"genre": "horror"}, [1]),
        ({"genre": ["crime", "horror"]}, [0, 1]),
        ({"genre": []}, []),
        ({"title": "Heat"}, [0]),
        ({"year": 1995}, [0]),
        ({"year": [1975, 2000]}, [1]),
        ({"year": (1975, 1995)}, [0, 1]),
        ({"year": (1976, None)}, [0]),
        ({"year": (None, 1975)}, [1]),
        ({"year": (None, None)}, [0, 1]),
        ({"genre": "drama", "year": (1990, None)}, [0]),
    ],
)
def test_conditions_select_rows(conditions, rows):
    assert np.flatnonzero(FILMS.where(conditions)).tolist() == rows


@pytest.mark.parametrize(
    ("conditions", "message"),
    [
        ({"genres": "drama"}, r"no column 'genres'; did you mean 'genre'\? \(columns: title, plot"),
        ({"genre": (1, 2)}, r"column 'genre' is a label, got the range \(1, 2\); a range needs a"),
        ({"genre": 7}, r"column 'genre' is a label, got 7; wanted text; did you mean '7'\?"),
        ({"year": "1995"}, r"column 'year' holds numbers, got '1995'"),
        ({"year": True}, r"column 'year' holds numbers, got True"),
        ({"year": (1, 2, 3)}, r"a range on 'year' is \(low, high\) with None"),
        ({"poster": "x"}, r"column 'poster' holds vector, which has no conditions"),
        ({"trailer": "x"}, r"column 'trailer' holds media, which has no conditions"),
    ],
)
def test_a_senseless_condition_is_refused(conditions, message):
    with pytest.raises(RequestError, match=message):
        FILMS.where(conditions)


def test_a_column_of_another_kind_is_refused():
    with pytest.raises(RequestError, match=r"column 'year' is a number, wanted a text"):
        FILMS.text("year")
    with pytest.raises(RequestError, match=r"column 'trailer' is a media, wanted a text"):
        FILMS.text("trailer")
    with pytest.raises(RequestError, match=r"no column 'yaer'; did you mean 'year'"):
        FILMS.number("yaer")


def test_arrays_and_json_bring_it_back():
    arrays, meta = FILMS.arrays(), json.loads(json.dumps(FILMS.meta()))
    assert all(array.dtype.kind in "iufb" for array in arrays.values())
    assert all(not array.flags.writeable for array in arrays.values())
    again = Items.from_arrays(arrays, meta)
    assert again.vocabulary == FILMS.vocabulary
    assert again.texts() == FILMS.texts()
    assert again.media("trailer") == FILMS.media("trailer")
    assert again.where({"genre": "crime", "year": 1995}).tolist() == [True, False, False]
    assert all(
        np.shares_memory(array, arrays[name]) or not array.size
        for name, array in again.arrays().items()
    )


def test_joined_tables_fill_what_one_lacks():
    more = Items.of(
        ["alien"],
        texts={"title": ["Alien"]},
        labels={"genre": [["horror", "space"]]},
        categories={"studio": ["fox"]},
        vectors={"poster": [[2, 2]]},
    )
    both = FILMS.joined(more)
    assert both.vocabulary.ids() == ["heat", "jaws", "blank", "alien"]
    assert both.text("title") == ["Heat", "Jaws!", "", "Alien"]
    assert both.text("plot")[3] == ""
    assert both.labels("genre").words() == ["crime, drama", "drama, horror", "", "horror, space"]
    assert both.category("studio").words() == ["", "", "", "fox"]
    assert both.category("country").words() == ["us", "us", "", ""]
    assert np.isnan(both.number("year")[3])
    assert both.vectors("poster")[3].tolist() == [2.0, 2.0]
    assert type(both) is Items


def test_joining_refuses_what_does_not_fit():
    with pytest.raises(DataError, match=r"id 'heat' stands at position 0 and again at 3"):
        FILMS.joined(Items.of(["heat"]))
    with pytest.raises(DataError, match=r"column 'year' is a text but was a number before"):
        FILMS.joined(Items.of(["x"], texts={"year": ["1"]}))
    with pytest.raises(DataError, match=r"vectors of 3 numbers can't follow vectors of 2"):
        FILMS.joined(Items.of(["x"], vectors={"poster": [[1, 2, 3]]}))


def test_a_column_needs_a_value_a_row():
    with pytest.raises(ShapeError, match=r"column 'year' has 1 values for 2 ids"):
        Users(Vocabulary.from_ids(["a", "b"]), {"year": NumberColumn(np.array([1.0]))})
    with pytest.raises(ShapeError, match=r"vectors has 1 axes, wanted 2"):
        VectorColumn(np.zeros(3, np.float32))


def test_text_that_is_no_unicode_is_refused():
    with pytest.raises(
        DataError, match=r"column 'title' holds '\\ud800' at position 1, which is no"
    ):
        Items.of([1, 2], texts={"title": ["ok", "\ud800"]})
    with pytest.raises(DataError, match=r"column 'title' holds 3 at position 0; wanted text"):
        Items.of([1], texts={"title": [3]})
