"""The asking layer: whom it answers, with what, and how it refuses.

The catalogue is small enough to see: five films, of which "a" is liked by most.
"""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import penchant
import pytest
from penchant import Dataset, Model
from penchant.builtin.top_k import FittedTopK
from penchant.errors import DataError, RequestError, UnknownItem, UnknownUser
from penchant.protocols import GenerationRequest
from penchant.queries import Candidates, Queries
from penchant.recommendations import Recommendations

EVENTS = {
    "user_id": ["ann", "ann", "bob", "bob", "cid", "cid", "dan"],
    "item_id": ["a", "b", "a", "c", "a", "b", "d"],
    "rating": [5.0, 4.0, 4.0, 5.0, 4.0, 5.0, 1.0],
    "time": [1, 2, 3, 4, 5, 6, 7],
}
FILMS = {
    "item_id": ["a", "b", "c", "d", "e"],
    "title": ["Alien", "Brazil", "Casablanca", "Dune", "Eraserhead"],
    "genre": [["sf"], ["sf", "drama"], ["drama"], ["sf"], []],
    "year": [1979.0, 1985.0, 1942.0, 2021.0, float("nan")],
}


def dataset(**changes: Any) -> Dataset:
    return Dataset.from_frame(EVENTS | changes, items=FILMS, min_value=4)


@pytest.fixture(scope="module")
def popular() -> Model:
    return penchant.fit(dataset(), scorers=["base.popular"])


@pytest.fixture(scope="module")
def ease() -> Model:
    return penchant.fit(dataset(), scorers=[penchant.use("cf.ease", l2=1.0)])


# ---- what comes back


def test_the_best_unseen_items_come_back_in_order(popular: Model) -> None:
    ids, scores = popular.recommend("bob", k=3)
    assert ids == ["b", "d", "e"]  # "a" and "c" are seen; "d" and "e" are liked by nobody
    assert scores.tolist() == [2.0, 0.0, 0.0]


def test_seen_means_every_event_and_not_only_likings(popular: Model) -> None:
    assert "d" not in popular.recommend("dan", k=5).ids
    assert "d" in popular.recommend("dan", k=5, exclude_seen=False).ids


def test_an_answer_names_who_gave_it(popular: Model, ease: Model) -> None:
    assert popular.recommend("ann").source == "base.popular"
    assert ease.recommend("ann").source == "cf.ease"


@pytest.mark.parametrize("k", [1, 2, 5, 6, 10**9])
def test_exactly_as_many_as_there_are_come_back(popular: Model, k: int) -> None:
    answer = popular.recommend(None, k=k)
    assert len(answer) == min(k, 5)
    assert np.isfinite(answer.scores).all()


def test_everything_denied_gives_an_empty_answer(popular: Model) -> None:
    answer = popular.recommend("ann", deny=["a", "b", "c", "d", "e"])
    assert answer.ids == []
    assert answer.scores.shape == (0,)


def test_deny_leaves_the_number_of_results_alone(popular: Model) -> None:
    for denied in ([], ["a"], ["a", "b"]):
        assert len(popular.recommend(None, k=3, deny=denied)) == 3


def test_allow_where_deny_and_seen_meet(popular: Model) -> None:
    assert popular.recommend(None, allow=["b", "c", "nobody"]).ids == ["b", "c"]
    assert popular.recommend(None, where={"genre": "sf"}).ids == ["a", "b", "d"]
    assert popular.recommend(None, where={"year": (1950, None)}, allow=["b", "c"]).ids == ["b"]
    assert popular.recommend(None, where={"genre": "sf"}, deny=["a"]).ids == ["b", "d"]
    assert popular.recommend("ann", where={"genre": "sf"}).ids == ["d"]


# ---- strangers


def test_an_unknown_user_gets_what_is_popular_and_is_told(ease: Model) -> None:
    answer = ease.recommend("zoe", k=2)
    assert answer.ids == ["a", "b"]
    assert answer.source == "base.popular"
    assert answer.user_id == "zoe"


def test_a_user_without_likings_gets_the_fallback(ease: Model) -> None:
    assert ease.recommend("dan").source == "base.popular"


