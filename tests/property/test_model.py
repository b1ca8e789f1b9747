"""A model against brute force: whatever is asked of it, the answer is the naive one."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import penchant
from hypothesis import given, settings
from hypothesis import strategies as st
from penchant import Dataset, Model, use
from penchant.queries import Queries

ITEMS, USERS = 12, 8
GENRES = ["drama", "comedy", "war"]
SCORERS: dict[str, Any] = {
    "popular": "base.popular",
    "item-kNN": "cf.item_knn",
    "EASE": use("cf.ease", l2=2.0),
    "SGD": use("mf.sgd", factors=4, epochs=5),
    "text": use("content.text", encoder="base.hashing"),
    "blend": use("hybrid.weighted", parts=["cf.ease", "base.popular"]),
}


@cache
def model(name: str) -> Model:
    draw = np.random.default_rng(3)
    pairs = draw.permutation(ITEMS * USERS)[:45]
    events = {
        "user_id": [f"u{pair // ITEMS}" for pair in pairs],
        "item_id": [f"i{pair % ITEMS}" for pair in pairs],
        "rating": draw.integers(1, 6, len(pairs)).astype(float),
    }
    items = {
        "item_id": [f"i{row}" for row in range(ITEMS)],
        "title": [f"film {row % 5} of the {row % 3}" for row in range(ITEMS)],
        "genre": [GENRES[row % 3] for row in range(ITEMS)],
    }
    data = Dataset.from_frame(events, items=items, min_value=3, category=["genre"])
    return penchant.fit(data, scorers=[SCORERS[name]])


ids = st.sampled_from([*(f"i{row}" for row in range(ITEMS)), "unknown"])
users = st.sampled_from([*(f"u{row}" for row in range(USERS)), "stranger"])
question = st.fixed_dictionaries(
    {"k": st.integers(1, ITEMS + 3), "exclude_seen": st.booleans()},
    optional={
        "allow": st.lists(ids, max_size=ITEMS),
        "deny": st.lists(ids, max_size=ITEMS),
        "where": st.fixed_dictionaries({"genre": st.sampled_from([*GENRES, "none"])}),
    },
)
histories = st.dictionaries(ids, st.integers(1, 5).map(float), max_size=6)


def naive(one: Model, user: str, history: dict[str, float] | None, asked: dict[str, Any]) -> Any:
    """Score everything, keep what is eligible, sort; by sets and lists alone."""
    row = -1 if history is not None else one.users.row(user)
    if history is not None:
        past = one.past.told(history, one.items.vocabulary)
    elif row >= 0:
        past = one.past.of(row)[0]
    else:
        past = one.past.told([], one.items.vocabulary)
    queries = Queries(np.array([row], np.int32), past)
    scorer: Any = one.recommender
    if not one._answerers.answers(queries)[0]:
        scorer = one.fallback
    scores = scorer.score(queries, None)[0]
    eligible = []
    for item in range(ITEMS):
        name = f"i{item}"
        if asked["exclude_seen"] and item in past.indices.tolist():
            continue
        if name in asked.get("deny", ()) or name not in asked.get("allow", [name]):
            continue
        if "where" in asked and GENRES[item % 3] != asked["where"]["genre"]:
            continue
        eligible.append((-float(scores[item]), item))
    best = sorted(eligible)[: asked["k"]]
    return [f"i{item}" for _, item in best], [-score for score, _ in best]


@settings(max_examples=250)
@given(st.sampled_from(sorted(SCORERS)), users, st.none() | histories, question)
def test_an_answer_is_the_naive_one(
    name: str, user: str, history: dict[str, float] | None, asked: dict[str, Any]
) -> None:
    one = model(name)
    answer = one.recommend(user, history=history, **asked)
    expected_ids, expected_scores = naive(one, user, history, asked)
    assert list(answer.ids) == expected_ids
    assert answer.scores.tolist() == expected_scores


@settings(max_examples=80)
@given(st.sampled_from(sorted(SCORERS)), st.lists(users, max_size=7), question, st.data())
def test_many_at_once_are_each_alone(
    name: str, asked_of: list[str], asked: dict[str, Any], data: st.DataObject
) -> None:
    one = model(name)
    lists = data.draw(st.none() | st.just([["i1", "i5", "unknown"]] * len(asked_of)))
    batch = one.recommend_many(asked_of, candidates=lists, **asked)
    assert len(batch) == len(asked_of)
    for user, answer in zip(asked_of, batch, strict=True):
        own = dict(asked)
        if lists is not None:
            allowed = {"i1", "i5"} & set(asked.get("allow", ["i1", "i5"]))
            own["allow"] = sorted(allowed)
        alone = one.recommend(user, **own)
        assert (list(answer.ids), answer.source) == (list(alone.ids), alone.source)
        assert answer.scores.tobytes() == alone.scores.tobytes()


@given(st.sampled_from(["EASE", "item-kNN", "SGD", "blend"]), users, histories)
def test_new_events_are_the_history_that_they_make(
    name: str, user: str, history: dict[str, float]
) -> None:
    known = {item: value for item, value in history.items() if item != "unknown"}
    if not known:
        return
    one = model(name)
    events = {
        "user_id": [user] * len(known),
        "item_id": list(known),
        "rating": list(known.values()),
    }
    newer = one.with_events(events)
    merged: dict[Any, float] = {}
    row = one.users.row(user)
    if row >= 0:
        past, _ = one.past.of(row)
        merged = dict(
            zip(one.items.vocabulary.ids(past.indices), past.row_values(0).tolist(), strict=True)
        )
    merged |= known
    left, right = newer.recommend(user), one.recommend(history=merged)
    assert (list(left.ids), left.source) == (list(right.ids), right.source)
    assert left.scores.tobytes() == right.scores.tobytes()
