"""New events and items as services have them: rows of JSON, none at all, and what goes wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import penchant
import pytest
from penchant import Dataset, Model
from penchant.errors import DataError

EVENTS = {
    "user_id": ["ann", "ann", "bob", "bob", "cid", "cid"],
    "item_id": ["a", "b", "a", "c", "a", "b"],
}
FILMS = {"item_id": ["a", "b", "c"], "title": ["Alien", "Brazil", "Cats"], "year": [1979, 1985, 1]}


@pytest.fixture(scope="module")
def model() -> Model:
    return penchant.fit(Dataset.from_frame(EVENTS, items=FILMS), scorers=["cf.item_knn"])


def test_events_may_come_as_rows(model: Model) -> None:
    rows = [{"user_id": "eve", "item_id": "a"}, {"user_id": "eve", "item_id": "c", "rating": 5.0}]
    columns = {"user_id": ["eve", "eve"], "item_id": ["a", "c"]}
    assert model.with_events(rows[:1]).recommend("eve", k=1).ids == ["b"]
    told = model.with_events([{k: row[k] for k in columns} for row in rows])
    assert told.recommend("eve", k=2).ids == model.with_events(columns).recommend("eve", k=2).ids
    with pytest.raises(DataError, match="rating is missing or not finite in 1 row"):
        model.with_events(rows)


@pytest.mark.parametrize("nothing", [[], {"user_id": [], "item_id": []}])
def test_no_events_change_nothing(model: Model, nothing: Any) -> None:
    same = model.with_events(nothing)
    assert same.changed == model.changed == frozenset()
    assert same.past is model.past


def test_events_in_a_file_are_read_with_its_delimiter(model: Model, tmp_path: Path) -> None:
    (tmp_path / "new.csv").write_text("user_id^item_id\neve^a\n", "utf-8")
    newer = model.with_events(tmp_path / "new.csv", delimiter="^")
    assert newer.recommend("eve", k=1).ids == ["b"]


def test_a_stream_of_events_is_read_once(model: Model) -> None:
    arrow = pytest.importorskip("pyarrow")
    table = arrow.table({"user_id": ["eve"], "item_id": ["a"]})
    stream = arrow.RecordBatchReader.from_batches(table.schema, table.to_batches())
    assert model.with_events(stream).recommend("eve", k=1).ids == ["b"]


def test_a_single_row_that_is_no_list_is_refused(model: Model) -> None:
    with pytest.raises(
        DataError, match=r"column 'user_id' of the interactions is the single value 'eve'; wanted"
    ):
        model.with_events({"user_id": "eve", "item_id": "axe"})
    with pytest.raises(DataError, match="column 'item_id' of the items is the single value 7"):
        model.with_items({"item_id": 7, "title": "Dune"})


def test_a_misspelt_column_of_new_items_is_no_new_column(model: Model) -> None:
    with pytest.raises(
        DataError, match=r"the column 'titel', which the model doesn't know; did you mean 'title'\?"
    ):
        model.with_items([{"item_id": "d", "titel": "Dune"}])
    newer = model.with_items([{"item_id": "d", "title": "Dune", "titles": "x", "studio": "u"}])
    assert set(newer.items.columns) == {"title", "year", "titles", "studio"}


def test_what_is_wrong_with_new_items_is_to_be_corrected(model: Model) -> None:
    with pytest.raises(DataError, match=r"item_id is repeated in 1 row \(row 2\); correct them$"):
        model.with_items([{"item_id": "d"}, {"item_id": "d"}])
