"""BPR and WARP beside LightFM and implicit: seconds an epoch, and how well the lists rank.

Likings are ratings of 4 or more of MovieLens 100K and all pairs of MovieLens 1M. Speed: all have 64
factors and take turns in one process; the ratio is the median over rounds. Ranking, on the smaller
data: each user's likings are cut 4 to 1 at random, the whole catalogue is ranked but for what a
user likes already, and NDCG@10 is the mean over users; penchant has its defaults, the rivals their
best settings, found on a validation part of train.

    uv run --group bench --with rectools-lightfm python benches/bench_pairwise.py

Threads are 2, or the first argument. LightFM is `rectools-lightfm`, the fork that builds;
PENCHANT_DATA names the folder of the data.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp
from common import compare, print_machine
from mf_contestant import Likings

EPOCHS = 5


def likings(name: str) -> sp.csr_matrix:
    """Users x items, ones."""
    folder = Path(os.environ["PENCHANT_DATA"]) / name
    if name == "ml-100k":
        table = np.loadtxt(folder / "u.data", dtype=np.int64)
        users, items = table[table[:, 2] >= 4, :2].T
    else:
        import pyarrow.parquet as pq

        table = pq.read_table(folder / "ratings.parquet")
        users, items = (np.asarray(table.column(at).to_pylist()) for at in (0, 1))
    users, items = (np.unique(rows, return_inverse=True)[1] for rows in (users, items))
    found = sp.csr_matrix((np.ones(len(users), np.float32), (users, items)))
    found.sort_indices()
    return found


def cut(whole: sp.csr_matrix) -> tuple[sp.csr_matrix, sp.csr_matrix]:
    """Train and test: a random fifth of each user's likings, rounded up, and one always stays."""
    draw = np.random.default_rng(42)
    test = np.zeros(whole.nnz, np.bool_)
    for start, stop in zip(whole.indptr, whole.indptr[1:], strict=False):
        size = min(int(np.ceil((stop - start) / 5)), max(stop - start - 1, 0))
        test[start + draw.permutation(stop - start)[:size]] = True
    users = np.repeat(np.arange(whole.shape[0]), np.diff(whole.indptr))
    ones = np.ones(whole.nnz, np.float32)
    part = [
        sp.csr_matrix((ones[which], (users[which], whole.indices[which])), shape=whole.shape)
        for which in (~test, test)
    ]
    return part[0], part[1]


def ndcg(scores: np.ndarray, train: sp.csr_matrix, test: sp.csr_matrix, k: int = 10) -> float:
    """The mean over users with anything in test."""
    scores = np.where(train.toarray() > 0, -np.inf, scores)
    best = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    hits = np.take_along_axis(test.toarray() > 0, best, axis=1)
    gains = 1 / np.log2(np.arange(k) + 2)
    count = np.minimum(np.diff(test.indptr), k)
    some = count > 0
    return float(((hits * gains).sum(axis=1)[some] / np.cumsum(gains)[count[some] - 1]).mean())


def ours(likes: sp.csr_matrix, threads: int, **settings: Any) -> Callable[[int], Any]:
    """An epoch of a kernel, several times over."""
    from penchant import kernels

    steps = kernels.Pairwise(factors=64, epochs=EPOCHS, seed=0, **settings)
    indptr, indices = likes.indptr.astype(np.int64), likes.indices.astype(np.int32)
    return lambda _: steps.fit(indptr, indices, likes.shape[1], threads=threads)


def lightfm(likes: sp.csr_matrix, threads: int, epochs: int, factors: int) -> Any:
    """WARP of LightFM."""
    from lightfm import LightFM

    model = LightFM(loss="warp", no_components=factors, item_alpha=1e-5, random_state=0)
    return model.fit(likes.tocoo(), epochs=epochs, num_threads=threads)


def implicit(likes: sp.csr_matrix, threads: int, epochs: int) -> Any:
    """BPR of implicit."""
    from implicit.cpu.bpr import BayesianPersonalizedRanking

    model = BayesianPersonalizedRanking(
        factors=64,
        learning_rate=0.01,
        regularization=0.01,
        iterations=epochs,
        num_threads=threads,
        random_state=0,
    )
    model.fit(likes, show_progress=False)
    return model


def rank() -> None:
    """Print NDCG@10 of all."""
    train, test = cut(likings("ml-100k"))
    everybody = np.arange(train.shape[0])
    for name in ("mf.warp", "mf.bpr"):
        scores = Likings(name).fit(train).score(everybody)
        print(f"  {'penchant ' + name:32s} {ndcg(scores, train, test):.4f}")
    model = lightfm(train, 2, 20, 32)
    (_, users), (bias, items) = model.get_user_representations(), model.get_item_representations()
    print(f"  {'LightFM WARP':32s} {ndcg(users @ items.T + bias, train, test):.4f}")
    model = implicit(train, 2, 100)
    scores = np.asarray(model.user_factors) @ np.asarray(model.item_factors).T
    print(f"  {'implicit BPR':32s} {ndcg(scores, train, test):.4f}")


def main(threads: int = 2) -> None:
    """Compare."""
    print_machine("penchant", "implicit", "rectools-lightfm", "numpy")
    print("\nNDCG@10, MovieLens 100K")
    rank()
    for name, rounds in (("ml-100k", 5), ("ml-1m", 3)):
        likes = likings(name)
        warp = {"learning_rate": 0.05, "decay": 0.96, "regularization": 0.1, "max_tries": 100}
        bpr = {"learning_rate": 0.15, "decay": 0.95, "regularization": 0.02}
        for loss, rival in (
            ("WARP", lambda _, likes=likes: lightfm(likes, threads, EPOCHS, 64)),
            ("BPR", lambda _, likes=likes: implicit(likes, threads, EPOCHS)),
        ):
            base = "LightFM" if loss == "WARP" else "implicit"
            contestants = {
                base: rival,
                "penchant": ours(likes, threads, **(warp if loss == "WARP" else bpr)),
            }
            if loss == "WARP":
                contestants["penchant, 10 tries"] = ours(
                    likes, threads, **{**warp, "max_tries": 10}
                )
            title = f"{EPOCHS} epochs of {loss}, {name}, {likes.nnz:,} likings, {threads} threads"
            compare(title, contestants, base, rounds=rounds)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
