"""Events to be parted."""

from __future__ import annotations

import numpy as np
from penchant.data import Dataset, Interactions, Items, Users

GOOD, BAD = 5.0, 1.0


def dataset(*events, users="ab", items="pqrstuvw", min_value=4.0, times=True) -> Dataset:
    """Events are (user, item, value, time), in the order of the log."""
    user, item, value, time = zip(*events, strict=True) if events else ((), (), (), ())
    return Dataset(
        users=Users.of(list(users)),
        items=Items.of(list(items)),
        interactions=Interactions.of(
            np.array([users.index(u) for u in user], np.int32),
            np.array([items.index(i) for i in item], np.int32),
            np.array(value, np.float32),
            np.array(time, np.int64) if times else None,
            n_users=len(users),
            n_items=len(items),
        ),
        min_value=min_value,
    )


def likes(user, items, start=0):
    return [(user, item, GOOD, start + at) for at, item in enumerate(items)]


def pairs(csr, data) -> set[str]:
    users, items = data.users.vocabulary, data.items.vocabulary
    return {
        f"{users.id(int(u))}{items.id(int(i))}"
        for u, i in zip(csr.row_of_entry(), csr.indices, strict=True)
    }


def events(data) -> list[tuple[str, float]]:
    users, items, log = data.users.vocabulary, data.items.vocabulary, data.interactions
    return [
        (f"{users.id(int(u))}{items.id(int(i))}", float(v))
        for u, i, v in zip(log.user, log.item, log.value, strict=True)
    ]


BOTH = dataset(*likes("a", "pqrstu"), *likes("b", "utsrqp"), ("a", "w", BAD, 2), ("b", "v", BAD, 3))
