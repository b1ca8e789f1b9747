"""`cf.slim` against a twin that knows no short cut, what makes an optimum, and what it refuses."""

from __future__ import annotations

import numpy as np
import penchant
import penchant_cf
import pytest
from hypothesis import given
from hypothesis import strategies as st
from penchant import Registry
from penchant.data import Dataset, Interactions, Items, Users
from penchant.errors import FitCancelled, SettingsError
from penchant.protocols import FitContext
from penchant.queries import Candidates, Csr, Queries
from penchant.settings import make_settings
from penchant_cf.settings import SlimSettings
from penchant_cf.slim import FittedSlim, Slim

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


def weights(fitted: FittedSlim, items: int) -> np.ndarray:
    """Give W: its rows are the scores of strangers who like one item."""
    return np.concatenate([fitted.score(history(i, items=items), None) for i in range(items)])


def fit(data: Dataset, threads: int = 1, **settings: object) -> FittedSlim:
    return Slim(SlimSettings(**settings)).fit(data, FitContext(threads=threads))


def twin(data: Dataset, l1: float, l2: float, *, non_negative: bool) -> np.ndarray:
    """Coordinate descent on the Gram matrix, all columns at once, many times."""
    x = data.positive_csr().to_dense().astype(np.float64)
    gram, found = x.T @ x, np.zeros((x.shape[1], x.shape[1]))
    for _ in range(300):
        for item in range(len(gram)):
            pull = gram[item] - gram[item] @ found + gram[item, item] * found[item]
            size = np.maximum(np.abs(pull) - l1, 0) / (gram[item, item] + l2)
            found[item] = np.where((pull < 0) & non_negative, 0, np.sign(pull) * size)
            found[item, item] = 0
    return found


def test_two_items_that_everybody_likes_together_foretell_each_other() -> None:
    # They share 3 likings of 3: the weight is (3 - l1) / (3 + l2).
    fitted = fit(liked([[0, 1], [0, 1], [0, 1], [2]], 3), l1=1.0, l2=2.0)
    assert weights(fitted, 3).tolist() == pytest.approx(
        np.array([[0, 0.4, 0], [0.4, 0, 0], [0, 0, 0]])
    )


def test_items_that_share_no_more_than_l1_have_no_weight() -> None:
    data = liked([[0, 1], [0, 1], [0, 2], [0, 2], [0, 2]], 3)
    found = weights(fit(data, l1=2.0, l2=1.0), 3)
    assert not found[0, 1]
    assert not found[1, 0]
    assert found[2, 0] > 0


def test_weights_may_count_against_an_item_where_they_are_let() -> None:
    data = liked([[0, 2], [1, 2], [0, 2], [1, 2]], 3)
    assert (weights(fit(data, l1=0.1, l2=0.1), 3) >= 0).all()
    assert weights(fit(data, l1=0.1, l2=0.1, non_negative=False), 3)[0, 1] < -0.5


@st.composite
def boards(draw: st.DrawFn) -> tuple[list[list[int]], int]:
    items = draw(st.integers(1, 8))
    row = st.lists(st.integers(0, items - 1), unique=True, max_size=items)
    return draw(st.lists(row, min_size=1, max_size=12)), items


@given(
    board=boards(),
    l1=st.sampled_from([0.0, 0.4, 1.0, 3.0]),
    l2=st.sampled_from([0.5, 5.0, 200.0]),
    non_negative=st.booleans(),
    threads=st.sampled_from([1, 2, 4, 8]),
)
def test_weights_are_those_of_the_twin_and_an_optimum(
    board: tuple[list[list[int]], int], l1: float, l2: float, non_negative: bool, threads: int
) -> None:
    rows, items = board
    data = liked([*rows, [0]], items)
    found = weights(fit(data, threads, l1=l1, l2=l2, non_negative=non_negative), items)
    assert found == pytest.approx(twin(data, l1, l2, non_negative=non_negative), abs=3e-3)
    # The conditions of Karush, Kuhn and Tucker, within what the kernel leaves.
    x = data.positive_csr().to_dense().astype(np.float64)
    slopes = x.T @ (x - x @ found) - l2 * found
    close = 1e-3 * x.sum(axis=0).max() + 1e-5
    others = ~np.eye(items, dtype=bool)
    assert np.abs(slopes - l1 * np.sign(found))[others & (found != 0)].max(initial=0) <= close
    steep = slopes if non_negative else np.abs(slopes)
    assert steep[others & (found == 0)].max(initial=0) <= l1 + close


