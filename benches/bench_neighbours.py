"""Nearest neighbours beside implicit and Surprise.

    uv run --group bench python benches/bench_neighbours.py [--rounds 5] [--data FOLDER]

`FOLDER` (default: the variable PENCHANT_DATA) holds `ml-1m/ratings.parquet` and `ml-100k/u.data`.
Contestants take turns in one process; a ratio is the median over rounds of rival / penchant, so
above 1 penchant is faster. Answers are compared first. Surprise knows one thread only, and its fit
makes the whole square matrix of similarities, without the k best of a row, which ours includes.
"""

from __future__ import annotations

import argparse
import os
import platform
import time
import warnings
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from pathlib import Path

import numpy as np
from penchant import kernels

Matrix = tuple[np.ndarray, np.ndarray, np.ndarray, int]


def matrix(rows: np.ndarray, columns: np.ndarray, values: np.ndarray) -> Matrix:
    """CSR arrays and width, of ids in any order."""
    rows, columns = (np.unique(ids, return_inverse=True)[1] for ids in (rows, columns))
    order = np.lexsort((columns, rows))
    indptr = np.zeros(rows.max() + 2, np.int64)
    np.cumsum(np.bincount(rows), out=indptr[1:])
    width = int(columns.max()) + 1
    return indptr, columns[order].astype(np.int32), values[order].astype(np.float32), width


def compare(
    name: str, rounds: int, ours: Callable[[], object], theirs: Callable[[], object]
) -> None:
    """Print median seconds of both, and the median ratio."""
    spent: list[tuple[float, float]] = []
    for _ in range(rounds):
        marks = [time.perf_counter()]
        for work in (ours, theirs):
            work()
            marks.append(time.perf_counter())
        spent.append((marks[1] - marks[0], marks[2] - marks[1]))
    own, rival = np.median(spent, axis=0)
    ratio = np.median([b / a for a, b in spent])
    print(f"| {name} | {own:.3f} s | {rival:.3f} s | {ratio:.1f} |", flush=True)


def beside_implicit(folder: Path, rounds: int, threads: int) -> None:
    """Cosine, item by item, on MovieLens 1M."""
    import pyarrow.parquet as pq
    import scipy.sparse as sp
    from implicit.nearest_neighbours import CosineRecommender

    table = pq.read_table(folder / "ml-1m" / "ratings.parquet")
    users, items = (table.column(at).to_numpy().astype(np.int64) for at in (0, 1))
    by_item = matrix(items, users, np.ones(len(users)))
    indptr, indices, values, width = by_item
    by_user = sp.csr_matrix((values, indices, indptr), shape=(len(indptr) - 1, width)).T.tocsr()
    for k in (20, 100, 1000):
        ours = partial(kernels.neighbours, *by_item, k, threads=threads)
        rival = CosineRecommender(k + 1, num_threads=threads)  # its k counts the item itself
        theirs = partial(rival.fit, by_user, show_progress=False)
        ends, _, similarities = ours()
        theirs()
        alike = rival.similarity
        for item in range(0, len(ends) - 1, 97):
            best = np.sort(alike[item].data)[::-1]
            own = similarities[ends[item] : ends[item + 1]]
            np.testing.assert_allclose(own, best[1 : len(own) + 1], atol=1e-5)
        compare(f"items of ML-1M, cosine, k = {k}; implicit", rounds, ours, theirs)


def beside_surprise(folder: Path, rounds: int, threads: int) -> None:
    """Similarities over common columns, on the ratings of MovieLens 100K."""
    from surprise import Dataset, KNNBasic, Reader

    raw = np.loadtxt(folder / "ml-100k" / "u.data", dtype=np.int64)
    reader = Reader(line_format="user item rating timestamp", sep="\t")
    data = Dataset.load_from_file(str(folder / "ml-100k" / "u.data"), reader)
    trainset = data.build_full_trainset()
    for user_based in (True, False):
        side, other = (raw[:, 0], raw[:, 1])[:: 1 if user_based else -1]
        rows = matrix(side, other, raw[:, 2])
        inner = trainset.to_inner_uid if user_based else trainset.to_inner_iid
        places = np.array([inner(str(one)) for one in np.unique(side)])
        for ours_name, their_name in (("pearson", "pearson"), ("euclidean", "msd")):
            options = {"name": their_name, "user_based": user_based}
            ours = partial(kernels.neighbours, *rows, similarity=ours_name, threads=threads)
            rival = KNNBasic(sim_options=options, verbose=False)
            ends, found, similarities = ours(len(places))
            expected = rival.fit(trainset).sim[np.ix_(places, places)]
            dense = np.zeros_like(expected)
            dense[np.repeat(np.arange(len(places)), np.diff(ends)), found] = similarities
            np.fill_diagonal(expected, 0)
            np.testing.assert_allclose(dense, expected, atol=1e-5)
            what = "users" if user_based else "items"
            compare(
                f"{what} of ML-100K, {ours_name}, k = 40; Surprise",
                rounds,
                partial(ours, 40),
                partial(rival.fit, trainset),
            )


def main() -> None:
    """Run what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--data", type=Path, default=os.environ.get("PENCHANT_DATA"))
    parser.add_argument("--only", choices=("implicit", "surprise"))
    asked = parser.parse_args()
    warnings.simplefilter("ignore")  # implicit warns of each matrix it converts
    rivals = ", ".join(f"{name} {version(name)}" for name in ("implicit", "scikit-surprise"))
    print(f"{platform.machine()}, {os.cpu_count()} CPUs, {asked.threads} threads, {rivals}\n")
    print("| work; rival | penchant | rival | ratio |\n| --- | --- | --- | --- |")
    if asked.only != "surprise":
        beside_implicit(asked.data, asked.rounds, asked.threads)
    if asked.only != "implicit":
        beside_surprise(asked.data, asked.rounds, asked.threads)


if __name__ == "__main__":
    main()
