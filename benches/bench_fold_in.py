"""Users folded in beside a fit that had them: NDCG@10, and the time of one.

    PENCHANT_DATA=... python benches/bench_fold_in.py > benches/results/fold_in.md

Likings are ratings of at least 4; 20 % of each user's are held out, at random or the latest, and
NDCG@10 is of rankings of all other items. "Refit" has learned from the rest of everybody's. Then
users are dealt at random into groups of a share of them each. Every group in turn is left out of a
fit with the same defaults, folded in from its rest, and asked for what was held out, so that each
user is folded in once. "Folded in" is the mean of all as a part of the refit's, with the 95 %
interval of the paired difference. A fit without the group knows less of the items too: "those who
stayed" is what that fit finds for its own users, as a part of what the refit finds for them.
"Same fit" are the users of the refit folded in to it, from the likings that it had of them.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import penchant
from bench_strategies import split_of
from common import print_machine
from penchant import Dataset, Model, Registry
from penchant.evaluation import Split, paired_bootstrap
from penchant.evaluation.judging import judge
from penchant.queries import Candidates, Queries

STRATEGIES = ("mf.als", "mf.bpr", "mf.warp")
SETS = (
    "ml-100k/user-random",
    "ml-100k/user-time",
    "ml-latest-small/user-random",
    "ml-latest-small/user-time",
)
GROUPS = (5, 10, 20)
METRIC = "ndcg@10"


class Folding:
    """One strategy on one split."""

    def __init__(self, strategy: str, split: Split, registry: Registry) -> None:
        self._strategy, self._registry = strategy, registry
        self._split = split
        self._history = split.train.interactions.by_user()
        self._whole = self._fit(split.train)
        self.refit = self._found(self._whole, split.users, known=True)

    def same_fit(self) -> np.ndarray:
        """(users,) NDCG@10 of all users, folded in to the fit that had them."""
        return self._found(self._whole, self._split.users, known=False)

    def left_out(self, groups: int) -> tuple[np.ndarray, np.ndarray]:
        """(users,) NDCG@10 of users folded in, and of those users in the fits that had them."""
        users = self._split.users
        group = np.random.default_rng(0).permutation(len(users)) % groups
        folded, stayed = np.zeros(len(users)), np.zeros(len(users))
        for out, model in self._without(group, groups):
            folded[out] = self._found(model, users[out], known=False)
            stayed[~out] += self._found(model, users[~out], known=True)
        return folded, stayed / (groups - 1)

    def _without(self, group: np.ndarray, groups: int) -> Iterator[tuple[np.ndarray, Model]]:
        train = self._split.train
        for number in range(groups):
            out = group == number
            left = np.isin(train.interactions.user, self._split.users[out])
            yield out, self._fit(train.subset(~left))

    def _fit(self, train: Dataset) -> Model:
        return penchant.fit(train, scorers=[self._strategy], registry=self._registry)

    def _found(self, model: Model, users: np.ndarray, *, known: bool) -> np.ndarray:
        history = self._history.take(users)
        queries = Queries(users if known else np.full(len(users), -1, np.int32), history)
        candidates = Candidates(len(self._split.train.items), seen=history)
        rows = model.recommender.recommend(queries, candidates, 10).rows
        filled = (rows >= 0).sum(axis=1).astype(np.int32)
        asked = replace(self._split, users=users)
        return np.asarray(judge(rows, filled, asked, [METRIC]).per_user[METRIC])


def row(name: str, strategy: str, folding: Folding) -> Iterator[str]:
    """The lines of one strategy on one split, one a size of the groups."""
    refit, same = folding.refit, folding.same_fit()
    for groups in GROUPS:
        folded, stayed = folding.left_out(groups)
        found, by = paired_bootstrap(refit, folded), refit.mean()
        low, high = (f"{100 * (1 + end / by):.1f}" for end in (found.low, found.high))
        yield (
            f"| {name} | `{strategy}` | {by:.4f} | {same.mean() / by:.1%} | {1 / groups:.0%} "
            f"| {folded.mean() / by:.1%} ({low} to {high}) | {stayed.mean() / by:.1%} |"
        )


def micro(strategy: str, registry: Registry, data: Dataset) -> float:
    """The median microseconds of the vector of a stranger who likes 50 items, 64 factors."""
    use = penchant.use(strategy, factors=64)
    model = penchant.fit(data, scorers=[use], registry=registry)
    history = data.interactions.by_user().take(np.arange(len(data.users), dtype=np.int32))
    near = np.argsort(np.abs(history.counts() - 50), kind="stable")[:50]
    asked = [Queries(np.array([-1], np.int32), history.take(one[None])) for one in near]
    recommender: Any = model.recommender
    scorer = recommender.inner
    return _median([lambda one=one: scorer.query_vectors(one) for one in asked])


def _median(calls: list[Callable[[], object]]) -> float:
    taken = []
    for call in calls * 5:
        began = time.perf_counter()
        call()
        taken.append(time.perf_counter() - began)
    return float(np.median(taken) * 1e6)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sets", nargs="*", choices=SETS, default=list(SETS))
    parser.add_argument("--strategies", nargs="*", choices=STRATEGIES, default=list(STRATEGIES))
    given = parser.parse_args()
    registry, folder = Registry.discover(only={"mf"}), Path(os.environ["PENCHANT_DATA"])
    print(f"{(__doc__ or '').strip()}\n")
    print_machine("penchant", "numpy")
    print("\n| data | strategy | refit | same fit | left out | folded in | those who stayed |")
    print("| --- | --- | ---: | ---: | ---: | --- | ---: |", flush=True)
    for name in given.sets:
        split = split_of(name, folder)
        for strategy in given.strategies:
            for line in row(name, strategy, Folding(strategy, split, registry)):
                print(line, flush=True)
    data = split_of("ml-100k/user-random", folder).train
    told = [f"`{one}` {micro(one, registry, data):.0f} us" for one in given.strategies]
    print(f"\nA stranger's vector from 50 likings, 64 factors: {', '.join(told)}.")


if __name__ == "__main__":
    main()
