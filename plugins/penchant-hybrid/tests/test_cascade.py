"""`hybrid.cascade`: who proposes, who ranks, and what happens to those a part knows nothing of."""

from __future__ import annotations

from typing import Any

import numpy as np
import penchant
import pytest
from penchant import use
from penchant.errors import SettingsError
from penchant.protocols import FitContext
from penchant.queries import Candidates
from penchant.registry import Registry
from penchant.testing import naive
from penchant.testing.data import blank, checkerboard, known

DATA = checkerboard()
ITEMS = len(DATA.items)
SEEN = Candidates(ITEMS, seen=known(DATA).history)


def build(*parts: Any) -> Any:
    registry = Registry.discover(only={"cf", "hybrid", "mf"})
    return registry.recommender(use("hybrid.cascade", parts=list(parts)))


def fitted(*parts: Any) -> Any:
    return build(*parts).fit(DATA, FitContext())


def scored(name: str) -> np.ndarray:
    scorer = Registry.discover(only={"cf", "hybrid"}).scorer(name)
    return scorer.fit(DATA, FitContext()).score(known(DATA), None)


@pytest.mark.parametrize("pool", [1, 3, 5, 50])
def test_what_one_proposes_the_other_ranks(pool: int) -> None:
    popular, knn = scored("base.popular"), scored("cf.item_knn")
    cascade = fitted({"use": "base.popular", "pool": pool}, "cf.item_knn")
    top = cascade.recommend(known(DATA), SEEN, 2)
    for user, history in enumerate(known(DATA).history):
        free = [item for item in range(ITEMS) if item not in history]
        proposed = naive.top_k(popular[user], max(pool, 2), free)
        wanted = naive.top_k(knn[user], 2, proposed)
        assert top.rows[user, : top.counts[user]].tolist() == wanted
        assert top.scores[user, : top.counts[user]].tolist() == knn[user, wanted].tolist()


def test_three_parts_hand_on_fewer_and_fewer() -> None:
    parts = ({"use": "base.random", "pool": 6}, {"use": "base.popular", "pool": 3}, "cf.item_knn")
    random, popular, knn = (scored(name) for name in ("base.random", "base.popular", "cf.item_knn"))
    top = fitted(*parts).recommend(known(DATA), Candidates(ITEMS), 1)
    for user in range(len(DATA.users)):
        six = naive.top_k(random[user], 6, range(ITEMS))
        three = naive.top_k(popular[user], 3, six)
        assert top.rows[user].tolist() == naive.top_k(knn[user], 1, three)


def test_a_part_without_evidence_leaves_the_list_as_it_is() -> None:
    cascade = fitted("base.popular", "cf.item_knn")
    plain = fitted("base.popular", "base.popular")
    stranger = blank(DATA)
    top = cascade.recommend(stranger, Candidates(ITEMS), 4)
    wanted = plain.recommend(stranger, Candidates(ITEMS), 4)
    assert top.rows.tolist() == wanted.rows.tolist()
    assert cascade.score(stranger, None).tolist() == plain.score(stranger, None).tolist()
    assert cascade.explain(stranger, 2)[0].source == "base.popular"


def test_a_recommender_may_propose() -> None:
    mmr = {"use": "hybrid.mmr", "scorer": "base.popular", "relevance_weight": 0.0, "pool": 5}
    cascade = fitted({**mmr, "use": "hybrid.mmr"}, "cf.item_knn")
    top = cascade.recommend(known(DATA), SEEN, 2)
    assert (top.counts > 0).all()


def test_the_model_explains_and_predicts_by_the_part_that_ranks() -> None:
    spec = use("hybrid.cascade", parts=["base.popular", "cf.item_knn"])
    model, plain = penchant.fit(DATA, recommender=spec), penchant.fit(DATA, scorers=["cf.item_knn"])
    explained = model.explain("user-0", "item-4")
    assert explained.score == plain.explain("user-0", "item-4").score
    assert {reason.source for reason in explained.reasons} == {"cf.item_knn"}
    ids = model.recommend("user-0", k=3).ids
    assert model.predict(["user-0"], ids[:1]) == plain.predict(["user-0"], ids[:1])
    assert model.similar_items("item-2").ids == plain.similar_items("item-2").ids


def test_a_cascade_predicts_ratings_where_its_last_part_does() -> None:
    sgd = {"use": "mf.sgd", "factors": 2, "epochs": 1}
    assert fitted("base.popular", sgd).predicts_ratings
    assert not fitted(sgd, "base.popular").predicts_ratings


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        (["cf.ease"], "at least two strategies: one proposes, one ranks"),
        (
            ["cf.ease", {"use": "cf.item_knn", "pool": 9}],
            "cf.item_knn is the last part and shows k items; leave out its pool",
        ),
        (
            [{"use": "cf.ease", "pool": 0}, "cf.item_knn"],
            "the pool of part cf.ease must be a whole number from 1, got 0",
        ),
    ],
)
def test_settings_that_make_no_cascade_are_refused(parts: list[Any], words: str) -> None:
    with pytest.raises(SettingsError) as refused:
        build(*parts)
    assert words in str(refused.value)
