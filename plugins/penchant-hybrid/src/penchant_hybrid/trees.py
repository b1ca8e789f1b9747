"""A stack with trees: LightGBM puts right what the linear stack orders wrongly.

Gradient boosting of regression trees for the order of lists (LambdaMART: Burges, "From RankNet to
LambdaRank to LambdaMART", 2010) by LightGBM (Ke et al., "LightGBM: A Highly Efficient Gradient
Boosting Decision Tree", 2017). It starts from the scores of the linear stack, and its trees add to
them. Their features are, of each part, its score and rank as in `penchant_hybrid.stack`, then
popularity and activity: they find where a part counts for whom, and that a score tells something
only above some height, which a linear model can't say. Trees alone, which have few values to give,
left the best of a list in ties.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np
from penchant.errors import PluginError
from penchant.protocols import Evidence

from penchant_hybrid.joined import strongest_first
from penchant_hybrid.stack import Measure, Stack, rank_worth

if TYPE_CHECKING:
    import numpy.typing as npt
    from penchant.data import Dataset
    from penchant.protocols import F32, I32
    from penchant.queries import Queries

    from penchant_hybrid.parts import Part

    U8 = npt.NDArray[np.uint8]

A_PART = 2
"""Features of a part: score and rank."""
ROUNDS = 100

# One thread, so that no pool is left for a fork to hang on, and all runs grow the same trees.
_SETTINGS = {
    "objective": "lambdarank",
    "lambdarank_truncation_level": 20,
    "learning_rate": 0.05,
    "num_leaves": 8,
    "min_data_in_leaf": 100,
    "num_threads": 1,
    "deterministic": True,
    "force_row_wise": True,
    "verbosity": -1,
}


def check_installed() -> None:
    """Raise PluginError where LightGBM isn't installed."""
    if find_spec("lightgbm") is None:
        raise PluginError(
            "hybrid.stacked with model = 'trees' needs the package lightgbm, which isn't "
            "installed; pip install 'penchant-hybrid[trees]', or take model = 'linear'"
        )


def grown_trees(
    features: F32,
    start: npt.NDArray[np.float64],
    chosen: npt.NDArray[np.bool_],
    sizes: npt.NDArray[np.int64],
    seed: int,
    between: Callable[[int], None],
) -> U8:
    """Grow trees that put what was chosen first, as LightGBM's own text in UTF-8.

    features: (n, d), the items of the first list, of the second, and so on, of `sizes` items.
    start: (n,), the scores that the trees are added to.
    between: called before each round. O(n·d) a round.
    """
    import lightgbm

    def told(environment: Any) -> None:
        between(environment.iteration)

    told.before_iteration = True  # type: ignore[attr-defined]
    lists = lightgbm.Dataset(
        features, chosen.astype(np.int32), group=sizes, init_score=start, params=_SETTINGS
    )
    booster = lightgbm.train(
        {**_SETTINGS, "seed": seed % 2**31}, lists, num_boost_round=ROUNDS, callbacks=[told]
    )
    return np.frombuffer(booster.model_to_string().encode(), np.uint8)


class TreeStack(Stack):
    """Adds to a linear stack what `trees`, the UTF-8 of a model of LightGBM, put right."""

    def __init__(
        self,
        parts: Sequence[Part],
        coefficients: F32,
        popularity: F32,
        activity: Measure,
        likings: Measure,
        *,
        trees: U8,
    ) -> None:
        import lightgbm

        super().__init__(parts, coefficients, popularity, activity, likings)
        self._trees = trees
        self._booster = lightgbm.Booster(model_str=trees.tobytes().decode())

    def score(self, queries: Queries, items: I32 | None, /) -> F32:
        """Ask the linear stack, and the trees for each item: O(n·m) of a hundred trees more."""
        wide = self._features(queries)
        if items is not None:
            wide = wide[:, items]
        added = [self._booster.predict(rows, num_threads=1) for rows in wide]
        total: F32 = super().score(queries, items)
        return total + np.array(added, np.float32).reshape(total.shape)

    def explain(self, queries: Queries, item: int, /) -> Sequence[Evidence]:
        """The reasons of the linear stack, and what the trees add for each part and count.

        The latter by Shapley values (Lundberg, Lee, "A Unified Approach to Interpreting Model
        Predictions", 2017); what trees give to every item is told as "average".
        """
        row = self._features(queries)[:, item]
        told = np.asarray(self._booster.predict(row, pred_contrib=True, num_threads=1))[0]
        added = [
            Evidence("trees", float(told[A_PART * at : A_PART * (at + 1)].sum()), source=part.name)
            for at, part in enumerate(self._parts)
        ]
        added += [
            Evidence("trees", float(weight), detail=detail)
            for detail, weight in zip(("popularity", "activity", "average"), told[-3:], strict=True)
        ]
        reasons = [*super().explain(queries, item), *added]
        return strongest_first([reason for reason in reasons if reason.weight])

    def _features(self, queries: Queries) -> F32:
        """(n, items, 2·parts + 2)."""
        columns = []
        for part in self._parts:
            scores = np.zeros((len(queries), len(self._popularity)), np.float32)
            which = np.flatnonzero(part.answers(queries)).astype(np.int32)
            if len(which):
                own = part.scorer.score(queries.take(which), None)
                scores[which] = own / np.float32(part.spread)
            columns += [scores, rank_worth(scores, queries.history)]
        activity = self._activity(queries.history.counts())[:, None]
        shape = len(queries), len(self._popularity)
        columns += [np.broadcast_to(self._popularity, shape), np.broadcast_to(activity, shape)]
        return np.stack(columns, axis=2)

    def _arrays(self) -> Mapping[str, npt.NDArray[Any]]:
        """What the linear stack keeps, and the trees."""
        return {**super()._arrays(), "trees": self._trees}

    def _with(self, parts: Sequence[Part], data: Dataset) -> TreeStack:
        counted = self._grown(data), self._activity, self._likings
        return TreeStack(parts, self._coefficients, *counted, trees=self._trees)
