"""The items of a model as a question sees them: ids and conditions in, rows and bitsets out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from penchant import kernels
from penchant.errors import RequestError, UnknownItem
from penchant.queries import Candidates, Csr, bits_of

if TYPE_CHECKING:
    from penchant.data import Items
    from penchant.protocols import U64
    from penchant.recommendations import Id


class Catalogue:
    """Reads what a caller says of items. An id that isn't in the catalogue matches nothing."""

    def __init__(self, items: Items) -> None:
        # Looked up once: a request takes microseconds, and every call in it counts.
        self.items = items
        self.ids = items.vocabulary
        self.size = len(items)

    def row(self, item_id: Id) -> int:
        """The row of one item; raises UnknownItem."""
        row = self.ids.row(item_id)
        if row < 0:
            raise UnknownItem(f"item {item_id!r} is not in the model")
        return row

    def bits(self, item_ids: Iterable[Id], what: str) -> U64:
        """The bitset of the items named; `what` is what messages call them."""
        return kernels.bitset(self.ids.rows(listed(item_ids, what)), self.size)

    def candidates(
        self,
        allow: Iterable[Id] | None,
        deny: Iterable[Id] | None,
        where: Mapping[str, Any] | None,
        *,
        seen: Csr | None = None,
        lists: Iterable[Iterable[Id]] | None = None,
    ) -> Candidates:
        """What may be shown: `allow` and `where` and `lists` at once, less `deny` and `seen`."""
        return Candidates(
            self.size,
            seen,
            self.allowed(allow, where),
            None if deny is None else self.bits(deny, "deny"),
            None if lists is None else self.lists(lists),
        )

    def allowed(self, allow: Iterable[Id] | None, where: Mapping[str, Any] | None) -> U64 | None:
        """The bitset of the items that are named and fit the conditions; None for all."""
        bits = None if allow is None else self.bits(allow, "allow")
        if where is None:
            return bits
        if not isinstance(where, Mapping):
            raise RequestError(f"where is a mapping of column to condition, got {where!r}")
        matching = bits_of(self.items.where(where))
        return matching if bits is None else bits & matching

    def lists(self, candidates: Iterable[Iterable[Id]]) -> Csr:
        """One row of items for each list of ids."""
        # Not np.unique, whose first call imports numpy.ma: 40 ms.
        rows = [np.sort(self.ids.rows(listed(ids, "an entry of candidates"))) for ids in candidates]
        # Neither what is unknown, -1, nor what stands there twice.
        rows = [r[np.diff(r, prepend=-1) > 0] for r in rows]
        indptr = np.zeros(len(rows) + 1, np.int64)
        np.cumsum([len(r) for r in rows], out=indptr[1:])
        flat = np.concatenate(rows).astype(np.int32) if rows else np.empty(0, np.int32)
        return Csr(indptr, flat, None, self.size)


def listed(ids: Iterable[Id], what: str) -> Sequence[Id]:
    """The ids as a list, whatever held them: a set, an array, a column of a dataframe.

    what: what messages call them. Raises RequestError for a single text, which is one id and no
    list of them.
    """
    if isinstance(ids, list):
        return ids
    if isinstance(ids, str | bytes):
        raise RequestError(f"{what} is a list of ids, got the single text {ids!r}")
    as_list = getattr(ids, "tolist", None)
    if as_list is None and not isinstance(ids, Iterable):
        raise RequestError(f"{what} is a list of ids, got {ids!r}; write [{ids!r}]")
    plain: list[Id] = as_list() if as_list is not None else list(ids)
    return plain


def checked_k(k: object) -> int:
    """How many items are wanted; RequestError for what is no whole number from 1."""
    if type(k) is int and k > 0:  # nearly always
        return k
    if isinstance(k, int | np.integer) and not isinstance(k, bool) and k >= 1:
        return int(k)
    raise RequestError(f"k is how many items to recommend, a whole number from 1, got {k!r}")
