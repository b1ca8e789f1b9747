"""What is known of a request reaches a recommender, for one user and for many."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import penchant
import pytest
from penchant import Component, hookimpl
from penchant.builtin.settings import PopularSettings
from penchant.errors import RequestError
from penchant.protocols import FitContext, State
from penchant.queries import Candidates, Queries, TopK
from penchant.registry import Registry
from penchant.testing.data import checkerboard

DATA = checkerboard(users=600)


class ByShelf:
    """Shows the one item whose row is the `shelf` of the context, or item 0."""

    def fit(self, data: Any, context: FitContext, /) -> ByShelf:
        return self

    def restore(self, state: State, /) -> ByShelf:
        return self

    def state(self) -> State:
        return State()

    def recommend(self, queries: Queries, candidates: Candidates, k: int, /) -> TopK:
        told = queries.contexts or ({},) * len(queries)
        rows = np.full((len(queries), k), -1, np.int32)
        rows[:, 0] = [context.get("shelf", 0) for context in told]
        scores = np.where(rows >= 0, np.float32(1), np.float32(-np.inf))
        return TopK(rows, scores, np.ones(len(queries), np.int32))


@hookimpl
def penchant_recommenders() -> list[Component[Any]]:
    return [Component("shelf", lambda *_: ByShelf(), PopularSettings, "by the shelf")]


PLUGIN = SimpleNamespace(PENCHANT_API=1, penchant_recommenders=penchant_recommenders)


@pytest.fixture(scope="module")
def model() -> penchant.Model:
    return penchant.fit(DATA, recommender="my.shelf", registry=Registry({"my": PLUGIN}))


def test_one_request_has_its_context(model: penchant.Model) -> None:
    assert model.recommend("user-0").ids == ["item-0"]
    assert model.recommend("user-0", context={"shelf": 7}).ids == ["item-7"]


def test_many_have_one_for_all_or_each_its_own(model: penchant.Model) -> None:
    users = [f"user-{row}" for row in range(600)]
    alike = model.recommend_many(users, context={"shelf": 3}, threads=2)
    assert {one for got in alike for one in got.ids} == {"item-3"}
    told = [{"shelf": row % 10} for row in range(600)]
    got = model.recommend_many(users, context=told)
    assert [one.ids for one in got] == [[f"item-{row % 10}"] for row in range(600)]


def test_a_stranger_in_the_batch_does_not_shift_the_others(model: penchant.Model) -> None:
    got = model.recommend_many(
        ["user-0", "nobody", "user-1"], context=[{"shelf": 1}, {"shelf": 2}, {"shelf": 3}]
    )
    assert [got[0].ids, got[2].ids] == [["item-1"], ["item-3"]]


def test_other_strategies_pass_it_over() -> None:
    popular = penchant.fit(DATA, scorers=["base.popular"])
    assert popular.recommend(context={"a": [1]}).ids == popular.recommend().ids


@pytest.mark.parametrize(
    ("context", "words"),
    [
        (["SI"], r"context is a mapping of names to values, .* got \['SI'\]"),
        ({"country": {"SI": 1}}, r"names to texts, .* got 'country': \{'SI': 1\}"),
        ({3: "a"}, "got 3: 'a'"),
    ],
)
def test_what_is_no_context_is_refused(model: penchant.Model, context: Any, words: str) -> None:
    with pytest.raises(RequestError, match=words):
        model.recommend("user-0", context=context)
    with pytest.raises(RequestError, match=words):
        model.recommend_many(["user-0"], context=[context])


def test_as_many_contexts_as_users_are_wanted(model: penchant.Model) -> None:
    with pytest.raises(RequestError, match="context has 1 entries for 2 users; give one for all"):
        model.recommend_many(["user-0", "user-1"], context=[{}])


def test_taking_queries_takes_their_contexts() -> None:
    queries = Queries(
        np.array([-1, -1], np.int32),
        penchant.queries.Csr.empty(2, 3),
        contexts=({"a": 1}, {"a": 2}),
        users=np.array([4, 5], np.int32),
    )
    assert queries.take(np.array([1, 1, 0], np.int32)).users.tolist() == [5, 5, 4]  # type: ignore[union-attr]
    assert queries.take(np.array([1, 1, 0], np.int32)).contexts == ({"a": 2}, {"a": 2}, {"a": 1})


def test_a_recommender_is_told_whose_attributes_hold() -> None:
    from penchant.asking import query_of

    fitted = penchant.fit(DATA, scorers=["cf.item_knn"])
    acted = fitted.with_events({"user_id": ["user-3"], "item_id": ["item-0"]})

    def asked(user: str, history: Any = None) -> tuple[int, int]:
        its = acted._people, acted._catalogue, acted._answerers
        queries = query_of(*its, user, history, None, None, "fallback")
        users = queries.rows if queries.users is None else queries.users
        return int(queries.rows[0]), int(users[0])

    assert asked("user-2") == (2, 2)
    assert asked("user-3") == (-1, 3)
    assert asked("user-2", ["item-1"]) == (-1, 2)
    assert asked("nobody") == (-1, -1)
    many = acted._people.queries(np.array([2, 3, -1], np.int32))
    assert (many.rows.tolist(), many.users.tolist()) == ([2, -1, -1], [2, 3, -1])  # type: ignore[union-attr]
