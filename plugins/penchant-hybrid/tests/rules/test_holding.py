"""For whom and when a rule holds."""

from __future__ import annotations

from typing import Any

import numpy as np
import penchant
import pytest
from penchant import use
from penchant.testing.data import checkerboard

from .shop import PIN, SIZE, model


@pytest.mark.parametrize(
    ("told", "context", "pinned"),
    [
        ({"page": "home"}, {"page": "home", "hour": 9}, True),
        ({"page": "home"}, {"page": ["sale", "home"]}, True),
        ({"page": ["home", "sale"]}, {"page": "sale"}, True),
        ({"page": "home"}, {"page": "sale"}, False),
        ({"page": "home"}, {}, False),
        ({"page": "home"}, None, False),
        ({"page": "home", "hour": 9}, {"page": "home"}, False),
        ({"logged_in": True}, {"logged_in": True}, True),
        ({"logged_in": True}, {"logged_in": 1}, False),
        ({"hour": 9}, {"hour": np.int64(9)}, True),
    ],
)
def test_a_rule_holds_in_its_context(told: Any, context: Any, pinned: bool) -> None:
    got = model({**PIN, "context": told}).recommend(context=context, k=1)
    assert (got.ids == ["i7"]) is pinned


def test_a_rule_holds_for_its_users() -> None:
    its = model({**PIN, "users": {"country": "AT"}}, scorer="cf.item_knn")
    for user, pinned in (("u1", True), ("u2", False), ("nobody", False)):
        assert (its.recommend(user, k=1).ids == ["i7"]) is pinned, user
    beginners = model({**PIN, "users": {"max_likings": 2, "known": True}})
    for user, pinned in (("u6", True), ("u5", False), ("nobody", False)):
        assert (beginners.recommend(user, k=1).ids == ["i7"]) is pinned, user
    both = model({**PIN, "users": {"country": "AT", "min_likings": 4}})
    for user, pinned in (("u3", True), ("u5", False), ("u2", False)):
        assert (both.recommend(user, k=1).ids == ["i7"]) is pinned, user


def test_who_acted_or_told_a_history_is_still_who_they_are() -> None:
    its = model({**PIN, "users": {"country": "AT"}}, scorer="cf.item_knn")
    assert its.recommend("u1", history=["i2"], k=1).ids == ["i7"]
    acted = its.with_events({"user_id": ["u3", "new"], "item_id": ["i6", "i0"]})
    assert acted.recommend("u3", k=1).ids == ["i7"]
    assert acted.recommend("new", k=1).ids != ["i7"]
    many = acted.recommend_many(["u3", "new", "u2", "u1", "nobody"], k=1)
    assert [one.ids == ["i7"] for one in many] == [True, False, False, True, False]


def test_many_get_what_one_by_one_get() -> None:
    its = model(
        {**PIN, "context": {"page": "home"}},
        {"action": "require", "items": {"stock": {"min": 1}}, "users": {"country": "SI"}},
        {"action": "cap", "column": "brand", "at_most": 1},
        scorer="cf.item_knn",
    )
    users = [*(f"u{row}" for row in range(SIZE)), "nobody"]
    contexts = [{"page": ("home", "sale")[row % 3 == 0]} for row in range(len(users))]
    many = its.recommend_many(users, k=4, context=contexts)
    for user, context, got in zip(users, contexts, many, strict=True):
        alone = its.recommend(user, k=4, context=context)
        assert got.ids == alone.ids
        assert got.scores.tolist() == alone.scores.tolist()


def test_rules_hold_for_those_of_whom_nothing_is_known() -> None:
    its = model({"action": "exclude", "ids": ["i0"]}, scorer="cf.item_knn")
    got = its.recommend("nobody", k=2)
    assert (got.ids, got.source) == (["i1", "i2"], "hybrid.rules")


def test_rules_go_around_what_was_chosen_by_the_data() -> None:
    data = checkerboard()
    chosen = penchant.fit(data)
    rules = [{"action": "require", "items": {"colour": "light"}}]
    its = penchant.fit(data, recommender=use("hybrid.rules", recommender=chosen.spec, rules=rules))
    plain = chosen.recommend("user-0", where={"colour": "light"}, k=3)
    assert its.recommend("user-0", k=3).ids == plain.ids
