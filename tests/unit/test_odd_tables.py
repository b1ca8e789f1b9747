"""Tables as people have them: `penchant evaluate` on each works, or says what to do."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner
from penchant.cli.evaluate import evaluate
from penchant.data import Dataset
from penchant.errors import DataError

HEAD = ("user_id", "item_id", "rating", "timestamp")
ROWS = [
    (f"u{user}", f"i{(user + 3 * place) % 11}", str(1 + (user + place) % 5), str(86_400 * place))
    for user in range(6)
    for place in range(8)
]


def table(
    folder: Path,
    name: str = "ratings.csv",
    *,
    head: tuple[str, ...] = HEAD,
    rows: list[tuple[str, ...]] = ROWS,
    delimiter: str = ",",
    quote: str = "",
    encoding: str = "utf-8",
    newline: str = "\n",
) -> Path:
    lines = [delimiter.join(f"{quote}{one}{quote}" for one in row) for row in (head, *rows) if row]
    path = folder / name
    path.write_bytes((newline.join(lines) + newline).encode(encoding))
    return path


def day(stamp: str, form: str = "%Y-%m-%d") -> str:
    return datetime.fromtimestamp(int(stamp), UTC).strftime(form)


def changed(column: int, change) -> list[tuple[str, ...]]:
    return [(*row[:column], change(row[column]), *row[column + 1 :]) for row in ROWS]


def told(path: Path, *options: str):
    return CliRunner().invoke(evaluate, [str(path), "base.popular", "base.random", *options])


@pytest.mark.parametrize(
    "how",
    [
        {},
        {"delimiter": ";"},
        {"delimiter": "\t"},
        {"delimiter": "|"},
        {"delimiter": "::", "name": "ratings.dat"},
        {"name": "ratings.txt"},
        {"name": "ratings.data", "delimiter": "\t"},
        {"quote": '"'},
        {"quote": '"', "delimiter": ";"},
        {"encoding": "utf-8-sig"},
        {"newline": "\r\n"},
        {"rows": changed(3, day)},
        {"rows": changed(3, lambda stamp: day(stamp, "%Y-%m-%dT%H:%M:%SZ"))},
        {"rows": [*ROWS[:8], (), *ROWS[8:]]},
    ],
    ids=str,
)
def test_a_table_is_read_as_the_plain_one_is(tmp_path, how):
    read = Dataset.from_frame(table(tmp_path, **how))
    plain = Dataset.from_frame(table(tmp_path, "plain.csv"))
    assert read.fingerprint == plain.fingerprint


def test_one_command_compares_strategies_on_it(tmp_path):
    said = told(table(tmp_path, delimiter=";"), "--min-value", "3")
    assert said.exit_code == 0
    assert "user-time: " in said.output
    assert "base.popular" in said.output
    assert "base.random against base.popular: ndcg@10" in said.output


def test_ids_alone_will_do(tmp_path):
    said = told(table(tmp_path, head=HEAD[:2], rows=[row[:2] for row in ROWS]))
    assert said.exit_code == 0
    assert "user-random: " in said.output
    assert "Note: events have no times, so a split by time isn't possible\n" in said.output


def test_columns_that_are_called_otherwise_are_named(tmp_path):
    path = table(tmp_path, head=("customer", "product", "stars", "when"))
    said = told(path, "--user", "customer", "--item", "product")
    assert said.exit_code == 0
    assert "isn't possible (columns left alone: stars, when)" in said.output
    assert "every event counts the same (columns left alone: stars, when)" in said.output
    said = told(
        path, *["--user", "customer", "--item", "product", "--value", "stars", "--time", "when"]
    )
    assert "left alone" not in said.output


def test_a_file_without_a_header_has_its_columns_named(tmp_path):
    path = table(tmp_path, head=())
    said = told(path, "--columns", "user_id, item_id,rating,timestamp")
    assert said.exit_code == 0
    assert "user-time: 36 events" in said.output


def test_times_of_another_unit_are_noticed(tmp_path):
    path = table(tmp_path, rows=changed(3, lambda stamp: f"{int(stamp) + 10**12}"))
    said = "us since 1970; time_unit may be another than the column's"
    assert said in told(path).output
    assert "time_unit" not in told(path, "--time-unit", "ms").output


@pytest.mark.parametrize(
    ("how", "said"),
    [
        (
            {"head": ("customer", "product", "stars", "when")},
            r"no column 'user_id' \(columns: customer, product, stars, when\); say which columns "
            r"hold what by `user`, `item`, `value`, `time`",
        ),
        ({"head": ("userId", *HEAD[1:])}, r"no column 'user_id'; did you mean 'userId'\?"),
        (
            {"head": (), "rows": [("7", "8", "4", "0"), ("7", "9", "5", "1")]},
            r"no column 'user_id' \(columns: 7, 8, 4, 0\); the first line looks like data, so say "
            r"by `columns` what they are called",
        ),
        (
            {"head": (), "rows": [("1", "1", "4", "0"), ("1", "2", "5", "1")]},
            "has the column '1' more than once; the first line looks like data",
        ),
        (
            {"rows": changed(2, lambda value: f"{value},5"), "delimiter": ";"},
            r"rating is no number in 48 rows \(rows 1, 2, 3, 4, 5, …\), such as '1,5', wanted a "
            r"point for the decimals; correct",
        ),
        (
            {"rows": changed(2, lambda _: "good")},
            r"rating is no number in 48 rows \(rows 1, 2, 3, 4, 5, …\), such as 'good'; correct",
        ),
        (
            {"rows": changed(3, lambda stamp: day(stamp, "%d/%m/%Y"))},
            r"timestamp is missing or no time in 48 rows .*, such as '01/01/1970', wanted ISO 8601 "
            r"\(2024-05-31T18:00\) or a number; correct",
        ),
        ({"rows": changed(3, lambda _: "")}, r"no time in 48 rows \(rows 1, 2, 3, 4, 5, …\); cor"),
        ({"rows": changed(2, lambda _: "NaN")}, "rating is missing or not finite in 48 rows"),
        ({"rows": ROWS + ROWS[:2]}, r"repeated exactly in 2 rows \(rows 49, 50\)"),
        ({"rows": []}, "the interactions have no rows"),
        ({"encoding": "utf-16"}, 'it starts as UTF-16 does, so pass encoding="utf-16"'),
        ({"delimiter": "~"}, "no column 'user_id' .columns: user_id~item_id~rating~timestamp."),
    ],
    ids=str,
)
def test_a_table_that_can_t_be_read_says_what_to_do(tmp_path, how, said):
    with pytest.raises(DataError, match=said):
        Dataset.from_frame(table(tmp_path, **how))


def test_three_users_are_warned_of(tmp_path):
    rows = [row for row in ROWS if row[0] in ("u0", "u1", "u2")]
    said = told(table(tmp_path, rows=rows), "--min-value", "1")
    assert "only 3 users are evaluated; their mean is mostly chance" in said.output
    said = told(table(tmp_path, rows=rows[:8]), "--min-value", "1")
    assert "only 1 user is evaluated; their mean is mostly chance" in said.output


def test_users_of_one_event_each_are_told_why_nothing_is_left(tmp_path):
    path = table(tmp_path, rows=ROWS[::8])
    with pytest.raises(DataError, match="user-time split leaves its test part empty: none of the"):
        CliRunner().invoke(evaluate, [str(path), "base.popular"], catch_exceptions=False)


def test_a_suffix_that_says_nothing_is_refused_with_those_that_do(tmp_path):
    said = told(table(tmp_path, "ratings.xlsx"))
    assert said.exit_code == 2
    assert "no table of events; wanted a .toml or .csv, .tsv, .tab, .dat" in said.output


def test_options_of_a_table_are_refused_beside_a_recipe_by_their_names(tmp_path):
    recipe = tmp_path / "recipe.toml"
    recipe.write_text('[data]\ninteractions = "ratings.csv"\n')
    said = told(recipe, "--columns", "a,b", "--time-unit", "ms", "--scorer", "cf.ease")
    assert "--columns, --time-unit, --scorer can't be given besides a recipe" in said.output


# ---- frames as notebooks have them


def test_floats_that_are_whole_are_told_the_way_out():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"user_id": [1.0, 2.0], "item_id": ["a", "b"]})
    with pytest.raises(DataError, match=r"floats; .* they are whole numbers, so astype\('int64'\)"):
        Dataset.from_frame(frame)
    with pytest.raises(DataError, match=r"so cast the column first$"):
        Dataset.from_frame(frame.assign(user_id=[0.5, 2.0]))


def test_columns_of_pandas_need_not_be_called_by_texts():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame([[7, "a"], [8, "b"]])
    assert Dataset.from_frame(frame, user="0", item="1").users.vocabulary.ids() == [7, 8]
    double = pandas.DataFrame([[7, "a"]], columns=["user_id", "user_id"])
    with pytest.raises(DataError, match="the interactions have two columns of one name; rename"):
        Dataset.from_frame(double)
    levels = pandas.DataFrame([[7]], columns=pandas.MultiIndex.from_tuples([("user_id", "first")]))
    with pytest.raises(DataError, match="no column 'user_id'"):
        Dataset.from_frame(levels)


def test_what_lies_in_an_index_is_named():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"item_id": ["a"]}, index=pandas.Index([7], name="user_id"))
    with pytest.raises(DataError, match=r"'user_id' .*user_id in the index, .*: reset_index\(\)"):
        Dataset.from_frame(frame)


@pytest.mark.parametrize("form", ["coo", "csc", "lil"])
def test_any_sparse_matrix_of_scipy_will_do(form):
    sparse = pytest.importorskip("scipy.sparse")
    matrix = sparse.csr_matrix([[0, 2, 0], [1, 0, 3]])
    told = Dataset.from_frame(matrix.asformat(form))
    assert told.fingerprint == Dataset.from_frame(matrix).fingerprint


def test_numbers_too_great_for_a_time_name_their_unit():
    micros = {"user_id": [1], "item_id": ["a"], "time": [1_700_000_000_000_000]}
    with pytest.raises(
        DataError, match="such as 1700000000000000, too many s since 1970; time_unit says what"
    ):
        Dataset.from_frame(micros)
    assert Dataset.from_frame(micros, time_unit="us").interactions.time.tolist() == micros["time"]
