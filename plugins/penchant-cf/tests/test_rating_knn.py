"""`cf.rating_knn` against ratings that are foretold one by one, and by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from penchant.data import Dataset, Interactions, Items, Users
from penchant.errors import DataError, FitCancelled, SettingsError
from penchant.protocols import FitContext
from penchant.queries import Candidates, Csr, Queries
from penchant.settings import make_settings
from penchant_cf.rating_knn import FittedRatingKnn, RatingKnn
from penchant_cf.settings import RatingKnnSettings


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


def fit(data: Dataset, **settings: object) -> FittedRatingKnn:
    return RatingKnn(RatingKnnSettings(**settings)).fit(data, FitContext())


def naive(ratings: np.ndarray, shrinkage: float) -> np.ndarray:
    """Foretell each rating in turn by cosines of what baselines leave, all neighbours kept."""
    users, items = ratings.shape
    given = ratings != 0
    mean = ratings[given].mean()
    of_user, of_item = np.zeros(users), np.zeros(items)
    for _ in range(10):
        for i in range(items):
            rest = ratings[given[:, i], i] - mean - of_user[given[:, i]]
            of_item[i] = rest.sum() / (10 + len(rest))
        for u in range(users):
            rest = ratings[u, given[u]] - mean - of_item[given[u]]
            of_user[u] = rest.sum() / (15 + len(rest))
    baseline = mean + of_user[:, None] + of_item
    remains = np.where(given, ratings - baseline, 0)
    length = np.sqrt((remains**2).sum(axis=0))
    alike = remains.T @ remains / np.maximum(np.outer(length, length), 1e-300)
    common = given.T.astype(float) @ given
    alike *= common / np.maximum(common + shrinkage, 1e-300)
    np.fill_diagonal(alike, 0)
    alike = np.maximum(alike, 0)
    return baseline + remains @ alike / (0.2 + given @ alike)


@st.composite
def boards(draw: st.DrawFn) -> np.ndarray:
    users, items = draw(st.integers(1, 9)), draw(st.integers(1, 8))
    rating = st.sampled_from([0, 0, 1, 2, 3, 4, 5])
    cells = draw(st.lists(rating, min_size=users * items, max_size=users * items))
    ratings = np.array(cells, np.float64).reshape(users, items)
    ratings[0, 0] = 4
    return ratings


@given(ratings=boards(), shrinkage=st.sampled_from([0.0, 20.0]))
def test_ratings_are_foretold_as_one_by_one(ratings: np.ndarray, shrinkage: float) -> None:
    data = rated(ratings)
    got = fit(data, shrinkage=shrinkage).score(everybody(data), None)
    assert got == pytest.approx(naive(ratings, shrinkage), abs=2e-3)


def test_who_rated_a_twin_high_is_foretold_to_rate_high() -> None:
    # Items 0 and 1 are rated alike by everybody; item 2 the other way round.
    ratings = np.array([[5, 5, 1], [1, 1, 5], [5, 5, 1], [1, 1, 5]], float)
    fitted = fit(rated(ratings), shrinkage=0)
    fan, foe = (fitted.score(asks({0: value}, 3), None)[0] for value in (5, 1))
    assert fan[1] > 4 > 2 > foe[1]
    assert abs(fan[2] - foe[2]) < 0.3  # an item of opposite taste says nothing, but for the bias


def test_somebody_without_ratings_gets_the_baseline_of_each_item() -> None:
    ratings = np.array([[5, 1, 0], [5, 1, 0]], float)
    fitted = fit(rated(ratings))
    nobody = asks({}, 3)
    assert fitted.answers(nobody).tolist() == [False]
    high, low, unknown = fitted.score(nobody, None)[0]
    assert high == pytest.approx(3 + 4 / 12)  # two ratings 2 above the mean, and 10 more of doubt
    assert low == pytest.approx(3 - 4 / 12)
    assert unknown == pytest.approx(3)


def test_only_the_nearest_items_speak() -> None:
    draw = np.random.default_rng(0)
    ratings = draw.integers(1, 6, (30, 12)).astype(float)
    fitted = fit(rated(ratings), neighbours=2, shrinkage=0)
    reasons = fitted.explain(asks(dict.fromkeys(range(1, 12), 5.0), 12), 0)
    near = fitted.similar_items(np.array([0], np.int32), Candidates(12), 5)
    spoken = {reason.item for reason in reasons if reason.kind == "item"}
    assert spoken == set(near.rows[0, : near.counts[0]].tolist())
    assert len(spoken) == 2


def test_new_items_are_foretold_the_users_average() -> None:
    ratings = np.array([[5, 3], [4, 2]], float)
    fitted = fit(rated(ratings))
    grown = fitted.with_items(rated(np.hstack([ratings, np.zeros((2, 1))])))
    scores = grown.score(asks({0: 5.0}, 3), None)[0]
    assert (scores[:2] == fitted.score(asks({0: 5.0}, 2), None)[0]).all()
    assert scores[2] == pytest.approx(3.5 + (5 - 3.5 - 2 / 12) / 16, abs=0.02)


def test_a_cancelled_fit_says_so() -> None:
    data = rated(np.ones((2, 3)))
    with pytest.raises(FitCancelled, match=r"cf\.rating_knn was cancelled after 0 of 3 items"):
        RatingKnn(RatingKnnSettings()).fit(data, FitContext(cancelled=lambda: True))


def test_a_rating_that_is_no_number_is_refused() -> None:
    with pytest.raises(DataError, match="finite"):
        fit(rated(np.array([[1.0, np.nan]])))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"neighbours": 0}, "cf.rating_knn: neighbours must be at least 1, got 0"),
        ({"shrinkage": -1}, "cf.rating_knn: shrinkage must be at least 0, got -1.0"),
        (
            {"similarity": "jaccard"},
            "cf.rating_knn: similarity must be one of 'cosine', 'adjusted_cosine', 'pearson', "
            "'euclidean', got 'jaccard' (str)",
        ),
    ],
)
def test_a_setting_out_of_range_is_refused(given: dict[str, object], message: str) -> None:
    with pytest.raises(SettingsError) as refused:
        make_settings(RatingKnnSettings, given, "cf.rating_knn")
    assert str(refused.value) == message


def test_a_similarity_unknown_to_python_callers_is_refused() -> None:
    with pytest.raises(ValueError, match="similarity must be 'cosine', 'adjusted_cosine'"):
        RatingKnnSettings(similarity="jaccard")
