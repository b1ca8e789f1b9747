"""What is promised by every recommender."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from penchant import kernels
from penchant.data import Dataset
from penchant.protocols import ExplainsLists, FoldsIn, Kind, Scores, capability
from penchant.queries import Candidates, Csr
from penchant.testing import data as toys
from penchant.testing import naive
from penchant.testing.checks import eligible, one_by_one, same_answers, untouched, well_formed
from penchant.testing.contract import FittedContract


class RecommenderContract(FittedContract):
    """The tests of a recommender.

    ranks_by_score: True for one that shows the items of the highest `score`, as `base.top_k` does;
        its lists are then compared with a naive ranking of its own scores, ties included.
    cancellable: True for one that asks `FitContext.cancelled` between steps of long work.
    """

    kind: ClassVar[Kind] = "recommender"
    ranks_by_score: ClassVar[bool] = False

    def answers(self, fitted: Any, data: Dataset) -> dict[str, npt.NDArray[Any]]:
        """Give the lists of all users, without what they have seen."""
        asked = {"users": toys.known(data)}
        if capability(fitted, FoldsIn) is not None:
            asked["strangers"] = toys.strangers(data)
        candidates = Candidates(len(data.items), seen=toys.known(data).history)
        answers: dict[str, npt.NDArray[Any]] = {}
        for who, queries in asked.items():
            ranking = fitted.recommend(queries, candidates, 4)
            answers |= {
                f"rows of {who}": ranking.rows,
                f"scores of {who}": ranking.scores,
                f"counts of {who}": ranking.counts,
            }
        return answers

    def test_exactly_as_many_items_come_back_as_may(self) -> None:
        for name, data in self.datasets().items():
            fitted, queries = self.fit(data), toys.known(data)
            for what, candidates in _filters(data):
                for k in (1, 3, len(data.items), len(data.items) + 5):
                    answer = fitted.recommend(queries, candidates, k)
                    for query, count in enumerate(answer.counts.tolist()):
                        wanted = min(k, len(eligible(candidates, query)))
                        assert count == wanted, (
                            f"{name}, {what}, k={k}: query {query} must get {wanted} items, "
                            f"got {count}"
                        )

    def test_rankings_fall_and_ties_go_to_the_lower_row(self) -> None:
        data = self.dataset()
        fitted, queries = self.fit(data), toys.known(data)
        for _, candidates in _filters(data):
            for k in (1, 3, len(data.items) + 5):
                well_formed(fitted.recommend(queries, candidates, k), len(queries), k)

    def test_an_excluded_item_never_appears(self) -> None:
        data = self.dataset()
        fitted, queries = self.fit(data), toys.known(data)
        for what, candidates in _filters(data):
            answer = fitted.recommend(queries, candidates, len(data.items))
            for query, count in enumerate(answer.counts.tolist()):
                wrong = set(answer.rows[query, :count].tolist()) - set(eligible(candidates, query))
                assert not wrong, f"{what}: query {query} got the excluded items {sorted(wrong)}"

    def test_the_items_shown_are_those_with_the_highest_scores(self) -> None:
        if not self.ranks_by_score:
            return
        data = self.dataset()
        fitted, queries = self.fit(data), toys.known(data)
        scorer = capability(fitted, Scores)
        assert scorer is not None, "ranks_by_score needs a recommender with `score`"
        scores = scorer.score(queries, None)
        for what, candidates in _filters(data):
            for k in (1, 3, len(data.items) + 5):
                answer = fitted.recommend(queries, candidates, k)
                for query, count in enumerate(answer.counts.tolist()):
                    got = answer.rows[query, :count].tolist()
                    wanted = naive.top_k(scores[query], k, eligible(candidates, query))
                    assert got == wanted, (
                        f"{what}, k={k}: query {query} must get {wanted}, got {got}"
                    )
                    assert answer.scores[query, :count].tolist() == scores[query, got].tolist(), (
                        f"{what}: query {query}: the scores of a ranking must be those of `score`"
                    )

    def test_a_batch_ranks_as_its_queries_alone(self) -> None:
        data = self.dataset()
        fitted, queries = self.fit(data), toys.known(data)
        for what, candidates in _filters(data):
            whole = fitted.recommend(queries, candidates, 3)
            for row, query in enumerate(one_by_one(queries)):
                which = np.array([row], np.int32)
                alone = fitted.recommend(query, candidates.take(which), 3)
                same_answers(alone, _row(whole, row), f"{what}: a query alone must get its list")

    def test_each_item_of_a_list_has_its_reasons(self) -> None:
        data = self.dataset()
        fitted, queries = self.fit(data), toys.known(data)
        explains = capability(fitted, ExplainsLists)
        if explains is None:
            return
        for what, candidates in _filters(data):
            counts = fitted.recommend(queries, candidates, 3).counts.tolist()
            for row, query in enumerate(one_by_one(queries)):
                which = np.array([row], np.int32)
                found = explains.explain_list(query, candidates.take(which), 3)
                assert len(found) == counts[row], (
                    f"{what}: query {row} gets {counts[row]} items, with reasons for {len(found)}"
                )
                for reason in (reason for mine in found for reason in mine):
                    assert np.isfinite(reason.weight), f"{what}: {reason} must have a finite weight"

    def test_nobody_gets_an_empty_answer(self) -> None:
        data = self.dataset()
        queries = toys.known(data, np.empty(0, np.int32))
        well_formed(self.fit(data).recommend(queries, Candidates(len(data.items)), 3), 0, 3)

    def test_recommending_leaves_queries_and_candidates_alone(self) -> None:
        data = self.dataset()
        fitted, queries = self.fit(data), toys.known(data)
        for _, candidates in _filters(data):
            untouched(
                [queries, candidates],
                lambda candidates=candidates: fitted.recommend(queries, candidates, 3),  # type: ignore[misc]
                "recommend must not change what it is asked",
            )


def _filters(data: Dataset) -> Iterator[tuple[str, Candidates]]:
    """Give every way to say what may be shown, alone and together, with its name."""
    items, users = len(data.items), len(data.users)
    seen = toys.known(data).history
    even = kernels.bitset(np.arange(0, items, 2, dtype=np.int32), items)
    few = kernels.bitset(np.arange(min(3, items), dtype=np.int32), items)
    every = kernels.bitset(np.arange(items, dtype=np.int32), items)
    lists = Csr.from_pairs(
        np.repeat(np.arange(users, dtype=np.int32), min(4, items)),
        np.tile(np.arange(items - min(4, items), items, dtype=np.int32), users),
        None,
        (users, items),
    )
    yield "everything", Candidates(items)
    yield "seen", Candidates(items, seen=seen)
    yield "deny", Candidates(items, deny=few)
    yield "allow", Candidates(items, allow=even)
    yield "lists", Candidates(items, lists=lists)
    yield "all at once", Candidates(items, seen=seen, allow=even, deny=few, lists=lists)
    yield "all denied", Candidates(items, deny=every)
    yield "empty lists", Candidates(items, lists=Csr.empty(users, items))


def _row(answer: Any, row: int) -> Any:
    which = slice(row, row + 1)
    return type(answer)(answer.rows[which], answer.scores[which], answer.counts[which])
