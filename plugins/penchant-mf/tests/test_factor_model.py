"""What every fitted model of factors and likings does, on vectors chosen by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
from penchant.data import Interactions
from penchant.protocols import F32
from penchant.queries import Candidates, Csr, Queries
from penchant.testing.data import checkerboard
from penchant_mf.factor_model import FactorModel


class Sums(FactorModel):
    """A stranger's vector is the sum of those of the items liked."""

    source = "test.sums"

    def _fold_in(self, likes: Csr) -> F32:
        return (likes.binary().to_dense() @ self._items).astype(np.float32)

    def _fold_in_items(self, likers: Csr, likes: Csr, foretold: F32) -> F32:
        # The more somebody likes, the less is said by one liking.
        worth = self._users / np.maximum(likes.counts(), 1)[:, None]
        return foretold + (likers.binary().to_dense() @ worth).astype(np.float32)

    def _shares(self, liked: Csr, item: int) -> npt.NDArray[np.float64]:
        return (self._items[liked.indices] @ self._items[item]).astype(np.float64)

    def _with_item_vectors(self, vectors: F32) -> Sums:
        return Sums(self._users, vectors, self._min_value)


def model(min_value: float | None = None) -> Sums:
    """Two users and three items of two factors."""
    return Sums(
        np.array([[1, 0], [2, 2]], np.float32),
        np.array([[1, 0], [0, 3], [4, 0]], np.float32),
        min_value,
    )


def ask(row: int, *ratings: tuple[int, float], items: int = 3) -> Queries:
    history = Csr(
        np.array([0, len(ratings)], np.int64),
        np.array([item for item, _ in ratings], np.int32),
        np.array([value for _, value in ratings], np.float32),
        items,
    )
    return Queries(np.array([row], np.int32), history)


def test_a_known_user_is_scored_by_the_vector_of_the_fit() -> None:
    assert model().score(ask(1, (0, 1.0)), None).tolist() == [[2, 6, 8]]
    assert model().score(ask(1), np.array([2], np.int32)).tolist() == [[8]]


def test_a_stranger_is_folded_in_from_what_is_liked() -> None:
    assert model(4.0).query_vectors(ask(-1, (0, 5.0), (1, 4.0), (2, 1.0))).tolist() == [[1, 3]]
    assert model(4.0).query_vectors(ask(-1, (2, 1.0))).tolist() == [[0, 0]]


def test_known_users_and_strangers_may_ask_together() -> None:
    history = Csr(
        np.array([0, 1, 2, 2], np.int64), np.array([0, 1], np.int32), np.ones(2, np.float32), 3
    )
    asked = Queries(np.array([1, -1, -1], np.int32), history)
    assert model().query_vectors(asked).tolist() == [[2, 2], [0, 3], [0, 0]]


def test_those_who_like_something_are_answered() -> None:
    assert model(4.0).answers(ask(-1, (0, 5.0))).tolist() == [True]
    assert model(4.0).answers(ask(0, (0, 3.0))).tolist() == [False]


def test_the_reasons_of_a_stranger_are_likings_strongest_first() -> None:
    reasons = model().explain(ask(-1, (0, 1.0), (2, 1.0)), 2)
    said = [(r.kind, r.weight, r.item, r.source) for r in reasons]
    assert said == [("item", 16.0, 2, "test.sums"), ("item", 4.0, 0, "test.sums")]


def test_what_likings_do_not_explain_of_a_known_user_is_named_factors() -> None:
    reasons = model().explain(ask(1, (0, 1.0)), 2)
    assert [(r.kind, r.weight) for r in reasons] == [("item", 4.0), ("factors", 4.0)]
    assert [r.kind for r in model().explain(ask(0, (0, 1.0)), 2)] == ["item"]


def test_somebody_who_likes_nothing_has_no_reasons() -> None:
    assert model().explain(ask(-1), 0) == ()


def test_similar_items_point_the_same_way() -> None:
    found = model().similar_items(np.array([0], np.int32), Candidates(3), 5)
    assert found.counts.tolist() == [2]
    assert found.rows[0, :2].tolist() == [2, 1]
    assert found.scores[0, :2].tolist() == [1.0, 0.0]


def test_new_items_come_from_the_known_users_who_like_them() -> None:
    board = checkerboard(users=3, items=5)
    events = [(0, 3), (1, 3), (2, 3), (1, 0), (1, 2), (0, 4)]
    users, items = ([pair[side] for pair in events] for side in (0, 1))
    ratings = [5.0, 5.0, 5.0, 5.0, 5.0, 1.0]
    log = Interactions.of(users, items, ratings, n_users=3, n_items=5)
    newer = model(4.0).with_items(board.with_interactions(log))
    old = model().item_vectors.tolist()
    # User 1 likes two other items, and user 2 is not known.
    assert newer.item_vectors.tolist() == [*old, [2, 1], [0, 0]]


def test_new_items_that_nobody_knows_have_no_factors() -> None:
    board = replace(checkerboard(users=3, items=5), min_value=None)
    nobody = np.empty(0, np.int32)
    data = board.with_interactions(Interactions.of(nobody, nobody, n_users=3, n_items=5))
    assert not model().with_items(data).item_vectors[3:].any()


@pytest.mark.parametrize("array", ["item_vectors", "query_vectors"])
def test_vectors_cannot_be_changed_from_outside(array: str) -> None:
    fitted = model()
    vectors = fitted.query_vectors(ask(0)) if array == "query_vectors" else fitted.item_vectors
    with pytest.raises(ValueError, match="read-only"):
        vectors[0] = 9


def test_vectors_of_many_are_those_of_each_alone() -> None:
    both = Queries(np.array([1, 0], np.int32), Csr.empty(2, 3))
    alone = [model().query_vectors(ask(row))[0].tolist() for row in (1, 0)]
    assert model().query_vectors(both).tolist() == alone
