"""Epochs of `kernels.sgd` beside LIBMF and Surprise on 10 million synthetic ratings; fold-in beside
a full fit.

    python benches/bench_sgd.py speed --libmf libmf.so          # seconds an epoch
    python benches/bench_sgd.py quality --libmf libmf.so        # seconds to an error
    python benches/bench_sgd.py surprise                        # beside Surprise's SVD, 1 million
    PENCHANT_DATA=... python benches/bench_sgd.py fold_in       # MovieLens 100K

LIBMF's wheel and the build of its sdist have no vector instructions. With them it is about three
times as fast, and the rival to measure:

    pip download libmf --no-binary :all: --no-deps && tar xf libmf-*.tar.gz
    g++ -O3 -std=c++11 -w -fPIC -shared -pthread -DUSEAVX -mavx libmf-*/src_cpp/mf.cpp -o libmf.so

With `-march=native` in place of `-mavx` the compiler fuses products and sums, faster still.
`--data FILE.npz` takes other ratings: arrays `user`, `item`, `rating` and `test`, a mask.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from common import print_machine
from penchant import Registry, kernels
from penchant.benchmark import take_turns

RANKS, THREADS, EPOCHS = (32, 64, 128), (1, 2), 3
OURS = {"learning_rate": 0.05, "decay": 0.9, "regularization": 0.04, "bias_regularization": 0.01}


@dataclass(frozen=True)
class Log:
    """Ratings to learn from, and the test part."""

    users: np.ndarray
    items: np.ndarray
    ratings: np.ndarray
    test: tuple[np.ndarray, np.ndarray, np.ndarray]

    @property
    def shape(self) -> tuple[int, int]:
        """Users and items."""
        return int(self.users.max()) + 1, int(self.items.max()) + 1

    def error(self, foretold: np.ndarray) -> float:
        """RMSE on the test part, clipped to the scale."""
        left = np.clip(foretold, 0.5, 5).astype(np.float64) - self.test[2]
        return float(np.sqrt(np.mean(left**2)))


def synthetic(users: int, items: int, n: int) -> Log:
    """Half stars of 16 factors, biases and noise; few users and items have most of the ratings."""
    draw = np.random.default_rng(7)
    spectrum = 0.5 / np.sqrt(1 + np.arange(16.0)) ** 0.5
    p, q = (spectrum * draw.standard_normal((rows, 16)) for rows in (users, items))
    user_bias, item_bias = 0.4 * draw.standard_normal(users), 0.35 * draw.standard_normal(items)
    popularity = np.cumsum((np.arange(items) + 30.0) ** -0.9)
    activity = np.cumsum(draw.lognormal(0, 1, users) + 0.1)
    sample = int(1.5 * n)
    user = np.searchsorted(activity / activity[-1], draw.random(sample)).clip(max=users - 1)
    rank = np.searchsorted(popularity / popularity[-1], draw.random(sample)).clip(max=items - 1)
    pairs = np.unique(user * items + draw.permutation(items)[rank])
    pairs = draw.permutation(pairs)[:n]
    user, item = (pairs // items).astype(np.int32), (pairs % items).astype(np.int32)
    rating = 3.5 + user_bias[user] + item_bias[item] + np.einsum("ij,ij->i", p[user], q[item])
    rating += 0.7 * draw.standard_normal(len(pairs))
    rating = (np.round(2 * rating) / 2).clip(0.5, 5).astype(np.float32)
    return parted(user, item, rating, draw.random(len(pairs)) < 0.1)


def parted(user: np.ndarray, item: np.ndarray, rating: np.ndarray, test: np.ndarray) -> Log:
    """Both parts; test ratings of users or items that train doesn't know are left out."""
    known_users, known_items = np.unique(user[~test]), np.unique(item[~test])
    test_known = test & np.isin(user, known_users) & np.isin(item, known_items)
    train, held_out = ([a[m] for a in (user, item, rating)] for m in (~test, test_known))
    users, items, ratings = train
    return Log(users, items, ratings, (held_out[0], held_out[1], held_out[2]))


class Node(ctypes.Structure):
    """LIBMF's `mf_node`."""

    _fields_ = (("u", ctypes.c_int), ("v", ctypes.c_int), ("r", ctypes.c_float))


class Problem(ctypes.Structure):
    """LIBMF's `mf_problem`."""

    _fields_ = (
        ("m", ctypes.c_int),
        ("n", ctypes.c_int),
        ("nnz", ctypes.c_longlong),
        ("nodes", ctypes.c_void_p),
    )


