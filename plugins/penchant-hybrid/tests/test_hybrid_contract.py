"""What is promised by every scorer, kept by every hybrid in all of its forms."""

from penchant.testing import RecommenderContract, ScorerContract

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


class TestStackedTrees(ScorerContract):
    name = "hybrid.stacked"
    settings = {"parts": ["cf.item_knn", SGD], "model": "trees"}  # noqa: RUF012
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


class TestMmrByVectors(RecommenderContract):
    name, settings = "hybrid.mmr", {"scorer": SGD, "vectors": True}
    cancellable = True


class TestMmrByLabels(RecommenderContract):
    name = "hybrid.mmr"
    settings = {"scorer": "cf.item_knn", "column": "tags", "relevance_weight": 0.3, "pool": 2}  # noqa: RUF012


class TestCalibrated(RecommenderContract):
    name, settings = "hybrid.calibrated", {"scorer": SGD, "column": "tags"}
    cancellable = True


class TestCalibratedAroundMmr(RecommenderContract):
    name = "hybrid.calibrated"
    settings = {"recommender": {"use": "hybrid.mmr", "scorer": "cf.item_knn"}, "calibration": 0.9}  # noqa: RUF012


class TestCascade(RecommenderContract):
    name = "hybrid.cascade"
    settings = {"parts": ["base.popular", {**SGD, "pool": 4}, "cf.item_knn"]}  # noqa: RUF012
    cancellable = True


class TestRules(RecommenderContract):
    name = "hybrid.rules"
    settings = {  # noqa: RUF012
        "scorer": SGD,
        "pool": 3,
        "rules": [
            {"action": "boost", "items": {"colour": "dark"}, "by": 0.4},
            {"action": "pin", "items": {"colour": "light"}, "place": 3},
            {"action": "cap", "column": "tags", "at_most": 2, "users": {"max_likings": 2}},
            {"action": "cap", "column": "colour", "share": 0.5},
            {"action": "quota", "items": {"colour": "light"}, "at_least": 2},
            {"action": "fresh", "column": "year", "half_life": 3, "by": 0.1},
        ],
    }
    cancellable = True
