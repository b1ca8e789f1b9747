"""`mf.bpr` and `mf.warp`: what they learn, who folds in, what explains, and what is refused."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from penchant import Registry, kernels
from penchant.errors import DataError, FitCancelled, FitDiverged, SettingsError, ShapeError
from penchant.protocols import FitContext, State
from penchant.queries import Csr, Queries
from penchant.settings import make_settings
from penchant.testing.data import checkerboard, known, strangers, toy_dataset
from penchant_mf.pairwise import FittedPairwise, Folding, Pairwise
from penchant_mf.settings import BprSettings, WarpSettings

STEPS = {
    "factors": 2,
    "epochs": 3,
    "learning_rate": 0.1,
    "decay": 1.0,
    "regularization": 0.0,
    "seed": 0,
}


def bpr(**settings: object) -> Pairwise:
    made = make_settings(BprSettings, {"factors": 4, **settings}, "mf.bpr")
    return Pairwise("mf.bpr", made, Registry({}))


def warp(**settings: object) -> Pairwise:
    made = make_settings(WarpSettings, {"factors": 4, **settings}, "mf.warp")
    return Pairwise("mf.warp", made, Registry({}), made.max_tries)


Make = Callable[..., Pairwise]
BOTH = pytest.mark.parametrize("scorer", [bpr, warp])


def likings(*rows: list[int], columns: int) -> Csr:
    """Likings of users, a list of items each."""
    indptr = np.cumsum([0, *map(len, rows)])
    items = np.array([item for row in rows for item in row], np.int32)
    return Csr(indptr.astype(np.int64), items, None, columns)


def train(likes: Csr, **settings: object) -> kernels.PairwiseModel:
    steps = kernels.Pairwise(**{**STEPS, **settings})  # type: ignore[arg-type]
    return steps.fit(likes.indptr, likes.indices, likes.columns)


@BOTH
def test_the_checkerboard_is_learned_and_its_holes_are_foretold(scorer: Make) -> None:
    data = checkerboard(users=20, items=12)
    settings = {"factors": 1, "epochs": 100, "learning_rate": 0.05, "decay": 1.0}
    fitted = scorer(**settings, regularization=0.1).fit(data, FitContext(seed=1))
    own_colour = np.arange(20)[:, None] % 2 == np.arange(12) % 2
    for who in (known(data), strangers(data)):
        scores = fitted.score(who, None)
        worst_own = np.where(own_colour, scores, np.inf).min(axis=1)
        best_other = np.where(own_colour, -np.inf, scores).max(axis=1)
        assert (worst_own > best_other).all()


@BOTH
def test_the_reasons_of_a_stranger_are_the_likings_and_sum_to_the_score(
    scorer: Make,
) -> None:
    data = toy_dataset()
    fitted = scorer().fit(data, FitContext())
    asked = strangers(data).take(np.array([2], np.int32))
    reasons = fitted.explain(asked, 4)
    assert sorted(reason.item for reason in reasons) == data.positive_csr().row(2).tolist()
    assert {reason.kind for reason in reasons} == {"item"}
    score = fitted.score(asked, np.array([4], np.int32))[0, 0]
    assert sum(reason.weight for reason in reasons) == pytest.approx(score, abs=1e-5)


def test_one_liking_explains_all() -> None:
    # A stranger who likes item 0 alone moves towards it, away from the other.
    items = np.array([[1, 0], [0, 1]], np.float32)
    steps = kernels.Pairwise(**STEPS)  # type: ignore[arg-type]
    nothing = np.empty(0, np.int32), np.empty(0, np.float32), np.empty(0, np.float32)
    folding = Folding(0, steps, steps, nothing)
    fitted = FittedPairwise("mf.bpr", (np.zeros((1, 2), np.float32), items), None, folding)
    asked = Queries(np.array([-1], np.int32), likings([0], columns=2))
    vector = fitted.query_vectors(asked)[0]
    # From zero: 0.1 / (1 + e^0) = 0.05, and the lead is then 2 · 0.05.
    second = 0.05 + 0.1 / (1 + np.exp(0.1))
    third = second + 0.1 / (1 + np.exp(2 * second))
    assert vector.tolist() == pytest.approx([third, -third], abs=1e-6)
    (reason,) = fitted.explain(asked, 0)
    assert (reason.item, reason.weight) == (0, pytest.approx(third, abs=1e-6))


def test_warp_leaves_a_stranger_where_the_liked_item_leads_by_one() -> None:
    items = np.array([[1, 0], [0, 1]], np.float32)
    steps = kernels.Pairwise(**{**STEPS, "epochs": 50}, max_tries=50)  # type: ignore[arg-type]
    vector = steps.fold_in(np.array([0, 1], np.int64), np.array([0], np.int32), items)[0]
    # Steps of 0.1 raise the lead by 0.2, and none is made from 1 on.
    assert vector.tolist() == pytest.approx([0.5, -0.5], abs=1e-6)


@BOTH
def test_the_model_comes_back_and_folds_in_as_before(scorer: Make) -> None:
    data = toy_dataset()
    fitted = scorer(epochs=4).fit(data, FitContext(seed=9))
    state = fitted.state()
    again = scorer(epochs=4).restore(State(state.arrays, state.meta))
    for who in (known(data), strangers(data)):
        assert again.query_vectors(who).tobytes() == fitted.query_vectors(who).tobytes()


@BOTH
def test_a_new_item_is_liked_by_those_who_are_like_its_likers(scorer: Make) -> None:
    data = checkerboard(users=20, items=12)
    settings = {"factors": 1, "epochs": 100, "learning_rate": 0.05, "decay": 1.0}
    fitted = scorer(**settings, regularization=0.1).fit(data, FitContext(seed=1))
    board = checkerboard(users=20, items=14)
    log = board.interactions
    # Some of those of the even colour, with all that they like; of item 13 nobody says anything.
    told = (log.item < 13) & np.isin(log.user, [0, 2, 6, 8])
    newer = fitted.with_items(board.subset(told))
    assert newer.item_vectors[:12].tobytes() == fitted.item_vectors.tobytes()
    assert not newer.item_vectors[13].any()
    scores = newer.score(known(data), None)
    assert scores[0::2, 12].min() > scores[1::2, 12].max()
    # It ranks among the others for them, not above all of them.
    odd = scores[1::2]
    assert (odd[:, 12] < odd[:, 1:12:2].min(axis=1)).all()


@BOTH
def test_a_new_item_has_the_same_bits_alone_in_a_batch_and_from_a_saved_model(scorer: Make) -> None:
    data = checkerboard(users=20, items=12)
    fitted = scorer(epochs=5).fit(data, FitContext())
    state = fitted.state()
    restored = scorer(epochs=5).restore(State(state.arrays, state.meta))
    both = restored.with_items(checkerboard(users=20, items=14)).item_vectors
    one = fitted.with_items(checkerboard(users=20, items=13)).item_vectors
    assert one[12].any()
    assert both[12].tobytes() == one[12].tobytes()


@BOTH
def test_nothing_liked_is_refused_with_the_threshold(scorer: Make) -> None:
    data = toy_dataset()
    disliked = data.subset(data.interactions.value < 4)
    with pytest.raises(DataError) as refused:
        scorer().fit(disliked, FitContext())
    name = "mf.bpr" if scorer is bpr else "mf.warp"
    assert str(refused.value) == (
        f"{name} learns from likings, and none of the {len(disliked.interactions)} events is one; "
        "min_value is 4.0"
    )


def test_a_fit_can_be_cancelled_before_and_between_epochs() -> None:
    told: list[tuple[float, str]] = []

    def progress(task: str, done: float, total: float, detail: str = "", /) -> None:
        told.append((done, detail[:4]))

    with pytest.raises(FitCancelled, match=r"the fit of mf\.warp was cancelled after epoch 2"):
        warp(epochs=9).fit(
            toy_dataset(), FitContext(progress=progress, cancelled=lambda: len(told) == 3)
        )
    assert told == [(0, ""), (1, "AUC "), (2, "AUC ")]
    with pytest.raises(FitCancelled, match="cancelled before it began"):
        bpr().fit(toy_dataset(), FitContext(cancelled=lambda: True))


@BOTH
def test_a_fit_goes_on_from_one_of_fewer_epochs_to_the_same_bits(scorer: Make) -> None:
    data, told = toy_dataset(), []

    def progress(task: str, done: float, total: float, detail: str = "", /) -> None:
        told.append(done)

    def bits(epochs: int, context: FitContext, **settings: object) -> list[bytes]:
        fitted = scorer(epochs=epochs, **settings).fit(data, context)
        return [array.tobytes() for array in fitted.state().arrays.values()]

    shared = FitContext(progress=progress).sharing(data)
    for epochs, heard in [(2, [0, 1, 2]), (5, [0, 3, 4, 5]), (5, [0, 1, 2, 3, 4, 5])]:
        told.clear()
        assert bits(epochs, shared) == bits(epochs, FitContext())
        assert told == heard
    # Other steps, another seed and other data start anew.
    for context, settings in [
        (shared, {"learning_rate": 0.01}),
        (replace(shared, seed=3), {}),
        (shared.sharing(toy_dataset()), {}),
    ]:
        told.clear()
        assert bits(7, context, **settings) == bits(7, replace(context, memo=None), **settings)
        assert told[:2] == [0, 1]


def test_a_fit_that_went_on_says_after_which_epoch_it_was_cancelled() -> None:
    data = toy_dataset()
    asked = iter([False, False, True, True])
    shared = FitContext().sharing(data)
    warp(epochs=4).fit(data, shared)
    with pytest.raises(FitCancelled, match=r"the fit of mf\.warp was cancelled after epoch 6"):
        warp(epochs=9).fit(data, replace(shared, cancelled=lambda: next(asked)))


def test_a_fit_that_diverges_names_what_to_lower() -> None:
    with pytest.raises(FitDiverged) as refused:
        bpr(learning_rate=1e9, regularization=1.0).fit(toy_dataset(), FitContext())
    assert "training diverged in epoch" in str(refused.value)
    assert "lower learning_rate (it is 1000000000) or regularization (it is 1)" in str(
        refused.value
    )


def test_the_kernel_passes_on_what_progress_raises_and_stops_when_told() -> None:
    likes = likings([0, 1], [1], columns=3)
    steps = kernels.Pairwise(**STEPS)  # type: ignore[arg-type]

    def interrupt(epoch: int, auc: float) -> None:
        raise KeyboardInterrupt(f"in epoch {epoch}")

    with pytest.raises(KeyboardInterrupt, match="in epoch 0"):
        steps.fit(likes.indptr, likes.indices, 3, progress=interrupt)
    found = steps.fit(likes.indptr, likes.indices, 3, progress=lambda epoch, auc: epoch < 1)
    assert len(found.train_auc) == 2


def test_the_kernel_gives_the_same_bits_for_any_number_of_threads() -> None:
    draw = np.random.default_rng(0)
    # Past 262,144 likings, where users and items are cut into ranges.
    likes = likings(
        *(sorted(draw.permutation(400)[:150].tolist()) for _ in range(1800)), columns=400
    )
    for tries in (None, 5):
        steps = kernels.Pairwise(**{**STEPS, "epochs": 1}, max_tries=tries)  # type: ignore[arg-type]
        fits = [
            steps.fit(likes.indptr, likes.indices, 400, threads=threads) for threads in (1, 2, 4, 8)
        ]
        assert len({found.user_factors.tobytes() for found in fits}) == 1
        assert len({found.item_factors.tobytes() for found in fits}) == 1


def test_the_kernel_refuses_a_start_that_does_not_fit() -> None:
    likes = likings([0], [1, 2], columns=3)
    users, items = np.zeros((2, 2), np.float32), np.zeros((3, 2), np.float32)
    steps = kernels.Pairwise(**STEPS)  # type: ignore[arg-type]
    for start, error, message in [
        (3, TypeError, r"start must be a triple \(user_factors, item_factors, epochs\)"),
        ((items, items, 1), ShapeError, "the factors of users to start from are 3 x 2, and must"),
        ((users, users, 1), ShapeError, "the factors of items to start from are 2 x 2, and must"),
        ((users, items, 3), SettingsError, "epochs is 3, and must be above the 3 that led to the"),
        ((users, items, -1), TypeError, r"start\[2\] must be a whole number of epochs, got -1"),
    ]:
        with pytest.raises(error, match=message):
            steps.fit(likes.indptr, likes.indices, 3, start=start)  # type: ignore[arg-type]


def test_the_kernel_refuses_what_it_cannot_use() -> None:
    likes = likings([1, 0], columns=2)
    with pytest.raises(DataError, match="likes of query 0 is not ascending"):
        train(likes)
    with pytest.raises(DataError, match=r"likes of query 0 holds a row outside 0\.\.2"):
        train(likings([0, 2], columns=2))
    with pytest.raises(DataError, match="there are 0 likings"):
        train(likings([], columns=2))
    with pytest.raises(SettingsError, match="factors is 0, and must be from 1 to 512"):
        train(likes, factors=0)
    with pytest.raises(ShapeError, match="indptr of likes is empty"):
        kernels.Pairwise(**STEPS).fit(np.empty(0, np.int64), np.empty(0, np.int32), 2)  # type: ignore[arg-type]
    with pytest.raises(
        ShapeError, match="there are 3 items of 5 factors, and there must be 3 of 2"
    ):
        kernels.Pairwise(**STEPS).fold_in(  # type: ignore[arg-type]
            np.array([0, 1], np.int64), np.array([0], np.int32), np.zeros((3, 5), np.float32)
        )


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"factors": 513}, "mf.warp: factors must be from 1 to 512, got 513"),
        ({"epochs": 0}, "mf.warp: epochs must be at least 1, got 0"),
        ({"learning_rate": 0}, "mf.warp: learning_rate must be greater than 0, got 0.0"),
        ({"decay": 0}, "mf.warp: decay must be greater than 0 and at most 1, got 0.0"),
        ({"regularization": -1}, "mf.warp: regularization must be at least 0, got -1.0"),
        ({"max_tries": 0}, "mf.warp: max_tries must be from 1 to 1000, got 0"),
    ],
)
def test_a_setting_out_of_range_is_refused(given: dict[str, object], message: str) -> None:
    with pytest.raises(SettingsError) as refused:
        make_settings(WarpSettings, given, "mf.warp")
    assert str(refused.value) == message
