"""What the contestants of `bench_strategies.py` share: parts of the data as files, and a judge.

NumPy and SciPy alone, for rivals run in an environment of their own, without `penchant`. The judge
is a second reading of the definitions: NDCG@10 with binary gains and the ideal cut at
min(10, relevant), Recall@10 = hits / relevant, and coverage = items recommended to anybody / items.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp

CUT = 10
_BATCH = 1024


@dataclass(frozen=True)
class Part:
    """Users x items with a 1 for each liking: what is learned from, and what is to be found."""

    train: sp.csr_matrix
    test: sp.csr_matrix
    users: np.ndarray

    def lists(self, score: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
        """Rank by scores (users, items): unseen items, equal ones by the lower row."""
        ranked = []
        for start in range(0, len(self.users), _BATCH):
            users = self.users[start : start + _BATCH]
            scores = np.array(score(users), np.float32)
            seen = self.train[users]
            scores[np.repeat(np.arange(len(users)), np.diff(seen.indptr)), seen.indices] = -np.inf
            scores[np.isnan(scores)] = -np.inf
            ranked.append(np.argsort(-scores, axis=1, kind="stable")[:, :CUT])
        return np.concatenate(ranked)

    def judge(self, lists: np.ndarray) -> dict[str, Any]:
        """Measure lists (users, 10) of item rows, -1 where a list is shorter."""
        relevant = self.test[self.users]
        wanted = np.diff(relevant.indptr)
        known = np.zeros((len(self.users), self.train.shape[1] + 1), bool)
        known[np.repeat(np.arange(len(self.users)), wanted), relevant.indices] = True
        hits = np.take_along_axis(known, lists, axis=1)
        discounts = 1 / np.log2(np.arange(CUT) + 2)
        ideal = np.cumsum(discounts)[np.minimum(CUT, wanted) - 1]
        ndcg = (hits * discounts).sum(axis=1) / ideal
        return {
            "ndcg@10": float(ndcg.mean()),
            "recall@10": float((hits.sum(axis=1) / wanted).mean()),
            "coverage@10": len(np.unique(lists[lists >= 0])) / self.train.shape[1],
            "per_user": ndcg.round(5).tolist(),
        }


def write_parts(file: Path, parts: Mapping[str, Part]) -> None:
    """Write parts by name, such as "test" and "validation"."""
    arrays = {}
    for name, part in parts.items():
        for side, matrix in (("train", part.train), ("test", part.test)):
            pairs = matrix.tocoo()
            arrays[f"{name}_{side}"] = np.stack([pairs.row, pairs.col])
        arrays[f"{name}_users"] = part.users
        arrays["shape"] = np.array(part.train.shape)
    np.savez_compressed(file, **arrays)


def read_part(file: Path, name: str) -> Part:
    """Read one part."""
    with np.load(file) as arrays:
        shape = tuple(arrays["shape"])
        train, test = (
            sp.csr_matrix((np.ones(pairs.shape[1], np.float32), (pairs[0], pairs[1])), shape=shape)
            for pairs in (arrays[f"{name}_train"], arrays[f"{name}_test"])
        )
        return Part(train, test, arrays[f"{name}_users"])


class Cells:
    """A file of JSON lines, one a finished cell, so that a run goes on where it was stopped."""

    def __init__(self, file: Path) -> None:
        self._file = file
        lines = file.read_text().splitlines() if file.exists() else []
        self.all = [json.loads(line) for line in lines]

    def has(self, **facts: Any) -> bool:
        """Whether a cell of these facts is finished."""
        return any(all(cell.get(key) == facts[key] for key in facts) for cell in self.all)

    def add(self, cell: Mapping[str, Any]) -> None:
        """Add a finished cell."""
        self.all.append(dict(cell))
        with self._file.open("a") as out:
            out.write(json.dumps(cell) + "\n")
        told = {
            key: round(value, 4) if isinstance(value, float) else value
            for key, value in cell.items()
            if key not in ("per_user", "tried")
        }
        print(json.dumps(told), flush=True)


def best_of(
    settings: Sequence[dict[str, Any]], measured: Callable[[dict[str, Any]], float]
) -> tuple[dict[str, Any], list[tuple[dict[str, Any], float]]]:
    """The settings of the greatest measure, the first of equals, and what each one measured."""
    tried = [(one, measured(one)) for one in settings]
    return max(tried, key=lambda pair: pair[1])[0], tried
