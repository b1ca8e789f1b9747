"""One model, eight threads: every answer is the one that a lone caller gets."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import penchant
import pytest
from penchant import Model
from penchant.testing.data import toy_dataset

SCORERS: list[Any] = [
    "base.popular",
    "cf.ease",
    "cf.item_knn",
    penchant.use("mf.sgd", factors=8, epochs=3),
    penchant.use("content.text", encoder="base.hashing"),
    penchant.use("hybrid.weighted", parts=["cf.ease", "base.popular"]),
]


def answers(model: Model) -> list[tuple[Any, ...]]:
    found: list[tuple[Any, ...]] = []
    for user in model.users.ids():
        one = model.recommend(user, k=5, deny=[model.items.vocabulary.id(0)])
        found.append((list(one.ids), one.scores.tobytes(), one.source))
    many = model.recommend_many(model.users.ids(), k=3)
    found.append((list(many.ids), many.scores.tobytes()))
    item = model.items.vocabulary.id(0)
    found.append((list(model.similar_users(model.users.id(0)).ids),))
    found.append((list(model.recommend(history=[item]).ids),))
    return found


@pytest.mark.parametrize("scorer", SCORERS, ids=lambda s: getattr(s, "name", s))
def test_eight_threads_at_once_get_the_serial_answers(scorer: Any) -> None:
    model = penchant.fit(toy_dataset(), scorers=[scorer])
    expected = answers(model)
    gate = Barrier(8)

    def ask(_: int) -> list[tuple[Any, ...]]:
        gate.wait(timeout=60)
        return answers(model)

    with ThreadPoolExecutor(8) as pool:
        for found in pool.map(ask, range(8)):
            assert found == expected
