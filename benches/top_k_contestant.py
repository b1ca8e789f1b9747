"""penchant's ranking as a contestant of a top-k harness.

`CONTESTANTS` maps a name to `make(items, threads)`, which gives `call(queries, k, seen)`; `items`
and `queries` are float32, `seen` is None or a list of sorted int32 arrays, and the call gives
(ids, scores). Building is in `make`, and is not timed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from penchant import kernels

Call = Callable[[np.ndarray, int, "Sequence[np.ndarray] | None"], tuple[Any, Any]]


def _make(*, resident: bool, quantized: bool = False) -> Callable[[np.ndarray, int], Call]:
    def make(items: np.ndarray, threads: int) -> Call:
        codes = kernels.quantize_items(items, threads=threads) if quantized else None
        index = kernels.ItemIndex(items, codes=codes, resident=resident)

        def call(queries: np.ndarray, k: int, seen: Sequence[np.ndarray] | None) -> tuple[Any, Any]:
            lists = None
            if seen is not None:
                indptr = np.zeros(len(seen) + 1, np.int64)
                np.cumsum([len(rows) for rows in seen], out=indptr[1:])
                lists = (indptr, seen[0] if len(seen) == 1 else np.concatenate(seen))
            rows, scores, _ = index.top_k(queries, k, seen=lists, threads=threads)
            return rows, scores

        return call

    return make


CONTESTANTS = {
    "penchant-fp32": _make(resident=True),
    "penchant-fp32-mapped": _make(resident=False),
    "penchant-int8": _make(resident=True, quantized=True),
    "penchant-int8-mapped": _make(resident=False, quantized=True),
}
