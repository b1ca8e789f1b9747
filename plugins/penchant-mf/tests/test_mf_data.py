"""Accuracy on MovieLens 100K: a fixed fold of its own, and users who were never seen at fit."""

import os
from pathlib import Path

import numpy as np
import penchant_mf
import pytest
from penchant import Registry, kernels
from penchant.data import Dataset, Interactions, Items, Users
from penchant.protocols import FitContext, FittedScorer
from penchant.queries import Queries
from penchant_mf.als import Als, FittedAls
from penchant_mf.nmf import Nmf
from penchant_mf.settings import AlsSettings, NmfSettings, SgdSettings
from penchant_mf.sgd import Sgd

pytestmark = pytest.mark.data

MINE = Registry({"mf": penchant_mf})
USERS, ITEMS = 943, 1682


def fold(part: str) -> Dataset:
    """Read u1.base or u1.test, users and items by their numbers less 1."""
    folder = os.environ.get("PENCHANT_DATA")
    if folder is None:
        pytest.skip("PENCHANT_DATA names no data folder")
    table = np.loadtxt(Path(folder) / "ml-100k" / f"u1.{part}", dtype=np.int64)
    return Dataset(
        users=Users.of(list(range(1, USERS + 1))),
        items=Items.of(list(range(1, ITEMS + 1))),
        interactions=Interactions.of(
            (table[:, 0] - 1).astype(np.int32),
            (table[:, 1] - 1).astype(np.int32),
            table[:, 2].astype(np.float32),
            n_users=USERS,
            n_items=ITEMS,
        ),
        relations=None,
        min_value=4.0,
    )


def error(fitted: FittedScorer, queries: Queries, test: Interactions) -> float:
    """RMSE of ratings clipped to 1 to 5; the queries are those of all users, in order."""
    foretold = np.clip(fitted.score(queries, None)[test.user, test.item], 1, 5)
    return float(np.sqrt(np.mean((foretold - test.value.astype(np.float64)) ** 2)))


def test_rmse_of_the_first_fold_with_defaults() -> None:
    train, test = fold("base"), fold("test").interactions
    fitted = Sgd(SgdSettings(), MINE).fit(train, FitContext(threads=2))
    known = Queries.known(np.arange(USERS, dtype=np.int32), train.interactions.by_user())
    assert error(fitted, known, test) <= 0.919  # 0.9170; the mean of all five folds is 0.9063


def test_a_stranger_is_foretold_about_as_well_as_a_known_user() -> None:
    train, test = fold("base"), fold("test").interactions
    left_out = np.arange(USERS) % 10 == 0
    fitted = Sgd(SgdSettings(), MINE).fit(
        train.subset(~left_out[train.interactions.user]), FitContext(threads=2)
    )
    strangers = Queries(np.full(USERS, -1, np.int32), train.interactions.by_user())
    theirs = test.filtered(left_out[test.user])
    whole = Sgd(SgdSettings(), MINE).fit(train, FitContext(threads=2))
    known = Queries.known(np.arange(USERS, dtype=np.int32), train.interactions.by_user())
    assert error(fitted, strangers, theirs) <= error(whole, known, theirs) + 0.015


def test_rmse_of_parts_and_of_strangers_to_them() -> None:
    train, test = fold("base"), fold("test").interactions
    left_out = np.arange(USERS) % 10 == 0
    history = train.interactions.by_user()
    known = Queries.known(np.arange(USERS, dtype=np.int32), history)
    whole = Nmf(NmfSettings()).fit(train, FitContext(threads=2))
    rest = train.subset(~left_out[train.interactions.user])
    folded = Nmf(NmfSettings()).fit(rest, FitContext(threads=2))
    strangers = Queries(np.full(USERS, -1, np.int32), history)
    theirs = test.filtered(left_out[test.user])
    assert error(whole, known, test) <= 0.922  # 0.9197
    assert error(folded, strangers, theirs) <= error(whole, known, theirs) + 0.015


def ndcg(fitted: FittedAls, queries: Queries, test: Dataset) -> np.ndarray:
    """NDCG@10 of each user who likes anything in test; what was liked before is not ranked."""
    seen = queries.history.at_least(4.0)
    vectors = fitted.query_vectors(queries)
    index = kernels.ItemIndex(fitted.item_vectors)
    rows, _, _ = index.top_k(vectors, 10, seen=(seen.indptr, seen.indices))
    gains = 1 / np.log2(np.arange(10) + 2.0)
    liked = test.positive_csr()
    users = np.flatnonzero(liked.counts())
    hits = np.array([np.isin(rows[user], liked.row(user)) for user in users])
    best = np.cumsum(gains)[np.minimum(liked.counts()[users], 10) - 1]
    found: np.ndarray = (hits * gains).sum(1) / best
    return found


def test_likings_are_ranked_well_with_defaults_and_strangers_nearly_as_well() -> None:
    train, test = fold("base"), fold("test")
    context = FitContext(threads=2)
    history = train.interactions.by_user()
    everybody = np.arange(USERS, dtype=np.int32)
    known = ndcg(
        Als(AlsSettings(), MINE).fit(train, context), Queries.known(everybody, history), test
    )
    assert known.mean() >= 0.42  # 0.432; half of the regularization gives 0.378
    left_out = everybody % 10 == 0
    rest = train.subset(~left_out[train.interactions.user])
    folded = ndcg(
        Als(AlsSettings(), MINE).fit(rest, context),
        Queries(np.full(USERS, -1, np.int32), history),
        test,
    )
    judged = left_out[np.flatnonzero(test.positive_csr().counts())]
    assert folded[judged].mean() >= 0.9 * known[judged].mean()