def test_an_unknown_user_can_be_an_error(ease: Model) -> None:
    with pytest.raises(UnknownUser, match=r"user 'zoe' is not in the model; pass history="):
        ease.recommend("zoe", on_unknown="raise")


def test_a_history_answers_as_the_user_with_that_history_would(ease: Model) -> None:
    known = ease.recommend("ann")
    told = ease.recommend(history={"a": 5.0, "b": 4.0})
    assert told.ids == known.ids
    assert told.scores.tolist() == known.scores.tolist()
    assert told.source == "cf.ease"


def test_a_history_replaces_what_is_known(ease: Model) -> None:
    assert ease.recommend("ann", history=["c"]).ids == ease.recommend(history=["c"]).ids
    assert "b" in ease.recommend("ann", history=["c"], k=5).ids


def test_a_history_of_unknown_items_is_no_evidence(ease: Model) -> None:
    assert ease.recommend(history=["x", "y"]).source == "base.popular"


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "5", None])
def test_a_history_value_that_is_no_finite_number_is_refused(ease: Model, value: Any) -> None:
    with pytest.raises(RequestError, match=r"gives item 'b' the value .*; wanted a finite number"):
        ease.recommend(history={"a": 1.0, "b": value})


def test_a_text_for_a_history_is_refused(ease: Model) -> None:
    with pytest.raises(RequestError, match="history is a list of item ids, got the single text"):
        ease.recommend(history="a")


# ---- mistakes


def test_a_numpy_integer_is_a_number(popular: Model) -> None:
    assert len(popular.recommend(None, k=np.int64(3))) == 3  # type: ignore[arg-type]


def test_a_misspelt_policy_is_refused(popular: Model) -> None:
    with pytest.raises(RequestError, match="on_unknown must be 'fallback' or 'raise', got 'rais'"):
        popular.recommend("zoe", on_unknown="rais")  # type: ignore[arg-type]


def test_empty_words_and_single_things_for_lists_are_refused(popular: Model) -> None:
    words = penchant.fit(dataset(), scorers=[penchant.use("content.text", encoder="base.hashing")])
    with pytest.raises(RequestError, match="text is empty; leave it out to ask without words"):
        words.recommend(text=" ")
    with pytest.raises(RequestError, match=r"deny is a list of ids, got 5; write \[5\]"):
        popular.recommend("ann", deny=5)  # type: ignore[arg-type]
    with pytest.raises(RequestError, match="where is a mapping of column to condition"):
        popular.recommend("ann", where="genre")  # type: ignore[arg-type]
    with pytest.raises(RequestError, match="history is a list of item ids, got 5"):
        popular.recommend(history=5)  # type: ignore[arg-type]
    with pytest.raises(RequestError, match=r"history is a list of item ids, got \[\['a'\]\]"):
        popular.recommend(history=[["a"]])  # type: ignore[list-item]


def test_a_model_is_copied_as_itself_and_not_pickled(popular: Model) -> None:
    assert copy.deepcopy(popular) is popular
    with pytest.raises(TypeError, match=r"a model is not pickled; save it to a folder"):
        popular.__reduce__()


@pytest.mark.parametrize("k", [0, -1, 2.0, True, "3", None])
def test_a_wrong_k_is_refused(popular: Model, k: Any) -> None:
    message = r"k is how many items to recommend, a whole number from 1, got "
    asks: tuple[Any, ...] = (
        lambda: popular.recommend("ann", k=k),
        lambda: popular.recommend_many(["ann"], k=k),
        lambda: popular.similar_users("ann", k=k),
    )
    for ask in asks:
        with pytest.raises(RequestError, match=message):
            ask()


def test_an_id_of_the_wrong_type_is_no_stranger(popular: Model) -> None:
    with pytest.raises(DataError, match="42"):
        popular.recommend(42)


def test_an_unknown_column_is_named_with_the_near_one(popular: Model) -> None:
    with pytest.raises(RequestError, match=r"no column 'gnre'; did you mean 'genre'\?"):
        popular.recommend("ann", where={"gnre": "sf"})


