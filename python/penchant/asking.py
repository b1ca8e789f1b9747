"""One question of a caller, in ids and words, as the query of a single row; and its context."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from penchant.errors import RequestError, UnknownUser
from penchant.queries import NO_TEXTS, Context, Csr, Queries

if TYPE_CHECKING:
    from penchant.answerers import Answerers
    from penchant.catalogue import Catalogue
    from penchant.past import History
    from penchant.people import People
    from penchant.recommendations import Id

_SCALARS = (str, int, float, bool, np.generic)


def query_of(
    people: People,
    catalogue: Catalogue,
    answerers: Answerers,
    user_id: Id | None,
    history: History | None,
    text: str | None,
    context: Context | None,
    on_unknown: str,
) -> Queries:
    """Who asks, as `Model.recommend` is told it; errors as there."""
    if on_unknown not in ("fallback", "raise"):
        raise RequestError(f"on_unknown must be 'fallback' or 'raise', got {on_unknown!r}")
    row = user = -1 if user_id is None else people.users.row(user_id)
    if history is not None:
        row, past, times = -1, people.past.told(history, catalogue.ids), None
    elif row >= 0:
        past, times = people.past.of(row)
        if row in people.changed:
            row = -1
    else:
        if user_id is not None and on_unknown == "raise" and text is None:
            raise UnknownUser(
                f"user {user_id!r} is not in the model; pass history=[...] for a stranger, "
                "or on_unknown='fallback' for what is popular"
            )
        past, times = Csr.empty(1, catalogue.size), None
    return Queries(
        np.array((row,), np.int32),
        past,
        times,
        NO_TEXTS if text is None else answerers.read(text),
        () if context is None else (checked_context(context),),
        None if row == user else np.array((user,), np.int32),
    )


def checked_context(context: Any) -> Context:
    """Refuse, by RequestError, what is no mapping of names to values or lists of values."""
    if not isinstance(context, Mapping):
        raise RequestError(
            f"context is a mapping of names to values, such as {{'country': 'SI'}}, got {context!r}"
        )
    for name, value in context.items():
        listed = value if isinstance(value, list | tuple) else (value,)
        if not isinstance(name, str) or not all(isinstance(one, _SCALARS) for one in listed):
            raise RequestError(
                "context maps names to texts, numbers, true or false, or lists of these, got "
                f"{name!r}: {value!r}"
            )
    return context


def contexts_of(context: Context | Sequence[Context] | None, queries: int) -> tuple[Context, ...]:
    """One context a query: that for all, or each its own; () for none.

    Raises RequestError as `checked_context`, and for another number of them than of queries.
    """
    if context is None:
        return ()
    if isinstance(context, Mapping) or not isinstance(context, list | tuple):
        return (checked_context(context),) * queries
    if len(context) != queries:
        raise RequestError(
            f"context has {len(context)} entries for {queries} users; give one for all, or one a "
            "user"
        )
    return tuple(checked_context(one) for one in context)
