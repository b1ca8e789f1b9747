"""The baselines that know nobody's taste, on events whose answer a person can see."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import penchant
import pytest
from penchant.data import Dataset, Interactions, Items, Users
from penchant.errors import DataError, SettingsError
from penchant.protocols import FitContext, FittedScorer, Updatable
from penchant.queries import Csr, Queries
from penchant.registry import Registry
from penchant.testing import data as toys

DAY = 86_400_000_000
NOW = 1_700_000_000_000_000

# Item 0 was liked by both users eight days ago, item 1 by one today, item 2 was met four days ago
# and disliked, item 3 never.
USER = [0, 1, 0, 1]
ITEM = [0, 0, 1, 2]
VALUE = [5.0, 5.0, 5.0, 1.0]
DAYS_AGO = [8, 8, 0, 4]


def dataset(*, times: bool = True) -> Dataset:
    time = NOW - np.array(DAYS_AGO, np.int64) * DAY
    log = Interactions.of(USER, ITEM, VALUE, time if times else None, n_users=2, n_items=4)
    return Dataset(Users.of(["a", "b"]), Items.of(["i", "j", "k", "l"]), log, min_value=4.0)


def fitted(
    name: str, data: Dataset | None = None, seed: int = 0, **settings: object
) -> FittedScorer:
    scorer = Registry.discover(only=()).scorer({"use": name, **settings})
    return scorer.fit(data or dataset(), FitContext(seed=seed))


def scores(name: str, **settings: object) -> npt.NDArray[np.float32]:
    whole: npt.NDArray[np.float32] = fitted(name, None, 0, **settings).score(asked(), None)
    mine: npt.NDArray[np.float32] = whole[0]
    return mine


def asked() -> Queries:
    return toys.known(dataset())


def test_a_liking_counts_half_as_much_after_each_half_life() -> None:
    assert scores("base.trending", half_life=4).tolist() == [2 * 0.25, 1.0, 0.0, 0.0]
    assert scores("base.trending", half_life=8).tolist() == [2 * 0.5, 1.0, 0.0, 0.0]


def test_what_is_trending_is_not_what_is_popular() -> None:
    assert np.argmax(scores("base.popular")) == 0
    assert np.argmax(scores("base.trending", half_life=4)) == 1


def test_the_recent_items_are_those_met_last() -> None:
    wanted = np.array([1 / 9, 1, 1 / 5, 0], np.float32)
    assert scores("base.recent").tolist() == wanted.tolist()


def test_an_item_is_new_by_its_first_event_and_in_use_by_its_last() -> None:
    log = dataset().interactions.concat(
        Interactions.of([1], [0], [5.0], [NOW], n_users=2, n_items=4)
    )
    data = dataset().with_interactions(log)
    by_first = fitted("base.recent", data, event="first").score(asked(), None)
    by_last = fitted("base.recent", data, event="last").score(asked(), None)
    assert by_first[0].tolist() == np.array([1 / 9, 1, 1 / 5, 0], np.float32).tolist()
    assert by_last[0].tolist() == np.array([1, 1, 1 / 5, 0], np.float32).tolist()


@pytest.mark.parametrize("name", ["base.trending", "base.recent"])
def test_data_without_times_are_refused_with_the_way_out(name: str) -> None:
    with pytest.raises(DataError) as caught:
        fitted(name, dataset(times=False))
    assert str(caught.value) == (
        f"{name} goes by the times of events and these data have none; name their column "
        "(time=...), or take base.popular"
    )


@pytest.mark.parametrize("half_life", [0, -1.0, float("inf"), float("nan")])
def test_a_half_life_is_a_number_of_days_above_zero(half_life: float) -> None:
    with pytest.raises(SettingsError, match=r"half_life must be .*greater than 0, got"):
        fitted("base.trending", half_life=half_life)


def test_the_event_of_recency_is_the_first_or_the_last() -> None:
    with pytest.raises(SettingsError, match="event must be one of 'first', 'last', got 'newest'"):
        fitted("base.recent", event="newest")


def test_each_user_has_an_order_of_their_own_and_each_seed_another() -> None:
    everyone = toys.known(toys.toy_dataset())
    ours = fitted("base.random").score(everyone, None)
    theirs = fitted("base.random", seed=1).score(everyone, None)
    orders = {tuple(np.argsort(row).tolist()) for row in np.concatenate([ours, theirs])}
    assert len(orders) == 2 * len(everyone)


def test_chance_is_even_over_the_numbers_from_zero_to_one() -> None:
    everyone = Queries(np.arange(400, dtype=np.int32), Csr.empty(400, 500))
    drawn = fitted("base.random").score(everyone, None)
    assert drawn.min() >= 0
    assert drawn.max() < 1
    shares = np.bincount((drawn * 10).astype(int).ravel(), minlength=10) / drawn.size
    np.testing.assert_allclose(shares, 0.1, atol=0.003)
    assert abs(np.corrcoef(drawn[:-1].ravel(), drawn[1:].ravel())[0, 1]) < 0.01
    assert abs(np.corrcoef(drawn[:, :-1].ravel(), drawn[:, 1:].ravel())[0, 1]) < 0.01


def test_strangers_with_one_history_share_an_order_and_with_others_do_not() -> None:
    one = Csr(np.array([0, 2]), np.array([1, 2], np.int32), None, 100)
    other = Csr(np.array([0, 2]), np.array([1, 3], np.int32), None, 100)
    stranger = np.array([-1], np.int32)
    chance = fitted("base.random")
    first = chance.score(Queries(stranger, one), None)
    assert np.array_equal(first, chance.score(Queries(stranger, one), None))
    assert not np.array_equal(first, chance.score(Queries(stranger, other), None))


@pytest.mark.parametrize(
    ("name", "new"), [("base.popular", 1.0), ("base.trending", 1.0), ("base.recent", 1.0)]
)
def test_a_new_item_counts_from_now_and_the_others_stay(name: str, new: float) -> None:
    before = fitted(name)
    grown = Dataset(
        Users.of(["a", "b"]),
        Items.of(["i", "j", "k", "l", "m"]),
        Interactions.of([1], [4], [5.0], n_users=2, n_items=5),
        min_value=4.0,
    )
    assert isinstance(before, Updatable)
    after = before.with_items(grown)
    assert isinstance(after, type(before))
    assert after.score(asked(), None)[0].tolist() == [*before.score(asked(), None)[0].tolist(), new]


@pytest.mark.parametrize("name", ["base.trending", "base.recent"])
def test_the_one_reason_is_the_score(name: str) -> None:
    model = penchant.fit(dataset(), scorers=[name])
    told = model.explain("a", "j")
    assert [reason.weight for reason in told.reasons] == [told.score]
    words = {"base.trending": "many people liked it lately", "base.recent": "it is new"}
    assert told.sentence == f"j: because {words[name]}."
