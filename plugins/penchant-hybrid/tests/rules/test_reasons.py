"""What a list with rules says of its items."""

from __future__ import annotations

from typing import Any

import penchant

from .shop import model, shop


def rule_reasons(reasons: Any) -> list[tuple[str, float]]:
    return [(one.detail, one.weight) for one in reasons if one.kind == "rule"]


REASONED: list[dict[str, Any]] = [
    {"action": "require", "items": {"stock": {"min": 1}}, "name": "in stock"},
    {"action": "pin", "ids": ["i7"], "name": "campaign", "context": {"page": "home"}},
    {"action": "boost", "items": {"brand": "b"}, "by": 0.25, "name": "ours"},
    {"action": "bury", "ids": ["i4"], "by": 0.5, "name": "slow"},
    {"action": "cap", "column": "brand", "at_most": 1, "name": "variety"},
]


def test_an_item_is_explained_by_the_rules_that_speak_of_it() -> None:
    its = model(*REASONED, scorer="cf.item_knn")
    plain = penchant.fit(shop(), scorers=["cf.item_knn"])
    asked = its.explain("u6", "i4")
    assert rule_reasons(asked.reasons) == [("ours: raised", 0.25), ("slow: lowered", -0.5)]
    assert asked.reasons[2:] == plain.explain("u6", "i4").reasons
    assert asked.score == plain.explain("u6", "i4").score
    assert rule_reasons(its.explain("u6", "i1").reasons) == [
        ("in stock: not among what is shown", -1.0)
    ]
    assert rule_reasons(its.explain("u6", "i7").reasons) == []
    pinned = its.explain("u6", "i7", context={"page": "home"})
    assert rule_reasons(pinned.reasons) == [("campaign: pinned from place 1 on", 1.0)]
    assert "a rule asks for it (campaign: pinned from place 1 on)" in pinned.sentence
    stranger = its.explain(None, "i3", history=[])
    assert [one.kind for one in stranger.reasons] == ["rule", "popularity"]


def test_a_list_tells_which_rules_put_each_item_where_it_stands() -> None:
    its = model(*REASONED, {"action": "quota", "ids": ["i6"], "at_least": 1, "name": "new"})
    got = its.recommend(k=4, context={"page": "home"}, explain=True)
    assert got.ids == ["i7", "i0", "i3", "i6"]
    assert [rule_reasons(reasons) for reasons in got.reasons] == [
        [("campaign: pinned to place 1", 1.0)],
        [],
        [("ours: raised", 0.25)],
        [("new: at least 1 in a list", 1.0)],
    ]
    assert [reasons[-1].kind for reasons in got.reasons] == ["popularity"] * 4
    wide = its.recommend(k=7, explain=True)
    despite = [("no other item is left that the caps let in", 0.0)]
    assert wide.ids == ["i0", "i3", "i5", "i7", "i2", "i4", "i6"]
    assert rule_reasons(wide.reasons[4]) == despite
    assert rule_reasons(wide.reasons[5])[:1] == despite