def test_a_text_for_a_list_is_refused(popular: Model) -> None:
    with pytest.raises(RequestError, match="deny is a list of ids, got the single text 'ab'"):
        popular.recommend("ann", deny="ab")


def test_words_need_a_model_that_reads(popular: Model) -> None:
    with pytest.raises(RequestError, match="was fitted without an encoder, so it reads no text"):
        popular.recommend(text="space")


# ---- many at once


def test_many_get_what_each_would_get_alone(ease: Model) -> None:
    users = ["ann", "zoe", "bob", "dan", "cid", "ann"]
    batch = ease.recommend_many(users, k=3, deny=["e"])
    for user, answer in zip(users, batch, strict=True):
        alone = ease.recommend(user, k=3, deny=["e"])
        assert (answer.ids, answer.source) == (alone.ids, alone.source)
        assert answer.scores.tobytes() == alone.scores.tobytes()


def test_threads_do_not_change_an_answer(ease: Model) -> None:
    users = ["ann", "bob", "cid", "zoe"] * 400
    one, two = ease.recommend_many(users), ease.recommend_many(users, threads=2)
    assert one.ids == two.ids
    assert one.scores.tobytes() == two.scores.tobytes()
    assert one.sources == two.sources


def test_candidates_are_a_list_a_user(popular: Model) -> None:
    batch = popular.recommend_many(["ann", "bob"], candidates=[["c", "e"], ["b"]])
    assert [answer.ids for answer in batch] == [["c", "e"], ["b"]]


@pytest.mark.parametrize("library", ["numpy", "pandas", "polars", "set", "tuple"])
def test_ids_may_come_in_whatever_holds_them(popular: Model, library: str) -> None:
    import pandas as pd
    import polars as pl

    hold: Any = {
        "numpy": np.array,
        "pandas": pd.Series,
        "polars": pl.Series,
        "set": set,
        "tuple": tuple,
    }[library]
    assert popular.recommend("bob", deny=hold(["b", "e"])).ids == ["d"]
    assert popular.recommend("bob", allow=hold(["b", "e"])).ids == ["b", "e"]
    batch = popular.recommend_many(hold(["bob"]), candidates=[hold(["b", "e"])])
    assert list(batch.user_ids) == ["bob"]
    assert batch[0].ids == ["b", "e"]


def test_nobody_asked_is_nobody_answered(popular: Model) -> None:
    batch = popular.recommend_many([])
    assert len(batch) == 0
    assert batch.ids == []


def test_candidates_of_another_length_are_refused(popular: Model) -> None:
    with pytest.raises(RequestError, match="candidates has 1 lists for 2 users; give one a user"):
        popular.recommend_many(["ann", "bob"], candidates=[["a"]])


def test_no_threads_are_refused(popular: Model) -> None:
    with pytest.raises(RequestError, match="threads must be a whole number from 1, got 0"):
        popular.recommend_many(["ann"], threads=0)


# ---- scores, likeness, reasons


def test_pairs_are_scored_in_their_order(popular: Model) -> None:
    scores = popular.predict(["ann", "bob", "ann"], ["a", "b", "e"])
    assert scores.tolist() == [3.0, 2.0, 0.0]


def test_many_pairs_at_once_have_the_bits_of_each_alone() -> None:
    draw = np.random.default_rng(0)
    users, items = draw.integers(0, 60, 3_000), draw.integers(0, 30, 3_000)
    ratings = draw.integers(1, 6, 3_000)
    data = penchant.Dataset.from_frame({"user_id": users, "item_id": items, "rating": ratings})
    model = penchant.fit(data, scorers=[penchant.use("mf.sgd", epochs=2)])
    together = model.predict(users.tolist(), items.tolist())
    alone = [
        model.predict([user], [item])[0]
        for user, item in zip(users.tolist(), items.tolist(), strict=True)
    ]
    assert together.tobytes() == np.array(alone).tobytes()
    assert len(model.predict([], [])) == 0


def test_a_prediction_for_somebody_unknown_is_an_error(popular: Model) -> None:
    with pytest.raises(UnknownUser, match="user 'zoe' is not in the model"):
        popular.predict(["ann", "zoe"], ["a", "a"])
    with pytest.raises(UnknownItem, match="item 'x' is not in the model"):
        popular.predict(["ann"], ["x"])
    with pytest.raises(RequestError, match="got 2 users and 1 items"):
        popular.predict(["ann", "bob"], ["a"])


