"""`mf.nmf`: parts that can be read, newcomers with the bits of the fit, and what it refuses."""

import numpy as np
import penchant_mf
import pytest
from penchant import Dataset, Registry, fit
from penchant.data import Interactions
from penchant.errors import DataError, FitCancelled, SettingsError
from penchant.protocols import FitContext
from penchant.queries import Csr, Queries
from penchant.testing.data import checkerboard, known, strangers, toy_dataset
from penchant_mf.fitted_nmf import FittedNmf
from penchant_mf.nmf import Nmf
from penchant_mf.nonnegative import Pull
from penchant_mf.settings import NmfSettings

LEARNED = NmfSettings(factors=2, iterations=30, regularization=0.01, shrinkage=0.01)


def two_tastes() -> Dataset:
    """Four users and six films: two users like films 0 to 2, two like films 3 to 5."""
    stars = np.array(
        [[5, 5, 4, 1, 1, 1], [5, 4, 5, 1, 1, 1], [1, 1, 1, 5, 4, 5], [1, 1, 1, 4, 5, 5]]
    )
    users, films = np.indices(stars.shape)
    return Dataset.from_frame(
        {"user_id": users.ravel(), "item_id": films.ravel(), "rating": stars.ravel()},
        value="rating",
    )


def hand_made(counts: list[int] | None = None) -> FittedNmf:
    """Nobody known but one of (1, 1), and three items: of part 1, of part 2, of both."""
    return FittedNmf(
        np.ones((1, 2), np.float32),
        np.array([[2, 0], [0, 2], [1, 1]], np.float32),
        np.ones((2, 2), np.float32),
        np.array([20, 20, 20]) if counts is None else np.array(counts),
        Pull(0.0, 0.0),
    )


def stranger(ratings: dict[int, float], items: int = 3) -> Queries:
    history = Csr.from_pairs(
        np.zeros(len(ratings), np.int32),
        np.array(list(ratings), np.int32),
        np.array(list(ratings.values()), np.float32),
        (1, items),
    )
    return Queries(np.array([-1], np.int32), history)


def test_a_stranger_asks_of_each_part_what_the_ratings_say() -> None:
    asked = hand_made().query_vectors(stranger({0: 4, 1: 1}))
    assert asked.tolist() == [[2, 0.5]]
    assert hand_made().score(stranger({0: 4, 1: 1}), None).tolist() == [[4, 1, 2.5]]


def test_no_number_falls_below_zero_where_least_squares_would() -> None:
    # Without the bound the stranger would be (2, -1).
    asked = hand_made().query_vectors(stranger({0: 4, 2: 1}))
    assert asked[0, 1] == 0
    assert asked[0, 0] == pytest.approx((2 * 4 + 1) / 5)


def test_reasons_are_parts_and_name_who_stands_for_them() -> None:
    one, other = hand_made().explain(stranger({0: 4, 1: 1}), 2)
    assert (one.kind, one.weight, one.item) == ("part", 2, 0)
    assert (other.kind, other.weight, other.item) == ("part", 0.5, 1)
    assert (one.detail, one.source) == ("part 1 of 2", "mf.nmf")


def test_an_item_is_no_reason_for_itself() -> None:
    reasons = hand_made().explain(stranger({0: 4, 2: 4}), 0)
    assert [reason.item for reason in reasons] == [2]
    assert [reason.item for reason in hand_made().explain(stranger({0: 4}), 0)] == [-1]


def test_nothing_is_said_of_a_stranger_without_ratings() -> None:
    nobody = stranger({})
    assert hand_made().explain(nobody, 0) == ()
    assert hand_made().answers(nobody).tolist() == [False]
    assert hand_made().score(nobody, None).tolist() == [[2, 2, 2]]


def test_parts_are_told_by_the_items_that_are_made_of_them() -> None:
    assert hand_made().parts(2).tolist() == [[0, 2], [1, 2]]
    assert hand_made().parts(9).shape == (2, 3)
    assert hand_made([1, 20, 200]).parts(1).tolist() == [[2], [1]]


def test_two_tastes_become_two_parts() -> None:
    fitted = Nmf(LEARNED).fit(two_tastes(), FitContext(seed=3))
    parts = {frozenset(part) for part in fitted.parts(3).tolist()}
    assert parts == {frozenset({0, 1, 2}), frozenset({3, 4, 5})}
    assert fitted.item_vectors.min() >= 0
    assert fitted.score(known(two_tastes()), None)[0, 0] == pytest.approx(4.7, abs=0.3)