class Parameter(ctypes.Structure):
    """LIBMF's `mf_parameter`."""

    _fields_ = (
        *((name, ctypes.c_int) for name in ("fun", "k", "nr_threads", "nr_bins", "nr_iters")),
        *((name, ctypes.c_float) for name in ("p1", "p2", "q1", "q2", "eta")),
        *((name, ctypes.c_bool) for name in ("do_nmf", "quiet", "copy_data")),
    )


class Model(ctypes.Structure):
    """LIBMF's `mf_model`."""

    _fields_ = (
        *((name, ctypes.c_int) for name in ("fun", "m", "n", "k")),
        ("b", ctypes.c_float),
        ("p", ctypes.POINTER(ctypes.c_float)),
        ("q", ctypes.POINTER(ctypes.c_float)),
    )


class Libmf:
    """LIBMF through its C interface: its own threads and preparation, no Python in between."""

    def __init__(self, library: Path, log: Log) -> None:
        self._library, self._log = ctypes.CDLL(str(library.resolve())), log
        self._library.mf_train.restype = ctypes.POINTER(Model)
        self._library.mf_train.argtypes = (ctypes.POINTER(Problem), Parameter)
        self._nodes = np.empty(len(log.ratings), [("u", "i4"), ("v", "i4"), ("r", "f4")])
        self._nodes["u"], self._nodes["v"], self._nodes["r"] = log.users, log.items, log.ratings

    def fit(self, rank: int, threads: int, epochs: int, eta: float = 0.1) -> tuple[float, float]:
        """Seconds, and the error."""
        problem = Problem(*self._log.shape, len(self._nodes), self._nodes.ctypes.data)
        settings = Parameter(0, rank, threads, 20, epochs, 0, 0.05, 0, 0.05, eta, False, True, True)
        started = time.perf_counter()
        model = self._library.mf_train(ctypes.byref(problem), settings)
        seconds = time.perf_counter() - started
        found = model.contents
        p = np.ctypeslib.as_array(found.p, (found.m, found.k))
        q = np.ctypeslib.as_array(found.q, (found.n, found.k))
        user, item, _ = self._log.test
        error = self._log.error(np.einsum("ij,ij->i", p[user], q[item]))
        self._library.mf_destroy_model(ctypes.byref(model))
        return seconds, error


def ours(log: Log, rank: int, threads: int, epochs: int, **settings: Any) -> tuple[float, float]:
    """Seconds, and the error."""
    started = time.perf_counter()
    model = kernels.sgd(
        log.users,
        log.items,
        log.ratings,
        *log.shape,
        factors=rank,
        epochs=epochs,
        seed=0,
        threads=threads,
        **{**OURS, **settings},
    )
    seconds = time.perf_counter() - started
    user, item, _ = log.test
    known = np.einsum("ij,ij->i", model.user_factors[user], model.item_factors[item])
    foretold = model.mean + model.user_bias[user] + model.item_bias[item] + known
    return seconds, log.error(foretold)


def speed(log: Log, libraries: list[Path], ranks: list[int], rounds: int) -> None:
    """An epoch is what `EPOCHS` more cost, so preparation is left out for all."""
    rivals = {library.stem: Libmf(library, log) for library in libraries}
    for rank in ranks:
        for threads in THREADS:
            fits: dict[str, Callable[..., tuple[float, float]]] = {
                "penchant": lambda k, t, e: ours(log, k, t, e),
                "penchant, adagrad": lambda k, t, e: ours(log, k, t, e, optimizer="adagrad"),
                **{name: rival.fit for name, rival in rivals.items()},
            }
            seconds: dict[str, list[float]] = {name: [] for name in fits}
            errors = {}
            for _ in range(rounds):
                for name, fit in fits.items():
                    short, _ = fit(rank, threads, 1)
                    long, errors[name] = fit(rank, threads, 1 + EPOCHS)
                    seconds[name].append((long - short) / EPOCHS)
            assert max(errors.values()) < 0.95 * log.error(np.full(len(log.test[2]), 3.5)), errors
            print(f"\n{rank} factors, {threads} threads")
            for name in fits:
                pairs = zip(seconds[name], seconds["penchant"], strict=True)
                ratio = np.median([theirs / own for theirs, own in pairs])
                rate = len(log.ratings) / np.median(seconds[name]) / 1e6
                print(f"  {name:20s} {rate:7.1f} M ratings/s; penchant {ratio:5.2f} x as fast")


