"""`cf.rating_knn` against ratings that are foretold one by one, and by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from penchant import kernels
from penchant.data import Dataset, Interactions, Items, Users
from penchant.errors import DataError, FitCancelled, SettingsError
from penchant.protocols import FitContext
from penchant.queries import Candidates, Csr, Queries
from penchant.settings import make_settings
from penchant_cf.likeness import Compared
from penchant_cf.rating_items import FittedItemRatings
from penchant_cf.rating_knn import RatingKnn
from penchant_cf.rating_users import FittedUserRatings
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


def fit(data: Dataset, **settings: object) -> FittedItemRatings | FittedUserRatings:
    return RatingKnn(RatingKnnSettings(**settings)).fit(data, FitContext())


def naive_baseline(ratings: np.ndarray, kind: str, side: str) -> tuple[np.ndarray, np.ndarray]:
    """Find the centre and scale of each rating in turn."""
    users, items = ratings.shape
    given = ratings != 0
    mean, spread = ratings[given].mean(), ratings[given].std() or 1.0
    of_user, of_item = np.zeros(users), np.zeros(items)
    centre, scale = np.full(ratings.shape, mean), np.ones(ratings.shape)
    if kind == "biases":
        for _ in range(10):
            for i in range(items):
                rest = ratings[given[:, i], i] - mean - of_user[given[:, i]]
                of_item[i] = rest.sum() / (10 + len(rest))
            for u in range(users):
                rest = ratings[u, given[u]] - mean - of_item[given[u]]
                of_user[u] = rest.sum() / (15 + len(rest))
        centre = mean + of_user[:, None] + of_item
    elif kind != "global":
        turned = (lambda board: board) if side == "users" else np.transpose
        for row, here, centres, scales in zip(
            turned(ratings), turned(given), turned(centre), turned(scale), strict=True
        ):
            if here.any():
                centres[:] = row[here].mean()
            if kind == "zscores":
                scales[:] = (row[here].std() if here.any() else 0) or spread
    return centre, scale


def naive_likeness(one: np.ndarray, other: np.ndarray, similarity: str) -> float:
    """How alike two rows are, NaN where there is no entry."""
    both = ~np.isnan(one) & ~np.isnan(other)
    if not both.any():
        return 0.0
    a, b = one[both], other[both]
    if similarity == "euclidean":
        return float(1 / (1 + ((a - b) ** 2).mean()))
    lengths = np.nansum(one**2) * np.nansum(other**2)
    return float(a @ b / np.sqrt(lengths)) if lengths > 1e-9 else 0.0


def naive(ratings: np.ndarray, **given_settings: object) -> np.ndarray:
    """Foretell each rating in turn, all neighbours in the pool."""
    told = RatingKnnSettings(**given_settings)
    given = ratings != 0
    centre, scale = naive_baseline(ratings, told.baseline, told.side)
    remains = np.where(given, (ratings - centre) / scale, np.nan)
    compared = remains if told.compare == "remains" else np.where(given, ratings, np.nan)
    out = centre.copy()
    for u, i in np.ndindex(*ratings.shape):
        heard = []
        others = given[u] if told.side == "items" else given[:, i]
        for other in np.flatnonzero(others).tolist():
            if told.side == "items":
                pair, value = (compared[:, i], compared[:, other]), remains[u, other]
            else:
                pair, value = (compared[u], compared[other]), remains[other, i]
            if other == (i if told.side == "items" else u):
                continue
            alike = naive_likeness(*pair, told.similarity)
            common = (~np.isnan(pair[0]) & ~np.isnan(pair[1])).sum()
            alike *= common / max(common + told.shrinkage, 1e-300)
            if alike > 1e-6:
                heard.append((alike, value))
        if len(heard) >= told.min_neighbours:
            above, below = sum(s * v for s, v in heard), sum(s for s, _ in heard)
            out[u, i] += scale[u, i] * above / (told.damping + below)
    return out


@st.composite
def boards(draw: st.DrawFn) -> np.ndarray:
    users, items = draw(st.integers(1, 9)), draw(st.integers(1, 8))
    rating = st.sampled_from([0, 0, 1, 2, 3, 4, 5])
    cells = draw(st.lists(rating, min_size=users * items, max_size=users * items))
    ratings = np.array(cells, np.float64).reshape(users, items)
    ratings[0, 0] = 4
    return ratings


@given(
    ratings=boards(),
    side=st.sampled_from(["items", "users"]),
    baseline=st.sampled_from(["biases", "means", "zscores", "global"]),
    compared=st.sampled_from([("remains", "cosine"), ("ratings", "euclidean")]),
    shrinkage=st.sampled_from([0.0, 20.0]),
    min_neighbours=st.sampled_from([1, 3]),
)
def test_ratings_are_foretold_as_one_by_one(
    ratings: np.ndarray,
    side: str,
    baseline: str,
    compared: tuple[str, str],
    shrinkage: float,
    min_neighbours: int,
) -> None:
    settings = {
        "side": side,
        "baseline": baseline,
        "compare": compared[0],
        "similarity": compared[1],
        "shrinkage": shrinkage,
        "min_neighbours": min_neighbours,
    }
    data = rated(ratings)
    fitted = fit(data, **settings)
    got = fitted.score(everybody(data), None)
    wanted = naive(ratings, **settings)
    assert got == pytest.approx(wanted, abs=2e-3)
    some = np.array([0], np.int32)
    assert (fitted.score(everybody(data), some) == got[:, :1]).all()


@pytest.mark.parametrize("similarity", ["cosine", "adjusted_cosine", "pearson", "euclidean"])
def test_users_are_as_alike_as_the_kernel_finds_rows(similarity: str) -> None:
    draw = np.random.default_rng(3)
    board = draw.integers(1, 6, (14, 9)) * (draw.random((14, 9)) < 0.6)
    ratings = rated(board.astype(float)).interactions.by_user()
    got = Compared(ratings, similarity, 2.0).to(ratings)
    parts = (ratings.indptr, ratings.indices, ratings.values, ratings.columns)
    near = kernels.neighbours(*parts, 14, similarity=similarity, shrinkage=2.0)
    wanted = Csr(*near, 14).to_dense()
    np.fill_diagonal(got, 0)
    assert got == pytest.approx(wanted, abs=1e-5)
    assert np.count_nonzero(wanted) > 100


def test_somebody_like_minded_is_heard_and_nobody_else() -> None:
    # User 0 rates as user 1 does and the other way round from user 2.
    ratings = np.array([[5, 1, 5, 1, 0], [5, 1, 5, 1, 5], [1, 5, 1, 5, 1]], float)
    data = rated(ratings)
    fitted = fit(data, side="users", baseline="means", shrinkage=0, damping=0)
    queries = everybody(data)
    assert fitted.score(queries, None)[0, 4] == pytest.approx(3 + (5 - 3.4), abs=1e-5)
    stranger = asks({0: 1.0, 1: 5.0}, 5)
    assert fitted.score(stranger, None)[0, 4] == pytest.approx(3 + (1 - 2.6), abs=1e-5)
    assert [reason.kind for reason in fitted.explain(stranger, 4)] == ["baseline", "users"]


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
    fitted = fit(rated(ratings), pool=2, shrinkage=0)
    assert isinstance(fitted, FittedItemRatings)
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
        ({"pool": 0}, "cf.rating_knn: pool must be at least 1, got 0"),
        ({"min_neighbours": 0}, "cf.rating_knn: min_neighbours must be at least 1, got 0"),
        ({"damping": -0.5}, "cf.rating_knn: damping must be at least 0, got -0.5"),
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


@pytest.mark.parametrize(
    ("name", "choices"),
    [
        ("similarity", "'cosine', 'adjusted_cosine', 'pearson', 'euclidean'"),
        ("side", "'items', 'users'"),
        ("baseline", "'biases', 'means', 'zscores', 'global'"),
        ("compare", "'remains', 'ratings'"),
    ],
)
def test_a_word_unknown_to_python_callers_is_refused(name: str, choices: str) -> None:
    with pytest.raises(ValueError, match=f"{name} must be one of {choices}, got 'jaccard'"):
        RatingKnnSettings(**{name: "jaccard"})
