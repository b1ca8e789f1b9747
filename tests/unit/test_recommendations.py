"""Answers: they unpack, index and turn into tables without losing an id."""

from __future__ import annotations

import json

import numpy as np
import pytest
from penchant.errors import RequestError
from penchant.recommendations import BatchRecommendations, Recommendations, frame


def answer() -> Recommendations:
    return Recommendations(["b", "a"], np.array([2.5, 1.0], np.float32), "cf.ease", "ann")


def batch() -> BatchRecommendations:
    return BatchRecommendations(
        [7, 8, 9],
        ["a", "b", "c"],
        np.array([3, 2, 1], np.float32),
        np.array([0, 2, 2, 3], np.int64),
        ["cf.ease", "base.popular", "cf.ease"],
    )


def test_an_answer_unpacks_as_ids_and_scores() -> None:
    ids, scores = answer()
    assert ids == ["b", "a"]
    assert scores.tolist() == [2.5, 1.0]
    assert len(answer()) == 2


def test_an_answer_is_ready_for_json() -> None:
    assert json.loads(json.dumps(answer().to_dicts())) == [
        {"item_id": "b", "score": 2.5, "rank": 1},
        {"item_id": "a", "score": 1.0, "rank": 2},
    ]


@pytest.mark.parametrize("backend", ["pandas", "polars", "pyarrow"])
def test_a_frame_has_a_row_an_item(backend: str) -> None:
    import narwhals as nw

    pytest.importorskip(backend)
    table = nw.from_native(batch().to_frame(backend), eager_only=True)
    assert table.columns == ["user_id", "item_id", "score", "rank"]
    assert table["user_id"].to_list() == [7, 7, 9]
    assert table["item_id"].to_list() == ["a", "b", "c"]
    assert table["rank"].to_list() == [1, 2, 1]
    one = nw.from_native(answer().to_frame(backend), eager_only=True)
    assert one["score"].to_list() == [2.5, 1.0]


def test_an_unknown_frame_library_is_refused_by_name() -> None:
    with pytest.raises(RequestError, match=r"one of pandas, polars, pyarrow, got 'dask'"):
        frame({}, "dask")


def test_without_any_frame_library_the_way_out_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(RequestError, match=r"no pandas or polars or pyarrow; install one, or use"):
        answer().to_frame()


def test_a_batch_gives_one_users_answer_by_position() -> None:
    first, second, third = batch()
    assert first.ids == ["a", "b"]
    assert second.ids == []
    assert second.source == "base.popular"
    assert third.user_id == 9
    assert batch()[-1].ids == ["c"]


@pytest.mark.parametrize("position", [3, -4])
def test_a_position_outside_the_batch_is_named(position: int) -> None:
    with pytest.raises(IndexError, match=f"position {position} is outside the 3 users"):
        batch()[position]
