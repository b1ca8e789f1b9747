"""What a Python caller pays, ids in and ids out, beside what other libraries ask for rows.

Answers are compared before anything is timed. Contestants do not take turns here: on a busy machine
trust the minima, or the other benches.

    OPENBLAS_NUM_THREADS=1 uv run --group bench pytest benches/bench_callers.py
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import penchant
import pytest
from common import model_of
from pytest_benchmark.fixture import BenchmarkFixture

K, USERS, BATCH, PAIRS = 10, 1_000, 32, 1_000
SIZES = ((1_000, 64), (10_000, 64), (100_000, 128))

pytestmark = pytest.mark.filterwarnings("ignore:OpenBLAS is configured:RuntimeWarning")
Factors = tuple[np.ndarray, np.ndarray]
size = pytest.mark.parametrize(("items", "dim"), SIZES, ids=lambda value: f"{value}")


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """BLAS and faiss on one thread, as penchant and implicit are."""
    import faiss
    from threadpoolctl import threadpool_limits

    faiss.omp_set_num_threads(1)
    with threadpool_limits(1):
        yield


@cache
def factors(items: int, dim: int) -> Factors:
    """Vectors of users and of items."""
    draw = np.random.default_rng(0)
    users = draw.standard_normal((USERS, dim), np.float32)
    return users, draw.standard_normal((items, dim), np.float32)


@cache
def model(items: int, dim: int) -> penchant.Model:
    """penchant over these vectors."""
    return model_of(*factors(items, dim))


@cache
def implicit(items: int, dim: int) -> Any:
    """implicit over these vectors."""
    from implicit.cpu.als import AlternatingLeastSquares

    rival = AlternatingLeastSquares(factors=dim, num_threads=1)
    rival.user_factors, rival.item_factors = factors(items, dim)
    return rival


@cache
def faiss(items: int, dim: int) -> Any:
    """An exact index of these items."""
    from faiss import IndexFlatIP

    index = IndexFlatIP(dim)
    index.add(factors(items, dim)[1])
    return index


def by_numpy(items: int, dim: int, rows: np.ndarray) -> np.ndarray:
    """The k best rows of some users, as one would write it by hand."""
    users, vectors = factors(items, dim)
    scores = users[rows] @ vectors.T
    best = np.argpartition(-scores, K, axis=1)[:, :K]
    order = np.argsort(-np.take_along_axis(scores, best, 1), axis=1)
    return np.take_along_axis(best, order, 1)


def ids(rows: Any) -> list[str]:
    """The ids of item rows."""
    return [f"item-{row}" for row in np.ravel(rows)]


def timed(benchmark: BenchmarkFixture, group: str, call: Callable[[int], Any]) -> None:
    """Time a call that gets another user each time."""
    numbers = count()
    benchmark.group = group
    benchmark(lambda: call(next(numbers) % USERS))


def requests(who: str, items: int, dim: int) -> Callable[[np.ndarray], list[str]]:
    """How `who` is asked: some rows of users give the ids of K items each, one after the other."""
    users = factors(items, dim)[0]
    if who == "penchant":
        ours = model(items, dim)
        return lambda rows: ours.recommend_many(
            [f"user-{row}" for row in rows], k=K, exclude_seen=False
        ).ids
    if who == "implicit":
        rival = implicit(items, dim)
        return lambda rows: ids(
            rival.recommend(rows, None, N=K, filter_already_liked_items=False)[0]
        )
    if who == "faiss":
        index = faiss(items, dim)
        return lambda rows: ids(index.search(users[rows], K)[1])
    return lambda rows: ids(by_numpy(items, dim, rows))


RANKERS = pytest.mark.parametrize("who", ["penchant", "faiss", "implicit", "numpy"])


@size
@RANKERS
def test_one_request(benchmark: BenchmarkFixture, items: int, dim: int, who: str) -> None:
    ours = model(items, dim)
    one = requests(who, items, dim)
    calls: dict[bool, Callable[[int], list[str]]] = {
        True: lambda row: ours.recommend(f"user-{row}", k=K, exclude_seen=False).ids,
        False: lambda row: one(np.array([row])),
    }
    assert all(calls[who == "penchant"](row) == calls[True](row) for row in range(20))
    timed(benchmark, f"one request, {items:,} x {dim}", calls[who == "penchant"])


@size
@RANKERS
def test_a_batch(benchmark: BenchmarkFixture, items: int, dim: int, who: str) -> None:
    call, rows = requests(who, items, dim), np.arange(BATCH)
    assert call(rows) == requests("penchant", items, dim)(rows)
    group = f"{BATCH} users at once, {items:,} x {dim}"
    timed(benchmark, group, lambda row: call((rows + row) % USERS))


@size
@pytest.mark.parametrize("who", ["penchant", "implicit"])
def test_similar_items(benchmark: BenchmarkFixture, items: int, dim: int, who: str) -> None:
    ours, theirs = model(items, dim), implicit(items, dim)
    calls: dict[str, Callable[[int], Any]] = {
        "penchant": lambda row: ours.similar_items(f"item-{row}", k=K).ids,
        # implicit counts the item itself as the first.
        "implicit": lambda row: ids(theirs.similar_items(row, N=K + 1)[0][1:]),
    }
    assert all(calls[who](row) == calls["penchant"](row) for row in range(20))
    timed(benchmark, f"similar items, {items:,} x {dim}", calls[who])


@size
@pytest.mark.parametrize("who", ["penchant", "numpy"])
def test_predict(benchmark: BenchmarkFixture, items: int, dim: int, who: str) -> None:
    draw, (users, vectors) = np.random.default_rng(2), factors(items, dim)
    pairs = draw.integers(0, USERS, PAIRS), draw.integers(0, items, PAIRS)
    named = [f"user-{row}" for row in pairs[0]], ids(pairs[1])
    rows = (
        {f"user-{row}": row for row in range(USERS)},
        {f"item-{row}": row for row in range(items)},
    )

    def by_hand() -> np.ndarray:
        chosen = [[known[name] for name in asked] for known, asked in zip(rows, named, strict=True)]
        return np.einsum("ij,ij->i", users[chosen[0]], vectors[chosen[1]])

    ask = model(items, dim)
    calls = {"penchant": lambda: ask.predict(*named), "numpy": by_hand}
    assert np.allclose(calls[who](), by_hand(), atol=1e-3)
    benchmark.group = f"{PAIRS:,} pairs predicted, {items:,} x {dim}"
    benchmark(calls[who])


@size
@pytest.mark.parametrize("who", ["penchant", "penchant, unverified", "implicit"])
def test_load(benchmark: BenchmarkFixture, tmp_path: Path, items: int, dim: int, who: str) -> None:
    from implicit.cpu.als import AlternatingLeastSquares

    benchmark.group = f"load, {items:,} x {dim}"
    if who == "implicit":
        implicit(items, dim).save(str(tmp_path / "model.npz"))
        loaded = AlternatingLeastSquares.load(str(tmp_path / "model.npz"))
        assert np.array_equal(loaded.item_factors, factors(items, dim)[1])
        benchmark(AlternatingLeastSquares.load, str(tmp_path / "model.npz"))
        return
    model(items, dim).save(tmp_path / "model")
    loaded = penchant.load(tmp_path / "model")
    assert loaded.recommend("user-0").ids == model(items, dim).recommend("user-0").ids
    benchmark(penchant.load, tmp_path / "model", verify=who == "penchant")
