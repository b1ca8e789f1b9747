"""`mf.bpr` and `mf.warp`: p_u · q_i is greater for what a user likes than for what it does not.

BPR: Rendle, Freudenthaler, Gantner, Schmidt-Thieme, "BPR: Bayesian Personalized Ranking from
Implicit Feedback", 2009. WARP: Weston, Bengio, Usunier, "WSABIE: Scaling Up to Large Vocabulary
Image Annotation", 2011. Both are `penchant.kernels.Pairwise`; here are what goes into it and what
comes out.

With a text, the vectors of the liked items teach a map from words to vectors
(`penchant.item_text.TextMap`) once the steps are done, and an item that nobody likes is where its
words say. Without, it has only ever been the loser of comparisons, and comes last.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from penchant import kernels
from penchant.errors import DataError, FitCancelled
from penchant.item_text import TextMap, text_source
from penchant.protocols import FitContext, State

from penchant_mf.factor_model import FactorModel

if TYPE_CHECKING:
    from penchant.data import Dataset
    from penchant.protocols import F32, I32
    from penchant.queries import Csr
    from penchant.registry import Registry

    from penchant_mf.factor_model import F64
    from penchant_mf.settings import BprSettings, WarpSettings

_TASK = "epochs"


@dataclass(frozen=True)
class Pace:
    """How newcomers are stepped, beside the fit: at most so many epochs, rate and pull times so."""

    epochs: int
    rate: float
    pull: float = 1.0


# Where items stand still, a user's vector is found in fewer epochs than a fit needs; and no other
# user's steps make up for the chance of its own draws, so that they had better be small. WARP's
# rivals come from the end of the fit, where they press harder on an item than on the way there: a
# weaker pull makes up for it. README.md has the figures.
_USERS_BPR, _USERS_WARP = Pace(20, 0.3), Pace(20, 0.5)
_ITEMS_BPR, _ITEMS_WARP = Pace(50, 1.0), Pace(30, 0.5, 0.9)

# Names of the three arrays of rivals in a saved model.
_RIVALS = ("rival_users", "rival_scores", "rival_weights")


@dataclass(frozen=True)
class Folding:
    """How newcomers get vectors.

    seed: that of the fit, for the items drawn. users, items: the steps of either side.
    rivals: likings of the fit that new items are compared with; see `penchant.kernels.Pairwise`.
    """

    seed: int
    users: kernels.Pairwise
    items: kernels.Pairwise
    rivals: tuple[I32, F32, F32]


class FittedPairwise(FactorModel):
    """Vectors of users and items, and the steps that fold newcomers in.

    source: the full name of the component.
    """

    def __init__(
        self,
        source: str,
        vectors: tuple[F32, F32],
        min_value: float | None,
        folding: Folding,
        text: TextMap | None = None,
    ) -> None:
        super().__init__(*vectors, min_value, text)
        self.source = source
        self._folding = folding

    def state(self) -> State:
        """The vectors, what counts as a liking, what newcomers are compared with, and the map."""
        state = super().state()
        rivals = dict(zip(_RIVALS, self._folding.rivals, strict=True))
        meta = {**state.meta, "seed": self._folding.seed}
        return State({**state.arrays, **rivals}, meta, state.parts)

    def _fold_in(self, likes: Csr) -> F32:
        return self._folding.users.fold_in(likes.indptr, likes.indices, self._items)

    def _fold_in_items(self, likers: Csr, likes: Csr, foretold: F32) -> F32:
        stepped = self._folding.items.fold_in_items(
            (likers.indptr, likers.indices),
            (likes.indptr, likes.indices),
            self._users,
            self._items,
            self._folding.rivals,
        )
        return np.where((likers.counts() > 0)[:, None], stepped, foretold)

    def _asked(self, said: F32) -> F32:
        """The step of a comparison of the item with a mean one."""
        asked: F32 = said - self._items.mean(axis=0)
        return asked

    def _shares(self, liked: Csr, item: int) -> F64:
        return self._folding.users.shares(liked.indices, self._items, item).astype(np.float64)

    def _with_item_vectors(self, vectors: F32) -> FittedPairwise:
        own = (self._users, vectors)
        return FittedPairwise(self.source, own, self._min_value, self._folding, self._text)


class Pairwise:
    """Learns from likings alone; how much something was liked plays no part.

    source: the full name of the component. max_tries: that of WARP, None for BPR. epochs: how many
        the fit takes, for hybrids that fit several, since one of more can go on from one of fewer.
    """

    def __init__(
        self,
        source: str,
        settings: BprSettings | WarpSettings,
        registry: Registry,
        max_tries: int | None = None,
    ) -> None:
        self._source = source
        self._settings = settings
        self._max_tries = max_tries
        self.epochs = settings.epochs
        self._text = None
        if settings.text is not None:
            self._text = text_source(source, settings.text, registry)

    def fit(self, data: Dataset, context: FitContext, /) -> FittedPairwise:
        """Compare and step. O(epochs·likings·factors), for WARP times the tries that are needed.

        Goes on from a fit of fewer epochs, where the context knows one.
        A text takes its own time besides. Raises DataError where nobody likes anything, or a text
        is asked for and no item has one, and FitDiverged.
        """
        likes = data.positive_csr()
        if not likes.nnz:
            raise DataError(
                f"{self._source} learns from likings, and none of the "
                f"{len(data.interactions):,} events is one; min_value is {data.min_value}"
            )
        epochs = self._settings.epochs

        def after(epoch: int, auc: float) -> bool:
            context.progress(_TASK, epoch + 1, epochs, f"AUC {auc:.4f}")
            return not context.cancelled()

        context.progress(_TASK, 0, epochs)
        if context.cancelled():
            raise FitCancelled(f"the fit of {self._source} was cancelled before it began")
        described = None if self._text is None else self._text.fit(data, context)
        steps = self._steps(context.seed)
        known, course = context.known(data), self._course(context.seed)
        start = known.get(course)
        if start is not None and start[2] >= epochs:
            start = None
        found = steps.fit(
            likes.indptr,
            likes.indices,
            likes.columns,
            start=start,
            threads=context.threads,
            progress=after,
        )
        if context.cancelled():
            done = len(found.train_auc) + (0 if start is None else start[2])
            raise FitCancelled(f"the fit of {self._source} was cancelled after epoch {done}")
        users, items, text = found.user_factors, found.item_factors, None
        known[course] = users, items, epochs
        if described is not None:
            words, features = described
            liked = np.unique(likes.indices)
            text = TextMap.learn(
                words,
                features.matrix,
                items,
                liked,
                self._settings.text_regularization,
                context.threads,
            )
            foretold = text.of(features.matrix)
            foretold[liked] = items[liked]
            items = foretold
        rivals = steps.rivals(likes.indptr, likes.indices, users, items)
        return self._fitted((users, items), data.min_value, context.seed, rivals, text)

    def restore(self, state: State, /) -> FittedPairwise:
        """Bring the vectors back."""
        vectors = tuple(np.asarray(state.arrays[f"{side}_vectors"]) for side in ("user", "item"))
        least = state.meta["min_value"]
        users, scores, weights = (np.asarray(state.arrays[name]) for name in _RIVALS)
        text = None if self._text is None else TextMap.restored(self._text, state.parts["text"])
        return self._fitted(
            (vectors[0], vectors[1]),
            None if least is None else float(str(least)),
            int(str(state.meta["seed"])),
            (users, scores, weights),
            text,
        )

    def _fitted(
        self,
        vectors: tuple[F32, F32],
        min_value: float | None,
        seed: int,
        rivals: tuple[I32, F32, F32],
        text: TextMap | None,
    ) -> FittedPairwise:
        bpr = self._max_tries is None
        users = self._steps(seed, _USERS_BPR if bpr else _USERS_WARP)
        items = self._steps(seed, _ITEMS_BPR if bpr else _ITEMS_WARP)
        folding = Folding(seed, users, items, rivals)
        return FittedPairwise(self._source, vectors, min_value, folding, text)

    def _course(self, seed: int) -> Hashable:
        """All that decides on the steps, but how many there are: a text comes after them."""
        told = self._settings
        steps = told.factors, told.learning_rate, told.decay, told.regularization, self._max_tries
        return self._source, *steps, seed

    def _steps(self, seed: int, pace: Pace | None = None) -> kernels.Pairwise:
        settings = self._settings
        pace = pace or Pace(settings.epochs, 1.0)
        return kernels.Pairwise(
            factors=settings.factors,
            epochs=min(settings.epochs, pace.epochs),
            learning_rate=pace.rate * settings.learning_rate,
            decay=settings.decay,
            regularization=pace.pull * settings.regularization,
            seed=seed,
            max_tries=self._max_tries,
        )
