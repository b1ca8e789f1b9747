"""Questions in words to strategies that have a text: alone, with a history, with filters."""

from __future__ import annotations

from typing import Any

import penchant
import pytest
from penchant import Model, Registry
from penchant.testing.data import checkerboard

HASHING = {"use": "base.hashing", "dim": 64}
OTHER = {"use": "base.hashing", "dim": 48, "columns": ["description"]}
WAYS: list[Any] = [HASHING, ["content.tfidf", HASHING], [HASHING, OTHER]]
STRATEGIES: list[dict[str, Any]] = [
    {"use": "cf.ease", "l2": 2.0, "text_weight": 0.5},
    {"use": "cf.item_knn"},
    {"use": "cf.user_knn", "text_weight": 0.7},
]


@pytest.fixture(scope="module", params=WAYS, ids=["encoder", "with terms", "two encoders"])
def text(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture(scope="module", params=STRATEGIES, ids=lambda spec: str(spec["use"]))
def model(request: pytest.FixtureRequest, text: Any) -> Model:
    data = checkerboard(users=20, items=14, cold=4)
    registry = Registry.discover(only={"base", "content", "cf"})
    return penchant.fit(data, scorers=[{**request.param, "text": text}], registry=registry)


def words_of(model: Model, item: int) -> str:
    """What is written on an item: even items are of one kind, odd ones of the other."""
    return model.items.texts("{title} {description} {colour} {tags}")[item]


def rows(found: Any) -> list[int]:
    return [int(str(item).removeprefix("item-")) for item in found.ids]


@pytest.mark.parametrize("item", [0, 1, 12, 13])
def test_words_find_items_of_their_kind(model: Model, item: int) -> None:
    found = model.recommend(text=words_of(model, item), k=7)
    assert found.source != "base.popular"
    assert {row % 2 for row in rows(found)[:5]} == {item % 2}


def test_words_turn_a_history(model: Model) -> None:
    history = ["item-0", "item-1"]
    alone = model.recommend(history=history, k=12)
    both = model.recommend(history=history, text=words_of(model, 1), k=12)

    def odd(found: Any) -> float:
        """The best score of an odd item less that of an even one."""
        best = [
            max(
                score
                for row, score in zip(rows(found), found.scores.tolist(), strict=True)
                if row % 2 == kind
            )
            for kind in (0, 1)
        ]
        return float(best[1] - best[0])

    assert odd(both) > odd(alone)


def test_words_go_with_filters(model: Model) -> None:
    words = words_of(model, 0)
    colour = model.items.texts("{colour}")[1]
    where = rows(model.recommend(text=words, where={"colour": colour}, k=14))
    assert where
    assert all(row % 2 for row in where)
    first, *_ = rows(model.recommend(text=words))
    assert first not in rows(model.recommend(text=words, deny=[f"item-{first}"], k=14))
    liked = ["item-0", "item-2"]
    assert not {0, 2} & set(rows(model.recommend(history=liked, text=words, k=14)))
    allowed = model.recommend(text=words, allow=["item-3", "item-4"])
    assert set(rows(allowed)) == {3, 4}


def test_a_loaded_model_reads_the_same(model: Model, tmp_path: Any) -> None:
    model.save(tmp_path / "model")
    loaded = penchant.load(tmp_path / "model")
    words = words_of(model, 1)
    before, after = (one.recommend(text=words, history=["item-0"], k=9) for one in (model, loaded))
    assert list(before.ids) == list(after.ids)
    assert list(before.scores) == list(after.scores)
