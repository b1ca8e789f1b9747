"""`mf.als`: what it learns, who folds in, what it can explain, and what it refuses."""

from dataclasses import asdict

import numpy as np
import penchant_mf
import pytest
from penchant import Registry, kernels
from penchant.data import Interactions
from penchant.errors import DataError, FitCancelled, FitDiverged, SettingsError, ShapeError
from penchant.protocols import FitContext
from penchant.queries import Csr, Queries
from penchant.settings import make_settings
from penchant.testing.data import checkerboard, known, strangers, toy_dataset
from penchant_mf.als import Als, FittedAls, Loss
from penchant_mf.settings import AlsSettings

MINE = Registry({"mf": penchant_mf})
LEARNED = AlsSettings(factors=2, unobserved_weight=1.0, regularization=0.05)
LOSS = {"unobserved_weight": 0.1, "regularization": 0.05, "frequency_scaling": 1.0}


def pairs(*rows: list[int], columns: int) -> Csr:
    """Likings of users, a list of items each."""
    indptr = np.cumsum([0, *map(len, rows)])
    items = np.array([item for row in rows for item in row], np.int32)
    return Csr(indptr.astype(np.int64), items, None, columns)


def test_the_checkerboard_is_learned_and_its_holes_are_foretold() -> None:
    data = checkerboard(users=20, items=12)
    fitted = Als(LEARNED, MINE).fit(data, FitContext(seed=1))
    for who in (known(data), strangers(data)):
        scores = fitted.score(who, None)
        own_colour = np.arange(20)[:, None] % 2 == np.arange(12) % 2
        assert scores[own_colour].min() > scores[~own_colour].max()


def test_settings_are_proportions_of_the_data() -> None:
    # 4 likings of 2 users and 8 items: 1 pair in 4.
    likes = pairs([0, 1], [2, 3], columns=8)
    loss = Loss.of(likes, AlsSettings(unobserved_weight=2.0, regularization=0.3))
    assert loss == Loss(0.5, pytest.approx(0.1))
    # A user of 2 likings and a share of the unknown pairs, 0.5 · 8, is pulled by 0.3 for each.
    assert loss.regularization * (2 + 0.5 * 8) == pytest.approx(2 * 0.3)


def test_what_is_not_set_follows_from_the_rows_that_a_liking_meets() -> None:
    # Three likings of four are of a user of 3, one of a user of 1; two of an item of 2.
    likes = pairs([0, 1, 2], [0], [], columns=5)
    a, b = (3 * 3 + 1) / 4, (2 * 2 + 1 + 1) / 4
    wanted = AlsSettings(
        unobserved_weight=24 * a / (a + 5), regularization=1.15 * (1 / np.sqrt(a) + 1 / np.sqrt(b))
    )
    found, stated = Loss.of(likes, AlsSettings()), Loss.of(likes, wanted)
    assert found.unobserved_weight == pytest.approx(stated.unobserved_weight)
    assert found.regularization == pytest.approx(stated.regularization)


def test_a_fit_tells_which_settings_it_goes_by() -> None:
    told: list[str] = []

    def progress(_task: str, _done: int, _total: int, detail: str = "") -> None:
        told.append(detail)

    Als(LEARNED, MINE).fit(toy_dataset(), FitContext(progress=progress))
    assert told[0] == "regularization 0.05, unobserved_weight 1"


def test_a_dataset_twice_over_gives_the_same_scores() -> None:
    """Settings are proportions: how many users there are plays no part."""
    once, twice = checkerboard(users=12, items=12), checkerboard(users=24, items=12)
    whole = AlsSettings(factors=12, iterations=200, unobserved_weight=20, regularization=0.22)
    fits = [Als(whole, MINE).fit(data, FitContext()) for data in (once, twice)]
    scores = [fitted.score(strangers(once), None) for fitted in fits]
    assert np.abs(scores[0] - scores[1]).max() < 0.01 * np.abs(scores[0]).max()


