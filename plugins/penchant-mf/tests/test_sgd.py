"""`mf.sgd`: what it learns, how strangers fold in, what it can explain, and what it refuses."""

import math
from dataclasses import replace

import numpy as np
import penchant_mf
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from penchant import Registry, kernels
from penchant.data import Dataset, Interactions
from penchant.errors import DataError, FitCancelled, SettingsError
from penchant.protocols import FitContext
from penchant.queries import Candidates, Csr, Queries
from penchant.settings import make_settings
from penchant.testing.data import checkerboard, known, strangers, toy_dataset
from penchant_mf.fitted import FittedSgd, Ridge
from penchant_mf.settings import SgdSettings
from penchant_mf.sgd import Sgd

MINE = Registry({"mf": penchant_mf})

LEARNED = SgdSettings(factors=4, epochs=60, learning_rate=0.1, decay=0.98)


def asks(rows: list[int], ratings: list[dict[int, float]], items: int) -> Queries:
    """Ask for users, each with these ratings."""
    pairs = [(q, i, own[i]) for q, own in enumerate(ratings) for i in own]
    query, item, value = (np.array(c) for c in zip(*pairs, strict=True)) if pairs else ([], [], [])
    history = Csr.from_pairs(
        np.array(query, np.int32),
        np.array(item, np.int32),
        np.array(value, np.float32),
        (len(rows), items),
    )
    return Queries(np.array(rows, np.int32), history)


def hand_made(ridge: Ridge) -> FittedSgd:
    """Two users and three items of two factors, mean 3."""
    return FittedSgd.of(
        3.0,
        np.array([[1, 0], [0, 1]], np.float32),
        np.array([0.5, -0.5], np.float32),
        np.array([[1, 0, 0.25], [0, 1, 0], [0, 0, -0.25]], np.float32),
        ridge,
    )


def values_of(data: Dataset, value: float) -> Dataset:
    log = data.interactions
    return data.with_interactions(
        Interactions.of(
            log.user,
            log.item,
            np.full(len(log), value, np.float32),
            n_users=log.n_users,
            n_items=log.n_items,
        )
    )


def test_a_score_is_mean_and_biases_and_factors() -> None:
    fitted = hand_made(Ridge(0.1, 0.1, math.inf))
    scores = fitted.score(asks([0, 1], [{0: 5.0}, {0: 5.0}], 3), None)
    assert scores.tolist() == [[4.75, 3.5, 3.25], [2.75, 3.5, 2.25]]


def test_the_checkerboard_is_learned_and_its_holes_are_foretold() -> None:
    data = checkerboard(users=20, items=12)
    fitted = Sgd(LEARNED, MINE).fit(data, FitContext(seed=1))
    for who in (known(data), strangers(data)):
        scores = fitted.score(who, None)
        own_colour = np.arange(20)[:, None] % 2 == np.arange(12) % 2
        assert scores[own_colour].min() > scores[~own_colour].max()


def test_a_stranger_gets_the_ridge_solution() -> None:
    ridge = Ridge(0.5, 0.25, math.inf)
    fitted = hand_made(ridge)
    vector = fitted.query_vectors(asks([-1], [{0: 5.0, 1: 2.0}], 3))[0]
    # n = 2: minimize (1.75 - p0 - b)² + (-1 - p1 - b)² + p0² + p1² + b²/2; by hand b = .25,
    # p0 = (1.75 - b)/2, p1 = (-1 - b)/2.
    bias = (1.75 - 1.0) / 2 / (0.5 + 1.0)
    wanted = [(1.75 - bias) / 2, (-1 - bias) / 2, 1.0, 3.0 + bias]
    assert vector.tolist() == pytest.approx(wanted, abs=1e-6)


ratings_of_three = st.dictionaries(st.integers(0, 2), st.floats(0.5, 5, width=32), min_size=1)


