"""Recommenders, sound and broken."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from penchant.queries import Candidates, Queries, TopK
from penchant.testing import (
    Contract,
    RecommenderContract,
    naive,
)
from penchant.testing.checks import eligible

from .plugins import FittedTogether, Together, check, contract, failures, padded, top_k


class FittedBest(FittedTogether):
    """Shows the items of the highest score."""

    def recommend(self, queries: Queries, candidates: Candidates, k: int, /) -> TopK:
        return top_k(self.score(queries, None), candidates, k)


def recommender(
    recommend: Callable[[FittedBest, Queries, Candidates, int], TopK] | None = None,
    *,
    ranks_by_score: bool = True,
    **others: Any,
) -> type[Contract]:
    methods = others if recommend is None else {"recommend": recommend, **others}
    fitted = type("Fitted", (FittedBest,), methods)
    build = type("Recommender", (Together,), {"fitted": fitted})
    return contract(RecommenderContract, build, ranks_by_score=ranks_by_score)


def best(self: FittedBest, queries: Queries, candidates: Candidates, k: int) -> TopK:
    return FittedBest.recommend(self, queries, candidates, k)


def test_a_sound_recommender_passes() -> None:
    check(recommender())


def test_a_seen_item_that_comes_back_is_found() -> None:
    def forgets(self: Any, queries: Queries, candidates: Candidates, k: int) -> TopK:
        c = candidates
        return best(self, queries, Candidates(c.items, None, c.allow, c.deny, c.lists), k)

    assert failures(recommender(forgets)) >= {"test_an_excluded_item_never_appears"}


def test_a_denied_item_that_comes_instead_of_another_is_found() -> None:
    def swaps(self: Any, queries: Queries, candidates: Candidates, k: int) -> TopK:
        answer = best(self, queries, candidates, k)
        if candidates.deny is None or candidates.lists is not None:
            return answer
        ranked = [[0] * (count > 0) for count in answer.counts.tolist()]
        rest = [answer.rows[q, 1:c].tolist() for q, c in enumerate(answer.counts.tolist())]
        scores = np.where(np.arange(candidates.items) == 0, 99, self.score(queries, None))
        return padded([a + b for a, b in zip(ranked, rest, strict=True)], scores, k)

    check(recommender(swaps, ranks_by_score=False), "an_excluded_item_never_appears")


def test_a_sentinel_among_the_results_is_found() -> None:
    def fills(self: Any, queries: Queries, candidates: Candidates, k: int) -> TopK:
        answer = best(self, queries, candidates, k)
        return TopK(answer.rows, answer.scores, np.full(len(queries), k, np.int32))

    assert failures(recommender(fills)) >= {
        "test_exactly_as_many_items_come_back_as_may",
        "test_rankings_fall_and_ties_go_to_the_lower_row",
        "test_an_excluded_item_never_appears",
    }


def test_too_few_items_are_found() -> None:
    def filters_late(self: Any, queries: Queries, candidates: Candidates, k: int) -> TopK:
        scores = self.score(queries, None)
        early = [naive.top_k(row, k) for row in scores]
        kept = [
            [row for row in rows if row in eligible(candidates, query)]
            for query, rows in enumerate(early)
        ]
        return padded(kept, scores, k)

    check(
        recommender(filters_late, ranks_by_score=False),
        "exactly_as_many_items_come_back_as_may",
    )


def test_ties_that_go_to_the_higher_row_are_found() -> None:
    def other_way(self: Any, queries: Queries, candidates: Candidates, k: int) -> TopK:
        scores = self.score(queries, None)
        ranked = [
            sorted(eligible(candidates, query), key=lambda row: (-scores[query, row], -row))[:k]
            for query in range(len(queries))
        ]
        return padded(ranked, scores, k)

    check(
        recommender(other_way),
        "rankings_fall_and_ties_go_to_the_lower_row",
        "the_items_shown_are_those_with_the_highest_scores",
    )


def test_ties_at_the_end_of_the_list_that_go_to_the_higher_row_are_found() -> None:
    def cuts_wrong(self: Any, queries: Queries, candidates: Candidates, k: int) -> TopK:
        scores = self.score(queries, None)
        chosen = [
            sorted(eligible(candidates, query), key=lambda row: (-scores[query, row], -row))[:k]
            for query in range(len(queries))
        ]
        ranked = [naive.top_k(scores[query], k, rows) for query, rows in enumerate(chosen)]
        return padded(ranked, scores, k)

    check(recommender(cuts_wrong), "the_items_shown_are_those_with_the_highest_scores")


def test_the_worst_items_first_are_found() -> None:
    def upside_down(self: Any, queries: Queries, candidates: Candidates, k: int) -> TopK:
        return top_k(-self.score(queries, None), candidates, k)

    check(recommender(upside_down), "the_items_shown_are_those_with_the_highest_scores")


def test_scores_that_rise_are_found() -> None:
    def turned(self: Any, queries: Queries, candidates: Candidates, k: int) -> TopK:
        scores = self.score(queries, None)
        ranked = [naive.top_k(row, k, eligible(candidates, q)) for q, row in enumerate(scores)]
        return padded([rows[::-1] for rows in ranked], scores, k)

    check(recommender(turned, ranks_by_score=False), "rankings_fall_and_ties_go_to_the_lower_row")


def test_a_list_that_is_not_padded_to_k_is_found() -> None:
    def cut(self: Any, queries: Queries, candidates: Candidates, k: int) -> TopK:
        return best(self, queries, candidates, min(k, candidates.items))

    check(recommender(cut), "rankings_fall_and_ties_go_to_the_lower_row")


def test_a_ranking_that_depends_on_the_batch_is_found() -> None:
    def by_the_crowd(self: Any, queries: Queries, candidates: Candidates, k: int) -> TopK:
        crowd = self.score(queries, None).sum(axis=0, keepdims=True)
        return top_k(np.repeat(crowd, len(queries), axis=0), candidates, k)

    check(recommender(by_the_crowd, ranks_by_score=False), "a_batch_ranks_as_its_queries_alone")


def test_a_list_with_an_item_less_explained_is_found() -> None:
    def explain_list(self: Any, queries: Queries, candidates: Candidates, k: int) -> Any:
        return [[] for _ in range(int(best(self, queries, candidates, k).counts[0]) - 1)]

    check(recommender(explain_list=explain_list), "each_item_of_a_list_has_its_reasons")


def test_nobody_that_is_an_error_is_found() -> None:
    def stacks(self: Any, queries: Queries, candidates: Candidates, k: int) -> TopK:
        np.stack(list(queries.history.to_dense()))
        return best(self, queries, candidates, k)

    check(recommender(stacks), "nobody_gets_an_empty_answer")


def test_candidates_that_are_written_to_are_found() -> None:
    def writes(self: Any, queries: Queries, candidates: Candidates, k: int) -> TopK:
        answer = best(self, queries, candidates, k)
        if queries.times is not None:
            queries.times[:] = 0
        return answer

    check(recommender(writes), "recommending_leaves_queries_and_candidates_alone")
