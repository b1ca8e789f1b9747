"""`hybrid.rules` in a shop small enough to lay out by hand."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import penchant
import pytest
from penchant import use
from penchant.data import Dataset, Interactions, Items, Users
from penchant.errors import SettingsError
from penchant.protocols import FitContext
from penchant.queries import Candidates, Csr, Queries
from penchant.registry import Registry
from penchant.testing.data import checkerboard
from penchant_hybrid.rule import ACTIONS, Rule

# Liked by 8, 7, … 1 users, and so of relevance 1, 6/7, … 0 for a stranger.
SIZE = 8
BRAND = ["a", "a", "a", "b", "b", "c", "c", None]
TAGS: list[tuple[str, ...]] = [(), (), (), (), ("local",), (), ("local", "new"), ("new",)]


def shop() -> Dataset:
    """Items i0 to i7, the lower the more popular; users u0 to u7, of whom u7 liked i0 alone."""
    pairs = [(user, item) for item in range(SIZE) for user in range(SIZE - item)]
    user, item = (np.array(column, np.int32) for column in zip(*pairs, strict=True))
    return Dataset(
        users=Users.of(
            [f"u{row}" for row in range(SIZE)],
            categories={"country": ["SI", "AT"] * (SIZE // 2)},
        ),
        items=Items.of(
            [f"i{row}" for row in range(SIZE)],
            categories={"brand": BRAND},
            labels={"tags": TAGS},
            numbers={"stock": [3, 0, 1, 2, 1, 1, 1, 1], "year": [*range(2001, 2008), np.nan]},
            texts={"title": [f"Thing {row}" for row in range(SIZE)]},
        ),
        interactions=Interactions.of(user, item, np.ones(len(user), np.float32)),
    )


def built(*rules: dict[str, Any], **settings: Any) -> Any:
    spec = use("hybrid.rules", **{"scorer": "base.popular", "rules": list(rules), **settings})
    return Registry.discover(only={"hybrid", "mf"}).recommender(spec)


def listed(*rules: dict[str, Any], k: int = SIZE, **filters: Any) -> list[int]:
    """The list of a stranger, filters of the request as in `Candidates`."""
    top = (
        built(*rules)
        .fit(shop(), FitContext())
        .recommend(
            Queries(np.array([-1], np.int32), Csr.empty(1, SIZE)), Candidates(SIZE, **filters), k
        )
    )
    rows: list[int] = top.rows[0, : top.counts[0]].tolist()
    return rows


def model(*rules: dict[str, Any], scorer: str = "base.popular") -> penchant.Model:
    return penchant.fit(shop(), recommender=use("hybrid.rules", scorer=scorer, rules=list(rules)))


# ---- one action after the other


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


# ---- for whom and when

PIN: dict[str, Any] = {"action": "pin", "ids": ["i7"]}


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


# ---- reasons


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


# ---- going on


def test_the_worked_recipe_of_the_readme_prints_what_it_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = (Path(__file__).parents[1] / "README.md").read_text("utf-8")
    page = page[page.index("## hybrid.rules") :]
    recipe, code, printed = (
        re.search(rf"^```{kind}\n(.*?)^```", page, re.MULTILINE | re.DOTALL).group(1)  # type: ignore[union-attr]
        for kind in ("toml", "python", "text")
    )
    (tmp_path / "rules.toml").write_text(recipe, "utf-8")
    monkeypatch.chdir(tmp_path)
    exec(compile(code, "README.md", "exec"), {})  # noqa: S102
    assert capsys.readouterr().out == printed


def test_the_readme_names_every_key_and_action_of_a_rule() -> None:
    page = (Path(__file__).parents[1] / "README.md").read_text("utf-8")
    named = [*(one.name for one in fields(Rule)), *ACTIONS]
    assert [name for name in named if f"`{name}`" not in page] == []


def test_what_was_saved_comes_back(tmp_path: Path) -> None:
    its = model(
        {**PIN, "context": {"page": "home"}},
        {"action": "require", "items": {"stock": {"min": 1}, "year": {"max": 2006}}},
        {"action": "cap", "column": "brand", "at_most": 1, "users": {"country": "SI"}},
        {"action": "fresh", "column": "year", "half_life": 2, "by": 0.5},
    )
    its.save(tmp_path / "model")
    again = penchant.load(tmp_path / "model")
    for user in ("u3", "u4", "nobody"):
        for context in ({"page": "home"}, {}):
            one, other = (m.recommend(user, k=5, context=context) for m in (its, again))
            assert one.ids == other.ids
            assert one.scores.tolist() == other.scores.tolist()


def test_new_items_are_under_the_rules_at_once() -> None:
    its = model(
        {"action": "require", "items": {"stock": {"min": 1}}},
        {"action": "pin", "items": {"tags": "new"}},
        {"action": "fresh", "column": "year", "half_life": 1, "by": 0.2},
        {"action": "exclude", "ids": ["i6", "i7"]},
        {"action": "cap", "column": "brand", "at_most": 1},
    )
    added = [
        {"item_id": "n1", "stock": 0, "brand": "d", "tags": ["new"], "year": 2020},
        {"item_id": "n2", "stock": 1, "brand": "a", "tags": ["new"], "year": 2020},
    ]
    assert its.recommend(k=3).ids == ["i0", "i3", "i5"]
    newer = its.with_items(added)
    assert newer.recommend(k=3).ids == ["n2", "i3", "i5"]


# ---- what is refused


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        ([], "rules must hold at least one rule, got none"),
        ([{"action": "bost"}], "there is no action 'bost'; did you mean 'boost'? (actions: req"),
        ([{"items": {"a": 1}}], "the setting 'action' is missing"),
        ([{"action": "cap", "colum": "brand"}], "unknown setting 'colum'; did you mean 'column'?"),
        ([{"action": "require"}], "require needs items or ids, got none"),
        ([{"action": "boost", "ids": ["a"]}], "rule 1 (boost): boost needs by, got none"),
        (
            [{"action": "cap", "column": "a", "at_most": 1, "share": 0.5}],
            "cap needs at_most or share, got at_most and share",
        ),
        (
            [{"action": "require", "ids": ["a"], "by": 0.1}],
            "require has no use for by (it takes items, ids)",
        ),
        ([{"action": "boost", "ids": ["a"], "by": 2.0}], "by must be above 0 and at most 1, which"),
        ([{"action": "cap", "column": "a", "share": 1.0}], "share must be between 0 and 1, got 1"),
        (
            [{"action": "pin", "ids": ["a"], "place": 0}],
            "place must be a whole number from 1, got 0",
        ),
        (
            [{"action": "fresh", "column": "a", "by": 0.1, "half_life": 0}],
            "half_life must be above 0, got 0",
        ),
        ([{"action": "require", "items": {"a": {"low": 1}}}], "is {min = …, max = …}, got 'low'"),
        ([{"action": "require", "items": {"a": {}}}], "has a min, a max or both, got none: 'a'"),
        (
            [{"action": "require", "items": {"a": [1990, None]}}],
            "items must give 'a' a value, a list of values, or a range such as {min = 1990}, got",
        ),
        ([{"action": "require", "items": {}}], "items must name at least one column, got an empty"),
        ([{**PIN, "context": {"a": {"b": 1}}}], "context must give 'a' a text, a number, true"),
        ([{**PIN, "users": {"min_likings": -1}}], "likings must be counted from 0 on"),
        ([{**PIN, "name": "x"}, {**PIN, "name": "x"}], "two rules have the name 'x'; give each"),
    ],
)
def test_a_rule_that_says_nothing_sensible_is_refused(rules: Any, words: str) -> None:
    with pytest.raises(SettingsError) as refused:
        built(*rules)
    assert words in str(refused.value)


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        (
            [{"action": "require", "items": {"brnd": "a"}}],
            "rule 1 (require): items: there is no column 'brnd'; did you mean 'brand'?",
        ),
        (
            [{"action": "require", "items": {"brand": {"min": 1}}}],
            "column 'brand' is a category, got the range (1, None); a range needs a number column",
        ),
        (
            [{**PIN, "users": {"contry": "SI"}, "name": "spring"}],
            "hybrid.rules: spring: users: there is no column 'contry'; did you mean 'country'?",
        ),
        (
            [{"action": "pin", "ids": ["i77"]}],
            "there is no item 'i77' in the data; did you mean 'i7'?",
        ),
        (
            [{"action": "pin", "ids": [7]}],
            "rule 1 (pin): 7 is an integer but the ids are text; did",
        ),
        (
            [{"action": "cap", "column": "brans", "at_most": 1}],
            "there is no item column 'brans'; did you mean 'brand'? (category and label columns",
        ),
        (
            [{"action": "cap", "column": "stock", "at_most": 1}],
            "can't go by column 'stock', which holds number",
        ),
        (
            [{"action": "fresh", "column": "brand", "half_life": 1, "by": 0.1}],
            "column 'brand' is a category, wanted a number",
        ),
        (
            [{"action": "require", "items": {"brand": "z"}}],
            "rule 1 (require): no item fits, so nothing would ever be shown",
        ),
        (
            [
                {"action": "quota", "items": {"brand": "a"}, "share": 0.6, "name": "of a"},
                {"action": "quota", "items": {"tags": "new"}, "share": 0.3},
                *({"action": "quota", "ids": ["i7"], "share": 0.01} for _ in range(15)),
                {"action": "quota", "items": {"brand": "b"}, "share": 0.5, "name": "of b"},
            ],
            "the quotas 'of a', 'of b' have no item in common and want 1.1 of a list together; "
            "their shares may come to 1",
        ),
        (
            [
                {"action": "quota", "items": {"brand": "a"}, "at_least": 3},
                {"action": "cap", "column": "brand", "at_most": 2, "name": "variety"},
            ],
            "rule 1 (quota): at least 3 in a list can't be, where variety lets in at most 2 in a",
        ),
    ],
)
def test_a_rule_that_the_data_cant_keep_is_refused_before_the_fit(rules: Any, words: str) -> None:
    told: list[Any] = []
    with pytest.raises(SettingsError) as refused:
        built(*rules, scorer={"use": "mf.sgd"}).fit(
            shop(), FitContext(progress=lambda *step: told.append(step))
        )
    assert words in str(refused.value)
    assert not told


def test_rules_that_never_meet_and_quotas_with_items_in_common_are_no_conflict() -> None:
    quota = {"action": "quota", "share": 0.6}
    built(
        {**quota, "items": {"brand": "a"}, "context": {"page": "home"}},
        {**quota, "items": {"brand": "b"}, "context": {"page": "sale"}},
    ).fit(shop(), FitContext())
    built({**quota, "items": {"tags": "new"}}, {**quota, "items": {"tags": "local"}}).fit(
        shop(), FitContext()
    )
