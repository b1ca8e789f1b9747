"""Who liked what, and how much a liking counts."""

from __future__ import annotations

import numpy as np
from penchant.queries import Csr, Queries
from penchant_content.profiles import likings

DAY = 86_400_000_000


def asked(*histories: dict[int, float], days: list[int] | None = None) -> Queries:
    counts = [len(history) for history in histories]
    pairs = [pair for history in histories for pair in sorted(history.items())]
    history = Csr(
        np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        np.array([item for item, _ in pairs], np.int32),
        np.array([value for _, value in pairs], np.float32),
        9,
    )
    times = None if days is None else np.array(days, np.int64) * DAY
    return Queries(np.full(len(histories), -1, np.int32), history, times)


def test_only_events_at_or_above_the_threshold_are_likings() -> None:
    liked = likings(asked({0: 5, 3: 4, 4: 3.5}, {}, {1: 1}), 4.0, None)
    assert [row.tolist() for row in liked] == [[0, 3], [], []]
    assert liked.values is not None
    assert liked.values.tolist() == [1, 1]


def test_without_a_threshold_every_event_is_a_liking() -> None:
    assert likings(asked({0: 5, 4: -1}), None, None).nnz == 2


def test_a_liking_halves_with_each_half_life() -> None:
    liked = likings(asked({0: 5, 1: 5, 2: 1, 3: 5}, {7: 5}, days=[10, 30, 99, 20, 3]), 4.0, 10.0)
    assert liked.indices.tolist() == [0, 1, 3, 7]
    # The disliked item's later day says nothing about how old a liking is.
    np.testing.assert_allclose(liked.values, [0.25, 1, 0.5, 1])


def test_without_times_all_likings_count_alike() -> None:
    assert likings(asked({0: 5, 1: 5}), 4.0, 10.0).row_values(0).tolist() == [1, 1]
