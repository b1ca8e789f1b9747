"""`mf.als`: likings are 1, everything else is weakly 0, and p_u · q_i comes as near as it can.

Hu, Koren, Volinsky, "Collaborative Filtering for Implicit Feedback Datasets", 2008, with the
regularization of Rendle, Krichene, Zhang, Koren, "Revisiting the Performance of iALS on Item
Recommendation Benchmarks", 2021. The least squares are `penchant.kernels.als`; here are what goes
into them and what comes out.

A row's pull towards zero grows with what is known of it (the paper's ν is 1). The paper's other
numbers suit one data set: a weight of 0.1 for each unknown pair is little where users
know a tenth of the catalogue and drowns the likings where they know a thousandth. The settings
here are the same numbers in proportion to the data, and those that are left out follow from how
many likings users and items have; see `Loss.of`.

With a text, an item is pulled towards what its words foretell (`penchant.item_text.TextMap`)
instead of zero: the factors are learned by likings alone for some iterations, then the map from
words to factors and the factors by turns. An item that nobody likes is where its words say.
"""

from __future__ import annotations

import itertools
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from penchant import kernels
from penchant.errors import DataError, FitCancelled
from penchant.item_text import TextLessons, TextMap, text_source
from penchant.protocols import FitContext, State

from penchant_mf.factor_model import FactorModel

if TYPE_CHECKING:
    from penchant.data import Dataset
    from penchant.protocols import F32
    from penchant.queries import Csr
    from penchant.registry import Registry

    from penchant_mf.factor_model import F64
    from penchant_mf.settings import AlsSettings

_SOURCE = "mf.als"
_TASK = "iterations"
# With a text, how often its map is learned anew while likings pull the factors away from it.
_LESSONS = 3


@dataclass(frozen=True)
class Loss:
    """What the factors minimize, in the numbers of the papers; see `penchant.kernels.als`."""

    unobserved_weight: float
    regularization: float

    @classmethod
    def of(cls, likes: Csr, settings: AlsSettings) -> Loss:
        """Turn proportions into numbers for these likings.

        All unknown pairs together weigh `unobserved_weight` times as much as all likings, and a row
        of average activity is pulled by `regularization` for each of its likings.

        What is None follows from the rows that a liking meets on average: a likings of its user, b
        of its item. Likings scattered by chance have singular values up to about √a + √b, those of
        a taste that all share √(a b) (Bandeira, van Handel, "Sharp nonasymptotic bounds on the norm
        of random matrices with independent entries", 2016). `regularization` is 1.15 times the
        quotient, 1/√a + 1/√b, and `unobserved_weight` 24 a / (a + 5), since what a user of few
        likings left out tells less; 1.15, 24 and 5 were chosen on validation parts of eight splits.
        """
        of_users = likes.counts()
        of_items = np.bincount(likes.indices, minlength=likes.columns)
        a, b = (float(np.average(counts, weights=counts)) for counts in (of_users, of_items))
        weight, regularization = settings.unobserved_weight, settings.regularization
        if weight is None:
            weight = 24 * a / (a + 5)
        if regularization is None:
            regularization = 1.15 * (a**-0.5 + b**-0.5)
        pairs = likes.rows * likes.columns
        return cls(weight * likes.nnz / pairs, regularization / (1 + weight))

    def fold_in(self, fixed: F32) -> kernels.AlsFoldIn:
        """Solver of rows that minimize this loss while the rows of `fixed` stand still."""
        return kernels.AlsFoldIn(fixed, **asdict(self), frequency_scaling=1.0)


class FittedAls(FactorModel):
    """Factors, and the loss that strangers' factors minimize as those of the fit did.

    text: what an item's words foretell of its factors, or None.
    """

    source = _SOURCE

    def __init__(
        self,
        user_vectors: F32,
        item_vectors: F32,
        min_value: float | None,
        loss: Loss,
        text: TextMap | None = None,
    ) -> None:
        super().__init__(user_vectors, item_vectors, min_value, text)
        self._loss = loss

    def state(self) -> State:
        """The vectors, what counts as a liking, the loss, and the map from words."""
        state = super().state()
        return State(state.arrays, {**state.meta, **asdict(self._loss)}, state.parts)

    def _asked(self, said: F32) -> F32:
        """What the loss makes of a liking of the item, in its linear part."""
        n = len(said)
        # A liking that weighs nothing leaves the loss of nothing but the prior.
        nothing = np.arange(n + 1, dtype=np.int64), np.zeros(n, np.int32), np.zeros(n, np.float32)
        return self._from_items.rows(*nothing, prior=said)

    def _fold_in(self, likes: Csr) -> F32:
        return self._from_items.rows(likes.indptr, likes.indices, _ones(likes))

    def _fold_in_items(self, likers: Csr, likes: Csr, foretold: F32) -> F32:  # noqa: ARG002
        from_users = self._loss.fold_in(self._users)
        return from_users.rows(likers.indptr, likers.indices, _ones(likers), prior=foretold)

    def _shares(self, liked: Csr, item: int) -> F64:
        shares = self._from_items.shares(liked.indices, _ones(liked), self._items[item])
        return shares.astype(np.float64)

    def _with_item_vectors(self, vectors: F32) -> FittedAls:
        return FittedAls(self._users, vectors, self._min_value, self._loss, self._text)

    @cached_property
    def _from_items(self) -> kernels.AlsFoldIn:
        return self._loss.fold_in(self._items)