@given(
    ratings=ratings_of_three,
    regularization=st.sampled_from([0.0, 0.05, 2.0]),
    scale=st.sampled_from([0.25, 1.0, 2.0]),
)
def test_no_other_vector_of_a_stranger_costs_less(
    ratings: dict[int, float], regularization: float, scale: float
) -> None:
    fitted = hand_made(Ridge(regularization, 0.02, 0.5, scale))
    query = asks([-1], [ratings], 3)
    vector = fitted.query_vectors(query)[0].astype(np.float64)
    items = fitted.item_vectors.astype(np.float64)

    def cost(factors: np.ndarray, bias: float) -> float:
        left = [r - 3.0 - items[i, 2] - bias - factors @ items[i, :2] for i, r in ratings.items()]
        pull = regularization * scale * factors @ factors + 0.02 * bias**2
        return float(np.square(left).sum() + len(ratings) * pull)

    best = cost(vector[:2], vector[3] - 3.0)
    for step in (0.01, -0.01):
        for at in range(2):
            assert best <= cost(vector[:2] + step * np.eye(2)[at], vector[3] - 3.0) + 1e-6
        assert best <= cost(vector[:2], vector[3] - 3.0 + step) + 1e-6


def test_a_stranger_without_ratings_has_no_vector_and_no_answer() -> None:
    fitted = hand_made(Ridge(0.1, 0.1, math.inf))
    query = asks([-1, 0], [{}, {1: 3.0}], 3)
    assert not fitted.query_vectors(query)[0].any()
    assert fitted.answers(query).tolist() == [False, True]
    assert fitted.explain(asks([-1], [{}], 3), 0) == ()


def test_the_reasons_of_a_stranger_are_what_each_rating_adds() -> None:
    fitted = hand_made(Ridge(0.1, 0.1, math.inf))
    query = asks([-1], [{0: 5.0, 1: 1.0}], 3)
    reasons = {(r.kind, r.item): r.weight for r in fitted.explain(query, 0)}
    assert set(reasons) == {("baseline", -1), ("popularity", -1), ("item", 0), ("item", 1)}
    assert reasons["baseline", -1] == 3.0
    assert reasons["popularity", -1] == 0.25
    # Dropping a rating's own residual to zero takes exactly its part away.
    without = fitted.score(asks([-1], [{0: 3.25, 1: 1.0}], 3), None)[0, 0]
    score = fitted.score(query, None)[0, 0]
    assert score - without == pytest.approx(reasons["item", 0], abs=1e-6)
    assert sum(reasons.values()) == pytest.approx(score, abs=1e-6)


def test_what_ratings_do_not_explain_of_a_known_user_is_named_factors() -> None:
    fitted = hand_made(Ridge(0.1, 0.1, math.inf))
    reasons = fitted.explain(asks([0], [{1: 5.0}], 3), 0)
    assert sum(reason.kind == "factors" for reason in reasons) == 1
    assert sum(reason.weight for reason in reasons) == pytest.approx(4.75, abs=1e-6)
    sizes = [abs(reason.weight) for reason in reasons]
    assert sizes == sorted(sizes, reverse=True)


def test_similar_items_go_by_factors_without_biases() -> None:
    fitted = FittedSgd.of(
        3.0,
        np.zeros((1, 2), np.float32),
        np.zeros(1, np.float32),
        np.array([[1, 0, 0], [2, 0.2, 9], [0, 3, 0], [-1, 0, 9]], np.float32),
        Ridge(0.1, 0.1, math.inf),
    )
    got = fitted.similar_items(np.array([0], np.int32), Candidates(4), 9)
    assert got.rows[0, :3].tolist() == [1, 2, 3]
    assert got.scores[0, 0] == pytest.approx(2 / np.hypot(2, 0.2), abs=1e-6)
    assert got.counts.tolist() == [3]
    denied = Candidates(4, deny=kernels.bitset(np.array([1], np.int32), 4))
    assert fitted.similar_items(np.array([0], np.int32), denied, 1).rows.tolist() == [[2]]


def test_new_items_without_ratings_are_scored_at_the_users_own_mean() -> None:
    data = checkerboard(users=2, items=5)
    none = data.subset(np.zeros(len(data.interactions), np.bool_))
    fitted = hand_made(Ridge(0.1, 0.1, math.inf)).with_items(none)
    assert fitted.score(asks([0], [{0: 5.0}], 5), None).tolist() == [[4.75, 3.5, 3.25, 3.5, 3.5]]


