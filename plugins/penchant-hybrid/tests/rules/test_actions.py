"""One action after the other, and all that they do to one list."""

from __future__ import annotations

from typing import Any

import numpy as np
import penchant
from penchant.protocols import FitContext
from penchant.queries import Candidates, Csr, Queries

from .shop import SIZE, built, listed, model, shop


def test_only_what_is_required_is_shown_and_never_what_is_excluded() -> None:
    assert listed({"action": "require", "items": {"stock": {"min": 1}}}) == [0, 2, 3, 4, 5, 6, 7]
    assert listed({"action": "exclude", "items": {"brand": ["a", "b"]}}) == [5, 6, 7]
    assert listed({"action": "exclude", "ids": ["i0", "i3"]}) == [1, 2, 4, 5, 6, 7]
    both = {"action": "require", "items": {"brand": "a"}}, {"action": "exclude", "ids": ["i0"]}
    assert listed(*both) == [1, 2]


def test_boosts_add_to_relevance_and_burying_takes_away() -> None:
    # Sevenths: 7 6 5 4 3 2 1 0. The local ones, 4 and 6, gain 0.3: 5.1 and 3.1.
    boost = {"action": "boost", "items": {"tags": "local"}, "by": 0.3}
    assert listed(boost) == [0, 1, 4, 2, 3, 6, 5, 7]
    bury = {"action": "bury", "items": {"brand": "a"}, "by": 1}
    assert listed(bury) == [3, 4, 5, 6, 0, 7, 1, 2], "equal ones stay in the order they had"
    assert listed(bury, {"action": "boost", "items": {"brand": "a"}, "by": 1}) == [*range(8)]


def test_the_new_gain_by_how_new_they_are() -> None:
    # Years 2001 to 2007: 6 is the newest and gains all, 5 the half of it, 7 has no year.
    fresh = {"action": "fresh", "column": "year", "half_life": 1, "by": 1}
    assert listed(fresh)[:3] == [6, 0, 1]
    fitted = built(fresh).fit(shop(), FitContext())
    gained = fitted._book.bound[0].added(np.arange(8, dtype=np.int32))
    assert gained.tolist() == [1 / 64, 1 / 32, 1 / 16, 1 / 8, 1 / 4, 1 / 2, 1, 0]


def test_pins_take_their_places_in_order_or_the_next_that_is_free() -> None:
    assert listed({"action": "pin", "ids": ["i7", "i5"]}) == [7, 5, 0, 1, 2, 3, 4, 6]
    assert listed({"action": "pin", "ids": ["i7"], "place": 3}, k=4) == [0, 1, 7, 2]
    first, second = {"action": "pin", "ids": ["i7"]}, {"action": "pin", "ids": ["i6", "i7"]}
    assert listed(first, second, k=4) == [7, 6, 0, 1]
    assert listed({"action": "pin", "ids": ["i7"], "place": 5}, k=4) == [0, 1, 2, 3]


def test_a_place_may_go_to_the_best_of_some_items() -> None:
    slot = {"action": "pin", "items": {"tags": "new"}, "place": 2}
    assert listed(slot, k=3) == [0, 6, 1]
    assert listed(slot, {"action": "exclude", "ids": ["i6"]}, k=3) == [0, 7, 1]


def test_a_pinned_item_moves_up_where_nothing_is_left_to_stand_before_it() -> None:
    only = {"action": "require", "ids": ["i0", "i7"]}
    assert listed(only, {"action": "pin", "ids": ["i7"], "place": 6}) == [0, 7]


def test_a_cap_counts_each_kind_and_gives_way_only_where_nothing_else_is_left() -> None:
    cap = {"action": "cap", "column": "brand", "at_most": 1}
    assert listed(cap, k=4) == [0, 3, 5, 7], "what has no brand is not counted"
    assert listed(cap, k=6) == [0, 3, 5, 7, 1, 2]
    assert listed({"action": "cap", "items": {"brand": ["a", "b"]}, "at_most": 2}, k=4) == [
        *(0, 1, 5, 6)
    ]
    assert listed({"action": "cap", "column": "tags", "at_most": 1}) == [*range(6), 7, 6]


