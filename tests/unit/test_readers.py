"""Files and tables of every kind give the same columns, or one sentence about what is wrong."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from penchant.data import Dataset, Reading
from penchant.data.readers import read_csv
from penchant.errors import DataError

DATA = os.environ.get("PENCHANT_DATA")

real = [
    pytest.mark.data,
    pytest.mark.skipif(DATA is None, reason="PENCHANT_DATA doesn't name the folder of real data"),
]


@pytest.fixture
def folder():
    return Path(DATA or "")


def write(path, content):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def columns(frame):
    return {name: list(frame[name]) for name in frame.names}


def test_quoted_fields_and_blank_lines(tmp_path):
    path = write(tmp_path / "a.csv", 'id,title\n1,"Heat, the ""film"""\n\n2,"two\nlines"\n')
    frame = read_csv(path, "items")
    assert columns(frame) == {"id": ["1", "2"], "title": ['Heat, the "film"', "two\nlines"]}
    assert frame.rows == 2
    assert frame.written


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_line_endings_and_a_byte_order_mark(tmp_path, ending):
    path = write(tmp_path / "a.csv", "\ufeffid,x" + ending + "1,a" + ending + "2,b")
    assert columns(read_csv(path, "items")) == {"id": ["1", "2"], "x": ["a", "b"]}


def test_other_line_separators_of_unicode_stay_in_the_field(tmp_path):
    path = write(tmp_path / "a.csv", "id,x\n1,a\u2028b\x85c\n")
    assert columns(read_csv(path, "items"))["x"] == ["a\u2028b\x85c"]


@pytest.mark.parametrize(
    ("name", "content"),
    [("a.tsv", 'id\tx\n1\t"a\n'), ("a.dat", 'id\tx\n1\t"a\n'), ("a.txt", 'id\tx\n1\t"a\n')],
)
def test_a_stray_quote_in_a_tab_separated_file_is_a_quote(tmp_path, name, content):
    assert columns(Reading().read(write(tmp_path / name, content), "items"))["x"] == ['"a']


def test_a_delimiter_may_have_several_characters(tmp_path):
    path = write(tmp_path / "a.dat", "1::Heat (1995)::Crime|Drama\r\n2::Jaws::\r\n")
    reading = Reading(delimiter="::", columns=["id", "title", "genres"])
    assert columns(reading.read(path, "items")) == {
        "id": ["1", "2"],
        "title": ["Heat (1995)", "Jaws"],
        "genres": ["Crime|Drama", ""],
    }


def test_a_delimiter_at_the_end_of_the_line_is_no_field(tmp_path):
    frame = read_csv(write(tmp_path / "a.csv", "id,x\n1,a,,\n2,b\n"), "items")
    assert columns(frame) == {"id": ["1", "2"], "x": ["a", "b"]}
    assert frame.ragged is None


def test_ragged_rows_are_left_out_and_named_by_line(tmp_path):
    path = write(tmp_path / "a.csv", 'id,x\n1,"a\nb"\n2\n\n3,c,d\n4,e\n')
    frame = read_csv(path, "items")
    assert columns(frame)["id"] == ["1", "4"]
    assert frame.numbers.tolist() == [1, 4]
    assert (frame.ragged.count, frame.ragged.rows) == (2, (4, 6))


def test_ragged_interactions_are_refused_or_counted(tmp_path):
    path = write(tmp_path / "a.csv", "user_id,item_id,value\nu,i,1\nu,j\nu,,2\nu,k,3\n")
    with pytest.raises(
        DataError, match=r"interactions: a wrong number of fields in 1 row \(line 3"
    ):
        Dataset.from_frame(path)
    data = Dataset.from_frame(path, clean="drop")
    assert data.items.vocabulary.ids() == ["i", "k"]
    assert data.report.rows_in == 4
    assert data.report.rows_kept == 2
    assert data.report.dropped["item_id is missing"].rows == (3,)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", r"'.*a\.csv' is empty; wanted a header line and rows"),
        ("id,x,id\n1,2,3\n", r"has the column 'id' more than once"),
        ('id,x\n1,"a\n', r"can't be read as delimited text: unexpected end of data"),
        (b"id,x\n1,caf\xe9\n", r'not utf-8: byte 0xe9 at position 10, line 2.*encoding="latin-1"'),
    ],
)
def test_a_broken_file_is_refused(tmp_path, content, message):
    with pytest.raises(DataError, match=message):
        read_csv(write(tmp_path / "a.csv", content), "items")


def test_the_encoding_can_be_said(tmp_path):
    path = write(tmp_path / "a.csv", b"id,x\n1,caf\xe9\n")
    assert columns(Reading(encoding="latin-1").read(path, "items"))["x"] == ["café"]
    with pytest.raises(DataError, match=r"there is no encoding 'latin-99'"):
        Reading(encoding="latin-99").read(path, "items")


