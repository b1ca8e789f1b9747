"""How good sums of parts are, on likings that the parts were fitted without.

A judge keeps the parts' scores of users who are known to like something more, so that a sum of
parts is judged without asking any of them again. Most of a catalogue is among nobody's first ten
whatever the weights, so a judge of pools keeps, of each user, only what any part puts first.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Literal, TypeAlias, TypeVar

import numpy as np
from penchant import kernels
from penchant.errors import DataError
from penchant.queries import Csr, Queries

if TYPE_CHECKING:
    import numpy.typing as npt
    from penchant.data import Dataset
    from penchant.protocols import F32, I32, FitContext

    from penchant_hybrid.parts import Part

    F64: TypeAlias = npt.NDArray[np.float64]
    Counts: TypeAlias = tuple[int, ...]
    Among: TypeAlias = Literal["all", "new"]

T = TypeVar("T", bound=np.generic)

CUT = 10
DEPTH = 100
"""How many of each part's first items go into a user's pool."""
USERS = 4096
_SCORES_AT_ONCE = 160_000_000  # 640 MB of float32, all parts together
_BATCH = 16_000_000
_DISCOUNTS = np.asarray(1.0 / np.log2(np.arange(CUT) + 2.0), np.float64)


@dataclass(frozen=True)
class Judge:
    """Scores of each part, (users, items) a part, and what the users turned out to like.

    Items are those of the data or, in a judge of pools, places in each user's own pool.
    sizes: what each part counts a time. `seen`: what is not ranked, items met or empty places.
    `allow`: bits of the items that are ranked; None for all.
    """

    scores: Sequence[F32]
    sizes: F64
    seen: Csr
    allow: npt.NDArray[np.uint64] | None
    relevant: npt.NDArray[np.bool_]
    ideal: F64
    _known: dict[Counts, F64] = field(default_factory=dict)

    def alone(self) -> list[float]:
        """The mean NDCG@10 of each part without the others."""
        places = range(len(self.scores))
        return [
            float(self.ndcg(tuple(int(at == place) for at in places)).mean()) for place in places
        ]

    def of(self, places: Sequence[int]) -> Judge:
        """The judge of some of the parts."""
        scores = [self.scores[place] for place in places]
        return replace(self, scores=scores, sizes=self.sizes[list(places)], _known={})

    def ndcg(self, counts: Counts) -> F64:
        """NDCG@10 of each user: binary gains, ideal cut at min(10, relevant)."""
        if counts not in self._known:
            self._known[counts] = self._ndcg(self._sum(np.array(counts) * self.sizes))
        return self._known[counts]

    def raised(self, counts: Counts) -> list[F64]:
        """NDCG@10 of each user for each part counted once more: (parts,) arrays (users,)."""
        higher = raised(counts)
        if not all(one in self._known for one in higher):
            total = self._sum(np.array(counts) * self.sizes)
            more = np.empty_like(total)
            for one, size, scores in zip(higher, self.sizes, self.scores, strict=True):
                if one not in self._known:
                    np.multiply(scores, np.float32(size), out=more)
                    np.add(total, more, out=more)
                    self._known[one] = self._ndcg(more)
        return [self._known[one] for one in higher]

    def ndcg_of(self, weights: Sequence[float]) -> F64:
        """NDCG@10 of each user by the sum of the scores times `weights`."""
        return self._ndcg(self._sum(weights))

    def _sum(self, weights: Iterable[float]) -> F32:
        """The sum of the scores times `weights`, and -inf for what is not ranked."""
        total = self._barred.copy()
        for weight, scores in zip(weights, self.scores, strict=True):
            if weight:
                total += np.float32(weight) * scores
        return total

    def _ndcg(self, total: F32) -> F64:
        """NDCG@10 of each user by these scores, equal ones by the lower place.

        Counts what is before each liking, for a user has few of them: O(likings·items).
        """
        wanted, users = self._wanted, self._users
        before = kernels.places(total, (wanted.indptr, wanted.indices))
        hits = before < CUT
        gains = np.bincount(users[hits], _DISCOUNTS[before[hits]], len(self.ideal))
        return np.asarray(gains / self.ideal, np.float64)

    @cached_property
    def _barred(self) -> F32:
        """(users, items): 0 for what is ranked, -inf for what is not."""
        barred = np.zeros(self.relevant.shape, np.float32)
        barred[self.seen.row_of_entry(), self.seen.indices] = -np.inf
        if self.allow is not None:
            items = np.arange(self.relevant.shape[1], dtype=np.uint64)
            shut = self.allow[items // np.uint64(64)] >> (items % np.uint64(64)) & np.uint64(1) == 0
            barred[:, np.flatnonzero(shut)] = -np.inf
        return barred

    @cached_property
    def _wanted(self) -> Csr:
        """The likings of each user among what is ranked."""
        return _rows_of(self.relevant & (self._barred == 0))

    @cached_property
    def _users(self) -> I32:
        """Whose likings these are."""
        return self._wanted.row_of_entry()

    def pooled(self, depth: int = DEPTH) -> Judge:
        """Keep of each user what any part puts among its first `depth`, in the items' order.

        Alone each part is judged as before. A sum is, unless it puts among its first ten what no
        part puts among its first `depth`; with as many as there are items it always is.
        """
        seen = (self.seen.indptr, self.seen.indices)
        firsts = [
            kernels.select_top_k(scores, depth, seen=seen, allow=self.allow)[0]
            for scores in self.scores
        ]
        proposed = np.sort(np.concatenate(firsts, axis=1), axis=1)
        once = proposed >= 0
        once[:, 1:] &= proposed[:, 1:] != proposed[:, :-1]
        counts = once.sum(axis=1)
        open_to = np.arange(max(1, counts.max(initial=0))) < counts[:, None]
        items = np.zeros(open_to.shape, np.int64)
        items[open_to] = proposed[once]
        return Judge(
            [np.take_along_axis(scores, items, axis=1) for scores in self.scores],
            self.sizes,
            _rows_of(~open_to),
            None,
            np.take_along_axis(self.relevant, items, axis=1) & open_to,
            self.ideal,
        )


@dataclass(frozen=True)
class Panel:
    """Several judges of the same parts, fitted anew for each; `worth` is what their users count."""

    judges: Sequence[Judge]
    worth: Sequence[float]

    @property
    def sizes(self) -> F64:
        """What each part counts a time."""
        return self.judges[0].sizes

    @property
    def users(self) -> int:
        """How many users there are, those of each judge after those of the one before."""
        return sum(len(judge.ideal) for judge in self.judges)

    def ndcg(self, counts: Counts) -> F64:
        """NDCG@10 of each user, times what the user counts."""
        pairs = zip(self.judges, self.worth, strict=True)
        return np.concatenate([worth * judge.ndcg(counts) for judge, worth in pairs])

    def raised(self, counts: Counts) -> list[F64]:
        """The same for each part counted once more."""
        pairs = zip(self.judges, self.worth, strict=True)
        found = [[worth * one for one in judge.raised(counts)] for judge, worth in pairs]
        return [np.concatenate(part) for part in zip(*found, strict=True)]


def raised(counts: Counts) -> list[Counts]:
    """The counts with one of them higher by one: the first, the second, and so on."""
    return [(*counts[:at], counts[at] + 1, *counts[at + 1 :]) for at in range(len(counts))]


def _rows_of(chosen: npt.NDArray[np.bool_]) -> Csr:
    """The columns chosen in each row."""
    indptr = np.zeros(len(chosen) + 1, np.int64)
    np.cumsum(chosen.sum(axis=1), out=indptr[1:])
    return Csr(indptr, np.nonzero(chosen)[1].astype(np.int32), None, chosen.shape[1])


def judge_of(
    parts: Sequence[Part],
    data: Dataset,
    validation: Dataset,
    context: FitContext,
    among: Among = "all",
    owner: str = "hybrid.weighted",
) -> Judge:
    """Score the whole catalogue by every part, for those who like something in `validation`.

    Up to 4096 users, fewer where memory is short. `owner` is who learns from it, for the error.
    """
    most = min(USERS, max(1, _SCORES_AT_ONCE // (len(parts) * max(1, len(data.items)))))
    return _judge(parts, data, _asked(data, validation, context, among, owner, most))


def judge_of_pools(
    parts: Sequence[Part],
    data: Dataset,
    validation: Dataset,
    context: FitContext,
    among: Among = "all",
    owner: str = "hybrid.weighted",
    depth: int = DEPTH,
) -> Judge:
    """As `judge_of`, in pools, which take users by batches and so have room for 4096 of them."""
    asked = _asked(data, validation, context, among, owner, USERS)
    step = max(1, _BATCH // (len(parts) * max(1, len(data.items))))
    batches = [
        _judge(parts, data, asked.take(start, start + step))
        for start in range(0, len(asked.users), step)
    ]
    return _one_under_another([batch.pooled(depth) for batch in batches])


@dataclass(frozen=True)
class _Asked:
    """Users (n,), what each turned out to like, and the bits of the items that are ranked."""

    users: npt.NDArray[np.int32]
    likes: Csr
    allow: npt.NDArray[np.uint64] | None

    def take(self, start: int, stop: int) -> _Asked:
        places = np.arange(start, min(stop, len(self.users)), dtype=np.int32)
        return replace(self, users=self.users[places], likes=self.likes.take(places))


def _asked(
    data: Dataset,
    validation: Dataset,
    context: FitContext,
    among: Among,
    owner: str,
    most: int,
) -> _Asked:
    log = data.interactions
    likes = validation.positive_csr()
    allow = None
    if among == "new":
        # Of items that nobody likes then either, nobody can tell whether they were there.
        new = np.zeros(len(data.items), np.bool_)
        new[likes.indices] = True
        new[data.positive_csr().indices] = False
        likes = likes.where(new[likes.indices])
        allow = kernels.bitset(np.flatnonzero(new).astype(np.int32), len(new))
    # Pairs met before are no test.
    met = np.unique(_pairs(log.by_user()))
    likes = likes.where(~np.isin(_pairs(likes), met))
    users = np.flatnonzero((likes.counts() > 0) & (log.by_user().counts() > 0))
    if not len(users) and among == "new":
        raise DataError(
            "hybrid.weighted can't learn to rank new items: no user of the data likes an item in "
            "the validation events that nobody likes in the data; hold whole items out, as "
            "cold_item_split does, or set among to 'all'"
        )
    if not len(users):
        way_out = "give other events"
        if owner == "hybrid.weighted":
            way_out += ", or set learn to false"
        raise DataError(
            f"{owner} can't learn weights: no user of the data likes anything new in the "
            f"validation events; {way_out}"
        )
    if len(users) > most:
        users = np.sort(np.random.default_rng(context.seed).choice(users, most, replace=False))
    rows = users.astype(np.int32)
    return _Asked(rows, likes.take(rows), allow)


def _judge(parts: Sequence[Part], data: Dataset, asked: _Asked) -> Judge:
    log = data.interactions
    queries = Queries.known(asked.users, log.by_user(), log.times_by_user())
    scores = []
    for part in parts:
        own = np.zeros((len(queries), len(data.items)), np.float32)
        replace(part, weight=1.0).add(own, queries, None)
        scores.append(own)
    ideal = np.cumsum(_DISCOUNTS)[np.minimum(CUT, asked.likes.counts()) - 1]
    sizes = np.array([part.weight for part in parts], np.float64)
    relevant = asked.likes.to_dense() > 0
    return Judge(scores, sizes, queries.history, asked.allow, relevant, ideal)


def _one_under_another(judges: Sequence[Judge]) -> Judge:
    """One judge of all users of several, whose pools may be of different widths."""
    closed = _under([judge.seen.to_dense() > 0 for judge in judges], fill=True)
    return Judge(
        [_under(scores) for scores in zip(*(judge.scores for judge in judges), strict=True)],
        judges[0].sizes,
        _rows_of(closed),
        None,
        _under([judge.relevant for judge in judges]),
        np.concatenate([judge.ideal for judge in judges]),
    )


def _under(arrays: Sequence[npt.NDArray[T]], fill: bool = False) -> npt.NDArray[T]:
    width = max(array.shape[1] for array in arrays)
    padded = [np.pad(a, ((0, 0), (0, width - a.shape[1])), constant_values=fill) for a in arrays]
    return np.concatenate(padded)


def _pairs(matrix: Csr) -> npt.NDArray[np.int64]:
    return matrix.row_of_entry().astype(np.int64) * matrix.columns + matrix.indices
