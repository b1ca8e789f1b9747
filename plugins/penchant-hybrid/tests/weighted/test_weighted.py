"""`hybrid.weighted` over parts whose scores a person can see."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from penchant import use
from penchant.errors import SettingsError
from penchant.protocols import (
    Explains,
    Factored,
    FitContext,
    FoldsIn,
    ReadsText,
    RelatesItems,
    Updatable,
)
from penchant.queries import Candidates
from penchant.registry import Registry
from penchant.settings import make_settings
from penchant.testing.data import checkerboard, known, mixed
from penchant_hybrid.blend import Blend, FactoredBlend, blend_of
from penchant_hybrid.parts import Part
from penchant_hybrid.settings import WeightedSettings
from penchant_hybrid.spread import sample_of, spread_of

from .toys import (
    CONSTANT,
    ITEMS,
    TABLE,
    TRAIN,
    USERS,
    Constant,
    Neighbourly,
    Reader,
    Table,
    asks,
    log_of,
    weighted,
)


def test_a_blend_adds_the_parts_by_weight_over_spread() -> None:
    blend = blend_of(
        [Part("toy.table", Table(TABLE), 1.0, 2.0), Part("toy.same", Constant(CONSTANT), 3.0, 1.0)]
    )
    assert type(blend) is Blend
    assert blend.score(asks([0, 1]), None).tolist() == [
        [12.0, 0.5, 7.0, 7.5],
        [14.0, 2.5, 9.0, 9.5],
    ]
    assert blend.score(asks([1]), np.array([3, 0], np.int32)).tolist() == [[9.5, 14.0]]
    assert blend.weights == {"toy.table": 1.0, "toy.same": 3.0}


def test_a_part_without_evidence_adds_nothing() -> None:
    blend = blend_of(
        [Part("toy.table", Table(TABLE), 1.0, 1.0), Part("toy.same", Constant(CONSTANT), 1.0, 1.0)]
    )
    scores = blend.score(asks([-1, 0, -1]), None)
    assert scores.tolist() == [[4, 0, 2, 2], [4, 1, 4, 5], [4, 0, 2, 2]]
    assert blend.answers(asks([-1, 0])).tolist() == [True, True]
    alone = blend_of([Part("toy.table", Table(TABLE), 1.0, 1.0)])
    assert alone.answers(asks([-1, 0])).tolist() == [False, True]
    assert not alone.score(asks([-1]), None).any()


def test_a_part_of_no_weight_neither_scores_nor_answers_nor_explains() -> None:
    blend = blend_of(
        [Part("toy.table", Table(TABLE), 1.0, 1.0), Part("toy.same", Constant(CONSTANT), 0.0, 1.0)]
    )
    assert blend.answers(asks([-1])).tolist() == [False]
    assert (blend.score(asks([2]), None) == TABLE[2]).all()
    assert [reason.source for reason in blend.explain(asks([2]), 1)] == ["toy.table"]


def test_a_blend_of_dot_products_is_one_dot_product() -> None:
    parts = [
        Part("toy.a", Constant(CONSTANT), 1.0, 2.0),
        Part("toy.b", Constant(CONSTANT[::-1]), 3.0, 1.0),
    ]
    blend = blend_of(parts)
    assert isinstance(blend, FactoredBlend)
    assert isinstance(blend, Factored)
    assert blend.item_vectors.tolist() == [[2, 6], [0, 6], [1, 0], [1, 12]]
    scores = blend.score(asks([0, -1]), None)
    assert scores.tolist() == [[8, 6, 1, 13], [8, 6, 1, 13]]
    assert (Blend(parts).score(asks([0, -1]), None) == scores).all()
    assert (blend.score(asks([0]), np.array([3], np.int32)) == scores[:1, 3:]).all()


def test_both_forms_score_real_parts_alike() -> None:
    data = checkerboard(users=20, items=12)
    registry = Registry.discover(only={"mf", "hybrid"})
    parts = ({"use": "mf.sgd", "factors": 8, "epochs": 5}, {"use": "base.popular", "weight": 0.3})
    fitted = registry.scorer(use("hybrid.weighted", parts=parts)).fit(data, FitContext())
    assert isinstance(fitted, FactoredBlend)
    for queries in (known(data), mixed(data)):
        assert fitted.score(queries, None) == pytest.approx(
            Blend(fitted._parts).score(queries, None), rel=1e-5, abs=1e-5
        )


def test_reasons_are_in_the_units_of_the_blend_and_signed() -> None:
    blend = blend_of(
        [Part("toy.table", Table(TABLE), 1.0, 2.0), Part("toy.same", Constant(CONSTANT), 3.0, 1.0)]
    )
    assert isinstance(blend, Explains)
    reasons = blend.explain(asks([1]), 0)
    assert [(r.kind, r.weight, r.source) for r in reasons] == [
        ("popularity", 12.0, "toy.same"),
        ("score", 2.0, "toy.table"),
    ]
    assert sum(r.weight for r in reasons) == blend.score(asks([1]), None)[0, 0]
    assert [r.source for r in blend.explain(asks([-1]), 0)] == ["toy.same"]


def test_abilities_come_from_the_parts() -> None:
    plain = blend_of([Part("toy.same", Constant(CONSTANT), 1.0, 1.0)])
    assert isinstance(plain, FoldsIn)
    assert not isinstance(plain, ReadsText | RelatesItems | Updatable)
    reader = blend_of([Part("toy.reader", Reader(CONSTANT), 1.0, 1.0)])
    assert isinstance(reader, ReadsText)
    assert reader.encoders() == {"word": "the encoder"}


def test_similar_items_fuse_the_parts_lists_by_reciprocal_rank() -> None:
    blend = blend_of(
        [
            Part("toy.a", Neighbourly(CONSTANT, near=(1, 2)), 1.0, 1.0),
            Part("toy.b", Neighbourly(CONSTANT, near=(3, 2)), 1.0, 1.0),
            Part("toy.same", Constant(CONSTANT), 9.0, 1.0),
        ]
    )
    assert isinstance(blend, RelatesItems)
    top = blend.similar_items(np.array([0], np.int32), Candidates(ITEMS), 4)
    assert top.rows.tolist() == [[2, 1, 3, -1]]
    assert top.scores[0, :3].tolist() == pytest.approx([2 / 62, 1 / 61, 1 / 61])
    assert top.counts.tolist() == [3]


def test_a_fit_brings_parts_of_any_scale_to_one_spread() -> None:
    data = log_of([(user, 0) for user in range(USERS)])
    varied = np.tile(np.array([9, -1, 0, 1], np.float32), (USERS, 1))
    fitted = weighted(Table(varied), Table(varied * 1000)).fit(data, FitContext())
    # Item 0 is seen, so the spread is that of -1, 0 and 1.
    one = varied[0] / np.sqrt(2 / 3)
    assert fitted.score(asks([0]), None)[0] == pytest.approx(2 * one, rel=1e-5)


def test_the_spread_ignores_differences_between_users_and_is_one_for_the_flat() -> None:
    data = log_of([(user, 0) for user in range(USERS)])
    users = sample_of(data, 0)
    shifted = np.array([[0, -1, 0, 1]], np.float32) + 100 * np.arange(USERS)[:, None]
    assert spread_of(Part("t", Table(shifted), 1, 1), data, users) == pytest.approx(
        np.sqrt(2 / 3), rel=1e-5
    )
    flat = Part("t", Constant(np.full(ITEMS, 7.0)), 1, 1)
    assert spread_of(flat, data, users) == 1.0
    assert spread_of(flat, data, users[:0]) == 1.0


def test_the_sample_is_of_users_with_events_and_fixed_by_the_seed() -> None:
    data = log_of([(1, 0), (3, 1), (4, 2)])
    assert sample_of(data, 0).tolist() == [1, 3, 4]
    assert len(sample_of(data, 0, 2)) == 2
    assert sample_of(data, 5, 2).tolist() == sample_of(data, 5, 2).tolist()
    assert set(sample_of(data, 5, 2).tolist()) < {1, 3, 4}


def test_a_restored_dot_product_uses_the_stored_vectors() -> None:
    parts = (Constant(CONSTANT), Constant(CONSTANT[::-1]))
    made = weighted(*parts)
    fitted = made.fit(log_of(TRAIN), FitContext())
    state = fitted.state()
    restored = made.restore(state)
    assert isinstance(restored, FactoredBlend)
    assert restored.item_vectors is state.arrays["item_vectors"]
    assert (restored.score(asks([0]), None) == fitted.score(asks([0]), None)).all()


def test_parts_with_one_name_are_told_apart_by_position() -> None:
    same = Part("toy.same", Constant(CONSTANT), 1.0, 1.0)
    assert blend_of([same, replace(same, weight=0.5)]).weights == {
        "toy.same 1": 1.0,
        "toy.same 2": 0.5,
    }


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "hybrid.weighted: the setting 'parts' is missing; it has no default"),
        ({"parts": []}, "hybrid.weighted: parts must name at least one strategy, got none"),
        (
            {"parts": [{"use": "cf.ease", "weight": -1}]},
            "hybrid.weighted: the weight of part cf.ease must be a number of at least 0, got -1",
        ),
        (
            {"parts": [{"use": "cf.ease", "weight": "much"}]},
            "hybrid.weighted: the weight of part cf.ease must be a number of at least 0, "
            "got 'much'",
        ),
        (
            {"parts": [{"use": "cf.ease", "weight": 0}]},
            "hybrid.weighted: at least one part must have a weight greater than 0",
        ),
        (
            {"parts": ["cf.ease"], "among": "old"},
            "hybrid.weighted: among must be one of 'all', 'new', got 'old' (str)",
        ),
        (
            {"parts": ["cf.ease"], "known": 0},
            "hybrid.weighted: known must be at least 1, or left out, got 0",
        ),
        (
            {"parts": ["cf.ease"], "known": 3, "among": "new"},
            "hybrid.weighted: weights are learned for newcomers or for new items, got known = 3 "
            "and among = 'new'; leave one of them out",
        ),
        (
            {"parts": ["cf.ease"], "share": 1},
            "hybrid.weighted: share must be greater than 0 and less than 1, got 1.0",
        ),
        (
            {"parts": [{"weight": 1}]},
            "hybrid.weighted: a component is a name, or a table with the key 'use' and its "
            "settings, got {'weight': 1}",
        ),
    ],
)
def test_settings_that_make_no_blend_are_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError) as refused:
        make_settings(WeightedSettings, given, "hybrid.weighted")
    assert str(refused.value) == message


def test_settings_made_without_a_registry_are_checked_too() -> None:
    with pytest.raises(ValueError, match="among must be one of 'all', 'new', got 'old'"):
        WeightedSettings(parts=("cf.ease",), among="old")  # type: ignore[arg-type]


def test_a_part_never_sees_its_weight() -> None:
    settings = WeightedSettings(
        parts=("cf.ease", {"use": "cf.ease", "l2": 5, "weight": 2}, use("mf.sgd", weight=0.5))
    )
    assert settings.split() == (
        (use("cf.ease"), 1.0),
        (use("cf.ease", l2=5), 2.0),
        (use("mf.sgd"), 0.5),
    )