def test_what_cannot_be_opened_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"the items can't be read: there is no file '.*none\.csv'"):
        Reading().read(tmp_path / "none.csv", "items")
    with pytest.raises(DataError, match=r"'a\.xyz', whose suffix says no format; name it \.csv"):
        Reading().read(write(tmp_path / "a.xyz", "id\n"), "items")
    with pytest.raises(DataError, match=r"'.*a\.parquet' is no readable Parquet file"):
        Reading().read(write(tmp_path / "a.parquet", "id\n"), "items")
    with pytest.raises(DataError, match=r'quote is one character, or "" for none, got "\'\'"'):
        Reading(quote="''")


def test_a_uri_goes_to_the_source_of_its_scheme():
    asked = []

    def opened(uri, query):
        asked.append((uri, query))
        return {"user_id": ["u"], "item_id": ["i"]}

    data = Dataset.from_frame("toy://host/db", sources={"toy": opened}, query="select 1")
    assert asked == [("toy://host/db", "select 1")]
    assert data.users.vocabulary.ids() == ["u"]
    with pytest.raises(DataError, match=r"no plugin opens tay:// URIs; did you mean 'toy'\?"):
        Dataset.from_frame("tay://host", sources={"toy": opened})
    with pytest.raises(DataError, match=r"no plugin opens x:// .*none\); .* sources=penchant\.Reg"):
        Dataset.from_frame("x://host")


def test_a_file_may_have_settings_of_its_own(tmp_path):
    events = write(tmp_path / "events.data", "u\ti\t4\nv\tj\t2\n")
    items = write(tmp_path / "items.txt", b"i|caf\xe9\nj|pub\n")
    data = Dataset.from_frame(
        events,
        columns=["user_id", "item_id", "value"],
        items={
            "path": str(items),
            "delimiter": "|",
            "encoding": "latin-1",
            "columns": ["item_id", "title"],
        },
    )
    assert data.items.text("title") == ["café", "pub"]
    with pytest.raises(DataError, match=r"unknown file setting 'delimeter'; did you mean 'delimit"):
        Dataset.from_frame({"path": str(events), "delimeter": ","})


def test_parquet_without_a_reader_says_what_to_install(tmp_path, monkeypatch):
    path = write(tmp_path / "a.parquet", "")
    monkeypatch.setattr("penchant.data.readers.find_spec", lambda name: None)
    with pytest.raises(DataError, match=r"needs a Parquet reader; pip install pyarrow"):
        Reading().read(path, "items")


# ---- tables in memory


def frames():
    import pandas as pd
    import polars as pl
    import pyarrow as pa

    plain = {
        "user_id": ["u", "v", "u"],
        "item_id": [3, 1, 2],
        "value": [1.5, 2.0, 3.0],
        "time": np.array(["2020-01-01", "2020-01-02", "1969-12-31T23:59:59.5"], "M8[us]"),
    }
    table = pa.table(plain)
    yield "mapping", plain
    yield "pandas", pd.DataFrame(plain)
    yield "polars", pl.DataFrame(plain)
    yield "polars lazy", pl.DataFrame(plain).lazy()
    yield "pyarrow", table
    yield "pandas categorical", pd.DataFrame(plain).astype({"user_id": "category"})
    yield "pandas arrow", pd.DataFrame(plain).convert_dtypes(dtype_backend="pyarrow")
    yield (
        "zoned",
        pl.DataFrame(plain).with_columns(
            pl.col("time").dt.replace_time_zone("UTC").dt.convert_time_zone("Asia/Tokyo")
        ),
    )
    yield "nanoseconds", pl.DataFrame(plain).with_columns(pl.col("time").cast(pl.Datetime("ns")))


@pytest.mark.parametrize("frame", [pytest.param(f, id=name) for name, f in frames()])
def test_every_dataframe_gives_the_same_dataset(frame):
    data = Dataset.from_frame(frame)
    assert data.users.vocabulary.ids() == ["u", "v"]
    assert data.items.vocabulary.ids() == [3, 1, 2]
    assert data.interactions.user.tolist() == [0, 1, 0]
    assert data.interactions.value.tolist() == [1.5, 2.0, 3.0]
    assert data.interactions.time.tolist() == [1577836800000000, 1577923200000000, -500000]
    assert data.fingerprint == Dataset.from_frame(next(frames())[1]).fingerprint


