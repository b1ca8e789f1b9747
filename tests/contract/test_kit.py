"""The contract kit, held against sound plugins and against plugins that are broken in one way each.

A sound one passes every test; a broken one fails exactly the tests that speak of its fault.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import pytest
from penchant import Component, hookimpl, kernels
from penchant.data import Dataset
from penchant.protocols import Evidence, Features, FitContext, GenerationRequest, State
from penchant.queries import Candidates, Csr, Queries, TopK
from penchant.testing import (
    Contract,
    EncoderContract,
    ExtractorContract,
    GeneratorContract,
    RecommenderContract,
    ScorerContract,
    naive,
)
from penchant.testing.checks import eligible


@dataclass(frozen=True, kw_only=True)
class NoSettings:
    """Nothing to set."""


def contract(
    base: type[Contract],
    build: Callable[[], Any],
    settings: type[Any] = NoSettings,
    summary: str = "For tests.",
    **attributes: Any,
) -> type[Contract]:
    """Make the test class that the author of a plugin would write."""
    component = Component("thing", lambda made, registry: build(), settings, summary)
    hook = attributes.pop("hook", f"penchant_{base.kind}s")
    module = SimpleNamespace(PENCHANT_API=1, **{hook: hookimpl(lambda: [component])})
    module.__dict__.update(attributes.pop("module", {}))
    return type("Test", (base,), {"name": "my.thing", "plugins": {"my": module}, **attributes})


def failures(contract: type[Contract]) -> set[str]:
    """Run every test of a contract, and give the names of those that fail."""
    failed = set()
    for name in [name for name in dir(contract) if name.startswith("test_")]:
        try:
            getattr(contract(), name)()
        except (Exception, pytest.fail.Exception):
            failed.add(name)
    return failed


def check(contract: type[Contract], *expected: str) -> None:
    assert failures(contract) == {f"test_{name}" for name in expected}


# ---- scorers


class FittedTogether:
    """Counts how many users liked two items together; whole numbers, so sums are exact."""

    def __init__(self, together: Any, min_value: float) -> None:
        self.together, self.min_value = together, min_value

    def liked(self, queries: Queries) -> Any:
        return queries.history.at_least(self.min_value).binary().to_dense()

    def score(self, queries: Queries, items: Any, /) -> Any:
        scores = self.liked(queries) @ self.together
        return scores if items is None else scores[:, items]

    def answers(self, queries: Queries, /) -> Any:
        return self.liked(queries).any(axis=1)

    def state(self) -> State:
        return State({"together": self.together}, {"min_value": self.min_value})


class Together:
    fitted: type[FittedTogether] = FittedTogether

    def fit(self, data: Dataset, context: FitContext, /) -> Any:
        context.progress("together", 0, 1)
        liked = data.positive_csr().to_dense()
        together = liked.T @ liked
        np.fill_diagonal(together, 0)
        context.progress("together", 1, 1)
        return self.fitted(together, float(data.min_value or 0))

    def restore(self, state: State, /) -> Any:
        return self.fitted(state.arrays["together"], state.meta["min_value"])  # type: ignore[arg-type]


def scorer(fitted: type[FittedTogether] = FittedTogether, **attributes: Any) -> type[Contract]:
    """A contract for `Together` with another fitted class."""
    build = type("Scorer", (Together,), {"fitted": fitted})
    return contract(ScorerContract, build, **{"fold_in": True, **attributes})


def test_a_sound_scorer_passes() -> None:
    check(scorer())


def test_scores_that_depend_on_the_batch_are_found() -> None:
    class Broken(FittedTogether):
        def score(self, queries: Queries, items: Any, /) -> Any:
            scores = super().score(queries, items)
            return scores - scores.mean(axis=0) if len(scores) else scores

    check(scorer(Broken), "a_batch_scores_as_its_queries_alone")


def test_scores_that_are_not_a_number_are_found() -> None:
    class Broken(FittedTogether):
        def score(self, queries: Queries, items: Any, /) -> Any:
            scores = super().score(queries, items)
            scores[(queries.rows >= 0) & ~self.answers(queries)] = np.nan
            return scores

    check(scorer(Broken), "scores_are_finite_float32_of_all_items")


def test_scores_of_another_dtype_are_found() -> None:
    class Broken(FittedTogether):
        def score(self, queries: Queries, items: Any, /) -> Any:
            return super().score(queries, items).astype(np.float64)

    check(
        scorer(Broken),
        "scores_are_finite_float32_of_all_items",
        "nobody_and_nothing_have_empty_scores",
        "a_stranger_without_history_gets_finite_scores",
    )


def test_scores_in_another_order_than_the_items_asked_for_are_found() -> None:
    class Broken(FittedTogether):
        def score(self, queries: Queries, items: Any, /) -> Any:
            return super().score(queries, None if items is None else np.sort(items))

    check(scorer(Broken), "chosen_items_score_as_in_the_whole_catalogue")


def test_no_queries_that_are_an_error_are_found() -> None:
    class Broken(FittedTogether):
        def score(self, queries: Queries, items: Any, /) -> Any:
            return np.stack(
                [super(Broken, self).score(queries, items)[q] for q in range(len(queries))]
            )

    check(scorer(Broken), "nobody_and_nothing_have_empty_scores")


def test_queries_that_are_written_to_are_found() -> None:
    class Broken(FittedTogether):
        def score(self, queries: Queries, items: Any, /) -> Any:
            if queries.times is not None and queries.times.flags.writeable:
                queries.times[:] = 0
            return super().score(queries, items)

    check(scorer(Broken), "scoring_leaves_the_queries_alone")


def test_data_that_are_written_to_by_a_fit_are_found() -> None:
    class Broken(Together):
        def fit(self, data: Dataset, context: FitContext, /) -> Any:
            time = data.interactions.time
            assert time is not None
            holder = time if time.base is None else time.base
            holder.setflags(write=True)
            holder[:] += 1
            return super().fit(data, context)

    check(contract(ScorerContract, Broken), "fitting_leaves_the_data_alone")


def test_fitted_arrays_that_are_written_to_by_answering_are_found() -> None:
    class Broken(FittedTogether):
        def __init__(self, together: Any, min_value: float) -> None:
            super().__init__(together, min_value)
            self.asked = np.zeros(1, np.int64)

        def score(self, queries: Queries, items: Any, /) -> Any:
            self.asked += 1
            return super().score(queries, items)

        def state(self) -> State:
            return State({"together": self.together, "asked": self.asked}, super().state().meta)

    check(scorer(Broken), "answering_changes_nothing_fitted", "restore_brings_everything_back")


def test_a_fit_that_ignores_its_seed_is_found() -> None:
    class Broken(Together):
        def fit(self, data: Dataset, context: FitContext, /) -> Any:
            fitted = super().fit(data, context)
            fitted.together += np.random.default_rng().random(fitted.together.shape, np.float32)
            return fitted

        def restore(self, state: State, /) -> Any:
            return super().restore(state)

    check(
        contract(ScorerContract, Broken, datasets=lambda self: {"usual": self.dataset()}),
        "the_same_seed_gives_the_same_bits",
        "more_threads_give_the_same_bits",
    )


def test_a_fit_that_depends_on_its_threads_is_found() -> None:
    class Broken(Together):
        def fit(self, data: Dataset, context: FitContext, /) -> Any:
            fitted = super().fit(data, context)
            fitted.together += context.threads
            return fitted

    check(contract(ScorerContract, Broken), "more_threads_give_the_same_bits")


def test_a_scorer_that_is_not_safe_from_many_threads_is_found() -> None:
    class Broken(FittedTogether):
        def score(self, queries: Queries, items: Any, /) -> Any:
            elsewhere = threading.current_thread() is not threading.main_thread()
            return super().score(queries, items) + np.float32(elsewhere)

    check(scorer(Broken), "eight_threads_at_once_get_what_one_gets")


def test_a_state_that_lacks_an_array_is_found() -> None:
    class Broken(FittedTogether):
        def state(self) -> State:
            return State({}, {"min_value": self.min_value})

    check(scorer(Broken), "restore_brings_everything_back")


def test_a_state_that_loses_a_threshold_is_found() -> None:
    class Broken(FittedTogether):
        def state(self) -> State:
            return State({"together": self.together}, {"min_value": 0.0})

    check(scorer(Broken), "restore_brings_everything_back")


@pytest.mark.parametrize(
    "state",
    [
        State({"names": np.array(["a", "b"])}),
        State({"names": np.array([None, "b"], object)}),
        State({}, {"half_life": float("inf")}),
        State({}, {}, {"inner": State({}, {"half_life": float("inf")})}),
    ],
)
def test_a_state_that_is_not_plain_is_found(state: State) -> None:
    class Broken(FittedTogether):
        def state(self) -> State:
            sound = super().state()
            return State(
                {**sound.arrays, **state.arrays}, {**sound.meta, **state.meta}, state.parts
            )

    assert "test_state_is_arrays_of_numbers_and_json" in failures(scorer(Broken))


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


def test_an_update_that_loses_something_is_found() -> None:
    class Sound(FittedTogether):
        def with_items(self, data: Dataset, /) -> Any:
            return self

    class Broken(FittedTogether):
        def with_items(self, data: Dataset, /) -> Any:
            return Broken(self.together * 0, self.min_value)

    check(scorer(Sound))
    check(scorer(Broken), "an_update_with_nothing_new_changes_nothing")


# ---- fits


def fitting(steps: Sequence[tuple[float, float]], **behaviour: Any) -> type[Contract]:
    class Fitting(Together):
        def fit(self, data: Dataset, context: FitContext, /) -> Any:
            from penchant.errors import FitCancelled

            for done, total in steps:
                try:
                    context.progress("steps", done, total)
                except KeyboardInterrupt:
                    if not behaviour.get("swallows"):
                        raise
                if behaviour.get("asks") and context.cancelled():
                    raise FitCancelled("stopped")
            return super().fit(data, FitContext(seed=context.seed))

    return contract(ScorerContract, Fitting, cancellable=behaviour.get("cancellable", False))


def test_a_fit_that_tells_its_progress_and_can_be_cancelled_passes() -> None:
    check(fitting([(0, 2), (1, 2), (2, 2)], asks=True, cancellable=True))


def test_progress_past_the_total_is_found() -> None:
    check(fitting([(0, 2), (3, 2)]), "progress_runs_from_zero_to_the_total")


def test_progress_that_goes_back_is_found() -> None:
    check(fitting([(1, 2), (0, 2)]), "progress_runs_from_zero_to_the_total")


def test_a_swallowed_ctrl_c_is_found() -> None:
    check(fitting([(0, 2)], swallows=True), "ctrl_c_passes_through")


def test_a_fit_that_can_not_be_cancelled_is_found() -> None:
    check(fitting([(0, 2)], cancellable=True), "a_cancelled_fit_stops")


# ---- declarations


class TakesAnything:
    __slots__ = ()

    def __init__(self, **anything: Any) -> None: ...


@dataclass(kw_only=True)
class Thawed:
    factors: int = 3


def test_an_unknown_setting_that_is_taken_is_found() -> None:
    check(scorer(settings=TakesAnything), "an_unknown_setting_is_refused")


def test_settings_that_can_be_changed_are_found() -> None:
    check(scorer(settings=Thawed), "settings_are_frozen")


@pytest.mark.parametrize("summary", ["", "one\ntwo"])
def test_a_summary_that_is_not_one_line_is_found(summary: str) -> None:
    check(scorer(summary=summary), "the_component_is_declared_with_one_line_about_it")


def test_a_plugin_with_a_problem_is_found() -> None:
    misspelt = {"penchant_scorer": hookimpl(lambda: None)}
    check(scorer(module=misspelt), "the_plugin_has_no_problems")


# ---- recommenders


def top_k(scores: Any, candidates: Candidates, k: int) -> TopK:
    """Rank naively."""
    ranked = [naive.top_k(row, k, eligible(candidates, q)) for q, row in enumerate(scores)]
    return padded(ranked, scores, k)


def padded(ranked: Sequence[Sequence[int]], scores: Any, k: int) -> TopK:
    answer = TopK(
        np.full((len(ranked), k), -1, np.int32),
        np.full((len(ranked), k), -np.inf, np.float32),
        np.array([len(rows) for rows in ranked], np.int32),
    )
    for query, rows in enumerate(ranked):
        answer.rows[query, : len(rows)] = rows
        answer.scores[query, : len(rows)] = scores[query, rows]
    return answer


class FittedBest(FittedTogether):
    """Shows the items of the highest score."""

    def recommend(self, queries: Queries, candidates: Candidates, k: int, /) -> TopK:
        return top_k(self.score(queries, None), candidates, k)


def recommender(
    recommend: Callable[[FittedBest, Queries, Candidates, int], TopK] | None = None,
    *,
    ranks_by_score: bool = True,
) -> type[Contract]:
    methods = {} if recommend is None else {"recommend": recommend}
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


# ---- encoders


class Letters:
    """Counts the letters of a text, folded into eight numbers."""

    dim = 8
    batch_invariant = True
    fingerprint = "letters/1"

    def encode(self, texts: Sequence[str], /, *, kind: str = "document") -> Any:
        vectors = np.zeros((len(texts), self.dim), np.float32)
        for row, text in enumerate(texts):
            for place, letter in enumerate(text):
                vectors[row, ord(letter) % self.dim] += 1 + place % 3
        return vectors


def encoder(**methods: Any) -> type[Contract]:
    return contract(EncoderContract, type("Encoder", (Letters,), methods))


def letters(self: Any, texts: Sequence[str]) -> Any:
    return Letters.encode(self, texts)


def test_a_sound_encoder_passes() -> None:
    check(encoder())


def test_an_encoder_that_takes_na_for_nothing_is_found() -> None:
    def encode(self: Any, texts: Sequence[str], /, *, kind: str = "document") -> Any:
        return letters(self, ["" if text == "NA" else text for text in texts])

    check(encoder(encode=encode), "the_word_na_is_a_word")


def test_an_encoder_that_counts_long_texts_beyond_the_numbers_is_found() -> None:
    def encode(self: Any, texts: Sequence[str], /, *, kind: str = "document") -> Any:
        vectors = letters(self, [text[:3000] for text in texts])
        vectors[[len(text) > 50_000 for text in texts]] = np.nan
        return vectors

    check(
        encoder(encode=encode),
        "a_text_of_a_hundred_thousand_characters_has_a_finite_vector",
    )


def test_an_encoder_that_depends_on_the_batch_is_found() -> None:
    def encode(self: Any, texts: Sequence[str], /, *, kind: str = "document") -> Any:
        return letters(self, texts) + np.float32(len(texts) * 1e-4)

    check(encoder(encode=encode), "a_batch_encodes_as_its_texts_alone")


def test_an_encoder_that_says_it_depends_a_little_on_the_batch_passes() -> None:
    def encode(self: Any, texts: Sequence[str], /, *, kind: str = "document") -> Any:
        return letters(self, texts) * np.float32(1 + len(texts) * 1e-4)

    check(encoder(encode=encode, batch_invariant=False))


def test_an_empty_text_that_gets_no_number_is_found() -> None:
    def encode(self: Any, texts: Sequence[str], /, *, kind: str = "document") -> Any:
        vectors = letters(self, texts)
        with np.errstate(invalid="ignore"):
            return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

    check(encoder(encode=encode), "vectors_are_finite_float32_for_any_text")


def test_vectors_in_another_order_are_found() -> None:
    def encode(self: Any, texts: Sequence[str], /, *, kind: str = "document") -> Any:
        return letters(self, sorted(texts, key=len))

    check(
        encoder(encode=encode),
        "vectors_keep_the_order_of_the_texts",
        "a_batch_encodes_as_its_texts_alone",
    )


def test_an_encoder_that_throws_dice_is_found() -> None:
    def encode(self: Any, texts: Sequence[str], /, *, kind: str = "document") -> Any:
        return letters(self, texts) + self.noise

    noise = property(lambda self: np.random.default_rng().random(8, np.float32) * 1e-3)
    assert failures(encoder(encode=encode, noise=noise)) >= {
        "test_the_same_text_has_the_same_bits",
        "test_a_batch_encodes_as_its_texts_alone",
    }


def test_a_fingerprint_that_changes_is_found() -> None:
    counter = itertools.count()
    changing = property(lambda self: f"letters/{next(counter)}")
    check(encoder(fingerprint=changing), "the_fingerprint_is_the_same_each_time")


def test_no_texts_without_a_dimension_are_found() -> None:
    def encode(self: Any, texts: Sequence[str], /, *, kind: str = "document") -> Any:
        return letters(self, texts) if texts else np.empty(0, np.float32)

    check(encoder(encode=encode), "no_texts_give_no_vectors")


def test_one_vector_for_all_texts_is_found() -> None:
    def encode(self: Any, texts: Sequence[str], /, *, kind: str = "document") -> Any:
        return np.ones((len(texts), 8), np.float32)

    check(
        encoder(encode=encode),
        "texts_that_differ_have_vectors_that_differ",
        "the_word_na_is_a_word",
    )


def test_an_encoder_that_is_not_safe_from_many_threads_is_found() -> None:
    def encode(self: Any, texts: Sequence[str], /, *, kind: str = "document") -> Any:
        elsewhere = threading.current_thread() is not threading.main_thread()
        return letters(self, texts) + np.float32(elsewhere)

    check(encoder(encode=encode), "eight_threads_at_once_get_what_one_gets")


def test_an_encoder_of_no_dimension_is_found() -> None:
    assert "test_an_encoder_says_what_it_is" in failures(encoder(dim=0))


# ---- extractors


class FittedYears:
    """Gives the year of an item, counted from the first year seen at fit."""

    side = "items"
    names: tuple[str, ...] = ("years",)

    def __init__(self, first: float) -> None:
        self.first = first

    def extract(self, data: Dataset, rows: Any, /) -> Features:
        years = data.items.number("year")[rows] - self.first
        return Features(years.astype(np.float32).reshape(-1, 1), self.names)

    def state(self) -> State:
        return State({}, {"first": self.first})


def extractor(**methods: Any) -> type[Contract]:
    fitted = type("Fitted", (FittedYears,), methods)

    class Years:
        def fit(self, data: Dataset, context: FitContext, /) -> Any:
            return fitted(float(data.items.number("year").min()))

        def restore(self, state: State, /) -> Any:
            return fitted(state.meta["first"])

    return contract(ExtractorContract, Years)


def years(self: Any, data: Dataset, rows: Any) -> Features:
    return FittedYears.extract(self, data, rows)


def test_a_sound_extractor_passes() -> None:
    check(extractor())


def test_features_of_other_rows_are_found() -> None:
    def extract(self: Any, data: Dataset, rows: Any, /) -> Features:
        return years(self, data, np.sort(rows))

    check(extractor(extract=extract), "chosen_rows_are_rows_of_the_whole")


def test_features_scaled_by_what_stands_beside_are_found() -> None:
    def extract(self: Any, data: Dataset, rows: Any, /) -> Features:
        table = years(self, data, rows).matrix
        return Features(table - table.mean(axis=0) if len(table) else table)  # type: ignore[union-attr,operator]

    check(extractor(extract=extract), "chosen_rows_are_rows_of_the_whole")


def test_an_extractor_that_knows_only_what_it_was_fitted_on_is_found() -> None:
    def extract(self: Any, data: Dataset, rows: Any, /) -> Features:
        return Features(np.arange(10, dtype=np.float32).reshape(-1, 1)[rows])

    check(extractor(extract=extract), "rows_unseen_at_fit_have_features")


def test_features_that_are_not_a_number_are_found() -> None:
    def extract(self: Any, data: Dataset, rows: Any, /) -> Features:
        table = np.array(years(self, data, rows).matrix)
        table[rows == 0] = np.nan
        return Features(table)

    assert failures(extractor(extract=extract)) == {
        "test_features_are_finite_float32_with_names_that_fit",
        "test_rows_unseen_at_fit_have_features",
    }


def test_names_that_do_not_fit_the_columns_are_found() -> None:
    check(
        extractor(names=("years", "months")),
        "features_are_finite_float32_with_names_that_fit",
    )


def test_the_same_features_for_all_are_found() -> None:
    def extract(self: Any, data: Dataset, rows: Any, /) -> Features:
        return Features(np.ones((len(rows), 1), np.float32))

    check(extractor(extract=extract), "features_differ_between_rows_that_differ")


def test_rows_that_are_written_to_are_found() -> None:
    def extract(self: Any, data: Dataset, rows: Any, /) -> Features:
        features = years(self, data, rows)
        rows[:] = 0
        return features

    assert "test_extracting_leaves_the_rows_alone" in failures(extractor(extract=extract))


# ---- generators


def generator(generate: Callable[[GenerationRequest], Any], **attributes: Any) -> type[Contract]:
    build = type("Generator", (), {"generate": lambda self, request: generate(request)})
    return contract(GeneratorContract, build, **attributes)


def test_a_sound_generator_passes() -> None:
    check(generator(lambda request: f"{request.item} is for you."))


def test_words_on_two_lines_are_found() -> None:
    check(
        generator(lambda request: f"{request.item}\nis for you."),
        "words_are_one_line_of_plain_text",
    )


def test_a_name_that_is_passed_on_unread_is_found() -> None:
    def generate(request: GenerationRequest) -> str:
        return f"{request.item} goes with {', '.join(name for name, _, _ in request.evidence)}."

    check(generator(generate), "words_are_one_line_of_plain_text")


def test_words_that_do_not_name_the_item_are_found() -> None:
    check(generator(lambda request: "This is for you."), "words_name_the_item")


def test_words_that_change_are_found() -> None:
    counter = itertools.count()
    changing = generator(lambda request: f"{request.item} {next(counter)}")
    check(changing, "the_same_request_gets_the_same_words")
    check(
        generator(lambda request: f"{request.item} {next(counter)}", deterministic=False),
    )


# ---- the kit sees enough


def test_every_test_of_the_kit_is_failed_by_some_plugin_here() -> None:
    """A test of the kit that no broken plugin fails would be a test that can't fail."""
    from pathlib import Path

    source = Path(__file__).read_text(encoding="utf-8")
    for base in (
        EncoderContract,
        ExtractorContract,
        GeneratorContract,
        RecommenderContract,
        ScorerContract,
    ):
        for name in dir(base):
            if name.startswith("test_"):
                assert name.removeprefix("test_") in source.replace("test_", ""), name


def test_a_bitset_of_the_kernels_is_read_as_the_kit_reads_it() -> None:
    words = kernels.bitset(np.array([0, 63, 64, 99], np.int32), 100)
    assert eligible(Candidates(100, allow=words), 0) == [0, 63, 64, 99]
