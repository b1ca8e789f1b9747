"""Surprise's names over penchant's strategies, alone and beside scikit-surprise where it is."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import penchant
import pytest
from penchant.errors import DataError, RequestError, SettingsError
from penchant.surprise import (
    NMF,
    SVD,
    AlgoBase,
    BaselineOnly,
    Dataset,
    KNNBaseline,
    KNNBasic,
    KNNWithMeans,
    KNNWithZScore,
    NormalPredictor,
    Prediction,
    Reader,
    SlopeOne,
    SVDpp,
    Trainset,
    accuracy,
)
from penchant.surprise.model_selection import (
    GridSearchCV,
    KFold,
    PredefinedKFold,
    cross_validate,
    train_test_split,
)

FILMS = Path(__file__).parents[2] / "examples" / "data" / "movielens-small" / "ratings.csv"
BY_ITEMS = {"user_based": False}
FORMAT = "user item rating timestamp"


@pytest.fixture(scope="module")
def films() -> Dataset:
    reader = Reader(sep=",", skip_lines=1, rating_scale=(0.5, 5))
    data = Dataset.load_from_file(FILMS, reader)
    return Dataset(data.raw_ratings[:12000], reader)


def small() -> Trainset:
    """Ann and Bob agree on all but the film that only one of them saw."""
    ratings = [("ann", "jaws", 5.0), ("ann", "heat", 1.0), ("bob", "jaws", 5.0)]
    return Trainset(ratings, (1, 5))


# ---- reading


def test_a_line_is_read_by_its_format() -> None:
    reader = Reader(line_format="item user timestamp rating", sep=";")
    assert reader.parse_line("jaws; ann; 881250949; 4.5\n") == ("ann", "jaws", 4.5)
    assert Reader().parse_line("ann\tjaws 3") == ("ann", "jaws", 3.0)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"line_format": "user item ratin"}, "unknown field 'ratin'; did you mean 'rating'"),
        ({"line_format": "user item"}, "must name 'rating' once, got 'user item'"),
        ({"rating_scale": (5, 1)}, r"goes from low to high, got \(5, 1\)"),
        ({"name": "ml-100k"}, "'ml-100k' isn't here, as penchant downloads nothing"),
    ],
)
def test_a_wrong_reader_says_what_is_wrong(settings: dict[str, object], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        Reader(**settings)  # type: ignore[arg-type]


def test_a_file_is_read_without_its_header_and_blank_lines(tmp_path: Path) -> None:
    file = tmp_path / "ratings.csv"
    file.write_text("user,item,rating\nann,jaws,5\n\nbob,heat,2.5\n", encoding="utf-8")
    data = Dataset.load_from_file(file, Reader(sep=",", skip_lines=1))
    assert data.raw_ratings == [("ann", "jaws", 5.0), ("bob", "heat", 2.5)]
    with pytest.raises(DataError, match=r"the line 'user,item,rating' isn't 'user item rating'"):
        Dataset.load_from_file(file, Reader(sep=","))
    with pytest.raises(DataError, match=r"missing\.csv' can't be read: No such file"):
        Dataset.load_from_file(tmp_path / "missing.csv", Reader())


def test_the_first_three_columns_of_a_frame_are_taken_whatever_their_names() -> None:
    polars = pytest.importorskip("polars")
    frame = polars.DataFrame({"a": ["ann"], "b": [7], "c": [4], "d": [0]})
    assert Dataset.load_from_df(frame, Reader()).raw_ratings == [("ann", 7, 4.0)]
    with pytest.raises(DataError, match="2 columns; wanted user, item and rating"):
        Dataset.load_from_df(frame[["a", "b"]], Reader())


def test_nothing_is_downloaded() -> None:
    with pytest.raises(DataError, match=r"'ml-100k' aren't here.*grouplens\.org"):
        Dataset.load_builtin("ml-100k")


# ---- trainsets


def test_inner_ids_go_by_first_appearance() -> None:
    trained = small()
    assert (trained.n_users, trained.n_items, trained.n_ratings) == (2, 2, 3)
    assert [trained.to_inner_uid("bob"), trained.to_inner_iid("heat")] == [1, 1]
    assert [trained.to_raw_uid(0), trained.to_raw_iid(1)] == ["ann", "heat"]
    assert trained.ur == {0: [(0, 5.0), (1, 1.0)], 1: [(0, 5.0)]}
    assert trained.ir == {0: [(0, 5.0), (1, 5.0)], 1: [(0, 1.0)]}
    assert list(trained.all_ratings()) == [(0, 0, 5.0), (0, 1, 1.0), (1, 0, 5.0)]
    assert [column.tolist() for column in trained.columns] == [[0, 0, 1], [0, 1, 0], [5, 1, 5]]
    assert [row.tolist() for row in trained.inner_ids(["bob", "cat"], ["heat", "jaws"])] == [
        [1, -1],
        [1, 0],
    ]
    assert trained.knows_user(1)
    assert not trained.knows_item(2)
    with pytest.raises(ValueError, match="user 'cat' is not part of the trainset"):
        trained.to_inner_uid("cat")


def test_the_anti_testset_is_what_nobody_rated() -> None:
    assert small().build_anti_testset() == [("bob", "heat", pytest.approx(11 / 3))]
    assert small().build_anti_testset(fill=0) == [("bob", "heat", 0.0)]
    assert small().build_testset() == list(small().ratings)


def test_ratings_must_be_there_and_finite() -> None:
    with pytest.raises(DataError, match="at least one rating, got none"):
        Trainset([], (1, 5))
    with pytest.raises(DataError, match="rating of item 'jaws' by user 'ann' is nan; leave it out"):
        Trainset([("ann", "jaws", float("nan"))], (1, 5))
    with pytest.raises(DataError, match=r"'jaws' by user 'bob' is 1e\+39; leave it out"):
        Trainset([("ann", "jaws", 5.0), ("bob", "jaws", 1e39)], (1, 5))


def test_an_id_that_stands_in_many_lines_is_one_object(tmp_path: Path) -> None:
    file = tmp_path / "ratings.csv"
    file.write_text("long-id,jaws,5\nlong-id,heat,2.5\n", encoding="utf-8")
    (first, _, _), (second, _, _) = Dataset.load_from_file(file, Reader(sep=",")).raw_ratings
    assert first is second


# ---- algorithms


@pytest.mark.parametrize(
    "algo",
    [SVD(), SVDpp(), NMF(), SlopeOne(), KNNBaseline(sim_options=BY_ITEMS), BaselineOnly()],
    ids=lambda algo: type(algo).__name__,
)
def test_all_that_learn_beat_the_mean_and_repeat_themselves(films: Dataset, algo: AlgoBase) -> None:
    trainset, testset = train_test_split(films, random_state=1)
    predictions = algo.fit(trainset).test(testset)
    mean = [one._replace(est=trainset.global_mean) for one in predictions]
    assert accuracy.rmse(predictions, verbose=False) < 0.95 * accuracy.rmse(mean, verbose=False)
    assert [one[:3] for one in predictions] == testset
    assert all(0.5 <= one.est <= 5 for one in predictions)
    assert algo.fit(trainset).test(testset) == predictions


@pytest.mark.parametrize("by_users", [False, True])
@pytest.mark.parametrize(
    ("algorithm", "baseline"),
    [
        (KNNBasic, "global"),
        (KNNWithMeans, "means"),
        (KNNWithZScore, "zscores"),
        (KNNBaseline, "biases"),
    ],
)
def test_neighbours_are_items_or_users_over_four_baselines(
    films: Dataset, algorithm: type[AlgoBase], baseline: str, by_users: bool
) -> None:
    trainset, testset = train_test_split(films, random_state=1)
    options = {"name": "msd", "user_based": by_users}
    algo = algorithm(20, 2, options).fit(trainset)
    predictions = algo.test(testset)
    mean = [one._replace(est=trainset.global_mean) for one in predictions]
    assert accuracy.rmse(predictions, verbose=False) < accuracy.rmse(mean, verbose=False)
    assert algo.model.spec.settings["scorer"] == {
        "use": "cf.rating_knn",
        "baseline": baseline,
        "side": "users" if by_users else "items",
        "neighbours": 20,
        "min_neighbours": 2,
        "similarity": "euclidean",
        "compare": "ratings",
    }


def test_the_baseline_is_what_two_rounds_of_shrunk_means_give() -> None:
    trained = BaselineOnly({"reg_u": 1, "reg_i": 0, "n_epochs": 1}).fit(small())
    # Mean 11/3; jaws is +4/3 and heat -8/3, which leaves nothing to the users.
    assert trained.predict("bob", "heat").est == pytest.approx(1)
    assert trained.predict("bob", "jaws").est == pytest.approx(5)


def test_what_is_unknown_gets_the_bias_of_what_is_known() -> None:
    trained = SlopeOne().fit(small())
    told = trained.predict("cat", "heat", r_ui=2)
    assert told == Prediction("cat", "heat", 2, pytest.approx(told.est), {"was_impossible": True})
    assert 1 < told.est < trained.predict("cat", "jaws").est < 5
    assert trained.predict("cat", "alien").est == pytest.approx(11 / 3)


def test_a_testset_is_predicted_as_its_pairs_alone() -> None:
    asked = [("ann", "jaws", 5.0), ("cat", "heat", None), ("bob", "heat", 1), ("ann", "up", 2)]
    for algo in (SlopeOne(), BaselineOnly()):
        trained = algo.fit(small())
        assert trained.test(iter(asked)) == [trained.predict(*one) for one in asked]
        assert trained.test([]) == []


def test_predictions_are_cut_to_the_scale_unless_told_not_to() -> None:
    narrow = Trainset(small().ratings, (2, 3))
    trained = BaselineOnly().fit(narrow)
    assert trained.predict("ann", "jaws").est == 3
    assert trained.predict("ann", "jaws", clip=False).est > 3.5


def test_normal_ratings_have_mean_and_spread_of_the_trainset() -> None:
    trained = NormalPredictor(random_state=3).fit(small())
    drawn = [trained.predict("ann", "jaws", clip=False).est for _ in range(2000)]
    ratings = [5, 1, 5]
    assert np.mean(drawn) == pytest.approx(np.mean(ratings), abs=0.15)
    assert np.std(drawn) == pytest.approx(np.std(ratings), abs=0.15)


def test_the_model_inside_recommends_by_raw_ids_and_can_be_saved(
    films: Dataset, tmp_path: Path
) -> None:
    trained = SVD(n_factors=4, n_epochs=2).fit(films.build_full_trainset())
    trained.model.save(tmp_path / "model")
    loaded = penchant.load(tmp_path / "model")
    assert len(loaded.recommend("1", k=3).ids) == 3
    told = trained.predict("1", "356", clip=False).est
    assert float(loaded.predict(["1"], ["356"])[0]) == told


def test_of_several_ratings_of_a_pair_the_last_counts() -> None:
    changed = Trainset([("ann", "jaws", 1.0), *small().ratings], (1, 5))
    once = SlopeOne().fit(small()).predict("bob", "heat", clip=False)
    again = SlopeOne().fit(changed).predict("bob", "heat", clip=False)
    assert again == once


def test_settings_reach_the_strategy() -> None:
    trained = SVD(n_factors=3, n_epochs=5, lr_all=0.01, reg_all=0.1).fit(small())
    scorer = trained.model.spec.settings["scorer"]
    assert scorer["use"] == "mf.sgd"
    assert {key: scorer[key] for key in ("factors", "epochs", "decay")} == {
        "factors": 3,
        "epochs": 5,
        "decay": 1.0,
    }


def test_nothing_is_predicted_before_a_fit() -> None:
    with pytest.raises(RequestError, match="SVD has learnt nothing yet; call fit first"):
        SVD().predict("ann", "jaws")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: BaselineOnly({"reg_v": 1}), "unknown key 'reg_v'; did you mean 'reg_u'"),
        (lambda: BaselineOnly({"method": "sgd"}), "method must be 'als', got 'sgd'"),
        (lambda: NMF(biased=True), "NMF adds up parts alone; leave biased=True out, or use SVD"),
        (lambda: NMF(reg_pu=0.1), "alike, got reg_pu=0.1 and reg_qi=None; give both the same"),
        (lambda: KNNBaseline(sim_options={"name": "dot"}), "'pearson_baseline', got 'dot'"),
        (lambda: KNNBaseline(sim_options={"shrink": 1}), "key 'shrink'; did you mean 'shrinkage'"),
    ],
)
def test_wrong_options_say_what_is_wrong(make, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        make()


def test_without_the_plugin_it_says_what_to_install() -> None:
    """In a process whose only plugin is the one that comes with penchant."""
    program = """
