"""Reasons for whole lists."""

from __future__ import annotations

import json
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import penchant
import pytest
from penchant import Component, hookimpl
from penchant.builtin.settings import PopularSettings
from penchant.errors import RequestError
from penchant.protocols import Evidence, FitContext, GenerationRequest, State
from penchant.queries import Candidates, Queries, TopK
from penchant.registry import Registry
from penchant.testing.data import checkerboard

DATA = checkerboard()


class Fixed:
    """Shows item 3, then item 1, to everybody; says nothing about it."""

    def fit(self, data: Any, context: FitContext, /) -> Fixed:
        return self

    def restore(self, state: State, /) -> Fixed:
        return self

    def state(self) -> State:
        return State()

    def recommend(self, queries: Queries, candidates: Candidates, k: int, /) -> TopK:
        rows = np.array([[3, 1]], np.int32)[:, :k]
        return TopK(rows, np.array([[2, 1]], np.float32)[:, :k], np.array([min(k, 2)], np.int32))


class Telling(Fixed):
    """Says of each place that it was bought."""

    def explain_list(
        self, queries: Queries, candidates: Candidates, k: int, /
    ) -> Sequence[Sequence[Evidence]]:
        return [[Evidence("rule", 1.0, detail=f"place {at} was bought")] for at in (1, 2)][:k]


@hookimpl
def penchant_recommenders() -> list[Component[Any]]:
    return [
        Component(name, lambda *_, made=made: made(), PopularSettings, name)  # type: ignore[misc]
        for name, made in (("mute", Fixed), ("telling", Telling))
    ]


PLUGIN = SimpleNamespace(PENCHANT_API=1, penchant_recommenders=penchant_recommenders)


def model(name: str) -> penchant.Model:
    return penchant.fit(DATA, recommender=name, registry=Registry({"my": PLUGIN}))


def test_reasons_are_there_where_they_are_asked_for() -> None:
    its = penchant.fit(DATA, scorers=["cf.item_knn"])
    assert its.recommend("user-0", k=3).reasons == ()
    got = its.recommend("user-0", k=3, explain=True)
    assert [*got.reasons] == [its.explain("user-0", one).reasons for one in got.ids]
    assert got.reasons[0]
    assert got.reasons[0][0].kind == "item"


def test_the_fallback_tells_its_own_reasons() -> None:
    got = penchant.fit(DATA, scorers=["cf.item_knn"]).recommend("nobody", k=2, explain=True)
    assert [[one.kind for one in reasons] for reasons in got.reasons] == [["popularity"]] * 2


def test_a_recommender_tells_what_it_decided() -> None:
    got = model("my.telling").recommend("user-0", k=2, explain=True)
    assert [[one.name for one in reasons] for reasons in got.reasons] == [
        ["place 1 was bought"],
        ["place 2 was bought"],
    ]


def test_reasons_are_ready_for_json() -> None:
    got = model("my.telling").recommend("user-0", k=2, explain=True)
    told = json.loads(json.dumps(got.to_dicts()))
    assert [(row["item_id"], row["reasons"][0]["detail"]) for row in told] == [
        ("item-3", "place 1 was bought"),
        ("item-1", "place 2 was bought"),
    ]
    assert "reasons" not in model("my.telling").recommend("user-0").to_dicts()[0]


def test_who_has_no_reasons_says_so() -> None:
    assert model("my.mute").recommend("user-0").ids == ["item-3", "item-1"]
    with pytest.raises(RequestError, match=r"my.mute can't explain its .*; leave out explain"):
        model("my.mute").recommend("user-0", explain=True)


def test_a_rule_has_its_words() -> None:
    request = GenerationRequest(
        "explanation",
        "Heat",
        [("campaign: pinned to place 1", "rule", 1.0), ("Ronin", "item", 0.5)],
    )
    assert penchant.fit(DATA, scorers=["base.popular"]).generator.generate(request) == (
        "Heat: because you liked Ronin and a rule asks for it (campaign: pinned to place 1)."
    )


def test_items_that_weigh_nothing_are_no_reasons_and_json_may_be_short() -> None:
    events = {
        "user_id": ["ann", "ann", "ann", "bob", "bob"],
        "item_id": ["sun", "sea", "war", "sun", "film"],
    }
    titles = {
        "item_id": ["sun", "sea", "war", "film"],
        "title": ["the sun", "the sea", "war of words", "the sun and the sea"],
    }
    model = penchant.fit(
        penchant.Dataset.from_frame(events, items=titles), scorers=["content.text"]
    )
    answer = model.recommend("ann", k=1, explain=True)
    assert answer.ids == ["film"]
    assert {reason.item_id for reason in answer.reasons[0]} == {"sun", "sea"}  # "war" says nothing
    assert len(model.explain("ann", "film").reasons) == 2
    assert [len(row["reasons"]) for row in answer.to_dicts()] == [2]
    (short,) = answer.to_dicts(reasons=1)
    assert short["reasons"] == answer.to_dicts()[0]["reasons"][:1]
