"""Matrix factorisation on worlds small enough to know the answer."""

import numpy as np
import pytest
from penchant.errors import DataError, FitDiverged, SettingsError, ShapeError
from penchant.kernels import sgd

SETTINGS = {
    "factors": 8,
    "epochs": 5,
    "learning_rate": 0.02,
    "decay": 0.95,
    "regularization": 0.05,
    "bias_regularization": 0.01,
    "seed": 3,
}


def checkerboard(users=20, items=20):
    """Users like the items of their own parity: 5 against 1, with one field in seven unseen."""
    user, item = np.divmod(np.arange(users * items, dtype=np.int32), np.int32(items))
    rating = np.where((user + item) % 2 == 0, 5, 1).astype(np.float32)
    seen = (user * 3 + item) % 7 != 0
    return (user[seen], item[seen], rating[seen]), (user[~seen], item[~seen], rating[~seen])


def predict(model, user, item):
    dots = np.einsum("ij,ij->i", model.user_factors[user], model.item_factors[item])
    return model.mean + model.user_bias[user] + model.item_bias[item] + dots


def test_unseen_fields_of_a_checkerboard_are_predicted():
    train, (user, item, rating) = checkerboard()
    settings = {**SETTINGS, "epochs": 200, "learning_rate": 0.05, "decay": 1.0}
    model = sgd(*train, 20, 20, **settings)
    assert np.abs(predict(model, user, item) - rating).max() < 0.3


def test_one_rating_moves_the_biases_towards_it_and_the_mean_is_its_own():
    ratings = np.array([1, 3], np.float32)
    rows = np.array([0, 1], np.int32)
    settings = {**SETTINGS, "epochs": 1, "bias_regularization": 0.0, "learning_rate": 0.1}
    model = sgd(rows, rows, ratings, 2, 2, **settings)
    assert model.mean == 2.0
    # error -1 and +1, less a dot product of small numbers, times the learning rate
    np.testing.assert_allclose(model.user_bias, [-0.1, 0.1], atol=0.02)
    np.testing.assert_array_equal(model.user_bias, model.item_bias)


def test_arrays_have_the_shapes_and_dtypes_that_are_named():
    train, _ = checkerboard(6, 4)
    model = sgd(*train, 6, 4, **SETTINGS)
    assert model.user_factors.shape == (6, 8)
    assert model.item_factors.shape == (4, 8)
    assert (model.user_bias.shape, model.item_bias.shape) == ((6,), (4,))
    assert model.train_rmse.shape == (5,)
    arrays = (model.user_factors, model.item_factors, model.user_bias, model.train_rmse)
    assert {array.dtype for array in arrays} == {np.dtype(np.float32)}


def test_rows_without_ratings_are_zero():
    train, _ = checkerboard(6, 4)
    model = sgd(*train, 8, 5, **SETTINGS)
    assert not model.user_factors[6:].any()
    assert not model.item_factors[4:].any()
    assert (model.user_bias[7], model.item_bias[4]) == (0.0, 0.0)


def test_progress_hears_each_epoch_and_false_stops():
    train, _ = checkerboard()
    heard = []
    model = sgd(*train, 20, 20, **SETTINGS, progress=lambda *args: heard.append(args))
    assert [epoch for epoch, _ in heard] == [0, 1, 2, 3, 4]
    np.testing.assert_allclose([rmse for _, rmse in heard], model.train_rmse, rtol=1e-6)
    stopped = sgd(*train, 20, 20, **SETTINGS, progress=lambda epoch, _: epoch < 2)
    np.testing.assert_array_equal(stopped.train_rmse, model.train_rmse[:3])


def test_validation_stops_the_descent_and_keeps_the_epoch_that_erred_least():
    draw = np.random.default_rng(5)
    (user, item, _), _ = checkerboard()
    noise = draw.integers(1, 6, len(user)).astype(np.float32)
    held_out = draw.random(len(user)) < 0.2
    log = [array[~held_out] for array in (user, item, noise)]
    validation = tuple(array[held_out] for array in (user, item, noise))
    settings = {**SETTINGS, "epochs": 60, "learning_rate": 0.1, "regularization": 0.0}
    heard = []
    model = sgd(
        *log,
        20,
        20,
        **settings,
        validation=validation,
        patience=3,
        progress=lambda *a: heard.append(a),
    )
    errors = [rmse for _, rmse in heard]
    np.testing.assert_allclose(errors, model.validation_rmse, rtol=1e-6)
    assert model.epochs == int(np.argmin(errors)) + 1 == len(errors) - 3
    foretold = predict(model, *validation[:2])
    rmse = np.sqrt(np.mean((foretold - validation[2]) ** 2))
    assert rmse == pytest.approx(min(errors), abs=1e-5)
    again = sgd(*log, 20, 20, **{**settings, "epochs": model.epochs})
    np.testing.assert_array_equal(again.user_factors, model.user_factors)
    assert len(again.validation_rmse) == 0