import importlib.metadata as metadata
metadata.distributions = lambda: []
from penchant.errors import UnknownComponent
from penchant.surprise import SVD, BaselineOnly, Trainset
trainset = Trainset([("ann", "jaws", 5.0), ("bob", "heat", 1.0)], (1, 5))
print(BaselineOnly().fit(trainset).predict("ann", "jaws").est > 3)
try:
    SVD().fit(trainset)
except UnknownComponent as error:
    print(error)
"""
    answer = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False
    )
    wanted = "no scorer named 'mf.sgd'; it comes with a plugin: pip install penchant-mf"
    assert answer.stdout == f"True\n{wanted}\n", answer.stderr


# ---- accuracy


def test_errors_are_those_of_hand(capsys: pytest.CaptureFixture[str]) -> None:
    told = [
        Prediction("ann", "jaws", 5, 4, {}),
        Prediction("ann", "heat", 1, 4, {}),
        Prediction("bob", "jaws", 2, 2, {}),
        Prediction("bob", "heat", None, 2, {}),
    ]
    assert accuracy.mse(told) == pytest.approx(10 / 3)
    assert accuracy.rmse(told) == pytest.approx((10 / 3) ** 0.5)
    assert accuracy.mae(told) == pytest.approx(4 / 3)
    assert accuracy.fcp(told) == 0
    assert capsys.readouterr().out.splitlines() == [
        "MSE: 3.3333",
        "RMSE: 1.8257",
        "MAE: 1.3333",
        "FCP: 0.0000",
    ]


# ---- model selection


def test_folds_part_all_ratings(films: Dataset) -> None:
    folds = list(KFold(4, random_state=2).split(films))
    assert [len(test) for _, test in folds] == [3000] * 4
    assert sorted(one for _, test in folds for one in test) == sorted(films.raw_ratings)
    for trainset, testset in folds:
        assert sorted([*trainset.ratings, *testset]) == sorted(films.raw_ratings)


def test_folds_of_files_are_taken_as_they_are(tmp_path: Path) -> None:
    for name, line in (("train", "ann jaws 5"), ("test", "bob heat 1")):
        (tmp_path / name).write_text(line, encoding="utf-8")
    data = Dataset.load_from_folds([(tmp_path / "train", tmp_path / "test")], Reader())
    ((trainset, testset),) = PredefinedKFold().split(data)
    assert trainset.ratings == [("ann", "jaws", 5.0)]
    assert testset == [("bob", "heat", 1.0)]


def test_a_share_of_ratings_is_held_out(films: Dataset) -> None:
    trainset, testset = train_test_split(films, test_size=0.25, random_state=4)
    assert (trainset.n_ratings, len(testset)) == (9000, 3000)
    assert train_test_split(films, test_size=0.25, random_state=4)[1] == testset
    assert train_test_split(films, test_size=0.25, random_state=5)[1] != testset


def test_cross_validation_is_a_fit_and_a_test_a_fold(
    films: Dataset, capsys: pytest.CaptureFixture[str]
) -> None:
    folds = KFold(3, random_state=1)
    told = cross_validate(BaselineOnly(), films, ["RMSE", "fcp"], folds, verbose=True)
    by_hand = [
        accuracy.rmse(BaselineOnly().fit(trainset).test(testset), verbose=False)
        for trainset, testset in folds.split(films)
    ]
    assert told["test_rmse"].tolist() == by_hand
    assert sorted(told) == ["fit_time", "test_fcp", "test_rmse", "test_time"]
    assert len(told["fit_time"]) == 3
    assert capsys.readouterr().out.startswith(f"RMSE: {np.mean(by_hand):.4f} (folds ")


def test_the_best_of_a_grid_is_found(films: Dataset) -> None:
    grid = {"bsl_options": [{"reg_u": 15}, {"reg_u": 10_000}]}
    search = GridSearchCV(BaselineOnly, grid, measures=["rmse", "fcp"], cv=2)
    search.fit(films)
    means = search.cv_results["mean_test_rmse"]
    assert means[0] < means[1]
    assert search.best_score["rmse"] == means[0]
    assert search.best_params["rmse"] == {"bsl_options": {"reg_u": 15}}
    assert search.best_score["fcp"] == search.cv_results["mean_test_fcp"].max()
    best = search.best_estimator["rmse"].fit(films.build_full_trainset())
    assert best.predict("1", "356").est > 3


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda data: cross_validate(SVD(), data, ["rsme"]), "'rsme'; did you mean 'rmse'"),
        (lambda data: train_test_split(data, test_size=2), "between 0 and 1, got 2"),
        (lambda data: KFold(1), "at least 2, got 1"),
        (lambda data: list(KFold(99_999).split(data)), "99999, but there are 12000 ratings"),
    ],
)
def test_wrong_questions_say_what_is_wrong(films: Dataset, call, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        call(films)


# ---- beside scikit-surprise


def test_shapes_and_baselines_equal_those_of_surprise(films: Dataset) -> None:
    """On the same folds: the same baselines, and predictions and errors that read alike."""
    theirs = pytest.importorskip("surprise", reason="needs scikit-surprise")
    folds = pytest.importorskip("surprise.model_selection")
    reader = theirs.Reader(sep=",", skip_lines=1, rating_scale=(0.5, 5), line_format=FORMAT)
    data = theirs.Dataset.load_from_file(str(FILMS), reader)
    data.raw_ratings = data.raw_ratings[:12000]
    pairs = zip(
        folds.KFold(3, shuffle=False).split(data),
        KFold(3, shuffle=False).split(films),
        strict=True,
    )
    for (their_train, their_test), (train, test) in pairs:
        assert their_test == test
        assert their_train.ur == train.ur
        assert their_train.global_mean == pytest.approx(train.global_mean)
        told = theirs.BaselineOnly(verbose=False).fit(their_train).test(their_test)
        ours = BaselineOnly().fit(train).test(test)
        np.testing.assert_allclose([o.est for o in ours], [t.est for t in told], rtol=1e-9)
        assert ours[0]._fields == told[0]._fields
        for name in ("rmse", "mse", "mae"):
            error = getattr(theirs.accuracy, name)(told, verbose=False)
            assert getattr(accuracy, name)(ours, verbose=False) == pytest.approx(error)
        error = theirs.accuracy.fcp(told, verbose=False)
        assert accuracy.fcp(ours, verbose=False) == pytest.approx(error, abs=0.02)


@pytest.mark.parametrize(
    ("name", "ours"),
    [("SVD", SVD), ("SlopeOne", SlopeOne)],
)
def test_defaults_err_no_more_than_those_of_surprise(films: Dataset, name: str, ours) -> None:
    theirs = pytest.importorskip("surprise", reason="needs scikit-surprise")
    train, test = train_test_split(films, random_state=2)
    reader = theirs.Reader(rating_scale=(0.5, 5))
    rows = [(user, item, rating, None) for user, item, rating in train.ratings]
    their_train = theirs.Dataset(reader).construct_trainset(rows)
    told = getattr(theirs, name)().fit(their_train).test(test)
    error = theirs.accuracy.rmse(told, verbose=False)
    assert accuracy.rmse(ours().fit(train).test(test), verbose=False) < error + 0.005
