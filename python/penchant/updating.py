"""New events and new items for a model that is already fitted; nothing is retrained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from penchant.errors import DataError, RequestError
from penchant.people import People
from penchant.protocols import Updatable
from penchant.queries import Csr

if TYPE_CHECKING:
    from penchant.data import Interactions, Items
    from penchant.past import Past
    from penchant.protocols import FittedRecommender

NOTHING: Mapping[str, Any] = MappingProxyType({})
_OF_FILES = ("delimiter", "quote", "encoding", "columns", "sources", "query")


def with_events(
    people: People, items: Items, events: Any, columns: Mapping[str, Any] = NOTHING
) -> People:
    """Merge `events`, a table read as `Dataset.from_frame` reads it, into what is known of users.

    New users are appended. A later event replaces the value of an earlier one of the same user and
    item; events without values are likings, as in a history, and events without times are as late
    as the latest one known. Only the rows of users who acted are rebuilt; the rest is one copy.
    A table without rows changes nothing. Raises DataError for an item the model doesn't know.
    """
    from penchant.data import Dataset, Reading

    users, past = people.users, people.past
    settings = {name: columns[name] for name in _OF_FILES if name in columns}
    frame = Reading(**settings).read(events, "interactions")  # once: a stream has one pass
    if not frame.rows and frame.ragged is None:
        return people
    added = Dataset.from_frame(frame, **columns)
    if past.times is not None and added.interactions.time is None and len(past.times):
        log = added.interactions
        latest = np.full(len(log), past.times.max(), np.int64)
        added = added.with_interactions(replace(log, time=latest))
    if not columns.get("value") and frame.first_of("value", "rating") is None:
        log = added.interactions
        likings = np.full(len(log), past.liking, np.float32)
        added = added.with_interactions(replace(log, value=likings))
    item_ids = added.items.vocabulary.ids(np.arange(len(added.items), dtype=np.int32))
    item_rows = items.vocabulary.rows(item_ids)
    for position in np.flatnonzero(item_rows < 0)[:1].tolist():
        raise DataError(
            f"item {item_ids[position]!r} is not in the model ({int((item_rows < 0).sum())} such "
            "items); add it with with_items(rows, events=...), or fit again"
        )
    user_ids = added.users.vocabulary.ids(np.arange(len(added.users), dtype=np.int32))
    user_rows = users.rows(user_ids)
    fresh = [user_ids[p] for p in np.flatnonzero(user_rows < 0).tolist()]
    if fresh:
        users = users.extended(fresh)
        user_rows = users.rows(user_ids)

    new, new_times = added.interactions.by_user(), added.interactions.times_by_user()
    pieces: list[tuple[np.ndarray, np.ndarray, np.ndarray | None]] = []
    counts = np.zeros(len(users), np.int64)
    counts[: past.events.rows] = past.events.counts()
    done = 0  # entries of the old past that are already in `pieces`
    keep_times = past.times is not None and new_times is not None
    for own in np.argsort(user_rows, kind="stable").tolist():
        row = int(user_rows[own])
        start, stop = _span(past.events, row)
        pieces.append(_slice(past, done, start, keep_times))
        done = stop
        mine = slice(int(new.indptr[own]), int(new.indptr[own + 1]))
        merged = _merge(
            _slice(past, start, stop, keep_times),
            (
                item_rows[new.indices[mine]],
                new.values[mine] if new.values is not None else np.ones(mine.stop - mine.start),
                new_times[mine] if keep_times and new_times is not None else None,
            ),
        )
        counts[row] = len(merged[0])
        pieces.append(merged)
    pieces.append(_slice(past, done, past.events.nnz, keep_times))

    indptr = np.zeros(len(users) + 1, np.int64)
    np.cumsum(counts, out=indptr[1:])
    merged_past = Csr(
        indptr,
        np.concatenate([p[0] for p in pieces]).astype(np.int32),
        np.concatenate([p[1] for p in pieces]).astype(np.float32),
        past.events.columns,
    )
    times = np.concatenate([p[2] for p in pieces if p[2] is not None]) if keep_times else None
    for array in (merged_past.indptr, merged_past.indices, merged_past.values, times):
        if array is not None:
            array.setflags(write=False)
    past = replace(past, events=merged_past, times=times)
    return People(users, past, people.changed.union(user_rows.tolist()))


def with_items(
    people: People,
    items: Items,
    recommenders: Sequence[FittedRecommender],
    added: Items,
    events: Any = None,
    columns: Mapping[str, Any] = NOTHING,
) -> tuple[Items, People, list[FittedRecommender]]:
    """Append items to the catalogue and let every recommender take them up.

    events: what users have done, read as `with_events` reads it; recommenders are shown those with
        the new items. Raises DataError for an id that is there already, RequestError for a
        recommender that can't.
    """
    from penchant.data import Dataset, Users

    ids = added.vocabulary.ids()
    there = np.flatnonzero(items.vocabulary.rows(ids) >= 0)
    for position in there[:1].tolist():
        raise DataError(
            f"item {ids[position]!r} is in the model already ({len(there)} such items); leave it "
            "out, since what is known of an item changes with the next fit"
        )
    joined = items.joined(added)
    past = people.past
    wider = replace(past.events, columns=len(joined))
    people = replace(people, past=replace(past, events=wider))
    if events is not None:
        people = with_events(people, joined, events, columns)
    data = Dataset(
        users=Users(people.users),
        items=joined,
        interactions=_acts(people, len(items)),
        min_value=past.min_value,
    )
    newer = []
    for recommender in recommenders:
        if not isinstance(recommender, Updatable):
            raise RequestError(
                f"{type(recommender).__name__} can't take up new items without a fit; fit again"
            )
        newer.append(cast("FittedRecommender", recommender.with_items(data)))
    return joined, people, newer


def _acts(people: People, first: int) -> Interactions:
    """All events of who has any with items from row `first` on: only who acted after the fit."""
    from penchant.data import Interactions

    users = np.array(sorted(people.changed), np.int32)
    acts = people.past.events.take(users)
    # Not np.unique, whose first call imports numpy.ma: 40 ms.
    met = np.flatnonzero(np.bincount(acts.row_of_entry()[acts.indices >= first])).astype(np.int32)
    users, acts = users[met], acts.take(met)
    return Interactions.of(
        users[acts.row_of_entry()],
        acts.indices,
        acts.values,
        n_users=len(people.users),
        n_items=acts.columns,
    )


def _span(events: Csr, row: int) -> tuple[int, int]:
    if row >= events.rows:
        return events.nnz, events.nnz
    return int(events.indptr[row]), int(events.indptr[row + 1])


def _slice(
    past: Past, start: int, stop: int, with_times: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    values = past.events.values
    return (
        past.events.indices[start:stop],
        np.ones(stop - start, np.float32) if values is None else values[start:stop],
        past.times[start:stop] if with_times and past.times is not None else None,
    )


def _merge(
    old: tuple[np.ndarray, np.ndarray, np.ndarray | None],
    new: tuple[np.ndarray, np.ndarray, np.ndarray | None],
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """One user's events by ascending item; the later event of a pair replaces the other."""
    stays = ~np.isin(old[0], new[0])
    if old[2] is not None and new[2] is not None:
        # An event that is told late may be older than what is known.
        _, ours, theirs = np.intersect1d(old[0], new[0], return_indices=True)
        older = ours[old[2][ours] > new[2][theirs]]
        stays[older] = True
        fresh = ~np.isin(new[0], old[0][older])
        new = (new[0][fresh], new[1][fresh], new[2][fresh])
    items = np.concatenate([old[0][stays], new[0]])
    order = np.argsort(items, kind="stable")
    times = (
        np.concatenate([old[2][stays], new[2]])[order]
        if old[2] is not None and new[2] is not None
        else None
    )
    return items[order], np.concatenate([old[1][stays], new[1]])[order], times
