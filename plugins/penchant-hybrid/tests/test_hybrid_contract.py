"""What is promised by every scorer, kept by every hybrid in all of its forms."""

from penchant.testing import ScorerContract

POPULAR = {"use": "base.popular", "weight": 0.5}
SGD = {"use": "mf.sgd", "factors": 4, "epochs": 3}


class TestBlend(ScorerContract):
    name = "hybrid.weighted"
    settings = {"parts": [POPULAR, {"use": "cf.item_knn"}, {"use": "cf.ease", "l2": 1}]}  # noqa: RUF012
    fold_in, explain_sums, cancellable = True, True, True


class TestFactoredBlend(ScorerContract):
    name, settings = "hybrid.weighted", {"parts": [POPULAR, SGD]}
    fold_in, explain_sums, cancellable = True, True, True


class TestBlendThatCanBeUpdated(ScorerContract):
    name, settings = "hybrid.weighted", {"parts": ["cf.item_knn", SGD]}
    fold_in, explain_sums, cancellable = True, True, True


class TestBlendInABlend(ScorerContract):
    name = "hybrid.weighted"
    settings = {"parts": [POPULAR, {"use": "hybrid.weighted", "parts": [SGD]}]}  # noqa: RUF012
    fold_in, explain_sums, cancellable = True, True, True


class TestStacked(ScorerContract):
    name = "hybrid.stacked"
    settings = {"parts": ["base.popular", "cf.item_knn", SGD]}  # noqa: RUF012
    fold_in, explain_sums, cancellable = True, True, True


class TestStackedThatCanBeUpdated(ScorerContract):
    name = "hybrid.stacked"
    settings = {"parts": ["cf.item_knn", SGD], "ridge": 1}  # noqa: RUF012
    fold_in, explain_sums, cancellable = True, True, True


class TestFused(ScorerContract):
    name = "hybrid.fused"
    settings = {"parts": [POPULAR, "cf.item_knn", SGD]}  # noqa: RUF012
    fold_in, explain_sums, cancellable = True, True, True


class TestSwitch(ScorerContract):
    name = "hybrid.switch"
    settings = {  # noqa: RUF012
        "parts": [
            {"use": "base.popular", "when": {"max_likings": 1}},
            {**SGD, "when": {"known": False}},
            "cf.item_knn",
        ]
    }
    fold_in, explain_sums, cancellable = True, True, True
