"""Wherever a name is asked for, a misspelt one is refused with the one that was meant."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from penchant import Recipe, fit
from penchant.cli.evaluate import evaluate
from penchant.data import Dataset, Interactions, Items, Users
from penchant.errors import PenchantError
from penchant.evaluation import (
    compare,
    compare_on,
    cross_validate,
    evaluate_ratings,
    evaluate_recommender,
    evaluate_scorer,
    make_split,
    three_way_split,
    user_random_split,
)
from penchant.evaluation.chance import Chance

FILMS = Path(__file__).parents[2] / "examples" / "data" / "movielens-small"


def films() -> Dataset:
    user, item = np.divmod(np.arange(48), 8)
    log = Interactions.of(user, (user + item) % 11, 1 + item % 5, item, n_users=6, n_items=11)
    return Dataset(Users.of(list("uvwxyz")), Items.of(list("abcdefghijk")), log)


def split():
    return user_random_split(films())


def evaluated(**asked):
    return Recipe.of({"scorers": ["base.popular"], "evaluation": asked})


POPULAR = ["base.popular"]
ENTRIES = {
    "make_split": (lambda: make_split(films(), "user-tim"), "user-time"),
    "three_way_split": (lambda: three_way_split(films(), "usr-time"), "user-time"),
    "compare, split": (lambda: compare(POPULAR, films(), ["cold_item"]), "cold-item"),
    "compare, metric": (lambda: compare(POPULAR, films(), metrics=["ndgc@3"]), "ndcg"),
    "compare, base": (lambda: compare(POPULAR, films(), base="base.populr"), "base.popular"),
    "compare, name": (lambda: compare(["base.populer"], films()), "base.popular"),
    "compare, bare": (lambda: compare(["als"], films()), "mf.als"),
    "compare, setting": (
        lambda: compare({"a": {"use": "mf.als", "factor": 3}}, films()),
        "factors",
    ),
    "compare, encoder": (lambda: compare(POPULAR, films(), encoder="base.hasing"), "base.hashing"),
    "compare, derive": (
        lambda: compare(POPULAR, films(), derive={"t": "base.activty"}),
        "base.activity",
    ),
    "compare_on": (lambda: compare_on(POPULAR, [(split(), 1)], metrics=["recal@3"]), "recall"),
    "cross_validate, measure": (lambda: cross_validate("mf.sgd", films(), ["rsme"]), "rmse"),
    "cross_validate, name": (lambda: cross_validate("mf.sdg", films()), "mf.sgd"),
    "cross_validate, bare": (lambda: cross_validate("sgd", films()), "mf.sgd"),
    "cross_validate, setting": (
        lambda: cross_validate({"use": "mf.sgd", "epoch": 3}, films()),
        "epochs",
    ),
    "evaluate_recommender": (
        lambda: evaluate_recommender(
            fit(films(), scorers=POPULAR).recommender, split(), metrics=["hr@3"]
        ),
        "hit_rate",
    ),
    "evaluate_scorer": (
        lambda: evaluate_scorer(Chance(11), split(), metrics=["covrage@3"]),
        "coverage",
    ),
    "evaluate_ratings": (lambda: evaluate_ratings(None, split(), metrics=["RMS"]), "rmse"),
    "fit, bare": (lambda: fit(films(), scorers=["item_knn"]), "cf.item_knn"),
    "recipe": (lambda: evaluated(metric=["ndcg@10"]), "metrics"),
}


@pytest.mark.parametrize("entry", ENTRIES)
def test_the_name_that_was_meant_is_told(entry):
    call, meant = ENTRIES[entry]
    with pytest.raises(PenchantError, match=f"; did you mean '{meant}'"):
        call()


@pytest.mark.parametrize(
    ("asked", "meant"),
    [
        (["base.populer"], "'base.popular'"),
        (["als"], "'mf.als'"),
        (["base.popular", "--split", "user-rand"], "'user-random'"),
        (["base.popular", "--metric", "nddcg@10"], "'ndcg'"),
        (["base.popular", "--base", "popular"], "'base.popular'"),
        (["base.popular", "--user", "userid"], "'userId'"),
        (["base.popular", "--metrics", "ndcg@10"], "'--metric'"),
    ],
    ids=lambda one: " ".join(one) if isinstance(one, list) else one,
)
def test_the_command_tells_what_was_meant(asked, meant):
    command = [str(FILMS / "ratings.csv"), "--user", "userId", "--item", "movieId", *asked]
    told = CliRunner().invoke(evaluate, command)
    assert told.exit_code != 0
    said = told.output + str(told.exception)
    assert f"id you mean {meant}" in said
