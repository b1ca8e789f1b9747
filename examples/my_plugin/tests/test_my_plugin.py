"""The tests of a third-party plugin: the contract kit, and what only this plugin promises."""

import numpy as np
import penchant_my_plugin
import pytest
from penchant.data import Dataset
from penchant.errors import SettingsError
from penchant.protocols import FitContext
from penchant.registry import Registry
from penchant.testing import ScorerContract
from penchant.testing.data import known

REGISTRY = Registry({"my": penchant_my_plugin})
LOG = {
    "user_id": ["ann", "bob", "cat", "ann", "bob"],
    "item_id": ["old", "old", "old", "new", "new"],
    "time": ["2024-01-01", "2024-01-01", "2024-01-01", "2024-03-01", "2024-03-01"],
}


class TestRecentFavourites(ScorerContract):
    name, settings = "my.recent_favourites", {"half_life": 7}


def scores(log, **settings):
    data = Dataset.from_frame(log)
    scorer = REGISTRY.scorer({"use": "my.recent_favourites", **settings})
    fitted = scorer.fit(data, FitContext())
    first = fitted.score(known(data), None)[0]
    return {data.items.vocabulary.id(row): float(score) for row, score in enumerate(first)}


def test_two_likings_of_today_outweigh_three_of_long_ago():
    assert scores(LOG, half_life=7)["new"] == 2.0
    assert scores(LOG, half_life=7)["old"] < 0.01


def test_with_a_long_memory_it_is_popularity():
    assert scores(LOG, half_life=1e9) == pytest.approx({"old": 3.0, "new": 2.0}, abs=1e-3)


def test_a_liking_counts_half_after_the_half_life():
    assert scores(LOG, half_life=60)["old"] == pytest.approx(3 * 0.5)


def test_without_times_it_is_popularity():
    log = {column: values for column, values in LOG.items() if column != "time"}
    assert scores(log) == {"old": 3.0, "new": 2.0}


@pytest.mark.parametrize("wrong", [0, -1, float("inf"), np.nan])
def test_a_half_life_out_of_range_is_refused(wrong):
    with pytest.raises(SettingsError, match=r"my\.recent_favourites: half_life must be .*greater"):
        REGISTRY.scorer({"use": "my.recent_favourites", "half_life": wrong})
