"""What scorers may be able to do besides, sound and broken."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import pytest
from penchant.data import Dataset
from penchant.protocols import Evidence
from penchant.queries import Candidates, Csr, Queries, TopK

from .plugins import FittedTogether, check, scorer, top_k


class FittedDot(FittedTogether):
    """The same scores as a dot product."""

    @property
    def item_vectors(self) -> Any:
        vectors = np.ascontiguousarray(self.together.T)
        vectors.setflags(write=False)
        return vectors

    def query_vectors(self, queries: Queries, /) -> Any:
        return self.liked(queries)


def test_a_sound_dot_product_passes() -> None:
    check(scorer(FittedDot))


def test_vectors_that_do_not_give_the_score_are_found() -> None:
    class Broken(FittedDot):
        def query_vectors(self, queries: Queries, /) -> Any:
            return super().query_vectors(queries) * np.float32(2)

    check(scorer(Broken), "a_dot_product_scores_as_its_vectors")


def test_item_vectors_that_can_be_written_to_are_found() -> None:
    class Broken(FittedDot):
        @property
        def item_vectors(self) -> Any:
            return np.ascontiguousarray(self.together.T)

    check(scorer(Broken), "a_dot_product_scores_as_its_vectors")


def test_folding_in_that_is_not_as_declared_is_found() -> None:
    check(scorer(fold_in=False), "folding_in_is_as_declared")


def test_a_stranger_that_is_turned_away_is_found() -> None:
    class Broken(FittedTogether):
        def answers(self, queries: Queries, /) -> Any:
            return super().answers(queries) & (queries.rows >= 0)

    check(scorer(Broken), "folding_in_is_as_declared")


def test_a_blank_stranger_that_gets_no_number_is_found() -> None:
    class Broken(FittedTogether):
        def score(self, queries: Queries, items: Any, /) -> Any:
            scores = super().score(queries, items)
            scores[queries.history.counts() == 0] = np.nan
            return scores

    check(scorer(Broken), "a_stranger_without_history_gets_finite_scores")


class FittedReader(FittedTogether):
    """Hears words and counts them as a liking of the first item."""

    encoder: ClassVar[Any] = SimpleNamespace(
        dim=2,
        fingerprint="ones",
        batch_invariant=True,
        encode=lambda texts, kind="document": np.ones((len(texts), 2), np.float32),
    )

    def encoders(self) -> Mapping[str, Any]:
        return {"ones": self.encoder}

    def liked(self, queries: Queries) -> Any:
        liked = super().liked(queries)
        if "ones" in queries.texts:
            liked[:, 0] = np.maximum(liked[:, 0], queries.texts["ones"].any(axis=1))
        return liked


def test_a_sound_reader_passes() -> None:
    check(scorer(FittedReader))


def test_words_that_are_not_heard_are_found() -> None:
    class Broken(FittedReader):
        def liked(self, queries: Queries) -> Any:
            return FittedTogether.liked(self, queries)

    check(scorer(Broken), "a_question_in_words_is_answered")


class FittedReasons(FittedTogether):
    """Says why: each liked item adds what it has together with the item in question."""

    def explain(self, queries: Queries, item: int, /) -> Sequence[Evidence]:
        liked = np.flatnonzero(self.liked(queries)[0])
        reasons = [Evidence("item", float(self.together[i, item]), int(i)) for i in liked]
        return sorted(reasons, key=lambda reason: -reason.weight)


def test_sound_reasons_pass() -> None:
    check(scorer(FittedReasons, explain_sums=True))


def test_reasons_that_do_not_sum_are_found() -> None:
    class Broken(FittedReasons):
        def explain(self, queries: Queries, item: int, /) -> Sequence[Evidence]:
            return super().explain(queries, item)[:1]

    check(scorer(Broken, explain_sums=True), "reasons_are_in_order_and_sum_where_they_should")
    check(scorer(Broken))


def test_reasons_with_the_weakest_first_are_found() -> None:
    class Broken(FittedReasons):
        def explain(self, queries: Queries, item: int, /) -> Sequence[Evidence]:
            return super().explain(queries, item)[::-1]

    check(scorer(Broken, explain_sums=True), "reasons_are_in_order_and_sum_where_they_should")


def test_reasons_that_are_declared_but_missing_are_found() -> None:
    check(scorer(explain_sums=True), "reasons_are_in_order_and_sum_where_they_should")


class FittedRelated(FittedTogether):
    """Relates items by the same counts."""

    itself = False

    def similar_items(self, items: Any, candidates: Candidates, k: int, /) -> TopK:
        seen = Csr(np.arange(len(items) + 1), items, None, candidates.items)
        asked = Candidates(candidates.items, None if self.itself else seen)
        return top_k(self.together[items], asked, k)


def test_sound_relations_of_items_pass() -> None:
    check(scorer(FittedRelated))


def test_an_item_that_is_similar_to_itself_is_found() -> None:
    broken = type("Broken", (FittedRelated,), {"itself": True})
    check(scorer(broken), "similar_items_leave_the_item_itself_out")


class FittedRatings(FittedTogether):
    """Foretells what it remembers, and the middle of the values for the rest."""

    predicts_ratings = True
    scale, middle = 1.0, True

    def score(self, queries: Queries, items: Any, /) -> Any:
        middle = self.min_value - 1
        known = queries.history.to_dense()
        told = np.where(known != 0, known - middle, 0)
        scores = (self.scale * told + (middle if self.middle else 0)).astype(np.float32)
        return scores if items is None else scores[:, items]

    def answers(self, queries: Queries, /) -> Any:
        return queries.history.counts() > 0


def test_sound_ratings_pass() -> None:
    check(scorer(FittedRatings))


@pytest.mark.parametrize("fault", [{"scale": 10.0}, {"middle": False}], ids=str)
def test_ratings_in_another_unit_are_found(fault: dict[str, Any]) -> None:
    broken = type("Broken", (FittedRatings,), fault)
    check(scorer(broken), "ratings_are_foretold_in_the_unit_of_the_values")


def test_ratings_that_are_only_said_to_be_some_are_found() -> None:
    broken = type("Broken", (FittedTogether,), {"predicts_ratings": True})
    check(scorer(broken), "ratings_are_foretold_in_the_unit_of_the_values")


def test_an_update_that_loses_something_is_found() -> None:
    class Sound(FittedTogether):
        def with_items(self, data: Dataset, /) -> Any:
            return self

    class Broken(FittedTogether):
        def with_items(self, data: Dataset, /) -> Any:
            return Broken(self.together * 0, self.min_value)

    check(scorer(Sound))
    check(scorer(Broken), "an_update_with_nothing_new_changes_nothing")
