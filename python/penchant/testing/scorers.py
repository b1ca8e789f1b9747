"""What is promised by every scorer."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from penchant import kernels
from penchant.data import Dataset
from penchant.protocols import (
    Evidence,
    Explains,
    Factored,
    FoldsIn,
    Kind,
    ReadsText,
    RelatesItems,
    Updatable,
    capability,
)
from penchant.queries import Candidates, Csr, Queries
from penchant.testing import data as toys
from penchant.testing.checks import floats, one_by_one, same_bits, untouched, well_formed
from penchant.testing.contract import FittedContract

BATCH = "a query's scores must be the same alone and in any batch"


class ScorerContract(FittedContract):
    """The tests of a scorer.

    fold_in: whether the fitted scorer `FoldsIn`; None takes what it is without asking.
    explain_sums: True for a linear scorer, whose evidence sums to the score.
    cancellable: True for one that asks `FitContext.cancelled` between steps of long work.
    """

    kind: ClassVar[Kind] = "scorer"
    fold_in: ClassVar[bool | None] = None
    explain_sums: ClassVar[bool] = False

    def answers(self, fitted: Any, data: Dataset) -> dict[str, npt.NDArray[Any]]:
        """Give the scores of all known users, and of their histories as strangers'."""
        scores = {"scores of users": fitted.score(toys.known(data), None)}
        if capability(fitted, FoldsIn) is not None:
            scores["scores of strangers"] = fitted.score(toys.strangers(data), None)
        return scores

    def test_scores_are_finite_float32_of_all_items(self) -> None:
        for name, data in self.datasets().items():
            for what, scores in self.answers(self.fit(data), data).items():
                floats(scores, (len(data.users), len(data.items)), f"{what} ({name})")

    def test_a_batch_scores_as_its_queries_alone(self) -> None:
        data = self.dataset()
        fitted = self.fit(data)
        for queries in self._askers(fitted, data):
            whole = fitted.score(queries, None)
            for row, query in enumerate(one_by_one(queries)):
                same_bits(fitted.score(query, None)[0], whole[row], BATCH)
            turned = np.arange(len(queries), dtype=np.int32)[::-1].copy()
            same_bits(fitted.score(queries.take(turned), None), whole[turned], BATCH)

    def test_chosen_items_score_as_in_the_whole_catalogue(self) -> None:
        data = self.dataset()
        fitted = self.fit(data)
        last = len(data.items) - 1
        chosen = np.array([last, 0, last // 2, 0], np.int32)
        for queries in self._askers(fitted, data):
            whole = fitted.score(queries, None)
            promise = "the scores of chosen items must be the columns of the whole"
            same_bits(fitted.score(queries, chosen), whole[:, chosen], promise)
            same_bits(fitted.score(queries, chosen[:1]), whole[:, chosen[:1]], promise)

    def test_nobody_and_nothing_have_empty_scores(self) -> None:
        data = self.dataset()
        fitted = self.fit(data)
        nobody, nothing = np.empty(0, np.int32), np.empty(0, np.int32)
        floats(fitted.score(toys.known(data, nobody), None), (0, len(data.items)), "no queries")
        floats(fitted.score(toys.known(data), nothing), (len(data.users), 0), "no items")

    def test_scoring_leaves_the_queries_alone(self) -> None:
        data = self.dataset()
        fitted = self.fit(data)
        for queries in self._askers(fitted, data):
            own = _writable(queries)
            items = np.arange(len(data.items), dtype=np.int32)
            untouched(
                [own, items],
                lambda own=own, items=items: (fitted.score(own, None), fitted.score(own, items)),  # type: ignore[misc]
                "scoring must not change its queries",
            )

    def test_a_dot_product_scores_as_its_vectors(self) -> None:
        data = self.dataset()
        fitted = self.fit(data)
        if not isinstance(fitted, Factored):
            return
        vectors = fitted.item_vectors
        floats(vectors, (len(data.items), vectors.shape[1]), "item_vectors")
        assert vectors.flags.c_contiguous, "item_vectors must be C-contiguous"
        assert not vectors.flags.writeable, "item_vectors must be read-only"
        for queries in self._askers(fitted, data):
            asked = fitted.query_vectors(queries)
            floats(asked, (len(queries), vectors.shape[1]), "query_vectors")
            same_bits(
                fitted.score(queries, None),  # type: ignore[attr-defined]
                kernels.dot(np.ascontiguousarray(asked), vectors),
                "score must be kernels.dot of query_vectors and item_vectors",
            )

    def test_folding_in_is_as_declared(self) -> None:
        data = self.dataset()
        folds = capability(self.fit(data), FoldsIn)
        if self.fold_in is not None:
            assert (folds is not None) == self.fold_in, (
                f"fold_in is {self.fold_in}, but the fitted scorer "
                f"{'has' if folds is not None else 'lacks'} `answers`"
            )
        if folds is None:
            return
        for queries in (toys.known(data), toys.strangers(data), toys.blank(data)):
            answered = folds.answers(queries)
            assert answered.dtype == np.bool_, f"answers must be bool, got {answered.dtype}"
            assert answered.shape == (len(queries),), "answers must say one word for each query"
        likers = data.positive_csr().counts() > 0
        assert folds.answers(toys.strangers(data))[likers].all(), (
            "a stranger whose history holds likings must be answered"
        )

    def test_a_stranger_without_history_gets_finite_scores(self) -> None:
        data = self.dataset()
        fitted = self.fit(data)
        if capability(fitted, FoldsIn) is not None:
            blank = toys.blank(data)
            floats(fitted.score(blank, None), (len(blank), len(data.items)), "scores of a blank")

    def test_a_question_in_words_is_answered(self) -> None:
        data = self.dataset()
        fitted = self.fit(data)
        reader, folds = capability(fitted, ReadsText), capability(fitted, FoldsIn)
        if reader is None or folds is None:
            return
        for fingerprint, encoder in reader.encoders().items():
            assert fingerprint == encoder.fingerprint, "encoders must be named by fingerprint"
            asked = encoder.encode(["a quiet night under the stars"], kind="query")
            query = Queries(
                np.array([-1], np.int32), Csr.empty(1, len(data.items)), None, {fingerprint: asked}
            )
            assert folds.answers(query).all(), "words that an encoder reads must be answered"
            scores = fitted.score(query, None)
            floats(scores, (1, len(data.items)), "scores of words")
            assert scores.any(), "words must score something other than zero"

    def test_reasons_are_in_order_and_sum_where_they_should(self) -> None:
        data = self.dataset()
        fitted = self.fit(data)
        explains = capability(fitted, Explains)
        assert explains is not None or not self.explain_sums, "explain_sums needs `explain`"
        if explains is None:
            return
        queries = toys.known(data)
        whole = fitted.score(queries, None)
        for row, query in enumerate(one_by_one(queries)):
            for item in range(len(data.items)):
                reasons = explains.explain(query, item)
                _well_said(reasons, len(data.items))
                if self.explain_sums:
                    total = sum(reason.weight for reason in reasons)
                    assert np.isclose(total, whole[row, item], rtol=1e-4, atol=1e-4), (
                        f"the reasons for item {item} sum to {total}, the score is "
                        f"{whole[row, item]}"
                    )

    def test_similar_items_leave_the_item_itself_out(self) -> None:
        data = self.dataset()
        relates = capability(self.fit(data), RelatesItems)
        if relates is None:
            return
        items = np.arange(len(data.items), dtype=np.int32)
        for k in (1, len(items) + 3):
            answer = relates.similar_items(items, Candidates(len(items)), k)
            well_formed(answer, len(items), k)
            for item in items.tolist():
                assert item not in answer.rows[item], f"item {item} is called similar to itself"

    def test_an_update_with_nothing_new_changes_nothing(self) -> None:
        data = self.dataset()
        fitted = self.fit(data)
        if isinstance(fitted, Updatable):
            self._same(fitted.with_items(data), fitted, data, "an update with nothing new")

    def _askers(self, fitted: Any, data: Dataset) -> list[Queries]:
        folds = capability(fitted, FoldsIn) is not None
        return [toys.known(data), *([toys.strangers(data), toys.mixed(data)] if folds else [])]


def _well_said(reasons: Any, items: int) -> None:
    weights = []
    for reason in reasons:
        assert isinstance(reason, Evidence), f"a reason must be Evidence, got {reason!r}"
        assert reason.kind, "a reason must have a kind"
        assert np.isfinite(reason.weight), f"a reason's weight must be finite, got {reason.weight}"
        assert -1 <= reason.item < items, f"a reason speaks of item row {reason.item}"
        weights.append(reason.weight)
    by_size = sorted(weights, key=abs, reverse=True)
    assert weights in (sorted(weights, reverse=True), by_size) or [
        abs(weight) for weight in weights
    ] == [abs(weight) for weight in by_size], f"the strongest reason comes first, got {weights}"


def _writable(queries: Queries) -> Queries:
    history = queries.history
    return Queries(
        queries.rows.copy(),
        Csr(
            history.indptr.copy(),
            history.indices.copy(),
            None if history.values is None else history.values.copy(),
            history.columns,
        ),
        None if queries.times is None else queries.times.copy(),
        {key: vectors.copy() for key, vectors in queries.texts.items()},
    )
