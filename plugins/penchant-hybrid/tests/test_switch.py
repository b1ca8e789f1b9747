"""`hybrid.switch` over parts that can be told apart by their scores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from penchant.errors import SettingsError
from penchant.protocols import Explains, FitContext, RelatesItems, State
from penchant.queries import Candidates, Csr, Queries, TopK
from penchant.registry import Registry
from penchant.settings import make_settings
from penchant.testing.data import blank, checkerboard, known, strangers
from penchant_hybrid.parts import Part
from penchant_hybrid.settings import SwitchSettings, When
from penchant_hybrid.switch import FittedSwitch

ITEMS = 6


@dataclass
class Everybody:
    """Gives every item the same score, to everybody."""

    value: float

    def score(self, queries: Queries, items: np.ndarray | None, /) -> np.ndarray:
        return np.full(
            (len(queries), ITEMS if items is None else len(items)), self.value, np.float32
        )

    def answers(self, queries: Queries, /) -> np.ndarray:
        return np.ones(len(queries), np.bool_)

    def state(self) -> State:
        return State()


@dataclass
class KnownOnly:
    """As `Everybody`, for users of the fit."""

    value: float

    def score(self, queries: Queries, items: np.ndarray | None, /) -> np.ndarray:
        assert (queries.rows >= 0).all(), "asked for somebody that the part can't answer"
        return Everybody(self.value).score(queries, items)

    def state(self) -> State:
        return State()


@dataclass
class Near(Everybody):
    """Knows neighbours of some items."""

    of: tuple[int, ...] = ()

    def similar_items(self, items: np.ndarray, candidates: Candidates, k: int, /) -> TopK:
        found = np.isin(items, self.of)
        rows = np.where(found, int(self.value), -1).astype(np.int32).reshape(-1, 1)
        scores = np.where(found, 1.0, -np.inf).astype(np.float32).reshape(-1, 1)
        return TopK(rows, scores, found.astype(np.int32))


def asks(*likings: int, known: bool = True, disliked: int = 0, words: bool = False) -> Queries:
    """One query a count: so many likings (of value 5), and so many dislikings (of value 1)."""
    counts = np.array(likings) + disliked
    indptr = np.cumsum([0, *counts]).astype(np.int64)
    indices = np.concatenate([np.arange(n) for n in counts] or [[]]).astype(np.int32)
    values = np.concatenate([[5.0] * n + [1.0] * disliked for n in likings]).astype(np.float32)
    rows = np.arange(len(likings)) if known else np.full(len(likings), -1)
    texts = {"encoder": np.full((len(likings), 2), float(words), np.float32)}
    return Queries(rows.astype(np.int32), Csr(indptr, indices, values, ITEMS), None, texts)


def switch(*cases: tuple[Any, When]) -> FittedSwitch:
    parts = [Part(f"toy.{place}", scorer, 1.0, 1.0) for place, (scorer, _) in enumerate(cases)]
    return FittedSwitch(parts, [when for _, when in cases], 4.0)


def told(model: FittedSwitch, queries: Queries) -> Sequence[float]:
    """The score of item 1 of each query, which says who answered."""
    return [float(score) for score in model.score(queries, None)[:, 1]]


def test_the_first_part_whose_condition_holds_answers() -> None:
    model = switch(
        (Everybody(1), When(max_likings=0)),
        (Everybody(2), When(max_likings=2)),
        (Everybody(3), When()),
    )
    assert told(model, asks(0, 1, 2, 3)) == [1, 2, 2, 3]
    assert model.score(asks(3), np.array([2, 0], np.int32)).tolist() == [[3, 3]]
    assert model.answers(asks(0, 3)).tolist() == [True, True]


def test_likings_are_counted_and_not_events() -> None:
    model = switch((Everybody(1), When(min_likings=2)), (Everybody(2), When()))
    assert told(model, asks(1, 2, disliked=2)) == [2, 1]


def test_users_of_the_fit_and_strangers_can_be_told_apart() -> None:
    model = switch((Everybody(1), When(known=False)), (Everybody(2), When(known=True)))
    assert told(model, asks(1)) == [2]
    assert told(model, asks(1, known=False)) == [1]


def test_those_who_ask_in_words_can_be_told_apart() -> None:
    model = switch((Everybody(1), When(words=True)), (Everybody(2), When(words=False)))
    assert told(model, asks(1, words=True)) == [1]
    assert told(model, asks(1, words=False)) == [2]
    assert told(model, Queries(np.array([-1], np.int32), Csr.empty(1, ITEMS))) == [2]


def test_all_that_a_condition_says_must_be_so() -> None:
    model = switch((Everybody(1), When(known=True, min_likings=1, max_likings=2)))
    assert told(model, asks(0, 1, 2, 3)) == [0, 1, 1, 0]
    assert model.answers(asks(0, 1, 2, 3)).tolist() == [False, True, True, False]
    assert told(model, asks(1, known=False)) == [0]


def test_a_part_without_evidence_lets_the_next_one_answer() -> None:
    model = switch((KnownOnly(1), When()), (Everybody(2), When()))
    assert told(model, asks(1)) == [1]
    assert told(model, asks(1, known=False)) == [2]


def test_the_reasons_are_those_of_the_part_that_answers() -> None:
    model = switch((KnownOnly(1), When(max_likings=1)), (Everybody(2), When(min_likings=3)))
    assert isinstance(model, Explains)
    answered = [model.explain(asks(likings), 0) for likings in (1, 2, 3)]
    assert [[(r.source, r.weight) for r in one] for one in answered] == [
        [("toy.0", 1.0)],
        [],
        [("toy.1", 2.0)],
    ]


def test_similar_items_come_from_the_first_part_that_has_some() -> None:
    model = switch(
        (Everybody(1), When()),
        (Near(4, of=(0,)), When(known=False)),
        (Near(5, of=(0, 1)), When()),
    )
    assert isinstance(model, RelatesItems)
    top = model.similar_items(np.arange(3, dtype=np.int32), Candidates(ITEMS), 2)
    assert top.rows.tolist() == [[4, -1], [5, -1], [-1, -1]]
    assert top.counts.tolist() == [1, 1, 0]
    assert not isinstance(switch((Everybody(1), When())), RelatesItems)


def test_real_parts_are_switched_and_a_saved_switch_decides_alike() -> None:
    data = checkerboard(users=20, items=12)
    registry = Registry.discover(only={"cf", "hybrid"})
    parts = [
        {"use": "base.popular", "when": {"max_likings": 0}},
        {"use": "cf.ease", "when": {"known": True}},
        "cf.item_knn",
    ]
    scorer = registry.scorer({"use": "hybrid.switch", "parts": parts})
    fitted = scorer.fit(data, FitContext())
    back = scorer.restore(fitted.state())
    for part, queries in (
        ("base.popular", blank(data)),
        ("cf.ease", known(data)),
        ("cf.item_knn", strangers(data)),
    ):
        alone = registry.scorer(part).fit(data, FitContext()).score(queries, None)
        assert (fitted.score(queries, None) == alone).all()
        assert (back.score(queries, None) == alone).all()


@pytest.mark.parametrize(
    ("part", "message"),
    [
        (
            {"use": "cf.ease", "when": {"max_liking": 3}},
            "when of part cf.ease: unknown setting 'max_liking'; did you mean 'max_likings'? "
            "(settings: known, words, min_likings, max_likings)",
        ),
        (
            {"use": "cf.ease", "when": {"min_likings": "<5"}},
            "when of part cf.ease: min_likings must be a whole number or none, got '<5' (str)",
        ),
        (
            {"use": "cf.ease", "when": {"min_likings": 5, "max_likings": 4}},
            "when of part cf.ease: likings must be counted from 0 on, and min_likings be at most "
            "max_likings, got min_likings = 5 and max_likings = 4",
        ),
        (
            {"use": "cf.ease", "when": {"max_likings": -1}},
            "when of part cf.ease: likings must be counted from 0 on, and min_likings be at most "
            "max_likings, got min_likings = None and max_likings = -1",
        ),
        (
            {"use": "cf.ease", "when": "new"},
            "when of part cf.ease must be a table of conditions such as {max_likings = 4}, got "
            "'new'; leave it out for a part that answers anybody",
        ),
        (
            {"use": "cf.ease", "when": {}},
            "when of part cf.ease must be a table of conditions such as {max_likings = 4}, got "
            "{}; leave it out for a part that answers anybody",
        ),
    ],
)
def test_conditions_that_say_nothing_sensible_are_refused(part: Any, message: str) -> None:
    with pytest.raises(SettingsError) as refused:
        make_settings(SwitchSettings, {"parts": [part]}, "hybrid.switch")
    assert str(refused.value) == f"hybrid.switch: {message}"
