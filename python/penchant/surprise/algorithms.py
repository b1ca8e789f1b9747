"""Surprise's algorithms by name, each a thin cover of a strategy of penchant."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from operator import itemgetter
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, TypeVar, cast

import numpy as np

from penchant.batches import score_pairs
from penchant.errors import RequestError, SettingsError
from penchant.people import People
from penchant.protocols import Scores, capability
from penchant.suggestions import did_you_mean
from penchant.surprise.data import Trainset

if TYPE_CHECKING:
    from penchant.model import Model
    from penchant.protocols import I32, Json
    from penchant.surprise.data import Id

    F64 = np.ndarray[Any, np.dtype[np.float64]]

A = TypeVar("A", bound="AlgoBase")


class Prediction(NamedTuple):
    """What was predicted; `details["was_impossible"]` where user or item is unknown."""

    uid: Any
    iid: Any
    r_ui: float | None
    est: float
    details: Mapping[str, Any]


class AlgoBase:
    """What all algorithms have in common: fit, predict and test.

    random_state: the seed, 0 where none is given, so that a fit can always be repeated. verbose is
    taken and ignored: nothing prints. threads: of the fit, which give the same bits.

    Of a user or an item that the trainset doesn't know, the baseline is predicted: the mean with
    the bias of what is known.
    """

    def __init__(
        self,
        *,
        random_state: int | None = None,
        verbose: bool = False,  # noqa: ARG002
        threads: int = 1,
    ) -> None:
        self.seed, self.threads = random_state or 0, threads
        self.trainset: Trainset | None = None

    _baseline_options: tuple[float, float, int] = 15.0, 10.0, 10

    def fit(self: A, trainset: Trainset) -> A:
        """Learn from a trainset."""
        self.trainset = trainset
        self._baselines = _Baselines(trainset, *self._baseline_options)
        self._learn(trainset)
        return self

    def predict(
        self,
        uid: Id,
        iid: Id,
        r_ui: float | None = None,
        clip: bool = True,
        verbose: bool = False,
    ) -> Prediction:
        """Predict one rating by raw ids, cut to the scale if `clip`."""
        prediction = self._predictions([(uid, iid, r_ui)], clip)[0]
        if verbose:
            print(prediction)
        return prediction

    def test(
        self, testset: Iterable[tuple[Id, Id, float]], verbose: bool = False
    ) -> list[Prediction]:
        """Predict the ratings of a testset, in its order."""
        predictions = self._predictions(list(testset), True)
        if verbose:
            for prediction in predictions:
                print(prediction)
        return predictions

    def _predictions(
        self, asked: Sequence[tuple[Id, Id, float | None]], clip: bool
    ) -> list[Prediction]:
        trained = self.trainset
        if trained is None:
            raise RequestError(f"{type(self).__name__} has learnt nothing yet; call fit first")
        raw = [list(map(itemgetter(which), asked)) for which in range(3)]
        users, items = trained.inner_ids(*raw[:2])
        known = (users >= 0) & (items >= 0)
        estimates = self._baselines.of(users, items)
        if known.any():
            estimates[known] = self._estimates(users[known], items[known], estimates[known])
        if clip:
            estimates = np.clip(estimates, *trained.rating_scale)
        details = [{"was_impossible": impossible} for impossible in (~known).tolist()]
        # Twice as fast as a call of Prediction for each.
        return list(map(Prediction._make, zip(*raw, estimates.tolist(), details, strict=True)))

    def _learn(self, trainset: Trainset) -> None:
        """Learn what goes beyond the baselines."""

    def _estimates(self, users: I32, items: I32, baselines: F64) -> F64:  # noqa: ARG002
        """Predict pairs of inner ids, whose baselines are given."""
        return baselines


class _Strategy(AlgoBase):
    """An algorithm that is a scorer of penchant with settings.

    After `fit`, `model` is penchant's model by the same raw ids: it recommends, explains and saves.
    Of several ratings of one pair the last counts.
    """

    scorer: str

    def __init__(self, settings: Mapping[str, Json], **common: Any) -> None:
        super().__init__(**common)
        self._settings = {name: value for name, value in settings.items() if value is not None}

    def _learn(self, trainset: Trainset) -> None:
        from penchant.data import Dataset, Interactions, Items, Users
        from penchant.fitting import fit

        users, items, ratings = _last_of_each_pair(trainset)
        data = Dataset(
            users=Users.of(cast("list[str]", trainset.user_ids)),
            items=Items.of(cast("list[str]", trainset.item_ids)),
            interactions=Interactions.of(
                users, items, ratings, n_users=trainset.n_users, n_items=trainset.n_items
            ),
        )
        scorer = {"use": self.scorer, **self._settings}
        self.model: Model = fit(data, scorers=[scorer], seed=self.seed, threads=self.threads)
        self._scores = cast("Scores", capability(self.model.recommender, Scores))
        self._people = People(self.model.users, self.model.past)

    def _estimates(self, users: I32, items: I32, baselines: F64) -> F64:  # noqa: ARG002
        told = score_pairs(self._scores, self._people, users, items)
        return told.astype(np.float64)


class _Descent(_Strategy):
    """What SVD and SVD++ have in common.

    What is left out is penchant's own default. A rate that is given stays as it is, as Surprise's
    does, where penchant's falls from epoch to epoch.
    """

    def __init__(
        self,
        n_factors: int | None = None,
        n_epochs: int | None = None,
        lr_all: float | None = None,
        reg_all: float | None = None,
        **common: Any,
    ) -> None:
        settings: dict[str, Json] = {
            "factors": n_factors,
            "epochs": n_epochs,
            "learning_rate": lr_all,
            "decay": None if lr_all is None else 1.0,
            "regularization": reg_all,
            "bias_regularization": reg_all,
        }
        super().__init__(settings, **common)


class SVD(_Descent):
    """Factors and biases by gradient descent (`mf.sgd`)."""

    scorer = "mf.sgd"


class SVDpp(_Descent):
    """SVD that also hears which items were rated at all (`mf.svdpp`)."""

    scorer = "mf.svdpp"


class NMF(_Strategy):
    """Ratings as sums of parts that are never below zero (`mf.nmf`), without biases.

    reg_pu, reg_qi: one pull for both sides, so what is given must be the same; penchant's own
    default where neither is. `biased=True` is refused.
    """

    scorer = "mf.nmf"

    def __init__(
        self,
        n_factors: int | None = None,
        n_epochs: int | None = None,
        biased: bool = False,
        reg_pu: float | None = None,
        reg_qi: float | None = None,
        **common: Any,
    ) -> None:
        if biased:
            raise SettingsError("NMF adds up parts alone; leave biased=True out, or use SVD")
        if reg_pu != reg_qi:
            raise SettingsError(
                f"NMF pulls users and items alike, got reg_pu={reg_pu} and reg_qi={reg_qi}; "
                "give both the same"
            )
        settings: dict[str, Json] = {
            "factors": n_factors,
            "iterations": n_epochs,
            "regularization": reg_pu,
        }
        super().__init__(settings, **common)


class SlopeOne(_Strategy):
    """Ratings by mean differences of two items (`cf.slope_one`), doubted where few tell of them."""

    scorer = "cf.slope_one"

    def __init__(self, **common: Any) -> None:
        super().__init__({}, **common)


class _Neighbours(_Strategy):
    """What the algorithms of neighbours have in common (`cf.rating_knn`).

    sim_options: `name` ("cosine", "msd", "pearson", "pearson_baseline"), `shrinkage`, and
    `user_based`; where that is left out neighbours are items, where Surprise takes users.
    """

    scorer = "cf.rating_knn"
    baseline: ClassVar[str]

    def __init__(
        self,
        k: int | None = None,
        min_k: int | None = None,
        sim_options: Mapping[str, Any] | None = None,
        **common: Any,
    ) -> None:
        given = dict(sim_options or {})
        _check_keys("sim_options", given, ("name", "user_based", "shrinkage"))
        name = given.get("name")
        known = {None: None, "cosine": "cosine", "pearson": "pearson", "pearson_baseline": "cosine"}
        known["msd"] = "euclidean"
        if name not in known:
            raise SettingsError(
                "sim_options name must be 'cosine', 'msd', 'pearson' or 'pearson_baseline', got "
                f"{name!r}"
            )
        by_users = given.get("user_based")
        settings: dict[str, Json] = {
            "baseline": self.baseline,
            "side": None if by_users is None else "users" if by_users else "items",
            "neighbours": k,
            "min_neighbours": min_k,
            "similarity": known[name],
            "compare": "ratings" if name == "msd" else None,
            "shrinkage": given.get("shrinkage"),
        }
        super().__init__(settings, **common)


class KNNBasic(_Neighbours):
    """The ratings of the most similar items or users, over the mean of all."""

    baseline = "global"


class KNNWithMeans(_Neighbours):
    """The same over the means of the items or users."""

    baseline = "means"


class KNNWithZScore(_Neighbours):
    """The same over means, in standard deviations."""

    baseline = "zscores"


class KNNBaseline(_Neighbours):
    """The same over the biases of user and item."""

    baseline = "biases"


class BaselineOnly(AlgoBase):
    """The mean and biases of user and item, by alternating means.

    bsl_options: `reg_u` (15), `reg_i` (10) and `n_epochs` (10), of Surprise's method `als`, the
    only one here (Koren, "Factor in the Neighbors", 2010, section 2.1).
    """

    def __init__(self, bsl_options: Mapping[str, Any] | None = None, **common: Any) -> None:
        super().__init__(**common)
        given: dict[str, Any] = {"method": "als", "reg_u": 15.0, "reg_i": 10.0, "n_epochs": 10}
        _check_keys("bsl_options", bsl_options or {}, given)
        given.update(bsl_options or {})
        if given["method"] != "als":
            raise SettingsError(f"bsl_options method must be 'als', got {given['method']!r}")
        self._baseline_options = given["reg_u"], given["reg_i"], given["n_epochs"]


class NormalPredictor(AlgoBase):
    """Ratings drawn at random from the normal distribution of those of the trainset."""

    def _learn(self, trainset: Trainset) -> None:
        ratings = trainset.columns[2]
        self._normal = float(ratings.mean()), float(ratings.std())
        self._draw = np.random.default_rng(self.seed)

    def _estimates(self, users: I32, items: I32, baselines: F64) -> F64:  # noqa: ARG002
        return self._draw.normal(*self._normal, len(users))


def _last_of_each_pair(trainset: Trainset) -> tuple[I32, I32, F64]:
    """Users, items and ratings by inner ids: each pair where it first stands, as it last was."""
    users, items, ratings = trainset.columns
    pairs = users.astype(np.int64) * trainset.n_items + items
    distinct, first, which = np.unique(pairs, return_index=True, return_inverse=True)
    if len(distinct) == len(pairs):
        return users, items, ratings
    last = np.empty(len(distinct))
    last[which] = ratings  # of several the last stays
    kept = np.sort(first)
    return users[kept], items[kept], last[which[kept]]


class _Baselines:
    """b(u, i) = μ + b_u + b_i, each bias shrunk by as many ratings as it is told."""

    def __init__(
        self, trainset: Trainset, user_shrinkage: float, item_shrinkage: float, rounds: int
    ) -> None:
        users, items, ratings = trainset.columns
        self._mean = trainset.global_mean
        rest = ratings - self._mean
        user_counts, item_counts = np.bincount(users), np.bincount(items)
        self._users, self._items = np.zeros(len(user_counts)), np.zeros(len(item_counts))
        for _ in range(rounds):
            told = np.bincount(items, rest - self._users[users], len(item_counts))
            self._items = told / (item_shrinkage + item_counts)
            told = np.bincount(users, rest - self._items[items], len(user_counts))
            self._users = told / (user_shrinkage + user_counts)

    def of(self, users: Any, items: Any) -> F64:
        """The baselines of pairs; a row of -1 has no bias."""
        mine = np.where(users >= 0, self._users[users], 0.0)
        its = np.where(items >= 0, self._items[items], 0.0)
        found: F64 = self._mean + mine + its
        return found


def _check_keys(what: str, given: Mapping[str, Any], known: Collection[str]) -> None:
    for name in given:
        if name not in known:
            raise SettingsError(
                f"{what} has the unknown key {name!r}{did_you_mean(name, known)} "
                f"(keys: {', '.join(known)})"
            )