def test_a_new_item_gets_the_ridge_solution_of_its_ratings_by_known_users() -> None:
    log = Interactions.of(
        np.array([0, 1, 2, 0], np.int32),
        np.array([3, 3, 3, 0], np.int32),
        np.array([5, 2, 1, 1], np.float32),
        n_users=3,
        n_items=5,
    )
    old = hand_made(Ridge(0.5, 0.25, math.inf))
    fitted = old.with_items(checkerboard(users=3, items=5).with_interactions(log))
    # User 2 is not known. For the others, with means of 3.5 and 2.5 and factors (1, 0) and (0, 1):
    # minimize (1.5 - q0 - b)² + (-0.5 - q1 - b)² + q0² + q1² + b²/2, as for a stranger.
    bias = (1.5 - 0.5) / 2 / (0.5 + 1.0)
    wanted = [(1.5 - bias) / 2, (-0.5 - bias) / 2, bias, 1.0]
    assert fitted.item_vectors[3].tolist() == pytest.approx(wanted, abs=1e-6)
    assert fitted.item_vectors[4].tolist() == [0, 0, 0, 1]
    assert fitted.item_vectors[:3].tobytes() == old.item_vectors.tobytes()


def test_after_few_steps_an_item_of_one_rating_stays_near_the_mean() -> None:
    log = Interactions.of(
        np.array([0], np.int32),
        np.array([3], np.int32),
        np.array([5], np.float32),
        n_users=2,
        n_items=4,
    )
    data = checkerboard(users=2, items=4).with_interactions(log)
    # User 0 has factors (1, 0) and foretells 3.5: q0 = b = 1.5 / (2 + .1 + 1/t).
    for steps, share in ((math.inf, 1.5 / 2.1), (0.5, 1.5 / 4.1)):
        vector = hand_made(Ridge(0.1, 0.1, steps)).with_items(data).item_vectors[3]
        assert vector.tolist() == pytest.approx([share, 0, share, 1])


def test_the_steps_are_the_learning_rates_of_the_epochs_that_were_kept() -> None:
    data = checkerboard(users=6, items=5)
    few = SgdSettings(factors=3, epochs=3, learning_rate=0.1, decay=0.5)
    fitted = Sgd(few, MINE).fit(data, FitContext())
    assert fitted.state().meta["steps"] == pytest.approx(0.1 + 0.05 + 0.025)