def quality(log: Log, library: Path, rounds: int) -> None:
    """The whole of both fits, preparation included: LIBMF's 20 epochs, ours to the same error.

    Where ours doesn't get there, to the least error that it reaches.
    """
    rival = Libmf(library, log)
    _, wanted = rival.fit(32, 1, 20)
    errors = {epochs: ours(log, 32, 2, epochs)[1] for epochs in range(12, 33, 4)}
    there = [epochs for epochs, error in errors.items() if error <= wanted]
    epochs = min(there, default=min(errors, key=lambda epochs: errors[epochs]))
    for threads in THREADS:
        pairs = [
            (rival.fit(32, threads, 20), ours(log, 32, threads, epochs)) for _ in range(rounds)
        ]
        ratio = np.median([theirs[0] / own[0] for theirs, own in pairs])
        (their, their_error), (own, error) = pairs[-1]
        print(f"\n32 factors, {threads} threads")
        print(f"  {library.stem}: 20 epochs {their:.2f} s, RMSE {their_error:.4f}")
        print(f"  penchant: {epochs} epochs {own:.2f} s, RMSE {error:.4f}; {ratio:.2f} x as fast")
    best = min(rival.fit(32, 2, epochs, eta)[1] for eta, epochs in ((0.06, 30), (0.05, 40)))
    own = ours(log, 32, 2, 24)[1]
    print(f"  best: {library.stem} RMSE {best:.4f}, penchant (24 epochs) {own:.4f}")


def surprise(rounds: int) -> None:
    """Beside Surprise's SVD and its 20 epochs, on one thread, without the making of a trainset."""
    from surprise import SVD, Dataset, Reader

    log = synthetic(20_000, 5_000, 1_000_000)
    rows = zip(log.users.tolist(), log.items.tolist(), log.ratings.tolist(), strict=True)
    trainset = Dataset(Reader(rating_scale=(0.5, 5))).construct_trainset(
        [(user, item, rating, None) for user, item, rating in rows]
    )
    fits = {
        "surprise": lambda _: SVD(n_factors=64, n_epochs=20, random_state=0).fit(trainset),
        "penchant": lambda _: ours(log, 64, 1, 20),
    }
    turns = take_turns(fits, rounds=rounds, warm_up=0)
    for name in fits:
        print(f"  {name}: 20 epochs of {len(log.ratings):,} ratings {turns.median(name):.3f} s")
    print(f"  penchant {turns.times_as_fast('penchant', 'surprise'):.0f} x as fast")