def test_a_duckdb_relation_gives_the_same_dataset():
    # In an interpreter of its own: DuckDB's types outlive the end of one that has imported much,
    # and complain of it on stderr.
    code = """
import duckdb, penchant
events = "(values ('u', 3, 1.5), ('v', 1, 2.0), ('u', 2, 3.0)) t(user_id, item_id, value)"
with duckdb.connect() as connection:
    data = penchant.Dataset.from_frame(connection.sql(f"select * from {events}"))
assert data.users.vocabulary.ids() == ["u", "v"], data.users
assert data.items.vocabulary.ids() == [3, 1, 2], data.items
assert data.interactions.value.tolist() == [1.5, 2.0, 3.0]
print(data.fingerprint)
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=100)
    assert run.returncode == 0, run.stderr
    plain = {"user_id": ["u", "v", "u"], "item_id": [3, 1, 2], "value": [1.5, 2.0, 3.0]}
    assert run.stdout.strip() == Dataset.from_frame(plain).fingerprint


def test_pandas_integers_with_gaps_are_integers():
    import pandas as pd

    frame = pd.DataFrame({"user_id": [1, None, 3], "item_id": ["a", "b", None]})
    with pytest.raises(
        DataError, match=r"user_id is missing in 1 row \(row 2\); item_id is missing"
    ):
        Dataset.from_frame(frame)
    data = Dataset.from_frame(frame, clean="drop")
    assert data.users.vocabulary.ids() == [1]


def test_missing_values_of_each_library_are_missing():
    import pandas as pd
    import polars as pl

    plain = {"user_id": ["u", None, "v"], "item_id": [1, 2, None]}
    for frame in (plain, pd.DataFrame(plain).convert_dtypes(), pl.DataFrame(plain)):
        report = Dataset.from_frame(frame, clean="drop").report
        assert {reason: p.rows for reason, p in report.dropped.items()} == {
            "user_id is missing": (2,),
            "item_id is missing": (3,),
        }


def test_a_sparse_matrix_has_its_row_numbers_as_ids():
    from scipy import sparse

    matrix = sparse.csr_matrix(np.array([[0, 2.0, 0], [0, 0, 0], [1.0, 0, 3.0]]))
    for given in (matrix, sparse.csr_array(matrix)):
        data = Dataset.from_frame(given)
        assert data.users.vocabulary.ids() == [0, 1, 2]
        assert data.items.vocabulary.ids() == [0, 1, 2]
        assert np.array_equal(data.interactions.by_user().to_dense(), matrix.toarray())
    with pytest.raises(DataError, match=r"no CSR matrix of users x items; call tocsr\(\) first"):
        Dataset.from_frame(SimpleNamespace(indptr=[0], indices=[], data=[], shape=(3, 3)))


def test_something_else_is_refused():
    with pytest.raises(DataError, match=r"the interactions are a int; wanted a dataframe \(pandas"):
        Dataset.from_frame(3)
    with pytest.raises(DataError, match=r"differ in length: user_id has 1, item_id has 2"):
        Dataset.from_frame({"user_id": ["u"], "item_id": ["i", "j"]})


# ---- real dirt


class TestRealFiles:
    pytestmark = real

    def test_broken_rows_of_book_crossing_are_named_by_line(self, folder):
        tables = {
            "interactions": folder / "book-crossing/book_ratings.dat",
            "items": folder / "book-crossing/items_info.dat",
        }
        names = {"user": "user", "item": "item", "item_id": "Book_ID"}
        with pytest.raises(DataError, match=r"fields in 973 rows \(lines 3, 7, 14, 43, 44, …\)"):
            Dataset.from_frame(**tables, **names)
        data = Dataset.from_frame(**tables, **names, clean="drop")
        assert data.report.dropped["items: a wrong number of fields"].count == 973
        assert data.report.rows_kept == 62656
        assert data.items.name(0) == "Decision in Normandy"

    def test_a_latin_1_file_is_refused_with_its_line(self, folder):
        path = folder / "ml-1m/movies.dat"
        names = ["item_id", "title", "genres"]
        with pytest.raises(
            DataError, match=r"byte 0xe9 at position \d+, line 73; if it is Latin-1"
        ):
            read_csv(path, "items", delimiter="::", names=names)
        frame = read_csv(path, "items", delimiter="::", names=names, encoding="latin-1")
        assert frame["title"][72] == "Misérables, Les (1995)"
        assert frame.rows == 3883

    def test_a_hundred_thousand_ratings_are_read_whole(self, folder):
        data = Dataset.from_frame(
            folder / "ml-latest-small/ratings.csv",
            items=folder / "ml-latest-small/movies.csv",
            user="userId",
            item="movieId",
            min_value=4,
        )
        assert (len(data.users), len(data.items), len(data.interactions)) == (610, 9742, 100836)
        assert len(data.positives()) == 48580
        assert data.items.vocabulary.kind == "int"
        assert {n: c.kind for n, c in data.items.columns.items()} == {
            "title": "text",
            "genres": "label",
        }
        assert data.describe().cold_items == 18

    def test_friends_become_relations(self, folder):
        data = Dataset.from_frame(
            folder / "lastfm-hetrec/user_artists.dat",
            user="userID",
            item="artistID",
            value="weight",
            items=folder / "lastfm-hetrec/artists.dat",
            item_id="id",
            relations=folder / "lastfm-hetrec/user_friends.dat",
            source="userID",
            target="friendID",
        )
        assert len(data.relations) == 12674
        assert data.interactions.value.max() == 352698
        assert data.items.named("media") == ("url", "pictureURL")