def test_threads_do_not_change_a_bit() -> None:
    draw = np.random.default_rng(0)
    data = liked([np.flatnonzero(draw.random(60) < 0.2).tolist() for _ in range(90)], 60)
    one = [array.tobytes() for array in fit(data).state().arrays.values()]
    for threads in (2, 4, 8):
        assert [a.tobytes() for a in fit(data, threads).state().arrays.values()] == one


def test_reasons_sum_to_the_score() -> None:
    draw = np.random.default_rng(1)
    data = liked([np.flatnonzero(draw.random(30) < 0.3).tolist() for _ in range(80)], 30)
    fitted, asked = fit(data, l1=0.5, l2=5.0), history(*range(0, 20, 2), items=30)
    for item in range(30):
        told = sum(reason.weight for reason in fitted.explain(asked, item))
        assert told == pytest.approx(float(fitted.score(asked, None)[0, item]), abs=1e-5)


def test_similar_items_are_those_that_foretell_it() -> None:
    rows = [[0, 1], [0, 1], [0, 1, 2], [2, 3], [2, 3], [2, 3], [0]]
    got = fit(liked(rows, 4), l1=0.5, l2=1.0).similar_items(
        np.array([0, 3], np.int32), Candidates(4), 1
    )
    assert got.rows.tolist() == [[1], [2]]


def test_new_items_weigh_nothing_and_change_nothing() -> None:
    few, many = liked([[0, 1], [0, 1], [2]], 3), liked([[0, 1], [0, 1], [2]], 5)
    fitted = fit(few)
    grown = weights(fitted.with_items(many), 5)
    assert (grown[:3, :3] == weights(fitted, 3)).all()
    assert not grown[3:].any()
    assert not grown[:, 3:].any()


def test_a_model_on_disk_holds_the_weights_that_are_not_0(tmp_path) -> None:
    data = liked([[0, 1], [0, 1], [0, 1], [2]], 3)
    model = penchant.fit(data, scorers=[penchant.use("cf.slim", l1=1.0)], registry=MINE)
    model.save(tmp_path / "model")
    loaded = penchant.load(tmp_path / "model", registry=MINE)
    before, after = (one.recommend(history=[0]) for one in (model, loaded))
    assert list(before.ids) == list(after.ids) == [1, 2]
    assert list(before.scores) == list(after.scores)
    assert len(fit(data).state().arrays["values"]) == 2


def test_a_cancelled_fit_says_how_far_it_was() -> None:
    data, asked = liked([[0, 1], [1, 2]], 3), []

    def cancelled() -> bool:
        asked.append(1)
        return len(asked) == 2

    with pytest.raises(FitCancelled, match=r"the fit of cf\.slim was cancelled after 3 of 3 items"):
        Slim(SlimSettings()).fit(data, FitContext(cancelled=cancelled))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"l1": -1}, "cf.slim: l1 must be at least 0, got -1.0"),
        ({"l1": float("nan")}, "cf.slim: l1 must be finite and at least 0, got nan"),
        ({"l2": 0}, "cf.slim: l2 must be greater than 0, got 0.0"),
    ],
)
def test_a_setting_out_of_range_is_refused(given: dict[str, object], message: str) -> None:
    with pytest.raises(SettingsError) as refused:
        make_settings(SlimSettings, given, "cf.slim")
    assert str(refused.value) == message