def test_a_cap_by_share_lets_in_more_along_the_list() -> None:
    # Of the first 1, 2, 3, … at most 1, 1, 2, 2, 3 may be of one brand.
    cap = {"action": "cap", "column": "brand", "share": 0.5}
    assert listed(cap, k=5) == [0, 3, 1, 4, 2]


def test_pins_count_for_caps_from_the_start_and_are_not_stopped_by_them() -> None:
    cap = {"action": "cap", "column": "brand", "at_most": 1}
    assert listed(cap, {"action": "pin", "ids": ["i2"], "place": 3}, k=3) == [3, 5, 2]
    assert listed(cap, {"action": "pin", "ids": ["i2", "i1"]}, k=3) == [2, 1, 3]


def test_a_quota_of_a_count_is_met_at_the_end_and_one_of_a_share_on_the_way() -> None:
    local = {"items": {"tags": "local"}}
    assert listed({"action": "quota", **local, "at_least": 2}, k=4) == [0, 1, 4, 6]
    assert listed({"action": "quota", **local, "share": 0.5}, k=4) == [0, 4, 1, 6]
    assert listed({"action": "quota", **local, "at_least": 2}, k=1) == [4]
    assert listed({"action": "quota", **local, "at_least": 5}, k=4) == [4, 6, 0, 1]


def test_quotas_that_fall_due_together_are_both_met() -> None:
    # By place 3 one of each; a look at one place at a time would keep both for the third.
    rules = [
        {"action": "quota", "items": {"brand": "b"}, "share": 0.34},
        {"action": "quota", "items": {"brand": "c"}, "share": 0.34},
    ]
    assert listed(*rules, k=3) == [0, 3, 5]
    both = [{"action": "quota", "items": {"tags": tag}, "at_least": 1} for tag in ("local", "new")]
    assert listed(*both, k=1) == [6], "one item that serves two, where there is one place"


def test_quotas_and_caps_and_pins_reach_beyond_the_pool() -> None:
    fitted = {"pool": 1, "scorer": "base.popular"}

    def top(*rules: dict[str, Any], k: int) -> list[int]:
        stranger = Queries(np.array([-1], np.int32), Csr.empty(1, SIZE))
        ranker = built(*rules, **fitted).fit(shop(), FitContext())
        rows: list[int] = ranker.recommend(stranger, Candidates(SIZE), k).rows[0].tolist()
        return rows

    assert top({"action": "quota", "items": {"tags": "new"}, "at_least": 1}, k=2) == [0, 6]
    assert top({"action": "cap", "column": "brand", "at_most": 1}, k=3) == [0, 3, 5]
    assert top({"action": "pin", "ids": ["i7"]}, k=2) == [7, 0]
    assert top({"action": "pin", "items": {"tags": "new"}}, k=2) == [6, 0]
    assert top({"action": "boost", "items": {"tags": "new"}, "by": 1}, k=2) == [0, 1], (
        "what is raised is of the pool"
    )


def test_filters_of_the_request_win_over_pins() -> None:
    pin = {"action": "pin", "ids": ["i7", "i6", "i5", "i4"]}
    denied = penchant.kernels.bitset(np.array([7], np.int32), SIZE)
    allowed = penchant.kernels.bitset(np.array([0, 4, 6, 7], np.int32), SIZE)
    seen = Csr(np.array([0, 1]), np.array([6], np.int32), None, SIZE)
    assert listed(pin, deny=denied, k=2) == [6, 5]
    assert listed(pin, allow=allowed, k=2) == [7, 6]
    assert listed(pin, seen=seen, k=2) == [7, 5]
    lists = Csr(np.array([0, 2]), np.array([1, 5], np.int32), None, SIZE)
    assert listed(pin, lists=lists, k=3) == [5, 1]
    assert listed(pin, {"action": "exclude", "ids": ["i7"]}, k=2) == [6, 5]


def test_scores_fall_along_the_list_whatever_was_moved() -> None:
    got = model({"action": "pin", "ids": ["i7"], "place": 2}).recommend(k=4)
    assert got.ids == ["i0", "i7", "i1", "i2"]
    below = np.float32(6 / 7)
    assert got.scores.tolist() == [1, np.nextafter(below, np.float32(1)), below, np.float32(5 / 7)]