def test_similar_users_share_likings(popular: Model) -> None:
    answer = popular.similar_users("ann", k=5)
    assert answer.ids == ["cid", "bob"]  # the same two films, then one of two; dan likes nothing
    assert answer.scores == pytest.approx([1.0, 0.5])
    with pytest.raises(UnknownUser, match="user 'zoe' is not in the model"):
        popular.similar_users("zoe")


def test_similar_items_leave_the_item_itself_out(ease: Model) -> None:
    answer = ease.similar_items("a", k=4)
    assert "a" not in answer.ids
    assert set(answer.ids[:2]) == {"b", "c"}
    with pytest.raises(UnknownItem, match="item 'x' is not in the model"):
        ease.similar_items("x")


def test_reasons_sum_to_the_score_and_become_a_sentence(ease: Model) -> None:
    explanation = ease.explain("bob", "b")
    assert sum(reason.weight for reason in explanation.reasons) == pytest.approx(
        explanation.score, abs=1e-5
    )
    assert explanation.reasons[0].item_id == "a"
    assert str(explanation) == "Brazil: because you liked Alien."


def test_a_sentence_names_the_strongest_reasons_and_each_once() -> None:
    say = penchant.Registry({}).generator("base.template")
    evidence = [
        ("Alien", "item", 5.0),
        ("Brazil", "item", 3.0),
        ("Cats", "item", 2.0),
        ("Alien", "item", 1.0),
        ("Dune", "item", -4.0),
    ]
    said = say.generate(GenerationRequest("explanation", "Brazil", evidence))
    assert said == "Brazil: because you liked Alien and Cats."


def test_a_sentence_tells_the_beginning_of_a_long_name() -> None:
    say = penchant.Registry({}).generator("base.template")
    said = say.generate(GenerationRequest("explanation", "long " * 10**5, [("b" * 120, "item", 1)]))
    name, _, why = said.partition(": because you liked ")
    assert name == f"{'long ' * 23}long…"
    assert why == f"{'b' * 120}."


def test_an_explanation_of_nobody_is_an_error(ease: Model) -> None:
    with pytest.raises(UnknownUser, match=r"pass history="):
        ease.explain("zoe", "a")
    assert ease.explain(None, "b", history=["a"]).reasons[0].item_id == "a"


# ---- new events


def test_new_events_are_known_at_once_and_the_old_model_is_unchanged(ease: Model) -> None:
    before = ease.recommend("bob").ids
    newer = ease.with_events({"user_id": ["bob", "zoe"], "item_id": ["b", "a"], "rating": [5, 5]})
    assert "b" not in newer.recommend("bob").ids
    assert newer.recommend("zoe").source == "cf.ease"
    assert newer.recommend("zoe").ids == ease.recommend(history={"a": 5.0}).ids
    assert ease.recommend("bob").ids == before
    assert ease.recommend("zoe").source == "base.popular"


def test_an_event_again_takes_the_place_of_the_old_one(ease: Model) -> None:
    newer = ease.with_events({"user_id": ["dan"], "item_id": ["d"], "rating": [5.0]})
    history, _ = newer.past.of(newer.users.row("dan"))
    assert history.values is not None
    assert history.values.tolist() == [5.0]
    other, _ = newer.past.of(newer.users.row("cid"))
    assert other.indices.tolist() == [0, 1]


def test_an_event_without_a_value_is_a_liking(ease: Model) -> None:
    newer = ease.with_events({"user_id": ["zoe"], "item_id": ["a"]})
    assert newer.recommend("zoe").source == "cf.ease"


def test_an_event_told_late_does_not_replace_a_later_one(ease: Model) -> None:
    late = {"user_id": ["cid", "ann"], "item_id": ["b", "a"], "rating": [1.0, 2.0]}
    newer = ease.with_events({**late, "time": [0, 99]})
    known = {user: newer.past.of(newer.users.row(user))[0] for user in ("ann", "cid")}
    assert known["cid"].row_values(0).tolist() == [4.0, 5.0]  # rated "b" at 6 already
    assert known["ann"].row_values(0).tolist() == [2.0, 4.0]