def test_validation_keeps_the_epoch_that_errs_least_on_what_is_held_out() -> None:
    draw = np.random.default_rng(0)
    pairs = draw.permutation(30 * 20)[:400]
    log = Interactions.of(
        (pairs // 20).astype(np.int32),
        (pairs % 20).astype(np.int32),
        draw.integers(1, 6, 400).astype(np.float32),
        n_users=30,
        n_items=20,
    )
    whole = checkerboard(users=30, items=20).with_interactions(log)
    held_out = np.arange(400) % 5 == 0
    train, validation = whole.subset(~held_out), whole.subset(held_out)
    told: list[tuple[float, float, str]] = []
    noise = SgdSettings(
        factors=16, epochs=40, learning_rate=0.1, decay=1, regularization=0, patience=4
    )

    def progress(task: str, done: float, total: float, detail: str = "", /) -> None:
        told.append((done, total, detail))

    fitted = Sgd(noise, MINE).fit(train, FitContext(validation=validation, progress=progress))
    rows = np.arange(30, dtype=np.int32)

    def error(epochs: int) -> float:
        model = Sgd(replace(noise, epochs=epochs), MINE).fit(train, FitContext())
        foretold = model.score(known(train, rows), None)
        held = validation.interactions
        return float(np.sqrt(np.square(foretold[held.user, held.item] - held.value).mean()))

    errors = [float(detail.split()[-1]) for _, _, detail in told[1:]]
    best = int(np.argmin(errors)) + 1
    assert len(errors) == best + 4 < 40
    assert error(best) == pytest.approx(errors[best - 1], abs=1e-3)
    again = Sgd(replace(noise, epochs=best), MINE).fit(train, FitContext())
    assert (fitted.item_vectors == again.item_vectors).all()


def test_several_models_foretell_the_average_of_each() -> None:
    data = checkerboard(users=6, items=5)
    few = SgdSettings(factors=3, epochs=4, learning_rate=0.1)
    both = Sgd(replace(few, models=2), MINE).fit(data, FitContext(seed=5))
    each = [
        Sgd(few, MINE).fit(data, FitContext(seed=seed)).score(known(data), None) for seed in (5, 6)
    ]
    assert both.score(known(data), None) == pytest.approx(np.mean(each, axis=0), abs=1e-5)
    assert both.item_vectors.shape == (5, 2 * 3 + 2)


def test_adagrad_learns_too_and_otherwise() -> None:
    data = checkerboard(users=20, items=12)
    adagrad = Sgd(replace(LEARNED, optimizer="adagrad", learning_rate=0.3), MINE).fit(
        data, FitContext()
    )
    scores = adagrad.score(known(data), None)
    own_colour = np.arange(20)[:, None] % 2 == np.arange(12) % 2
    assert scores[own_colour].min() > scores[~own_colour].max()
    sgd = Sgd(replace(LEARNED, learning_rate=0.3), MINE).fit(data, FitContext())
    assert (adagrad.item_vectors != sgd.item_vectors).any()


def test_ratings_that_are_all_equal_are_refused_with_the_way_out() -> None:
    with pytest.raises(DataError) as refused:
        Sgd(SgdSettings(), MINE).fit(values_of(toy_dataset(), 1.0), FitContext())
    assert str(refused.value) == (
        "mf.sgd learns from ratings that differ, and all 48 values are 1; for likings without "
        "ratings use mf.als or cf.ease"
    )


def test_no_events_are_refused() -> None:
    data = toy_dataset()
    nothing = data.subset(np.zeros(len(data.interactions), np.bool_))
    with pytest.raises(DataError, match=r"mf\.sgd needs ratings, and the data have no events"):
        Sgd(SgdSettings(), MINE).fit(nothing, FitContext())


def test_a_fit_cancelled_in_the_middle_keeps_nothing() -> None:
    epochs: list[float] = []

    def progress(task: str, done: float, total: float, detail: str = "", /) -> None:
        epochs.append(done)

    with pytest.raises(FitCancelled, match=r"the fit of mf\.sgd was cancelled after epoch 2"):
        Sgd(SgdSettings(epochs=9), MINE).fit(
            toy_dataset(), FitContext(progress=progress, cancelled=lambda: len(epochs) == 3)
        )
    assert epochs == [0, 1, 2]


@settings(max_examples=20)
@given(users=st.integers(1, 6), items=st.integers(2, 6))
def test_a_batch_of_strangers_gets_the_bits_of_each_alone(users: int, items: int) -> None:
    data = checkerboard(users=users, items=items)
    fitted = Sgd(SgdSettings(factors=3, epochs=2), MINE).fit(data, FitContext())
    everybody = strangers(data)
    together = fitted.query_vectors(everybody)
    for row in range(users):
        alone = fitted.query_vectors(everybody.take(np.array([row], np.int32)))
        assert alone.tobytes() == together[row].tobytes()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"factors": 0}, "mf.sgd: factors must be from 1 to 512, got 0"),
        ({"factors": 513}, "mf.sgd: factors must be from 1 to 512, got 513"),
        ({"epochs": 0}, "mf.sgd: epochs must be at least 1, got 0"),
        ({"models": 0}, "mf.sgd: models must be at least 1, got 0"),
        ({"patience": 0}, "mf.sgd: patience must be at least 1, got 0"),
        ({"learning_rate": 0}, "mf.sgd: learning_rate must be greater than 0, got 0.0"),
        ({"decay": 1.1}, "mf.sgd: decay must be greater than 0 and at most 1, got 1.1"),
        ({"regularization": -1}, "mf.sgd: regularization must be at least 0, got -1.0"),
        ({"bias_regularization": -1}, "mf.sgd: bias_regularization must be at least 0, got -1.0"),
    ],
)
def test_a_setting_out_of_range_is_refused(given: dict[str, object], message: str) -> None:
    with pytest.raises(SettingsError) as refused:
        make_settings(SgdSettings, given, "mf.sgd")
    assert str(refused.value) == message
