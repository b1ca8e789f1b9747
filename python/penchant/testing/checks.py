"""Checks that several contracts share; each raises AssertionError with a sentence."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from penchant.protocols import State
from penchant.queries import Candidates, Queries, TopK

T = TypeVar("T")
Array = npt.NDArray[Any]

_PLAIN = "biuf"
"""Kinds of dtype that a model folder holds: bool, int, unsigned, float."""


def same_bits(got: Array, wanted: Array, promise: str) -> None:
    """Check that two arrays have one shape, one dtype and the same bits."""
    assert got.shape == wanted.shape, f"{promise}: shapes {got.shape} and {wanted.shape}"
    assert got.dtype == wanted.dtype, f"{promise}: dtypes {got.dtype} and {wanted.dtype}"
    if got.tobytes() != wanted.tobytes():
        where = np.argwhere(got != wanted)
        first = tuple(int(i) for i in where[0]) if len(where) else ()
        raise AssertionError(
            f"{promise}: {len(where)} of {got.size} values differ"
            + (f", first at {first}: {got[first]} and {wanted[first]}" if first else "")
        )


def floats(got: Any, shape: tuple[int, ...], what: str) -> None:
    """Check that `got` is a finite float32 array of this shape."""
    assert isinstance(got, np.ndarray), f"{what} must be an array, got {type(got).__name__}"
    assert got.dtype == np.float32, f"{what} must be float32, got {got.dtype}"
    assert got.shape == shape, f"{what} must have the shape {shape}, got {got.shape}"
    bad = int(np.count_nonzero(~np.isfinite(got)))
    assert not bad, f"{what} must be finite, got {bad} values that are not"


def same_answers(got: TopK, wanted: TopK, promise: str) -> None:
    """Check that two rankings have the same bits."""
    same_bits(got.rows, wanted.rows, f"{promise} (rows)")
    same_bits(got.scores, wanted.scores, f"{promise} (scores)")
    same_bits(got.counts, wanted.counts, f"{promise} (counts)")


def well_formed(answer: TopK, queries: int, k: int) -> None:
    """Check shapes, dtypes, order, ties and padding of a ranking."""
    assert isinstance(answer, TopK), f"a ranking must be a TopK, got {type(answer).__name__}"
    for name, dtype, shape in (
        ("rows", np.int32, (queries, k)),
        ("scores", np.float32, (queries, k)),
        ("counts", np.int32, (queries,)),
    ):
        array = getattr(answer, name)
        assert array.dtype == dtype, f"{name} must be {np.dtype(dtype)}, got {array.dtype}"
        assert array.shape == shape, f"{name} must have the shape {shape}, got {array.shape}"
    for query, count in enumerate(answer.counts.tolist()):
        rows, scores = answer.rows[query], answer.scores[query]
        found = rows[:count].tolist()
        assert all(row >= 0 for row in found), f"query {query}: padding among the results {found}"
        assert len(set(found)) == count, f"query {query}: an item came back twice in {found}"
        assert not np.isnan(scores[:count]).any(), f"query {query}: a score is NaN"
        for better, worse in zip(range(count), range(1, count), strict=False):
            assert scores[better] >= scores[worse], (
                f"query {query}: scores must fall, got {scores[better]} before {scores[worse]}"
            )
            assert scores[better] > scores[worse] or rows[better] < rows[worse], (
                f"query {query}: of items with equal scores the lower row comes first, "
                f"got {rows[better]} before {rows[worse]}"
            )
        assert (rows[count:] == -1).all(), f"query {query}: rows past the count must be -1"
        assert (scores[count:] == -np.inf).all(), f"query {query}: scores past it must be -inf"


def portable(state: State) -> State:
    """Give a state as it comes back from a model folder: new read-only arrays, and parsed JSON."""
    arrays = {}
    for name, array in state.arrays.items():
        arrays[name] = np.array(array, order="C", copy=True)
        arrays[name].setflags(write=False)
    return State(
        arrays,
        json.loads(json.dumps(plain_json(state.meta))),
        {name: portable(part) for name, part in state.parts.items()},
        dict(state.folders),
    )


def plain_json(value: Any) -> Any:
    """Turn mappings and sequences into dicts and lists, which json knows."""
    if isinstance(value, Mapping):
        return {key: plain_json(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain_json(entry) for entry in value]
    return value


def plain_state(state: State, where: str = "state") -> None:
    """Check that a state holds arrays of plain dtypes and JSON, all the way down."""
    assert isinstance(state, State), f"{where} must be a State, got {type(state).__name__}"
    for name, array in state.arrays.items():
        assert isinstance(array, np.ndarray), f"{where}: {name} is a {type(array).__name__}"
        assert array.dtype.kind in _PLAIN, f"{where}: {name} has dtype {array.dtype}; want numbers"
    try:
        json.dumps(plain_json(state.meta), allow_nan=False)
    except (TypeError, ValueError) as error:
        raise AssertionError(f"{where}: meta must be JSON, but {error}") from None
    for name, part in state.parts.items():
        plain_state(part, f"{where}/{name}")


def equal_states(got: State, wanted: State, where: str = "state") -> None:
    """Check that two states hold the same bits."""
    assert set(got.arrays) == set(wanted.arrays), f"{where}: arrays {set(got.arrays)}"
    for name, array in wanted.arrays.items():
        same_bits(got.arrays[name], array, f"{where}: {name} must survive restore")
    assert plain_json(got.meta) == plain_json(wanted.meta), f"{where}: meta must survive restore"
    assert set(got.parts) == set(wanted.parts), f"{where}: parts {set(got.parts)}"
    for name, part in wanted.parts.items():
        equal_states(got.parts[name], part, f"{where}/{name}")


def untouched(holders: list[Any], work: Callable[[], object], promise: str) -> None:
    """Do `work` and check that no array reachable from `holders` has changed by it."""
    before = [(array, _digest(array)) for holder in holders for array in _arrays(holder, set())]
    assert before, "the kit found no array to watch"
    work()
    changed = sum(_digest(array) != digest for array, digest in before)
    assert not changed, f"{promise}: {changed} of {len(before)} arrays were changed"


def _digest(array: Array) -> bytes:
    return hashlib.blake2b(array.tobytes(), digest_size=16).digest()


def _arrays(value: Any, met: set[int]) -> Iterator[Array]:
    if id(value) in met:
        return
    met.add(id(value))
    if isinstance(value, np.ndarray):
        yield value
        return
    if isinstance(value, Mapping):
        parts = list(value.values())
    elif isinstance(value, (list, tuple)):
        parts = list(value)
    else:
        parts = list(getattr(value, "__dict__", {}).values())
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            parts += [getattr(value, field.name, None) for field in dataclasses.fields(value)]
    for part in parts:
        yield from _arrays(part, met)


def from_many_threads(work: Callable[[], T], threads: int = 8, times: int = 3) -> list[T]:
    """Do the same work from many threads at once, and give all the results."""
    with ThreadPoolExecutor(threads) as pool:
        return [task.result() for task in [pool.submit(work) for _ in range(threads * times)]]


def one_by_one(queries: Queries) -> Iterator[Queries]:
    """Give each query alone."""
    for position in range(len(queries)):
        yield queries.take(np.array([position], np.int32))


def eligible(candidates: Candidates, query: int) -> list[int]:
    """List the item rows that a query may get, as the docstring of `Candidates` says it."""
    rows = set(range(candidates.items))
    if candidates.lists is not None:
        rows &= set(candidates.lists.row(query).tolist())
    if candidates.allow is not None:
        rows = {row for row in rows if _bit(candidates.allow, row)}
    if candidates.deny is not None:
        rows = {row for row in rows if not _bit(candidates.deny, row)}
    if candidates.seen is not None:
        rows -= set(candidates.seen.row(query).tolist())
    return sorted(rows)


def _bit(words: npt.NDArray[np.uint64], row: int) -> bool:
    return bool(int(words[row // 64]) >> (row % 64) & 1)