def test_a_known_user_and_a_stranger_who_likes_the_same_get_the_same_bits() -> None:
    data = toy_dataset()
    fitted = Als(LEARNED, MINE).fit(data, FitContext())
    mine, theirs = fitted.query_vectors(known(data)), fitted.query_vectors(strangers(data))
    assert mine.tobytes() == theirs.tobytes()


def test_the_vector_of_a_stranger_costs_less_than_any_near_it() -> None:
    items = np.array([[1, 0.5], [0.5, 1], [-1, 0.2]], np.float32)
    fitted = FittedAls(np.zeros((1, 2), np.float32), items, None, Loss(0.1, 0.05))
    asked = Queries(np.array([-1], np.int32), pairs([0, 2], columns=3))
    best = fitted.query_vectors(asked)[0].astype(np.float64)

    def cost(vector: np.ndarray) -> float:
        scores = items @ vector
        pull = 0.05 * (2 + 0.1 * 3) * vector @ vector
        return float(((1 - scores[[0, 2]]) ** 2).sum() + 0.1 * (scores**2).sum() + pull)

    for step in (0.01, -0.01):
        for at in range(2):
            assert cost(best) < cost(best + step * np.eye(2)[at])


def test_the_reasons_of_a_known_user_are_the_likings_alone() -> None:
    data = toy_dataset()
    fitted = Als(LEARNED, MINE).fit(data, FitContext())
    asked = known(data, np.array([2], np.int32))
    reasons = fitted.explain(asked, 4)
    liked = data.positive_csr().row(2)
    assert sorted(reason.item for reason in reasons) == liked.tolist()
    assert {reason.kind for reason in reasons} == {"item"}
    score = fitted.score(asked, np.array([4], np.int32))[0, 0]
    assert sum(reason.weight for reason in reasons) == pytest.approx(score, abs=1e-5)


def test_a_new_item_is_scored_as_those_who_like_it_would_have_it() -> None:
    data = checkerboard(users=20, items=12)
    fitted = Als(LEARNED, MINE).fit(data, FitContext())
    dark = np.arange(0, 20, 2)
    log = Interactions.of(dark, np.full(10, 12), np.full(10, 5.0), n_users=20, n_items=13)
    board = checkerboard(users=20, items=13)
    newer = fitted.with_items(board.with_interactions(log))
    scores = newer.score(known(data), None)[:, 12]
    assert scores[0::2].min() > scores[1::2].max() + 0.3
    assert newer.item_vectors[:12].tobytes() == fitted.item_vectors.tobytes()


def test_nothing_liked_is_refused_with_the_threshold() -> None:
    data = toy_dataset()
    disliked = data.subset(data.interactions.value < 4)
    with pytest.raises(DataError) as refused:
        Als(LEARNED, MINE).fit(disliked, FitContext())
    assert str(refused.value) == (
        f"mf.als learns from likings, and none of the {len(disliked.interactions)} events is one; "
        "min_value is 4.0"
    )


def test_a_fit_can_be_cancelled_before_and_between_iterations() -> None:
    told: list[float] = []

    def progress(task: str, done: float, total: float, detail: str = "", /) -> None:
        told.append(done)

    with pytest.raises(FitCancelled, match="cancelled between two iterations"):
        Als(AlsSettings(iterations=9), MINE).fit(
            toy_dataset(), FitContext(progress=progress, cancelled=lambda: len(told) == 3)
        )
    assert told == [0, 1, 2]
    with pytest.raises(FitCancelled, match="cancelled before it began"):
        Als(LEARNED, MINE).fit(toy_dataset(), FitContext(cancelled=lambda: True))


def test_the_kernel_passes_on_what_progress_raises() -> None:
    likes = pairs([0, 1], [1], columns=2)

    def stop(iteration: int) -> None:
        raise KeyboardInterrupt(f"in iteration {iteration}")

    with pytest.raises(KeyboardInterrupt, match="in iteration 0"):
        train(likes, progress=stop)


