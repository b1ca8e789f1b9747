"""`hybrid.fused` over parts whose orders a person can see."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from penchant.errors import SettingsError
from penchant.protocols import Explains, FitContext, State
from penchant.queries import Csr, Queries
from penchant.registry import Registry
from penchant.settings import make_settings
from penchant.testing.data import checkerboard, known, mixed
from penchant_hybrid.fused import FittedFused, ranks_of
from penchant_hybrid.parts import Part
from penchant_hybrid.settings import FusedSettings


@dataclass
class Same:
    """Gives everybody the same scores; answers known users only."""

    scores: list[float]

    def score(self, queries: Queries, items: np.ndarray | None, /) -> np.ndarray:
        assert (queries.rows >= 0).all(), "asked for somebody that the part can't answer"
        rows = np.tile(np.array(self.scores, np.float32), (len(queries), 1))
        return rows if items is None else rows[:, items]

    def state(self) -> State:
        return State()


def asks(rows: list[int], met: list[list[int]]) -> Queries:
    """Ask for these rows, who have met these of four items."""
    indptr = np.cumsum([0, *map(len, met)]).astype(np.int64)
    indices = np.array([item for one in met for item in one], np.int32)
    return Queries(np.array(rows, np.int32), Csr(indptr, indices, None, 4))


def fused(*scores: list[float], weights: tuple[float, ...] = (1.0, 1.0)) -> FittedFused:
    return FittedFused(
        [
            Part(f"toy.{place}", Same(one), weight, 1.0)
            for place, (one, weight) in enumerate(zip(scores, weights, strict=False))
        ]
    )


def test_the_reciprocals_of_ranks_are_added_whatever_the_scores() -> None:
    model = fused([9, 3, 2, 1], [-4e9, -3e9, -2e9, -1e9])
    assert model.score(asks([0], [[]]), None)[0] == pytest.approx(
        [1 / 61 + 1 / 64, 1 / 62 + 1 / 63, 1 / 63 + 1 / 62, 1 / 64 + 1 / 61]
    )
    assert model.score(asks([0], [[]]), np.array([3], np.int32)).shape == (1, 1)


def test_items_that_were_met_take_no_place_and_stand_beside_the_next() -> None:
    history = asks([0], [[0, 2]]).history
    ranks = ranks_of(np.array([[9, 3, 2, 1]], np.float32), history)
    assert ranks.tolist() == [[1, 1, 1, 2]]
    assert ranks_of(np.array([[9, 3, 5, 7]], np.float32), history).tolist() == [[1, 2, 1, 1]]


def test_equals_share_the_last_of_their_places() -> None:
    nothing = asks([0], [[]]).history
    assert ranks_of(np.array([[0, 7, 0, 7]], np.float32), nothing).tolist() == [[4, 2, 4, 2]]
    assert ranks_of(np.zeros((1, 4), np.float32), nothing).tolist() == [[4, 4, 4, 4]]


@given(
    scores=st.lists(st.integers(-3, 3), min_size=1, max_size=9),
    met=st.sets(st.integers(0, 8)),
)
def test_ranks_are_what_counting_gives(scores: list[int], met: set[int]) -> None:
    kept = sorted(item for item in met if item < len(scores))
    history = Csr(np.array([0, len(kept)], np.int64), np.array(kept, np.int32), None, len(scores))
    counted = [
        max(1, sum(other >= own for item, other in enumerate(scores) if item not in kept))
        for own in scores
    ]
    assert ranks_of(np.array([scores], np.float32), history).tolist() == [counted]


def test_a_weight_says_how_much_a_part_counts_and_none_silences_it() -> None:
    first, second = [4.0, 3, 2, 1], [1.0, 2, 3, 4]
    heavy = fused(first, second, weights=(3.0, 1.0)).score(asks([0], [[]]), None)[0]
    assert heavy.argmax() == 0
    silent = fused(first, second, weights=(0.0, 1.0))
    assert silent.score(asks([0], [[]]), None)[0] == pytest.approx([1 / 64, 1 / 63, 1 / 62, 1 / 61])
    assert silent.answers(asks([0, -1], [[], []])).tolist() == [True, False]


def test_a_part_without_evidence_adds_nothing() -> None:
    scores = fused([4, 3, 2, 1], [1, 2, 3, 4]).score(asks([-1, 0], [[], []]), None)
    assert not scores[0].any()
    assert scores[1].all()


def test_the_reasons_are_ranks_and_sum_to_the_score() -> None:
    model = fused([9, 3, 2, 1], [4, 4, 8, 4])
    assert isinstance(model, Explains)
    reasons = model.explain(asks([0], [[2]]), 0)
    assert [(r.kind, r.detail, r.source) for r in reasons] == [
        ("rank", "rank 1", "toy.0"),
        ("rank", "rank 3", "toy.1"),
    ]
    assert [r.weight for r in reasons] == pytest.approx([1 / 61, 1 / 63])
    total = sum(reason.weight for reason in reasons)
    assert total == pytest.approx(model.score(asks([0], [[2]]), None)[0, 0], rel=1e-6)
    assert model.explain(asks([-1], [[]]), 0) == ()


def test_a_fit_fuses_real_parts_and_a_saved_one_comes_back() -> None:
    data = checkerboard(users=20, items=12)
    scorer = Registry.discover(only={"cf", "hybrid"}).scorer(
        {"use": "hybrid.fused", "parts": ["cf.ease", {"use": "base.popular", "weight": 0.5}]}
    )
    fitted = scorer.fit(data, FitContext())
    for queries in (known(data), mixed(data)):
        scores = fitted.score(queries, None)
        assert (scorer.restore(fitted.state()).score(queries, None) == scores).all()
        scores[queries.history.row_of_entry(), queries.history.indices] = 0
        assert (scores.argmax(axis=1) % 2 == np.arange(20) % 2).all()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"parts": []}, "hybrid.fused: parts must name at least one strategy, got none"),
        (
            {"parts": [{"use": "cf.ease", "weight": -1}]},
            "hybrid.fused: the weight of part cf.ease must be a number of at least 0, got -1",
        ),
        (
            {"part": ["cf.ease"]},
            "hybrid.fused: unknown setting 'part'; did you mean 'parts'? (settings: parts)",
        ),
    ],
)
def test_settings_that_fuse_nothing_are_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError) as refused:
        make_settings(FusedSettings, given, "hybrid.fused")
    assert str(refused.value) == message