def test_the_checkerboard_is_learned_and_its_holes_are_foretold() -> None:
    data = checkerboard(users=20, items=12)
    fitted = Nmf(NmfSettings(factors=2, shrinkage=0.1)).fit(data, FitContext(seed=1))
    for who in (known(data), strangers(data)):
        scores = fitted.score(who, None)
        own_colour = np.arange(20)[:, None] % 2 == np.arange(12) % 2
        assert scores[own_colour].min() > scores[~own_colour].max()


def test_a_stranger_who_rated_the_same_has_the_bits_of_a_known_user() -> None:
    data = toy_dataset()
    fitted = Nmf(NmfSettings()).fit(data, FitContext(threads=2))
    rated = np.flatnonzero(data.interactions.by_user().counts()).astype(np.int32)
    users = fitted.query_vectors(known(data))
    assert users[rated].tobytes() == fitted.query_vectors(strangers(data))[rated].tobytes()


def test_ratings_of_another_scale_are_foretold_alike() -> None:
    data = toy_dataset()
    log = data.interactions
    assert log.value is not None
    larger = data.with_interactions(
        Interactions.of(
            log.user, log.item, log.value * 16, n_users=log.n_users, n_items=log.n_items
        )
    )
    scores = Nmf(LEARNED).fit(data, FitContext()).score(known(data), None)
    assert Nmf(LEARNED).fit(larger, FitContext()).score(known(larger), None) == pytest.approx(
        16 * scores, rel=1e-4
    )


def test_new_items_are_solved_for_and_those_that_nobody_rated_are_mean() -> None:
    model = fit(
        two_tastes(),
        scorers=[{"use": "mf.nmf", "factors": 2, "regularization": 0.01, "shrinkage": 0.01}],
    )
    events = {"user_id": [0, 2], "item_id": [6, 6], "rating": [5, 1]}
    grown = model.with_items({"item_id": [6, 7]}, events=events, value="rating")
    told = grown.predict([1, 3, 1], [6, 6, 7])
    assert told[0] > 4
    assert told[1] < 2
    assert 2 < told[2] < 4


def test_a_sentence_names_what_stands_for_the_parts() -> None:
    model = fit(
        two_tastes(),
        scorers=[{"use": "mf.nmf", "factors": 2, "regularization": 0.01, "shrinkage": 0.01}],
    )
    said = model.explain(0, 0)
    assert said.reasons[0].kind == "part"
    assert sum(reason.weight for reason in said.reasons) == pytest.approx(said.score, rel=1e-5)
    assert said.sentence.startswith("0: because you like things like ")


def test_what_cannot_be_added_up_of_parts_is_refused() -> None:
    def of(*values: float) -> Dataset:
        count = len(values)
        return Dataset.from_frame(
            {"user_id": [1] * count, "item_id": list(range(count)), "rating": list(values)},
            value="rating",
        )

    with pytest.raises(
        DataError,
        match=r"mf.nmf adds up parts that are 0 or more, and the lowest value is -1; add the same "
        "to all of them, or use mf.sgd",
    ):
        Nmf(LEARNED).fit(of(3, -1), FitContext())
    with pytest.raises(DataError, match=r"mf.nmf learns from ratings that differ, .* are 4"):
        Nmf(LEARNED).fit(of(4, 4), FitContext())


def test_a_fit_can_be_cancelled_between_turns() -> None:
    turns: list[int] = []
    context = FitContext(
        progress=lambda _task, done, _total, *_: turns.append(done),
        cancelled=lambda: len(turns) == 3,
    )
    with pytest.raises(FitCancelled, match=r"the fit of mf.nmf was cancelled after turn 2"):
        Nmf(LEARNED).fit(toy_dataset(), context)


@pytest.mark.parametrize(
    ("name", "value", "wanted"),
    [
        ("factors", 0, "factors must be from 1 to 512, got 0"),
        ("iterations", 0, "iterations must be at least 1, got 0"),
        ("regularization", -1.0, "regularization must be at least 0, got -1.0"),
        ("shrinkage", float("inf"), "shrinkage must be finite and at least 0, got inf"),
    ],
)
def test_settings_out_of_range_are_refused(name: str, value: float, wanted: str) -> None:
    registry = Registry({"mf": penchant_mf})
    with pytest.raises(SettingsError, match=wanted):
        registry.scorer({"use": "mf.nmf", name: value})
