"""`cf.ease` against the formula of the paper, and what it says when it can't work."""

import numpy as np
import penchant_cf
import pytest
from hypothesis import given
from hypothesis import strategies as st
from penchant import Registry
from penchant.data import Dataset, Interactions, Items, Users
from penchant.errors import DataError, FitCancelled, SettingsError
from penchant.protocols import FitContext
from penchant.queries import Candidates, Csr, Queries
from penchant.settings import make_settings
from penchant_cf.ease import Ease, FittedEase
from penchant_cf.settings import EaseSettings

MINE = Registry({"cf": penchant_cf})


def liked(rows: list[list[int]], items: int) -> Dataset:
    """Make a dataset in which user `u` likes the items of `rows[u]`."""
    user = [u for u, row in enumerate(rows) for _ in row]
    item = [i for row in rows for i in row]
    return Dataset(
        users=Users.of(list(range(len(rows)))),
        items=Items.of(list(range(items))),
        interactions=Interactions.of(
            np.array(user, np.int32),
            np.array(item, np.int32),
            n_users=len(rows),
            n_items=items,
        ),
        relations=None,
        min_value=None,
    )


def history(*liked_items: int, items: int) -> Queries:
    """Ask for a stranger who likes these items."""
    rows = np.array(sorted(liked_items), np.int32)
    own = Csr(np.array([0, len(rows)], np.int64), rows, np.ones(len(rows), np.float32), items)
    return Queries(np.array([-1], np.int32), own)


def weights(fitted: FittedEase, items: int) -> np.ndarray:
    """Give B: its rows are the scores of strangers who like one item."""
    return np.concatenate([fitted.score(history(i, items=items), None) for i in range(items)])


def paper(data: Dataset, l2: float) -> np.ndarray:
    """Steck 2019, eq. 8, as it stands there."""
    x = data.positive_csr().to_dense().astype(np.float64)
    p = np.linalg.inv(x.T @ x + l2 * np.eye(x.shape[1]))
    return (np.eye(len(p)) - p / np.diag(p)) * (1 - np.eye(len(p)))


def fit(data: Dataset, **settings: object) -> FittedEase:
    return Ease(EaseSettings(**settings), MINE).fit(data, FitContext())


def test_two_items_that_everybody_likes_together_foretell_each_other() -> None:
    fitted = fit(liked([[0, 1], [0, 1], [0, 1], [2]], 3), l2=1.0)
    # XᵀX + I of items 0 and 1 is [[4, 3], [3, 4]]; its inverse has -3 beside 4, so B is 3 / 4.
    assert weights(fitted, 3) == pytest.approx(
        np.array([[0, 0.75, 0], [0.75, 0, 0], [0, 0, 0]]), abs=1e-6
    )


@st.composite
def boards(draw: st.DrawFn) -> tuple[list[list[int]], int]:
    items = draw(st.integers(1, 9))
    row = st.lists(st.integers(0, items - 1), unique=True, max_size=items)
    return draw(st.lists(row, min_size=1, max_size=14)), items


@given(board=boards(), l2=st.sampled_from([0.5, 10.0, 300.0]))
def test_the_weights_are_the_papers_with_more_users_than_items_or_fewer(
    board: tuple[list[list[int]], int], l2: float
) -> None:
    rows, items = board
    data = liked([*rows, [0]], items)
    assert weights(fit(data, l2=l2), items) == pytest.approx(paper(data, l2), abs=1e-5)


def test_an_item_that_nobody_liked_scores_zero_and_adds_nothing() -> None:
    data = liked([[0, 2], [0, 2], [0]], 4)
    scores = weights(fit(data, l2=1.0), 4)
    assert not scores[[1, 3]].any()
    assert not scores[:, [1, 3]].any()
    assert scores[0, 2] > 0


def test_top_keeps_the_greatest_weights_of_each_row_as_they_are() -> None:
    rows = [[0, 1, 2], [0, 1], [1, 2, 3], [0, 3], [2, 3, 4], [0, 4]]
    data = liked(rows, 5)
    full, few = weights(fit(data, l2=1.0), 5), weights(fit(data, l2=1.0, top=2), 5)
    for row in range(5):
        kept = np.argsort(-np.abs(full[row]))[:2]
        assert few[row, kept].tolist() == full[row, kept].tolist()
        assert np.count_nonzero(few[row]) == 2


def test_top_beyond_the_catalogue_changes_nothing() -> None:
    data = liked([[0, 1], [1, 2], [0, 1, 2]], 3)
    assert (weights(fit(data, top=50), 3) == weights(fit(data), 3)).all()


def test_similar_items_are_ranked_by_partial_correlation() -> None:
    rows = [[0, 1], [0, 1], [0, 1, 2], [2, 3], [2, 3], [3], [0, 2]]
    data, l2 = liked(rows, 4), 1.0
    x = data.positive_csr().to_dense()
    p = np.linalg.inv(x.T @ x + l2 * np.eye(4))
    partial = -p / np.sqrt(np.outer(np.diag(p), np.diag(p)))
    for top in (None, 3):
        got = fit(data, l2=l2, top=top).similar_items(np.array([0, 3], np.int32), Candidates(4), 1)
        assert got.rows.tolist() == [[1], [2]]
        assert got.scores.ravel() == pytest.approx([partial[0, 1], partial[3, 2]], abs=1e-6)


def test_new_items_weigh_nothing_and_change_nothing() -> None:
    few, many = liked([[0, 1], [0, 1], [2]], 3), liked([[0, 1], [0, 1], [2]], 5)
    for top in (None, 1):
        fitted = fit(few, l2=1.0, top=top)
        grown = weights(fitted.with_items(many), 5)
        assert (grown[:3, :3] == weights(fitted, 3)).all()
        assert not grown[3:].any()
        assert not grown[:, 3:].any()


def test_too_many_items_are_refused_with_the_memory_and_the_ways_out() -> None:
    data = liked([[0, 1, 2], [1, 3]], 9)
    with pytest.raises(DataError) as refused:
        fit(data, max_items=3)
    assert str(refused.value) == (
        "cf.ease needs a dense matrix of 4 x 4 liked items, 0.0 GB kept and up to 0.0 GB while "
        "fitting, and max_items is 3; raise max_items where there is that much memory (top=200 "
        "then keeps a small model), leave out rare items, or use cf.item_knn, which needs no such "
        "matrix"
    )
    assert fit(data, max_items=4) is not None  # items that nobody liked don't count


def test_a_cancelled_fit_says_how_far_it_was() -> None:
    asked: list[int] = []

    def cancelled() -> bool:
        asked.append(1)
        return len(asked) == 2

    data = liked([[0, 1], [1, 2]], 3)
    with pytest.raises(FitCancelled, match=r"the fit of cf\.ease was cancelled after step 1 of 3"):
        Ease(EaseSettings(), MINE).fit(data, FitContext(cancelled=cancelled))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"l2": 0}, "cf.ease: l2 must be greater than 0, got 0.0"),
        ({"l2": float("nan")}, "cf.ease: l2 must be finite and greater than 0, got nan"),
        ({"top": 0}, "cf.ease: top must be at least 1, or left out, got 0"),
        ({"max_items": 0}, "cf.ease: max_items must be at least 1, got 0"),
    ],
)
def test_a_setting_out_of_range_is_refused(given: dict[str, object], message: str) -> None:
    with pytest.raises(SettingsError) as refused:
        make_settings(EaseSettings, given, "cf.ease")
    assert str(refused.value) == message
