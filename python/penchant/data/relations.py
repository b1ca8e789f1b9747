"""Who is tied to whom: weighted edges between users."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from penchant.data.arrays import frozen, owned
from penchant.errors import DataError, ShapeError
from penchant.queries import Csr

if TYPE_CHECKING:
    from penchant.protocols import F32, I32


@dataclass(frozen=True, eq=False, repr=False)
class Relations:
    """`n` directed edges: `source` follows, trusts or befriends `target`, as much as `weight`.

    source, target: (n,) int32 user rows. `weight`: (n,) float32. `n_users` bounds the rows. A tie
    that holds both ways is two edges. Arrays are read-only; a writeable one is copied.

    Raises ShapeError for arrays that don't fit together and DataError for a row out of range.
    """

    source: I32
    target: I32
    weight: F32
    n_users: int

    def __post_init__(self) -> None:
        put = object.__setattr__
        put(self, "source", owned(self.source, np.int32, "source"))
        put(self, "target", owned(self.target, np.int32, "target"))
        put(self, "weight", owned(self.weight, np.float32, "weight"))
        if not len(self.source) == len(self.target) == len(self.weight):
            raise ShapeError(
                f"relations need a source, a target and a weight an edge, got {len(self.source)}, "
                f"{len(self.target)} and {len(self.weight)}"
            )
        for name, rows in (("source", self.source), ("target", self.target)):
            if len(rows) and not 0 <= int(rows.min()) <= int(rows.max()) < self.n_users:
                raise DataError(f"a {name} is out of range; there are {self.n_users} users")

    @classmethod
    def of(
        cls,
        source: npt.ArrayLike,
        target: npt.ArrayLike,
        weight: npt.ArrayLike | None = None,
        *,
        n_users: int,
    ) -> Relations:
        """Build from rows; every weight is 1 where none are given."""
        sources = owned(source, np.int32, "source")
        ones = frozen(np.ones(len(sources), np.float32))
        return cls(sources, target, ones if weight is None else weight, n_users)  # type: ignore[arg-type]

    def __len__(self) -> int:
        return len(self.source)

    def __repr__(self) -> str:
        return f"Relations({len(self)} edges, {self.n_users} users)"

    @cached_property
    def by_source(self) -> Csr:
        """Users x users: whom each user points at, the weights of repeated edges added."""
        edge = self.source.astype(np.int64) * max(self.n_users, 1) + self.target
        distinct, inverse = np.unique(edge, return_inverse=True)
        weights = np.bincount(inverse.reshape(-1), self.weight, len(distinct))
        size = max(self.n_users, 1)
        return Csr.from_pairs(
            (distinct // size).astype(np.int32),
            (distinct % size).astype(np.int32),
            weights.astype(np.float32),
            (self.n_users, self.n_users),
        )