def train(likes: Csr, **settings: object) -> tuple[np.ndarray, np.ndarray]:
    given: dict[str, object] = {"factors": 2, "iterations": 3, **LOSS, "seed": 0, **settings}
    ones = np.ones(likes.nnz, np.float32)
    return kernels.als(likes.indptr, likes.indices, ones, likes.columns, **given)  # type: ignore[arg-type]


def test_the_kernel_gives_the_same_bits_for_any_number_of_threads() -> None:
    draw = np.random.default_rng(0)
    likes = pairs(*(sorted(draw.permutation(90)[:9].tolist()) for _ in range(200)), columns=90)
    users, items = train(likes, factors=20)
    assert users.shape == (200, 20)
    assert items.shape == (90, 20)
    for threads in (2, 4, 8):
        again = train(likes, factors=20, threads=threads)
        assert [a.tobytes() for a in again] == [users.tobytes(), items.tobytes()]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"factors": 513}, "factors is 513, and must be from 1 to 512"),
        ({"threads": 0}, "threads is 0, and must be at least 1"),
        ({"unobserved_weight": 0}, "unobserved_weight is 0, and must be above 0"),
        ({"regularization": np.nan}, "regularization is NaN, and must be above 0"),
        ({"frequency_scaling": 2}, "frequency_scaling is 2, and must be from 0 to 1"),
    ],
)
def test_the_kernel_refuses_a_setting_out_of_range(given: dict[str, object], message: str) -> None:
    with pytest.raises(SettingsError) as refused:
        train(pairs([0], columns=1), **given)
    assert str(refused.value) == message


def test_folding_in_refuses_what_does_not_fit() -> None:
    fold = kernels.AlsFoldIn(np.ones((3, 2), np.float32), **LOSS)
    likes = pairs([0, 2], columns=3)
    ones = np.ones(2, np.float32)
    with pytest.raises(DataError, match=r"values\[1\] is -1, and a weight must be a finite number"):
        fold.rows(likes.indptr, likes.indices, np.array([1, -1], np.float32))
    with pytest.raises(DataError, match="row 0 has columns from 0 to 3, and the matrix has 3"):
        fold.rows(likes.indptr, np.array([0, 3], np.int32), ones)
    with pytest.raises(ShapeError, match="target 3 factors, and there must be 1 row and 2 factors"):
        fold.shares(likes.indices, ones, np.ones(3, np.float32))
    weak = kernels.AlsFoldIn(np.ones((3, 2), np.float32), **{**LOSS, "regularization": 1e-30})
    with pytest.raises(FitDiverged, match="the equations of row 0 have no solution in float32"):
        weak.rows(likes.indptr, likes.indices, ones)
    with pytest.raises(ShapeError, match="fixed has dtype float64, but float32 is needed"):
        kernels.AlsFoldIn(np.ones((3, 2)), **LOSS)  # type: ignore[arg-type]


def test_a_state_holds_the_loss_in_numbers() -> None:
    fitted = Als(LEARNED, MINE).fit(toy_dataset(), FitContext())
    meta = fitted.state().meta
    assert meta == {"min_value": 4.0, **asdict(Loss.of(toy_dataset().positive_csr(), LEARNED))}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"factors": 0}, "factors must be from 1 to 512, got 0"),
        ({"iterations": 0}, "iterations must be at least 1, got 0"),
        (
            {"unobserved_weight": 0},
            "unobserved_weight must be greater than 0, or left out, got 0.0",
        ),
        (
            {"regularization": -1},
            "regularization must be greater than 0, or left out, got -1.0",
        ),
    ],
)
def test_a_setting_out_of_range_is_refused(given: dict[str, object], message: str) -> None:
    with pytest.raises(SettingsError) as refused:
        make_settings(AlsSettings, given, "mf.als")
    assert str(refused.value) == f"mf.als: {message}"