def test_adagrad_takes_the_steps_of_sgd_until_it_has_met_gradients():
    ratings, rows = np.array([1, 3], np.float32), np.array([0, 1], np.int32)
    one = {**SETTINGS, "epochs": 1, "learning_rate": 0.1}
    plain = sgd(rows, rows, ratings, 2, 2, **one)
    adagrad = sgd(rows, rows, ratings, 2, 2, **one, optimizer="adagrad")
    np.testing.assert_array_equal(adagrad.user_factors, plain.user_factors)
    two = {**one, "epochs": 2, "decay": 1.0}
    plain = sgd(rows, rows, ratings, 2, 2, **two)
    adagrad = sgd(rows, rows, ratings, 2, 2, **two, optimizer="adagrad")
    # The first error of the biases was about 1, so that their second step is divided by root 2.
    first, second = 0.1, np.abs(adagrad.user_bias) - 0.1
    np.testing.assert_allclose(second, first * 0.8 / np.sqrt(2), atol=0.01)
    assert (np.abs(adagrad.user_bias) < np.abs(plain.user_bias)).all()


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_what_progress_raises_passes_through(error):
    def raising(epoch, rmse):
        raise error("stop")

    with pytest.raises(error, match="stop"):
        sgd(*checkerboard()[0], 20, 20, **SETTINGS, progress=raising)


def test_a_learning_rate_that_is_too_high_is_named():
    train, _ = checkerboard()
    with pytest.raises(FitDiverged, match=r"diverged in epoch \d+: .* lower learning_rate"):
        sgd(*train, 20, 20, **{**SETTINGS, "learning_rate": 50.0})


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("factors", 0, "factors is 0, and must be from 1 to 512"),
        ("factors", 513, "factors is 513, and must be from 1 to 512"),
        ("learning_rate", 0.0, "learning_rate is 0, and must be above 0"),
        ("decay", 1.5, "decay is 1.5, and must be above 0 and at most 1"),
        ("regularization", -1.0, "regularization is -1, and must be 0 or above"),
        ("bias_regularization", float("nan"), "bias_regularization is NaN, and must be 0 or"),
        ("patience", 0, "patience is 0, and must be at least 1"),
        ("optimizer", "adam", 'optimizer is "adam", and must be "sgd" or "adagrad"'),
        ("threads", 0, "threads is 0, and must be at least 1"),
    ],
)
def test_settings_out_of_range_are_refused(name, value, message):
    with pytest.raises(SettingsError, match=message):
        sgd(*checkerboard()[0], 20, 20, **{**SETTINGS, name: value})


def test_ratings_that_cannot_be_used_are_refused():
    (user, item, rating), _ = checkerboard()
    with pytest.raises(ShapeError, match="343 users, 342 items and 343 ratings"):
        sgd(user, item[:-1], rating, 20, 20, **SETTINGS)
    with pytest.raises(DataError, match=r"users\[\d+\] is 19, and must be a row from 0 to 18"):
        sgd(user, item, rating, 19, 20, **SETTINGS)
    with pytest.raises(DataError, match=r"items\[0\] is -1, and must be a row"):
        sgd(user[:1], np.array([-1], np.int32), rating[:1], 20, 20, **SETTINGS)
    with pytest.raises(DataError, match=r"ratings\[1\] is NaN, and ratings must be finite"):
        sgd(user[:2], item[:2], np.array([1, np.nan], np.float32), 20, 20, **SETTINGS)
    outside = (user[:1], np.array([20], np.int32), rating[:1])
    with pytest.raises(DataError, match=r"items\[0\] is 20, and must be a row from 0 to 19"):
        sgd(user, item, rating, 20, 20, **SETTINGS, validation=outside)
    wide = (user, item.astype(np.int64), rating)
    with pytest.raises(ShapeError, match="validation items has dtype int64"):
        sgd(user, item, rating, 20, 20, **SETTINGS, validation=wide)
    with pytest.raises(DataError, match="there are 0 ratings"):
        sgd(user[:0], item[:0], rating[:0], 20, 20, **SETTINGS)
    with pytest.raises(ShapeError, match="ratings has dtype float64, but float32 is needed"):
        sgd(user, item, rating.astype(np.float64), 20, 20, **SETTINGS)
