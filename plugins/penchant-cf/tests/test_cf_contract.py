"""What is promised by every scorer, kept by each strategy in each of their forms."""

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


class TestUserKnn(ScorerContract):
    name, settings = "cf.user_knn", {"neighbours": 3}
    fold_in, explain_sums = True, True


class TestUserKnnByTfidf(ScorerContract):
    name, settings = "cf.user_knn", {"weighting": "tfidf", "shrinkage": 0}
    fold_in, explain_sums = True, True


class TestRatingKnn(ScorerContract):
    name, settings = "cf.rating_knn", {"neighbours": 3}
    fold_in, explain_sums, cancellable = True, True, True


class TestRatingKnnByPearson(ScorerContract):
    name, settings = "cf.rating_knn", {"similarity": "pearson", "shrinkage": 0}
    fold_in, explain_sums, cancellable = True, True, True