class Als:
    """Learns from likings alone; how much something was liked plays no part."""

    def __init__(self, settings: AlsSettings, registry: Registry) -> None:
        self._settings = settings
        self._text = None
        if settings.text is not None:
            self._text = text_source(_SOURCE, settings.text, registry)

    def fit(self, data: Dataset, context: FitContext, /) -> FittedAls:
        """Alternate. O(iterations·(likings·f + rows·f²) + users·f³), and the text's own time.

        Tells with its first step which settings it goes by. Raises DataError where nobody likes
        anything, or a text is asked for and no item has one.
        """
        likes = data.positive_csr()
        if not likes.nnz:
            raise DataError(
                f"mf.als learns from likings, and none of the {len(data.interactions):,} events is "
                f"one; min_value is {data.min_value}"
            )
        loss, turns = Loss.of(likes, self._settings), self._turns()
        liked = np.unique(likes.indices)
        start = text = prior = lessons = None
        if self._text is not None:
            words, features = self._text.fit(data, context)
            pull = self._settings.text_regularization
            lessons = TextLessons(words, features.matrix, liked, pull, context.threads)
        for turn in turns:
            users, items = self._alternate(likes, loss, context, turn, (start, prior))
            start = users
            if lessons is not None:
                text = lessons.learn(items)
                prior = text.of(features.matrix)
        if prior is not None:
            prior[liked] = items[liked]
            items = prior
            # Users were solved for the liked items alone; strangers will be for all.
            users = loss.fold_in(items).rows(likes.indptr, likes.indices, _ones(likes))
        return FittedAls(users, items, data.min_value, loss, text)

    def restore(self, state: State, /) -> FittedAls:
        """Bring the vectors back."""
        numbers = {name: state.meta[name] for name in Loss.__dataclass_fields__}
        least = state.meta["min_value"]
        text = None if self._text is None else TextMap.restored(self._text, state.parts["text"])
        return FittedAls(
            np.asarray(state.arrays["user_vectors"]),
            np.asarray(state.arrays["item_vectors"]),
            None if least is None else float(str(least)),
            Loss(**{name: float(str(number)) for name, number in numbers.items()}),
            text,
        )

    def _turns(self) -> list[range]:
        """The iterations between one lesson of the text's map and the next."""
        iterations = self._settings.iterations
        lessons = 1 if self._text is None else min(_LESSONS, iterations)
        # The first lesson wants factors that have come to rest.
        later = iterations // (2 * lessons)
        cuts = [0, *(iterations - later * left for left in range(lessons - 1, -1, -1))]
        return [range(start, stop) for start, stop in itertools.pairwise(cuts)]

    def _alternate(
        self,
        likes: Csr,
        loss: Loss,
        context: FitContext,
        turn: range,
        known: tuple[F32 | None, F32 | None],
    ) -> tuple[F32, F32]:
        """Some of the iterations, from what is known of users' factors, pulled to items' priors."""
        settings = self._settings

        def after(iteration: int) -> bool:
            context.progress(_TASK, turn.start + iteration + 1, settings.iterations)
            return not context.cancelled()

        if context.cancelled():
            raise FitCancelled("the fit of mf.als was cancelled before it began")
        if not turn.start:
            weight = loss.unobserved_weight * likes.rows * likes.columns / likes.nnz
            pull = loss.regularization * (1 + weight)
            told = f"regularization {pull:.3g}, unobserved_weight {weight:.3g}"
            context.progress(_TASK, 0, settings.iterations, told)
        users, items = kernels.als(
            likes.indptr,
            likes.indices,
            _ones(likes),
            likes.columns,
            factors=settings.factors,
            iterations=len(turn),
            **asdict(loss),
            frequency_scaling=1.0,
            seed=context.seed,
            user_start=known[0],
            item_prior=known[1],
            threads=context.threads,
            progress=after,
        )
        if context.cancelled():
            raise FitCancelled("the fit of mf.als was cancelled between two iterations")
        return users, items


def _ones(likes: Csr) -> F32:
    return np.ones(likes.nnz, np.float32)
