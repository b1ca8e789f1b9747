"""Toy data whose right answer a person can see: a checkerboard of users and items.

User `u` likes the items of its own colour (dark for even rows, light for odd ones) and dislikes
those of the other. Texts, categories, labels and numbers of the items tell the same story, so that
any honest strategy finds the two colours.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from penchant.data import Dataset, Interactions, Items, Users
from penchant.protocols import I32
from penchant.queries import Csr, Queries

COLOURS = ("dark", "light")
_STORIES = (
    ("night", "telescope", "stars", "silence", "comet", "moon", "observatory"),
    ("bread", "kitchen", "oven", "market", "butter", "garden", "breakfast"),
)
_DAY = 86_400_000_000  # microseconds
_START = 1_700_000_000_000_000

LIKED, DISLIKED = 5.0, 1.0


def checkerboard(users: int = 12, items: int = 10, *, cold: int = 0, unhappy: int = 0) -> Dataset:
    """Make the checkerboard.

    Of the items of its colour a user has liked all but each third, which stay to be recommended,
    and of the other colour it has disliked one. One event happens a day, user by user.

    :param cold: how many of the last items nobody has touched; they have texts like the others.
    :param unhappy: how many of the last users have disliked everything they have touched.

    Ids are "user-0", "item-0" and so on, in row order, so that a larger board begins with a smaller
    one. `min_value` is 4.
    """
    events = [
        (user, item, value)
        for user in range(users)
        for item, value in _tastes(user, items - cold, user >= users - unhappy)
    ]
    user, item, value = (np.array(column) for column in zip(*events, strict=True))
    time = _START + np.arange(len(events), dtype=np.int64) * _DAY
    return Dataset(
        users=Users.of([f"user-{row}" for row in range(users)]),
        items=Items.of(
            [f"item-{row}" for row in range(items)],
            texts={
                "title": [f"{_word(row, 0)} and {_word(row, 1)} {row}" for row in range(items)],
                "description": [_described(row) for row in range(items)],
            },
            categories={"colour": [COLOURS[row % 2] for row in range(items)]},
            labels={"tags": [(_word(row, 0), COLOURS[row % 2]) for row in range(items)]},
            numbers={"year": [1990.0 + row for row in range(items)]},
        ),
        interactions=Interactions.of(
            user.astype(np.int32),
            item.astype(np.int32),
            value.astype(np.float32),
            time,
            n_users=users,
            n_items=items,
        ),
        relations=None,
        min_value=4.0,
    )


def raised(data: Dataset, by: float) -> Dataset:
    """The same events with values greater by `by`, and what is a liking raised with them."""
    log = replace(data.interactions, value=data.interactions.value + np.float32(by))
    least = None if data.min_value is None else data.min_value + by
    return replace(data, interactions=log, min_value=least)


def toy_dataset(users: int = 12, items: int = 10) -> Dataset:
    """Make a checkerboard with all that is awkward: one cold item, one user who likes nothing."""
    return checkerboard(users, items, cold=1, unhappy=1)


def one_user() -> Dataset:
    """Make a checkerboard with a single user."""
    return checkerboard(users=1)


def one_item() -> Dataset:
    """Make a board with a single item, which half of the users like."""
    return checkerboard(users=6, items=1)


def known(data: Dataset, rows: I32 | None = None) -> Queries:
    """Ask for known users, all of them for None."""
    log = data.interactions
    every = np.arange(len(data.users), dtype=np.int32) if rows is None else rows
    return Queries.known(every, log.by_user(), log.times_by_user())


def strangers(data: Dataset) -> Queries:
    """Ask for strangers, each with the history of a known user."""
    queries = known(data)
    nobody = np.full(len(queries), -1, np.int32)
    return Queries(nobody, queries.history, queries.times, queries.texts)


def mixed(data: Dataset) -> Queries:
    """Ask for known users and for strangers by turns, with their histories."""
    queries = known(data)
    rows = np.where(np.arange(len(queries)) % 2, -1, queries.rows).astype(np.int32)
    return Queries(rows, queries.history, queries.times, queries.texts)


def blank(data: Dataset, queries: int = 2) -> Queries:
    """Ask for strangers of whom nothing at all is known."""
    return Queries(np.full(queries, -1, np.int32), Csr.empty(queries, len(data.items)))


def _tastes(user: int, items: int, unhappy: bool) -> list[tuple[int, float]]:
    own = [item for item in range(items) if item % 2 == user % 2]
    other = [item for item in range(items) if item % 2 != user % 2]
    kept = [item for place, item in enumerate(own) if (place + user // 2) % 3 or len(own) == 1]
    disliked = [other[user // 2 % len(other)]] if other else []
    if unhappy:
        kept, disliked = [], [*disliked, *kept]
    return sorted([(i, LIKED) for i in kept] + [(i, DISLIKED) for i in disliked])


def _word(item: int, place: int) -> str:
    story = _STORIES[item % 2]
    return story[(item // 2 + place) % len(story)]


def _described(item: int) -> str:
    return f"A {COLOURS[item % 2]} tale of {', '.join(_word(item, place) for place in range(3))}."
