"""Hybrids that decide on lists: what variety, calibration and refinement cost, also in time.

    PENCHANT_DATA=... python benches/bench_lists.py >> benches/results/hybrids.md

MovieLens 100K, likings from 4 on, 20 % of each user's held out at random (seed 101), by genres.
`hybrid.mmr` and `hybrid.calibrated` go around `mf.als` with its defaults, which is fitted once a
part. Values are told on a validation part that is cut from train in the same way. Of these one each
is asked about the test part, once: the most various, and the best calibrated, list that keeps 98 %
of the NDCG@10 of `mf.als`, and the cascade of the greatest NDCG@10.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import penchant
from catalogues import catalogue
from penchant import Dataset, Registry
from penchant.evaluation import Split, evaluate_recommender, make_split, paired_bootstrap
from penchant.evaluation import validation_split as inner_of
from penchant.protocols import FitContext, State
from penchant.queries import Candidates, Queries

METRICS = ("ndcg@10", "diversity:genres@10", "miscalibration:genres@10", "coverage@10")
KEPT = 0.98
ROUNDS, REQUESTS = 7, 200
ALS = {"use": "mf.als"}
BASE = {"use": "base.top_k", "scorer": ALS}
MMR = {"use": "hybrid.mmr", "scorer": ALS, "column": "genres"}
CALIBRATED = {"use": "hybrid.calibrated", "scorer": ALS, "column": "genres"}


def cascade(first: str, last: str, pool: int) -> dict[str, Any]:
    """One part proposes, the other refines."""
    return {"use": "hybrid.cascade", "parts": [{"use": first, "pool": pool}, last]}


POOLS = (20, 50, 100, 200, 500)
KINDS: dict[str, list[dict[str, Any]]] = {
    "mf.als": [BASE],
    "cf.ease": [{"use": "base.top_k", "scorer": "cf.ease"}],
    "hybrid.mmr": [{**MMR, "relevance_weight": w} for w in (0.95, 0.9, 0.8, 0.7, 0.5, 0.3)],
    "hybrid.calibrated": [
        {**CALIBRATED, "calibration": c} for c in (0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9)
    ],
    "hybrid.cascade": [
        *(cascade("mf.als", "cf.ease", pool) for pool in POOLS),
        *(cascade("cf.ease", "mf.als", pool) for pool in POOLS),
    ],
}


class Fits:
    """Fitted recommenders on one part; each strategy is fitted once, whatever the settings."""

    def __init__(self, train: Dataset, registry: Registry) -> None:
        self._train, self._registry = train, registry
        self._states: dict[str, State] = {}

    def of(self, spec: dict[str, Any]) -> Any:
        """The recommender with these settings."""
        parts = [part if isinstance(part, str) else part["use"] for part in spec.get("parts", ())]
        key = " ".join([spec["use"], str(spec.get("scorer")), *parts])
        recommender = self._registry.recommender(spec)
        if key not in self._states:
            self._states[key] = recommender.fit(self._train, FitContext()).state()
        return recommender.restore(self._states[key])


def told(spec: dict[str, Any]) -> str:
    """What stands in the column of settings."""
    if spec["use"] == "hybrid.cascade":
        (first, last) = spec["parts"]
        return f"`{first['use']}`, {first['pool']}, `{last}`"
    return str(spec.get("relevance_weight", spec.get("calibration", "")))


def figures(fitted: Any, split: Split) -> tuple[list[float], Any]:
    """The means of `METRICS`, and the NDCG@10 of each user."""
    found = evaluate_recommender(fitted, split, metrics=METRICS)
    return [found.values[name] for name in METRICS], np.asarray(found.per_user["ndcg@10"])


def microseconds(recommenders: dict[str, Any], split: Split) -> dict[str, float]:
    """The median of the rounds' medians of one request for ten; contestants are asked in turn."""
    log, items = split.train.interactions, len(split.train.items)
    users = split.users[:: max(1, len(split.users) // REQUESTS)][:REQUESTS]
    asked = [Queries.known(np.array([row], np.int32), log.by_user()) for row in users]
    rounds: dict[str, list[float]] = {name: [] for name in recommenders}
    for _ in range(ROUNDS):
        for name, fitted in recommenders.items():
            taken = []
            for queries in asked:
                candidates = Candidates(items, seen=queries.history)
                began = time.perf_counter()
                fitted.recommend(queries, candidates, 10)
                taken.append(time.perf_counter() - began)
            rounds[name].append(float(np.median(taken)))
    return {name: float(np.median(found)) * 1e6 for name, found in rounds.items()}


def chosen(of: dict[str, list[tuple[dict[str, Any], list[float]]]]) -> dict[str, dict[str, Any]]:
    """One setting a kind, by the validation part; see above."""
    least = KEPT * of["mf.als"][0][1][0]
    best = {name: rows[0][0] for name, rows in of.items() if name.count("hybrid") == 0}
    for name, place, sign in (("hybrid.mmr", 1, 1), ("hybrid.calibrated", 2, -1)):
        kept = [row for row in of[name] if row[1][0] >= least] or of[name][:1]
        best[name] = max(kept, key=lambda row: sign * row[1][place])[0]
    best["hybrid.cascade"] = max(of["hybrid.cascade"], key=lambda row: row[1][0])[0]
    return best


HEAD = """| strategy | settings | NDCG@10 | diversity@10 | miscalibration@10 | coverage@10 |{}
| --- | --- | ---: | ---: | ---: | ---: |{}"""


def main() -> None:
    """Print the tables."""
    registry = Registry.discover()
    data, _ = catalogue("ml-100k", Path(os.environ["PENCHANT_DATA"]))
    split = make_split(data, "user-random", keep_negatives=False, seed=101)
    inner = inner_of(split)
    print(f"\n# Lists\n\n{(__doc__ or '').strip()}\n\npenchant {penchant.__version__}.")
    print(f"\n## On the validation part\n\n{HEAD.format('', '')}", flush=True)
    fits, of = Fits(inner.train, registry), {}
    for name, specs in KINDS.items():
        of[name] = []
        for spec in specs:
            values, _ = figures(fits.of(spec), inner)
            of[name].append((spec, values))
            print(f"| `{name}` | {told(spec)} | {_row(values)} |", flush=True)
    print("\n## On the test part, once\n")
    print(HEAD.format(" NDCG@10 less that of `mf.als` | p50 µs |", " ---: | ---: |"))
    fits = Fits(split.train, registry)
    best = chosen(of)
    fitted = {name: fits.of(spec) for name, spec in best.items()}
    spent = microseconds(fitted, split)
    base: Any = None
    for name, spec in best.items():
        values, users = figures(fitted[name], split)
        base = users if base is None else base
        less = "" if name == "mf.als" else str(paired_bootstrap(base, users))
        print(f"| `{name}` | {told(spec)} | {_row(values)} | {less} | {spent[name]:.0f} |")


def _row(values: list[float]) -> str:
    return " | ".join(f"{value:.4f}" for value in values)


if __name__ == "__main__":
    main()
