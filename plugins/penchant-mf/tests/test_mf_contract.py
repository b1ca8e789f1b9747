"""What is promised by every scorer, kept by each strategy."""

from penchant.testing import ScorerContract


class TestSgd(ScorerContract):
    name, settings = "mf.sgd", {"factors": 8, "epochs": 3}
    fold_in, explain_sums, cancellable = True, True, True


class TestSgdOfSeveralModels(ScorerContract):
    name, settings = "mf.sgd", {"factors": 4, "epochs": 3, "models": 3, "optimizer": "adagrad"}
    fold_in, explain_sums, cancellable = True, True, True


class TestSgdWithoutRegularization(ScorerContract):
    name = "mf.sgd"
    settings = {"factors": 2, "epochs": 2, "regularization": 0, "bias_regularization": 0}  # noqa: RUF012
    fold_in, cancellable = True, True


class TestSgdWithTerms(ScorerContract):
    name = "mf.sgd"
    settings = {"factors": 8, "epochs": 3, "text": "content.tfidf"}  # noqa: RUF012
    fold_in, explain_sums, cancellable = True, True, True


class TestSgdWithAnEncoderAndTerms(ScorerContract):
    name = "mf.sgd"
    settings = {  # noqa: RUF012
        "factors": 4,
        "epochs": 3,
        "models": 2,
        "text": [{"use": "base.hashing", "dim": 16}, "content.tfidf"],
    }
    fold_in, explain_sums, cancellable = True, True, True


class TestAls(ScorerContract):
    name, settings = "mf.als", {"factors": 8, "iterations": 3}
    fold_in, explain_sums, cancellable = True, True, True


class TestAlsWithTerms(ScorerContract):
    name = "mf.als"
    settings = {"factors": 8, "iterations": 5, "text": "content.tfidf"}  # noqa: RUF012
    fold_in, explain_sums, cancellable = True, True, True


class TestAlsWithAnEncoder(ScorerContract):
    name = "mf.als"
    settings = {"factors": 4, "text": {"use": "base.hashing", "dim": 16}}  # noqa: RUF012
    fold_in, explain_sums, cancellable = True, True, True


class TestAlsWithAnEncoderAndTerms(ScorerContract):
    name = "mf.als"
    settings = {  # noqa: RUF012
        "factors": 4,
        "iterations": 3,
        "text": [{"use": "base.hashing", "dim": 16}, "content.tfidf"],
    }
    fold_in, explain_sums, cancellable = True, True, True


class TestBpr(ScorerContract):
    name, settings = "mf.bpr", {"factors": 8, "epochs": 3}
    fold_in, explain_sums, cancellable = True, True, True


class TestWarp(ScorerContract):
    name, settings = "mf.warp", {"factors": 8, "epochs": 3}
    fold_in, explain_sums, cancellable = True, True, True


class TestSvdpp(ScorerContract):
    name, settings = "mf.svdpp", {"factors": 8, "epochs": 5}
    fold_in, explain_sums, cancellable = True, True, True


class TestBprWithTerms(ScorerContract):
    name, settings = "mf.bpr", {"factors": 8, "epochs": 3, "text": "content.tfidf"}
    fold_in, explain_sums, cancellable = True, True, True


class TestWarpWithAnEncoder(ScorerContract):
    name = "mf.warp"
    settings = {  # noqa: RUF012
        "factors": 8,
        "epochs": 3,
        "text": {"use": "base.hashing", "dim": 16},
    }
    fold_in, explain_sums, cancellable = True, True, True


class TestNmf(ScorerContract):
    name, settings = "mf.nmf", {"factors": 4, "iterations": 5}
    fold_in, explain_sums, cancellable = True, True, True


class TestNmfWithoutRegularization(ScorerContract):
    name = "mf.nmf"
    settings = {"factors": 8, "iterations": 3, "regularization": 0, "shrinkage": 0}  # noqa: RUF012
    fold_in, explain_sums, cancellable = True, True, True
