"""`cf.slope_one` against ratings that are foretold one by one, and by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from penchant.data import Dataset, Interactions, Items, Users
from penchant.errors import DataError, FitCancelled, SettingsError
from penchant.protocols import FitContext
from penchant.queries import Csr, Queries
from penchant.settings import make_settings
from penchant_cf.settings import SlopeOneSettings
from penchant_cf.slope_one import FittedSlopeOne, SlopeOne


def rated(ratings: np.ndarray) -> Dataset:
    """Make a dataset of a matrix of ratings, of which a zero is none."""
    user, item = (at.astype(np.int32) for at in np.nonzero(ratings))
    users, items = ratings.shape
    values = ratings[user, item].astype(np.float32)
    return Dataset(
        users=Users.of(list(range(users))),
        items=Items.of(list(range(items))),
        interactions=Interactions.of(user, item, values, n_users=users, n_items=items),
        relations=None,
        min_value=None,
    )


def asks(ratings: dict[int, float], items: int) -> Queries:
    """Ask for a stranger who rated these items."""
    rows = np.array(sorted(ratings), np.int32)
    values = np.array([ratings[i] for i in sorted(ratings)], np.float32)
    own = Csr(np.array([0, len(rows)], np.int64), rows, values, items)
    return Queries(np.array([-1], np.int32), own)


def everybody(data: Dataset) -> Queries:
    rows = np.arange(len(data.users), dtype=np.int32)
    return Queries.known(rows, data.interactions.by_user())


def fit(data: Dataset, **settings: object) -> FittedSlopeOne:
    return SlopeOne(SlopeOneSettings(**settings)).fit(data, FitContext())


def naive(ratings: np.ndarray, shrinkage: float) -> np.ndarray:
    """Foretell each rating in turn, as the formula stands."""
    users, items = ratings.shape
    foretold = np.zeros((users, items))
    for u in range(users):
        own = ratings[u][ratings[u] != 0]
        for i in range(items):
            above = below = 0.0
            for j in range(items):
                both = (ratings[:, i] != 0) & (ratings[:, j] != 0)
                if i == j or ratings[u, j] == 0 or not both.any():
                    continue
                difference = (ratings[both, i] - ratings[both, j]).sum() / (both.sum() + shrinkage)
                above += both.sum() * (ratings[u, j] + difference)
                below += both.sum()
            mean = own.mean() if len(own) else ratings[ratings != 0].mean()
            foretold[u, i] = above / below if below else mean
    return foretold


@st.composite
def boards(draw: st.DrawFn) -> np.ndarray:
    users, items = draw(st.integers(1, 7)), draw(st.integers(1, 6))
    rating = st.sampled_from([0, 0, 1, 2, 3.5, 4, 5])
    cells = draw(st.lists(rating, min_size=users * items, max_size=users * items))
    ratings = np.array(cells, np.float64).reshape(users, items)
    ratings[0, 0] = 4
    return ratings


@given(ratings=boards(), shrinkage=st.sampled_from([0.0, 1.0]))
def test_ratings_are_foretold_as_one_by_one(ratings: np.ndarray, shrinkage: float) -> None:
    data = rated(ratings)
    got = fit(data, shrinkage=shrinkage).score(everybody(data), None)
    assert got == pytest.approx(naive(ratings, shrinkage), abs=1e-5)


def test_the_example_of_the_paper_comes_out() -> None:
    # Section 1: A rated I 1 and J 1.5, so B, who rated I 2, rates J 2 + 0.5.
    fitted = fit(rated(np.array([[1.0, 1.5], [2.0, 0.0]])), shrinkage=0)
    assert fitted.score(asks({0: 2.0}, 2), None)[0, 1] == 2.5


def test_a_difference_counts_by_the_users_who_tell_of_it() -> None:
    # Item 2 is rated 1 above item 0 by two users, and 2 below item 1 by one.
    ratings = np.array([[2, 0, 3], [3, 0, 4], [0, 5, 3]], float)
    fitted = fit(rated(ratings), shrinkage=0)
    assert fitted.score(asks({0: 1, 1: 5}, 3), None)[0, 2] == pytest.approx((2 * 2 + 3) / 3)


def test_an_item_that_nobody_rated_gets_the_users_mean() -> None:
    fitted = fit(rated(np.array([[5, 3, 0], [4, 2, 0]], float)))
    assert fitted.score(asks({0: 5, 1: 2}, 3), None)[0, 2] == 3.5
    nobody = asks({}, 3)
    assert fitted.answers(nobody).tolist() == [False]
    assert fitted.score(nobody, None)[0].tolist() == [3.5, 3.5, 3.5]


def test_new_items_are_foretold_as_after_a_fit_with_them() -> None:
    draw = np.random.default_rng(0)
    ratings = draw.integers(1, 6, (12, 7)).astype(float)
    ratings[draw.random((12, 7)) < 0.4] = 0
    ratings[:4, 5:] = 0  # Users whose events aren't told, for they have none with new items.
    before = fit(rated(ratings[:, :5]))
    told = ratings.copy()
    told[(ratings[:, 5:] == 0).all(axis=1)] = 0
    grown = before.with_items(rated(told))
    asked = asks({1: 4.0, 3: 2.0}, 7)
    got = grown.score(asked, None)[0]
    assert got == pytest.approx(fit(rated(ratings)).score(asked, None)[0], abs=1e-6)
    assert (got[:5] == before.score(asks({1: 4.0, 3: 2.0}, 5), None)[0]).all()


def test_a_cancelled_fit_says_so() -> None:
    with pytest.raises(FitCancelled, match=r"cf\.slope_one was cancelled after step 0 of 1"):
        SlopeOne(SlopeOneSettings()).fit(rated(np.ones((2, 3))), FitContext(cancelled=lambda: True))


def test_a_rating_that_is_no_number_is_refused() -> None:
    with pytest.raises(DataError, match="needs finite ratings; clean the data"):
        fit(rated(np.array([[1.0, np.nan]])))


def test_too_many_items_are_refused_with_a_way_out() -> None:
    with pytest.raises(DataError, match=r"3 x 3 rated items.* max_items is 2.*cf\.rating_knn"):
        fit(rated(np.ones((2, 3))), max_items=2)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"shrinkage": -1}, "cf.slope_one: shrinkage must be at least 0, got -1.0"),
        ({"max_items": 0}, "cf.slope_one: max_items must be at least 1, got 0"),
    ],
)
def test_a_setting_out_of_range_is_refused(given: dict[str, object], message: str) -> None:
    with pytest.raises(SettingsError) as refused:
        make_settings(SlopeOneSettings, given, "cf.slope_one")
    assert str(refused.value) == message
