"""The event log: who met what, when, how, and how much it was worth.

Columns of one length in a stable order, and CSR views by user and by item that are built once, on
demand. A pair of user and item may have several events; a view folds them into one value.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

import numpy as np
import numpy.typing as npt

from penchant.data.arrays import frozen, owned
from penchant.errors import DataError, RequestError, ShapeError
from penchant.queries import Csr

if TYPE_CHECKING:
    from penchant.protocols import F32, I32, I64, U8, Bool

Aggregate: TypeAlias = Literal["last", "sum", "max", "count"]

MAX_KINDS = 256


@dataclass(frozen=True, eq=False, repr=False)
class Interactions:
    """`n` events in the order of the log.

    user, item: (n,) int32 rows. `value`: (n,) float32, ones where the log has none. `time`: (n,)
    int64 microseconds since 1970 UTC, or None. `kind`: (n,) uint8 positions in `kinds` ("view",
    "purchase", …), or None. `n_users` and `n_items` bound the rows; both may exceed what occurs.

    Arrays are read-only; a writeable one is copied. Raises ShapeError for arrays that don't fit
    together and DataError for a row out of range. Stable for callers; safe from many threads.
    """

    user: I32
    item: I32
    value: F32
    time: I64 | None
    kind: U8 | None
    kinds: tuple[str, ...]
    n_users: int
    n_items: int

    def __post_init__(self) -> None:
        put = object.__setattr__
        put(self, "user", owned(self.user, np.int32, "user"))
        put(self, "item", owned(self.item, np.int32, "item"))
        put(self, "value", owned(self.value, np.float32, "value"))
        if self.time is not None:
            put(self, "time", owned(self.time, np.int64, "time"))
        if self.kind is not None:
            put(self, "kind", owned(self.kind, np.uint8, "kind"))
        for name in ("item", "value", "time", "kind"):
            array = getattr(self, name)
            if array is not None and len(array) != len(self.user):
                raise ShapeError(f"{name} has {len(array)} events but user has {len(self.user)}")
        _check_range(self.user, self.n_users, "user")
        _check_range(self.item, self.n_items, "item")
        if self.kind is not None:
            _check_range(self.kind, len(self.kinds), "kind")

    @classmethod
    def of(
        cls,
        user: npt.ArrayLike,
        item: npt.ArrayLike,
        value: npt.ArrayLike | None = None,
        time: npt.ArrayLike | None = None,
        *,
        n_users: int | None = None,
        n_items: int | None = None,
        kind: npt.ArrayLike | None = None,
        kinds: tuple[str, ...] = (),
    ) -> Interactions:
        """Build from rows; without `n_users` or `n_items`, the greatest row gives the size."""
        users = owned(user, np.int32, "user")
        items = owned(item, np.int32, "item")
        ones = np.ones(len(users), np.float32)
        return cls(
            user=users,
            item=items,
            value=frozen(ones) if value is None else owned(value, np.float32, "value"),
            time=None if time is None else owned(time, np.int64, "time"),
            kind=None if kind is None else owned(kind, np.uint8, "kind"),
            kinds=kinds,
            n_users=int(users.max(initial=-1)) + 1 if n_users is None else n_users,
            n_items=int(items.max(initial=-1)) + 1 if n_items is None else n_items,
        )

    def __len__(self) -> int:
        return len(self.user)

    def __repr__(self) -> str:
        return f"Interactions({len(self)} events, {self.n_users} users, {self.n_items} items)"

    @property
    def has_times(self) -> bool:
        """Whether the events have times."""
        return self.time is not None

    # ---- other logs

    def filtered(self, mask: Bool) -> Interactions:
        """The events for which `mask`, (n,) bool, is true, in the same order."""
        if mask.dtype != np.bool_ or mask.shape != self.user.shape:
            raise ShapeError(
                f"a mask over {len(self)} events is {len(self)} bools, got {mask.dtype} of "
                f"shape {mask.shape}"
            )
        return self.take(mask)

    def take(self, which: npt.NDArray[Any]) -> Interactions:
        """The events at `which`: positions in the order wanted, or a mask."""
        return replace(
            self,
            user=frozen(self.user[which]),
            item=frozen(self.item[which]),
            value=frozen(self.value[which]),
            time=None if self.time is None else frozen(self.time[which]),
            kind=None if self.kind is None else frozen(self.kind[which]),
        )

    def concat(self, other: Interactions) -> Interactions:
        """This log, then the other; sizes are the greater ones and kinds are joined by name.

        Raises DataError where only one of two logs with events has times, or kinds.
        """
        if not len(other) or not len(self):
            kept = self if len(self) else other
            return replace(
                kept,
                n_users=max(self.n_users, other.n_users),
                n_items=max(self.n_items, other.n_items),
            )
        for what in ("time", "kind"):
            if (getattr(self, what) is None) != (getattr(other, what) is None):
                has, lacks = (
                    ("first", "second") if getattr(other, what) is None else ("second", "first")
                )
                raise DataError(
                    f"the {has} log has a {what} an event but the {lacks} has none; give every "
                    f"event a {what}, or drop them from both"
                )
        kinds = (*self.kinds, *(name for name in other.kinds if name not in self.kinds))
        kind = None
        if self.kind is not None and other.kind is not None:
            if len(kinds) > MAX_KINDS:
                raise DataError(f"{len(kinds)} kinds of event are more than {MAX_KINDS}")
            renamed = np.array([kinds.index(name) for name in other.kinds], np.uint8)
            kind = frozen(np.concatenate([self.kind, renamed[other.kind]]))
        time = None
        if self.time is not None and other.time is not None:
            time = frozen(np.concatenate([self.time, other.time]))
        return Interactions(
            user=frozen(np.concatenate([self.user, other.user])),
            item=frozen(np.concatenate([self.item, other.item])),
            value=frozen(np.concatenate([self.value, other.value])),
            time=time,
            kind=kind,
            kinds=kinds,
            n_users=max(self.n_users, other.n_users),
            n_items=max(self.n_items, other.n_items),
        )

    # ---- views by row

    def by_user(self, aggregate: Aggregate = "last") -> Csr:
        """Users x items, one entry a pair, built once and kept. O(n log n) the first time.

        aggregate: how the values of a pair's events become one. "last" is the latest by time (equal
        or no times: the later in the log), "sum" adds in float64, "max" takes the greatest, "count"
        counts the events.
        """
        return self._view("user", aggregate)

    def by_item(self, aggregate: Aggregate = "last") -> Csr:
        """Items x users; as `by_user`."""
        return self._view("item", aggregate)

    def times_by_user(self) -> I64 | None:
        """The time of the last event of each pair, aligned with `by_user().indices`."""
        if self.time is None:
            return None
        times: I64 | None = self._views.get("times")
        if times is None:
            order, starts = self._pairs
            times = self._views["times"] = frozen(self.time[order[_last(starts, len(self))]])
        return times

    @cached_property
    def _views(self) -> dict[str, Any]:
        # Two threads may fill the same entry at once: both make the same arrays, either may stay.
        return {}

    @cached_property
    def _pairs(self) -> tuple[I64, I64]:
        """Events sorted by user, item, time, log order; and where each pair starts among them."""
        pair = self.user.astype(np.int64) * max(self.n_items, 1) + self.item
        if self.time is None:
            order = np.argsort(pair, kind="stable")
        else:
            order = np.lexsort((self.time, pair))
        pair = pair[order]
        new = np.ones(len(pair), np.bool_)
        new[1:] = pair[1:] != pair[:-1]
        return frozen(order), frozen(np.flatnonzero(new))

    def _view(self, side: str, aggregate: Aggregate) -> Csr:
        if aggregate not in get_args(Aggregate):
            raise RequestError(
                f"aggregate is one of {', '.join(get_args(Aggregate))}, got {aggregate!r}"
            )
        key = f"{side} {aggregate}"
        view: Csr | None = self._views.get(key)
        if view is None:
            view = self._by_user(aggregate) if side == "user" else self._by_item(aggregate)
            self._views[key] = view
        return view

    def _by_user(self, aggregate: Aggregate) -> Csr:
        order, starts = self._pairs
        if aggregate == "last":
            values = self.value[order[_last(starts, len(self))]]
        elif aggregate == "count":
            values = np.diff(starts, append=len(self)).astype(np.float32)
        elif not len(starts):
            values = np.empty(0, np.float32)
        elif aggregate == "sum":
            values = np.add.reduceat(self.value[order], starts, dtype=np.float64)
            values = values.astype(np.float32)
        else:
            values = np.maximum.reduceat(self.value[order], starts)
        first = order[starts]
        indptr = _indptr(self.user[first], self.n_users)
        return Csr(indptr, frozen(self.item[first]), frozen(values), self.n_items)

    def _by_item(self, aggregate: Aggregate) -> Csr:
        users = self.by_user(aggregate)
        order = np.argsort(users.indices, kind="stable")
        values = users.values[order] if users.values is not None else None
        return Csr(
            _indptr(users.indices, self.n_items),
            frozen(users.row_of_entry()[order]),
            None if values is None else frozen(values),
            self.n_users,
        )


def _last(starts: I64, size: int) -> I64:
    ends: I64 = np.append(starts[1:], size) - 1 if len(starts) else starts
    return ends


def _indptr(rows: I32, size: int) -> I64:
    indptr = np.zeros(size + 1, np.int64)
    np.cumsum(np.bincount(rows, minlength=size), out=indptr[1:])
    return frozen(indptr)


def _check_range(rows: npt.NDArray[Any], size: int, name: str) -> None:
    if len(rows) and not 0 <= int(rows.min()) <= int(rows.max()) < size:
        at = int(np.flatnonzero((rows < 0) | (rows >= size))[0])
        raise DataError(f"{name} {int(rows[at])} at event {at} is out of range; there are {size}")
