"""What is promised by every scorer, kept by each strategy in each of their forms."""

from penchant.testing import ScorerContract


class TestItemKnn(ScorerContract):
    name, settings = "cf.item_knn", {"neighbours": 3}
    fold_in, explain_sums, cancellable = True, True, True


class TestItemKnnByBm25(ScorerContract):
    name, settings = "cf.item_knn", {"similarity": "bm25", "shrinkage": 0}
    fold_in, explain_sums, cancellable = True, True, True


class TestItemKnnByJaccard(ScorerContract):
    name, settings = "cf.item_knn", {"similarity": "jaccard"}
    fold_in, explain_sums, cancellable = True, True, True


class TestItemKnnByCosine(ScorerContract):
    name, settings = "cf.item_knn", {"similarity": "cosine"}
    fold_in, explain_sums, cancellable = True, True, True


class TestItemKnnWithTerms(ScorerContract):
    name, settings = "cf.item_knn", {"text": "content.tfidf"}
    fold_in, explain_sums, cancellable = True, True, True


class TestItemKnnWithAnEncoder(ScorerContract):
    name, settings = "cf.item_knn", {"text": {"use": "base.hashing", "dim": 8}, "text_weight": 0.5}
    fold_in, explain_sums, cancellable = True, True, True


class TestEaseWithTerms(ScorerContract):
    name, settings = "cf.ease", {"l2": 2.0, "text": "content.tfidf", "text_weight": 0.5}
    fold_in, explain_sums, cancellable = True, True, True


class TestEaseWithAnEncoder(ScorerContract):
    name, settings = "cf.ease", {"l2": 2.0, "text": {"use": "base.hashing", "dim": 8}, "top": 4}
    fold_in, explain_sums, cancellable = True, True, True


class TestEase(ScorerContract):
    name, settings = "cf.ease", {"l2": 1.0}
    fold_in, explain_sums, cancellable = True, True, True


class TestEaseWithFewWeights(ScorerContract):
    name, settings = "cf.ease", {"l2": 1.0, "top": 2}
    fold_in, explain_sums, cancellable = True, True, True


class TestSlim(ScorerContract):
    name, settings = "cf.slim", {"l1": 0.1, "l2": 2.0}
    fold_in, explain_sums, cancellable = True, True, True


class TestSlimOfBothSigns(ScorerContract):
    name, settings = "cf.slim", {"l1": 0.1, "l2": 2.0, "non_negative": False}
    fold_in, explain_sums, cancellable = True, True, True


class TestUserKnn(ScorerContract):
    name, settings = "cf.user_knn", {"neighbours": 3}
    fold_in, explain_sums = True, True


class TestUserKnnByTfidf(ScorerContract):
    name, settings = "cf.user_knn", {"similarity": "tfidf", "shrinkage": 0}
    fold_in, explain_sums = True, True


class TestUserKnnByJaccard(ScorerContract):
    name, settings = "cf.user_knn", {"similarity": "jaccard"}
    fold_in, explain_sums = True, True


class TestUserKnnWithTerms(ScorerContract):
    name, settings = "cf.user_knn", {"text": "content.tfidf", "text_weight": 0.4}
    fold_in, explain_sums = True, True


class TestUserKnnWithAnEncoder(ScorerContract):
    name, settings = "cf.user_knn", {"text": {"use": "base.hashing", "dim": 8}, "neighbours": 4}
    fold_in, explain_sums = True, True


class TestRatingKnn(ScorerContract):
    name, settings = "cf.rating_knn", {"neighbours": 3}
    fold_in, explain_sums, cancellable = True, True, True


class TestRatingKnnByPearson(ScorerContract):
    name, settings = "cf.rating_knn", {"similarity": "pearson", "shrinkage": 0}
    fold_in, explain_sums, cancellable = True, True, True


class TestRatingKnnOfRatings(ScorerContract):
    name, settings = "cf.rating_knn", {"baseline": "zscores", "compare": "ratings"}
    fold_in, explain_sums, cancellable = True, True, True


class TestRatingKnnOverUsers(ScorerContract):
    name, settings = "cf.rating_knn", {"side": "users", "neighbours": 3}
    fold_in, explain_sums, cancellable = True, True, True


class TestRatingKnnOverUsersByZScores(ScorerContract):
    name, settings = "cf.rating_knn", {"side": "users", "baseline": "zscores"}
    fold_in, explain_sums, cancellable = True, True, True


class TestSlopeOne(ScorerContract):
    name = "cf.slope_one"
    fold_in, explain_sums, cancellable = True, True, True