def fold_in() -> None:
    """Each fifth of the users, then one of the items, folded in, beside a fit that had them."""
    from penchant import Dataset, Interactions, Items, Users, Vocabulary
    from penchant.protocols import FitContext
    from penchant.queries import Queries
    from penchant_mf.settings import SgdSettings
    from penchant_mf.sgd import Sgd

    table = np.loadtxt(Path(os.environ["PENCHANT_DATA"]) / "ml-100k" / "u.data", dtype=np.int64)
    draw = np.random.default_rng(0)
    user, item = (table[:, 0] - 1).astype(np.int32), (table[:, 1] - 1).astype(np.int32)
    rating, test = table[:, 2].astype(np.float32), draw.random(len(table)) < 0.2
    n_users, n_items = int(user.max()) + 1, int(item.max()) + 1

    def dataset(keep: np.ndarray, items: int = n_items) -> Dataset:
        columns = (user[keep], item[keep], rating[keep])
        return Dataset(
            users=Users(Vocabulary.from_ids(np.arange(n_users))),
            items=Items(Vocabulary.from_ids(np.arange(items))),
            interactions=Interactions.of(*columns, n_users=n_users, n_items=items),
        )

    train, context = dataset(~test), FitContext(threads=2)
    history = train.interactions.by_user()
    rows = np.arange(n_users, dtype=np.int32)
    whole = Sgd(SgdSettings(), Registry({})).fit(train, context)
    refitted = whole.score(Queries.known(rows, history), None)

    def report(who: str, scores: np.ndarray, held: np.ndarray, micro: float) -> None:
        errors = [
            float(np.sqrt(np.mean((s[user[held], item[held]].clip(1, 5) - rating[held]) ** 2)))
            for s in (scores, refitted)
        ]
        print(
            f"  {who}: RMSE {errors[0]:.4f} (refit {errors[1]:.4f}), "
            f"{micro:.0f} us each at 50 ratings"
        )

    def lists(which: str, scores: np.ndarray, held: np.ndarray, first: int = 0) -> None:
        folded, refit = (ndcg(s, held, first) for s in (scores, refitted))
        print(f"    NDCG@10 {which}: {folded:.4f} (refit {refit:.4f}, {folded / refit:.3f} of it)")

    def ndcg(scores: np.ndarray, held: np.ndarray, first: int) -> float:
        """Of all items from `first` on but what train has; likings are ratings from 4."""
        liked = np.zeros(scores.shape, np.bool_)
        liked[user[held & (rating >= 4)], item[held & (rating >= 4)]] = True
        open_scores = scores.astype(np.float64)
        open_scores[user[~test], item[~test]] = -np.inf
        open_scores[:, :first] = -np.inf
        best = np.argsort(-open_scores, axis=1, kind="stable")[:, :10]
        discounts = 1 / np.log2(np.arange(10) + 2)
        gains = np.take_along_axis(liked, best, 1) @ discounts
        ideal = np.cumsum(discounts)[np.minimum(liked.sum(1), 10) - 1]
        some = liked.any(axis=1)
        return float((gains[some] / ideal[some]).mean())

    scores = np.empty_like(refitted)
    for part in range(5):
        left_out = rows % 5 == part
        fitted = Sgd(SgdSettings(), Registry({})).fit(dataset(~test & ~left_out[user]), context)
        strangers = np.full(left_out.sum(), -1, np.int32)
        scores[left_out] = fitted.score(Queries(strangers, history.take(rows[left_out])), None)
    average = np.flatnonzero(np.abs(history.counts() - 50) <= 1)[:20].astype(np.int32)
    asked = [Queries(np.full(1, -1, np.int32), history.take(row[None])) for row in average]
    micro = np.median([_micro(lambda q=q: fitted.query_vectors(q)) for q in asked])
    report("new users", scores, test, micro)
    lists("of their lists", scores, test)

    known = n_items * 4 // 5
    shuffled = draw.permutation(n_items).astype(np.int32)
    item[:] = shuffled[item]
    whole = Sgd(SgdSettings(), Registry({})).fit(dataset(~test), context)
    history = dataset(~test).interactions.by_user()
    refitted = whole.score(Queries.known(rows, history), None)
    fitted = Sgd(SgdSettings(), Registry({})).fit(dataset(~test & (item < known), known), context)
    counts = np.bincount(item[~test], minlength=n_items)
    near = known + np.argmin(np.abs(counts[known:] - 50))
    one = dataset(~test & ((item < known) | (item == near)))
    one.interactions.by_item()
    micro = _micro(lambda: fitted.with_items(one))
    newer = fitted.with_items(dataset(~test))
    scores = newer.score(Queries.known(rows, history), None)
    report("new items", scores, test & (item >= known), micro)
    lists("of lists of all items", scores, test)
    lists("of lists of new items", scores, test & (item >= known), known)


def _micro(call: Callable[[], Any]) -> float:
    """Microseconds, the median of 20 calls."""
    taken = []
    for _ in range(20):
        started = time.perf_counter()
        call()
        taken.append((time.perf_counter() - started) * 1e6)
    return float(np.median(taken))


def main() -> None:
    """Run one comparison."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=("speed", "quality", "surprise", "fold_in"))
    parser.add_argument("--libmf", type=Path, nargs="+", default=[], help="libraries to compare")
    parser.add_argument("--data", type=Path, help="ratings; synthetic ones if not given")
    parser.add_argument("--ranks", type=int, nargs="+", default=list(RANKS))
    parser.add_argument("--rounds", type=int, default=3)
    chosen = parser.parse_args()
    print_machine("libmf", "scikit-surprise")
    if chosen.what == "fold_in":
        fold_in()
        return
    if chosen.what == "surprise":
        surprise(chosen.rounds)
        return
    if chosen.data is None:
        log = synthetic(100_000, 20_000, 10_000_000)
    else:
        with np.load(chosen.data) as file:
            log = parted(*(file[name] for name in ("user", "item", "rating", "test")))
    if chosen.what == "speed":
        speed(log, chosen.libmf, chosen.ranks, chosen.rounds)
    else:
        quality(log, chosen.libmf[0], chosen.rounds)


if __name__ == "__main__":
    main()
