"""`mf.svdpp`: what history adds to a rating, how strangers fold in, and what it refuses."""

import math

import numpy as np
import penchant_mf
import pytest
from penchant import Registry
from penchant.data import Interactions
from penchant.errors import DataError, SettingsError
from penchant.protocols import FitContext
from penchant.queries import Csr, Queries
from penchant.testing.data import checkerboard, known, strangers, toy_dataset
from penchant_mf.fitted import FittedSgd, Ridge
from penchant_mf.settings import SvdppSettings
from penchant_mf.svdpp import Svdpp

LEARNED = SvdppSettings(factors=4, epochs=60, learning_rate=0.05, decay=0.98)


def hand_made() -> FittedSgd:
    """Nobody known, and three items of one factor, mean 3; the first two speak when rated."""
    return FittedSgd.of(
        3.0,
        np.zeros((0, 1), np.float32),
        np.zeros(0, np.float32),
        np.array([[1, 0], [0, 0], [2, 0.5]], np.float32),
        Ridge(1e9, 1e9, math.inf),
        rated=np.array([[0.5], [-0.25], [0]], np.float32),
        source="mf.svdpp",
    )


def stranger(*rated: int) -> Queries:
    """A stranger who gave these items the mean."""
    count = len(rated)
    history = Csr.from_pairs(
        np.zeros(count, np.int32),
        np.array(rated, np.int32),
        np.full(count, 3, np.float32),
        (1, 3),
    )
    return Queries(np.array([-1], np.int32), history)


def test_what_was_rated_speaks_over_the_root_of_how_much_there_is() -> None:
    fitted = hand_made()
    assert fitted.score(stranger(0), None)[0] == pytest.approx([3.5, 3, 4.5])
    both = 0.25 / math.sqrt(2)
    assert fitted.score(stranger(0, 1), None)[0] == pytest.approx([3 + both, 3, 3.5 + 2 * both])


def test_reasons_say_what_each_item_rated_adds() -> None:
    weights = {
        (reason.kind, reason.item): reason.weight
        for reason in hand_made().explain(stranger(0, 1), 2)
    }
    assert weights["item", 0] == pytest.approx(1 / math.sqrt(2))
    assert weights["item", 1] == pytest.approx(-0.5 / math.sqrt(2))


def test_the_checkerboard_is_learned_and_its_holes_are_foretold() -> None:
    data = checkerboard(users=20, items=12)
    fitted = Svdpp(LEARNED).fit(data, FitContext(seed=1))
    for who in (known(data), strangers(data)):
        scores = fitted.score(who, None)
        own_colour = np.arange(20)[:, None] % 2 == np.arange(12) % 2
        assert scores[own_colour].min() > scores[~own_colour].max()


def test_ratings_of_another_scale_are_foretold_alike() -> None:
    data = toy_dataset()
    log = data.interactions
    assert log.value is not None
    larger = data.with_interactions(
        Interactions.of(
            log.user, log.item, log.value * 16, n_users=log.n_users, n_items=log.n_items
        )
    )
    scores = Svdpp(LEARNED).fit(data, FitContext()).score(known(data), None)
    assert Svdpp(LEARNED).fit(larger, FitContext()).score(known(larger), None) == pytest.approx(
        16 * scores, rel=1e-5
    )


def test_ratings_that_are_all_equal_are_refused() -> None:
    data = toy_dataset()
    log = data.interactions
    flat = Interactions.of(
        log.user,
        log.item,
        np.full(len(log), 4, np.float32),
        n_users=log.n_users,
        n_items=log.n_items,
    )
    with pytest.raises(
        DataError, match=r"mf.svdpp learns from ratings that differ, and all .* are 4"
    ):
        Svdpp(LEARNED).fit(data.with_interactions(flat), FitContext())


@pytest.mark.parametrize(
    ("name", "value", "wanted"),
    [
        ("factors", 0, "factors must be from 1 to 512, got 0"),
        ("epochs", 0, "epochs must be at least 1, got 0"),
        ("learning_rate", 0.0, "learning_rate must be greater than 0, got 0.0"),
        ("decay", 1.5, "decay must be greater than 0 and at most 1, got 1.5"),
        ("regularization", -1.0, "regularization must be at least 0, got -1.0"),
    ],
)
def test_settings_out_of_range_are_refused(name: str, value: float, wanted: str) -> None:
    registry = Registry({"mf": penchant_mf})
    with pytest.raises(SettingsError, match=wanted):
        registry.scorer({"use": "mf.svdpp", name: value})
