"""Rules that are refused, and with what words."""

from __future__ import annotations

from typing import Any

import pytest
from penchant.errors import SettingsError
from penchant.protocols import FitContext

from .shop import PIN, built, shop


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
        (
            [{"action": "cap", "column": "a", "share": 1.0}],
            "less than 1, or left out, got 1",
        ),
        (
            [{"action": "pin", "ids": ["a"], "place": 0}],
            "place must be at least 1, or left out, got 0",
        ),
        (
            [{"action": "fresh", "column": "a", "by": 0.1, "half_life": 0}],
            "half_life must be greater than 0, or left out, got 0",
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
