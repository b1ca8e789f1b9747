"""Films that nobody has liked yet: their words mapped to factors, beside profiles of words.

A fifth of the liked films of MovieLens 100K is hidden and ranked among itself, for every user who
likes something else. The map is `kernels.ridge` to the item factors of `mf.als`, from TF-IDF of the
title beside flags of genres and decade. The regularization of both is chosen on films hidden in the
same way from train. Needs the data folder that PENCHANT_DATA names.

    PENCHANT_DATA=... uv run python benches/bench_cold_items.py
"""

from __future__ import annotations

import itertools
import json
import os
import re
from pathlib import Path
from typing import Any

import numpy as np
from common import print_machine
from penchant import Dataset, Registry, kernels
from penchant.evaluation import Split, cold_item_split, evaluate_scorer, paired_bootstrap
from penchant.protocols import FitContext, State
from penchant.queries import Queries

METRICS = ("ndcg@10", "recall@10", "recall@20")
GRID = tuple(itertools.product((0.05, 0.1, 0.25), (20.0, 40.0, 80.0, 160.0)))
"""Regularization of `mf.als`, and of the map."""


class Factors:
    """A scorer over given factors."""

    def __init__(self, users: np.ndarray, items: np.ndarray) -> None:
        self._users, self._items = users, items

    def score(self, queries: Any, items: Any) -> np.ndarray:
        """Dot products."""
        chosen = self._items if items is None else self._items[items]
        return kernels.dot(self._users[queries.rows], chosen)

    def state(self) -> State:
        """Nothing to keep."""
        return State()


def films(folder: Path) -> tuple[Dataset, np.ndarray]:
    """MovieLens 100K with titles as texts, and (films, flags) of genres and decades, 1 or 0."""
    log = np.loadtxt(folder / "u.data", dtype=np.int64)
    ids, titles, genres, decades = [], [], [], []
    for line in (folder / "u.item").read_text("latin-1").splitlines():
        number, title, _, _, _, *flags = line.split("|")
        dated = re.fullmatch(r"(.*) \((\d{3})\d\)\s*", title)
        ids.append(int(number))
        titles.append(dated[1] if dated else title)
        decades.append(dated[2] if dated else "")
        genres.append([flag == "1" for flag in flags])
    events = {"user_id": log[:, 0], "item_id": log[:, 1], "rating": log[:, 2]}
    data = Dataset.from_frame(events, items={"item_id": ids, "title": titles}, min_value=4)
    known = sorted(set(decades) - {""})
    in_decade = np.array(decades)[:, None] == np.array(known)
    return data, np.hstack([np.array(genres), in_decade]).astype(np.float32)


class Fit:
    """What is fitted once on the train part of a split, whatever the pull of the map."""

    def __init__(
        self, split: Split, flags: np.ndarray, registry: Registry, regularization: float
    ) -> None:
        train, context = split.train, FitContext(threads=2)
        tfidf = registry.extractor({"use": "content.tfidf", "ngrams": (1, 1)}).fit(train, context)
        words: Any = tfidf.extract(train, np.arange(len(train.items), dtype=np.int32)).matrix
        self.split = split
        self._features = np.hstack([flags, words.to_dense()])
        spec = {"use": "mf.als", "factors": 64, "regularization": regularization}
        als: Any = registry.scorer(spec).fit(train, context)
        users = np.arange(len(train.users), dtype=np.int32)
        self._users = als.query_vectors(Queries.known(users, train.interactions.by_user()))
        self._items = als.item_vectors
        self._warm = np.unique(train.positive_csr().indices)

    def scorer(self, regularization: float) -> Factors:
        """Map the features of all films, the hidden ones too, to factors."""
        coefficients, intercept = kernels.ridge(
            self._features[self._warm],
            self._items[self._warm],
            regularization=regularization,
            threads=2,
        )
        mapped = kernels.dot(self._features, np.ascontiguousarray(coefficients.T))
        return Factors(self._users, mapped + intercept)


def main() -> dict[str, Any]:
    """Choose, measure, and give the figures."""
    print_machine()
    registry = Registry.discover()
    data, flags = films(Path(os.environ["PENCHANT_DATA"]) / "ml-100k")
    split = cold_item_split(data)
    print(split)
    inner = [cold_item_split(split.train, seed=seed) for seed in range(1, 6)]
    pulls = {first for first, _ in GRID}
    fits = {pull: [Fit(part, flags, registry, pull) for part in inner] for pull in pulls}
    found = {}
    for first, second in GRID:
        tries = [evaluate_scorer(fit.scorer(second), fit.split) for fit in fits[first]]
        found[first, second] = float(np.mean([one.values["ndcg@10"] for one in tries]))
        print(f"  {found[first, second]:.4f} on validation: mf.als {first:g}, map {second:g}")
    first, second = max(found, key=lambda pair: found[pair])
    draw = np.random.default_rng(0)
    contestants: dict[str, Any] = {
        "map to factors": Fit(split, flags, registry, first).scorer(second),
        "profile of words": registry.scorer("content.text").fit(split.train, FitContext()),
        "random": Factors(
            draw.standard_normal((len(data.users), 8), np.float32),
            draw.standard_normal((len(data.items), 8), np.float32),
        ),
    }
    measured = {
        name: evaluate_scorer(scorer, split, metrics=METRICS)
        for name, scorer in contestants.items()
    }
    ours = measured["map to factors"].per_user["ndcg@10"]
    figures: dict[str, Any] = {"regularization": [first, second]}
    for name, one in measured.items():
        gain = paired_bootstrap(one.per_user["ndcg@10"], ours)
        figures[name] = {metric: round(one.values[metric], 4) for metric in METRICS}
        print(
            f"{name:18s} {figures[name]}, the map gains {gain.difference:+.4f} "
            f"({gain.low:+.4f} to {gain.high:+.4f})"
        )
    return figures


if __name__ == "__main__":
    print(json.dumps(main()))