def test_events_without_times_keep_the_times_of_the_others(ease: Model) -> None:
    newer = ease.with_events({"user_id": ["zoe"], "item_id": ["a"], "rating": [5.0]})
    assert newer.past.times is not None
    _, times = newer.past.of(newer.users.row("zoe"))
    assert times is not None
    assert times.tolist() == [7_000_000]  # the latest moment known
    assert newer.past.of(0)[1].tolist() == ease.past.of(0)[1].tolist()  # type: ignore[union-attr]


def test_an_event_of_an_unknown_item_is_refused(ease: Model) -> None:
    with pytest.raises(
        DataError, match=r"item 'x' is not in the model \(1 such items\); add it with with_items"
    ):
        ease.with_events({"user_id": ["ann"], "item_id": ["x"]})


# ---- new items

NEW = penchant.Items.of(
    ["f"], texts={"title": ["Alien again"]}, labels={"genre": [["sf"]]}, numbers={"year": [2030.0]}
)


@pytest.mark.parametrize("scorer", ["base.popular", "cf.ease", "cf.item_knn", "mf.sgd"])
def test_a_new_item_is_in_the_catalogue_at_once(scorer: str) -> None:
    old = penchant.fit(dataset(), scorers=[scorer])
    newer = old.with_items(NEW)
    assert "f" in newer.recommend("ann", k=6).ids
    assert newer.recommend("ann", where={"year": (2025, None)}).ids == ["f"]
    assert newer.recommend("zoe", k=6).ids[-1] == "f"
    assert [i for i in newer.recommend("ann", k=6).ids if i != "f"] == old.recommend("ann").ids
    assert "f" not in old.recommend("ann", k=6).ids


def test_a_new_item_is_recommended_by_its_words(tmp_path: Any) -> None:
    old = penchant.fit(dataset(), scorers=[penchant.use("content.text", encoder="base.hashing")])
    newer = old.with_items(NEW)
    assert newer.recommend(history=["a"], k=1).ids == ["f"]
    newer.save(tmp_path / "model")
    again = penchant.load(tmp_path / "model")
    assert again.recommend(history=["a"], k=1).ids == ["f"]


@pytest.mark.parametrize(("resident", "quantized"), [(True, False), (False, True)])
def test_new_items_are_ranked_without_a_new_copy_of_the_others(
    resident: bool, quantized: bool
) -> None:
    pairs = [(user, item) for user in range(8) for item in range(60) if (user * item) % 7 < 3]
    events = {
        "user_id": [user for user, _ in pairs],
        "item_id": [item for _, item in pairs],
        "rating": [1 + (user + item) % 5 for user, item in pairs],
    }
    ranker = penchant.use("base.top_k", scorer="mf.als", resident=resident, quantized=quantized)
    model = penchant.fit(Dataset.from_frame(events), recommender=ranker)
    size = len(model.items)
    newer = model.with_items([{"item_id": 100}]).with_items([{"item_id": 101}, {"item_id": 102}])
    recommender: Any = newer.recommender
    assert recommender._index.apart == 3
    assert model.recommender._index.apart == 0  # type: ignore[attr-defined]
    anew = FittedTopK(recommender.inner, quantized=False)
    queries = Queries.known(np.arange(8, dtype=np.int32), newer.past.events)
    one, other = (
        ranking.recommend(queries, Candidates(size + 3), size + 3)
        for ranking in (recommender, anew)
    )
    assert one.rows.tolist() == other.rows.tolist()
    assert one.scores.tobytes() == other.scores.tobytes()
    many = model.with_items([{"item_id": 200 + new} for new in range(20)])
    assert many.recommender._index.apart == 0  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "rows",
    [
        [{"item_id": "f", "title": "Alien again", "genre": ["sf"], "year": 2030}],
        {"item_id": ["f"], "title": ["Alien again"], "genre": [["sf"]], "year": [2030]},
    ],
    ids=["rows", "columns"],
)
def test_new_items_may_come_as_a_table(rows: Any, ease: Model) -> None:
    said, made = ease.with_items(rows), ease.with_items(NEW)
    assert said.items.meta() == made.items.meta()
    assert said.items.name(said.items.vocabulary.row("f")) == "Alien again"
    assert said.recommend("ann", where={"genre": "sf"}, exclude_seen=False).ids == (
        made.recommend("ann", where={"genre": "sf"}, exclude_seen=False).ids
    )


