"""What is promised by every scorer, kept by `cf.item_knn` and `cf.ease` in each of their forms."""

from penchant.testing import ScorerContract


class TestItemKnn(ScorerContract):
    name, settings = "cf.item_knn", {"neighbours": 3}
    fold_in, explain_sums, cancellable = True, True, True


class TestItemKnnByBm25(ScorerContract):
    name, settings = "cf.item_knn", {"weighting": "bm25", "shrinkage": 0}
    fold_in, explain_sums, cancellable = True, True, True


class TestItemKnnByCosine(ScorerContract):
    name, settings = "cf.item_knn", {"weighting": "cosine"}
    fold_in, explain_sums, cancellable = True, True, True


class TestEase(ScorerContract):
    name, settings = "cf.ease", {"l2": 1.0}
    fold_in, explain_sums, cancellable = True, True, True


class TestEaseWithFewWeights(ScorerContract):
    name, settings = "cf.ease", {"l2": 1.0, "top": 2}
    fold_in, explain_sums, cancellable = True, True, True
