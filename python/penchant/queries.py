"""What a fitted component is asked, and how it answers: arrays and rows, never ids.

`Csr` holds ragged rows, `Queries` says who asks, `Candidates` says what may be shown, `TopK` is the
answer. All are plain frozen values; none copies an array it is given.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from penchant.errors import ShapeError

if TYPE_CHECKING:
    from penchant.protocols import F32, I32, I64, U64, Bool

Scalar: TypeAlias = str | int | float | bool
Context: TypeAlias = Mapping[str, Scalar | Sequence[Scalar]]
"""What a caller says of a request besides who asks: the country, the device, the shelf."""

NO_TEXTS: Mapping[str, F32] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Csr:
    """Ragged rows of columns: row `r` holds `indices[indptr[r]:indptr[r + 1]]`.

    The columns of a row are ascending and unique.

    `indptr` is (n + 1,) int64, `indices` int32, `values` float32 of the same length, or None where
    presence is all there is to say. `columns` is how many columns the matrix has.
    """

    indptr: I64
    indices: I32
    values: F32 | None
    columns: int

    @property
    def rows(self) -> int:
        """Number of rows."""
        return len(self.indptr) - 1

    @property
    def nnz(self) -> int:
        """Number of stored entries."""
        return len(self.indices)

    def counts(self) -> I64:
        """Entries of each row, (rows,) int64."""
        return self.indptr[1:] - self.indptr[:-1]  # np.diff takes four times as long for a few

    def row(self, row: int) -> I32:
        """Columns of one row, as a view."""
        return self.indices[self.indptr[row] : self.indptr[row + 1]]

    def row_values(self, row: int) -> F32:
        """Values of one row, as a view; ones where there are no values."""
        if self.values is None:
            return np.ones(int(self.indptr[row + 1] - self.indptr[row]), np.float32)
        return self.values[self.indptr[row] : self.indptr[row + 1]]

    def __iter__(self) -> Iterator[I32]:
        return (self.row(r) for r in range(self.rows))

    def positions(self, rows: I32) -> tuple[I64, I64]:
        """Where the entries of `rows` lie: (indptr of the selection, positions into `indices`).

        A row of -1 selects nothing. O(entries selected).
        """
        known = rows >= 0
        safe = np.where(known, rows, 0).astype(np.int64)
        counts = np.where(known, self.indptr[safe + 1] - self.indptr[safe], 0) if self.rows else 0
        indptr = np.zeros(len(rows) + 1, np.int64)
        np.cumsum(np.broadcast_to(counts, rows.shape), out=indptr[1:])
        starts = self.indptr[safe] if self.rows else safe
        shift = np.repeat(starts - indptr[:-1], np.diff(indptr))
        return indptr, np.arange(indptr[-1], dtype=np.int64) + shift

    def take(self, rows: I32) -> Csr:
        """The given rows in the given order; -1 gives an empty row. One row is a view."""
        if len(rows) == 1 and rows[0] >= 0:
            start, stop = int(self.indptr[rows[0]]), int(self.indptr[rows[0] + 1])
            return Csr(
                np.array([0, stop - start], np.int64),
                self.indices[start:stop],
                None if self.values is None else self.values[start:stop],
                self.columns,
            )
        indptr, positions = self.positions(rows)
        values = None if self.values is None else self.values[positions]
        return Csr(indptr, self.indices[positions], values, self.columns)

    def where(self, keep: np.ndarray) -> Csr:
        """The entries for which `keep`, (nnz,) bool, is true, in the same rows."""
        indices = self.indices[keep]
        values = None if self.values is None else self.values[keep]
        if len(self.indptr) == 2:
            return Csr(np.array((0, len(indices)), np.int64), indices, values, self.columns)
        before = np.zeros(len(keep) + 1, np.int64)
        np.cumsum(keep, out=before[1:])
        return Csr(before[self.indptr], indices, values, self.columns)

    def at_least(self, threshold: float | None) -> Csr:
        """The entries whose value is at least `threshold`; all of them when it is None."""
        if threshold is None or self.values is None:
            return self
        return self.where(self.values >= np.float32(threshold))

    def binary(self) -> Csr:
        """The same pattern with every value 1."""
        return Csr(self.indptr, self.indices, np.ones(self.nnz, np.float32), self.columns)

    def row_of_entry(self) -> I32:
        """The row of each entry, (nnz,) int32."""
        return np.repeat(np.arange(self.rows, dtype=np.int32), self.counts())

    def to_dense(self) -> F32:
        """(rows, columns) float32; for small matrices and tests."""
        dense = np.zeros((self.rows, self.columns), np.float32)
        dense[self.row_of_entry(), self.indices] = 1.0 if self.values is None else self.values
        return dense

    @classmethod
    def from_pairs(cls, rows: I32, columns: I32, values: F32 | None, shape: tuple[int, int]) -> Csr:
        """Build from coordinates in any order, each at most once. O(n log n)."""
        order = np.lexsort((columns, rows))
        indptr = np.zeros(shape[0] + 1, np.int64)
        np.cumsum(np.bincount(rows, minlength=shape[0]), out=indptr[1:])
        return cls(
            indptr,
            np.ascontiguousarray(columns[order], np.int32),
            None if values is None else np.ascontiguousarray(values[order], np.float32),
            shape[1],
        )

    @classmethod
    def empty(cls, rows: int, columns: int) -> Csr:
        """`rows` rows with nothing in them."""
        none = np.empty(0, np.float32)
        return cls(np.zeros(rows + 1, np.int64), np.empty(0, np.int32), none, columns)


@dataclass(frozen=True, slots=True)
class Queries:
    """Who asks: `n` queries, each a known user, a stranger with a history, a text, or a mixture.

    rows: (n,) int32, the user's row at fit, or -1 for a stranger. A stranger's history replaces
        what a model may know of somebody; for a known user `history` is what the model holds.
    history: (n, items) values of the events known of each query; every event, not only positives.
        Its values are the raw ones, so a component applies its own threshold (`Csr.at_least`).
    times: (history.nnz,) int64 microseconds since 1970 UTC, or None where no times are known.
    texts: per encoder fingerprint, (n, dim) float32 vectors of what each query says in words. A row
        of zeros is a query without words.
    contexts: what the caller said of each request, or () where nothing was said of any.
    users: (n,) int32, whose attributes hold: the row of a user who acted after the fit, or whose
        history was told anew, is -1 in `rows` and stands here. None where `rows` says it all.
    """

    rows: I32
    history: Csr
    times: I64 | None = None
    texts: Mapping[str, F32] = field(default_factory=lambda: NO_TEXTS)
    contexts: tuple[Context, ...] = ()
    users: I32 | None = None

    def __len__(self) -> int:
        return len(self.rows)

    @classmethod
    def known(cls, rows: I32, history: Csr, times: I64 | None = None) -> Queries:
        """Queries of known users; `history` and `times` are those of all users, by user row."""
        indptr, positions = history.positions(rows)
        values = None if history.values is None else history.values[positions]
        taken = Csr(indptr, history.indices[positions], values, history.columns)
        return cls(rows, taken, None if times is None else times[positions])

    def take(self, which: I32) -> Queries:
        """The queries at the given positions, in that order."""
        indptr, positions = self.history.positions(which)
        values = None if self.history.values is None else self.history.values[positions]
        return Queries(
            self.rows[which],
            Csr(indptr, self.history.indices[positions], values, self.history.columns),
            None if self.times is None else self.times[positions],
            {key: vectors[which] for key, vectors in self.texts.items()},
            tuple(self.contexts[at] for at in which.tolist()) if self.contexts else (),
            None if self.users is None else self.users[which],
        )


@dataclass(frozen=True, slots=True)
class Candidates:
    """What may be shown: eligible = `lists` and `allow`, less `deny`, less `seen`.

    items: catalogue size, so that an empty `Candidates(items)` means everything.
    seen: per query, item rows that must not come back. `lists`: per query, the only rows that may.
    allow, deny: bitsets over items shared by all queries, uint64 words, bit `i % 64` of word
        `i // 64`; see `penchant.kernels.bitset`.
    """

    items: int
    seen: Csr | None = None
    allow: U64 | None = None
    deny: U64 | None = None
    lists: Csr | None = None

    def take(self, which: I32) -> Candidates:
        """The candidates of the queries at the given positions."""
        return Candidates(
            self.items,
            None if self.seen is None else self.seen.take(which),
            self.allow,
            self.deny,
            None if self.lists is None else self.lists.take(which),
        )


def bits_of(mask: Bool) -> U64:
    """The bitset of the rows where `mask`, (items,) bool, is true, as `Candidates` has them."""
    packed = np.packbits(mask, bitorder="little")
    octets = np.zeros(-(-len(mask) // 64) * 8, np.uint8)
    octets[: len(packed)] = packed
    return octets.view("<u8").astype(np.uint64, copy=False)


@dataclass(frozen=True, slots=True)
class TopK:
    """The k best items of each query, best first, equal scores by lower row.

    rows (n, k) int32 and scores (n, k) float32; query `q` has `counts[q]` results, the rest of its
    row is padding (row -1, score -inf) that never leaves the model.
    """

    rows: I32
    scores: F32
    counts: I32

    def __post_init__(self) -> None:
        if self.rows.shape != self.scores.shape or len(self.counts) != len(self.rows):
            raise ShapeError(
                f"a TopK needs rows and scores of one shape and a count a query, got "
                f"{self.rows.shape}, {self.scores.shape} and {self.counts.shape}"
            )