def test_what_users_did_with_a_new_item_is_told_with_it(ease: Model) -> None:
    model = penchant.fit(dataset(), scorers=["mf.als"])
    events = {"user_id": ["ann", "bob", "zoe"], "item_id": ["f", "f", "f"], "rating": [5, 5, 1]}
    newer = model.with_items(NEW, events=events)
    vectors = newer.recommender.inner.item_vectors  # type: ignore[attr-defined]
    row = newer.items.vocabulary.row("f")
    assert vectors[row].any()
    assert not model.with_items(NEW).recommender.inner.item_vectors[row].any()  # type: ignore[attr-defined]
    assert "f" not in newer.recommend("ann", k=6).ids
    assert "f" in newer.recommend("dan", k=6).ids
    assert newer.past.of(newer.users.row("zoe"))[0].indices.tolist() == [row]
    assert sorted(newer.users.ids(np.array(sorted(newer.changed), np.int32))) == [
        "ann",
        "bob",
        "zoe",
    ]


def test_likings_of_a_new_item_count_as_popularity(popular: Model) -> None:
    users = [f"new-{number}" for number in range(20)]
    events = {"who": users, "what": ["f"] * 20, "rating": [5.0] * 19 + [1.0]}
    newer = popular.with_items([{"what": "f"}], events=events, user="who", item="what")
    assert newer.recommend("nobody", k=1).ids == ["f"]
    assert newer.recommend("nobody", k=1).scores.tolist() == [19.0]
    assert newer.past.told(["f"], newer.items.vocabulary).columns == len(newer.items)


def test_columns_of_no_events_are_refused(popular: Model) -> None:
    with pytest.raises(RequestError, match="user can be said of events only, and events is None"):
        popular.with_items(NEW, user="who")


def test_new_items_without_their_ids_are_refused(ease: Model) -> None:
    with pytest.raises(DataError, match="'item_id'"):
        ease.with_items([{"id": "f", "title": "Alien again"}])
    assert "f" in ease.with_items([{"id": "f", "title": "Alien again"}], item="id").items.vocabulary
    with pytest.raises(DataError, match="the items are None; wanted a table with a row an item"):
        ease.with_items(None)
    with pytest.raises(DataError, match="year is no number"):
        ease.with_items([{"item_id": "f", "year": "soon"}])


def test_an_item_that_is_there_already_is_refused(popular: Model) -> None:
    with pytest.raises(
        DataError, match=r"item 'a' is in the model already \(2 such items\); leave"
    ):
        popular.with_items(penchant.Items.of(["f", "a", "b"]))


def test_a_strategy_that_needs_a_fit_for_new_items_says_so() -> None:
    model = penchant.fit(dataset(), scorers=["my.recent_favourites"])
    with pytest.raises(RequestError, match="can't take up new items without a fit; fit again"):
        model.with_items(NEW)


# ---- small and odd data


def test_one_user_and_one_item_are_enough() -> None:
    one = Dataset.from_frame({"user_id": [1], "item_id": [2]})
    for scorer in ("base.popular", "cf.ease", "cf.item_knn"):
        model = penchant.fit(one, scorers=[scorer])
        assert model.recommend(1).ids == []
        assert model.recommend(9).ids == [2]


def test_integer_ids_come_back_as_python_integers() -> None:
    model = penchant.fit(
        Dataset.from_frame({"user_id": [1, 2], "item_id": [30, 40]}), scorers=["base.popular"]
    )
    (item,) = model.recommend(1).ids
    assert type(item) is int


def test_an_answer_is_a_value(popular: Model) -> None:
    assert isinstance(popular.recommend("ann"), Recommendations)
    assert repr(popular) == "<Model base.popular: 4 users, 5 items>"
