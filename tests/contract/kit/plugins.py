"""Plugins of one component, what the kit finds in them, and a sound scorer to break."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from penchant import Component, hookimpl
from penchant.data import Dataset
from penchant.protocols import FitContext, State
from penchant.queries import Candidates, Queries, TopK
from penchant.testing import (
    Contract,
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
