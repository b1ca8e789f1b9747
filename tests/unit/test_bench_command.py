"""`penchant bench`: figures of a user's own model, and rivals whose answers are checked first."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import penchant
import pytest
from penchant.benchmark.requests import Cost, measure, requests, throughput
from penchant.benchmark.rivals import AnswersDiffer, check, race, rankers
from penchant.cli import main

EVENTS = {
    "user_id": ["ann", "ann", "bob", "bob", "cid", "cid", "dan", "dan"],
    "item_id": ["a", "b", "a", "c", "b", "c", "a", "b"],
    "rating": [5, 4, 4, 5, 5, 4, 1, 5],
}
FILMS = {"item_id": ["a", "b", "c"], "title": ["Alien", "Brazil", "Casablanca"]}


def model(scorer: Any) -> penchant.Model:
    data = penchant.Dataset.from_frame(EVENTS, items=FILMS, min_value=4)
    return penchant.fit(data, scorers=[scorer])


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    def call(*args: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as left:
            main(["bench", *args])
        printed = capsys.readouterr()
        code = left.value.code
        return (code if isinstance(code, int) else 1), printed.out, printed.err

    return call


def test_a_model_of_factors_is_timed_and_ranked_beside_rivals(tmp_path: Path, run: Any) -> None:
    folder = tmp_path / "model"
    model("mf.sgd").save(folder)
    code, out, err = run(str(folder), "--seconds", "0.01", "--threads", "3", "--json")
    assert code == 0, err
    found = json.loads(out)
    assert (found["users"], found["items"], found["k"]) == (4, 3, 10)
    assert found["megabytes"] == sum(f.stat().st_size for f in folder.rglob("*.*")) / 1e6
    assert found["load_ms"].keys() == {"verified", "unverified"}
    kinds = [request["request"] for request in found["requests"]]
    assert kinds == ["known user", "stranger with a history", "similar items", "100 users at once"]
    for request in found["requests"]:
        assert 0 < request["p50_us"] <= request["p95_us"] <= request["p99_us"]
        assert request["per_second"].keys() == {"1", "3"}
    assert [row["queries"] for row in found["ranking"] if row["contestant"] == "penchant"] == [
        1,
        32,
    ]


def test_figures_come_as_tables_for_people(tmp_path: Path, run: Any) -> None:
    model("cf.ease").save(tmp_path / "model")
    code, out, _ = run(str(tmp_path / "model"), "--seconds", "0.01", "-k", "2")
    assert code == 0
    assert "4 users, 3 items" in out
    assert "Requests for 2 items" in out
    assert "known user" in out
    assert "no dot product, so there is no rival for its ranking alone" in out


def test_words_are_asked_of_a_model_that_reads_them() -> None:
    fitted = model(penchant.use("content.text", encoder="base.hashing"))
    asked = requests(fitted, k=2)["words"](0)
    assert asked.ids[0] == "a"  # the words are the title of the first film


def test_a_folder_that_is_no_model_is_told(tmp_path: Path, run: Any) -> None:
    code, _, err = run(str(tmp_path))
    assert code == 1
    assert str(tmp_path) in err


def test_requests_are_counted_on_every_thread() -> None:
    asked: list[int] = []
    cost = measure("list", asked.append, seconds=0.005, threads=(1, 2))
    assert isinstance(cost, Cost)
    assert set(cost.per_second) == {1, 2}
    assert {0, 1, 2, 3} <= set(asked)
    assert cost.p50_us <= cost.p99_us


@pytest.mark.parametrize("at", [0, 1])
def test_an_error_on_any_thread_ends_all_and_is_raised(at: int) -> None:
    def ask(number: int) -> None:
        if number % 2 == at:
            raise ValueError(f"request {number}")

    with pytest.raises(ValueError, match=f"request {at}"):
        throughput(ask, 2, seconds=60)


# ---- rivals


def test_all_rivals_at_hand_give_the_answer_of_penchant() -> None:
    draw = np.random.default_rng(0)
    items = draw.standard_normal((500, 24), np.float32)
    queries = draw.standard_normal((5, 24), np.float32)
    standings = race(items, queries, 7, seconds=0.01)
    assert [s.contestant for s in standings] == list(rankers(items, 7))
    assert standings[0].contestant == "penchant"
    assert standings[0].times_as_fast == 1.0
    assert {s.queries for s in standings} == {5}


def test_numpy_takes_part_where_its_threads_can_be_counted() -> None:
    items = np.array([[1, 0], [0, 1], [1, 1]], np.float32)
    rows, scores = rankers(items, 2)["numpy"](np.array([[2, 1]], np.float32))
    assert rows.tolist() == [[2, 0]]
    assert scores.tolist() == [[3, 2]]


def test_tied_rows_may_trade_places_and_others_may_not() -> None:
    rows, scores = np.array([[4, 7, 9]]), np.array([[3, 3, 1]], np.float32)
    check("rival", (np.array([[7, 4, 9]]), scores), rows, scores)
    check("rival", (np.array([[4, 7, 2]]), scores), rows, scores)  # a tie past the last place
    for answer in (
        (np.array([[5, 7, 9]]) * 0 + [[9, 4, 7]], np.array([[1, 3, 3]], np.float32)),
        (rows, scores + 0.01),
        (rows[:, :2], scores[:, :2]),
    ):
        with pytest.raises(AnswersDiffer, match="rival ranks other items first than penchant does"):
            check("rival", answer, rows, scores)
    alone = np.array([[3, 2, 1]], np.float32)
    with pytest.raises(AnswersDiffer, match="update rival, or leave it out"):
        check("rival", (np.array([[7, 4, 9]]), alone), rows, alone)
