"""`hybrid.rules`: what a shop wants of a list, laid upon what a strategy recommends.

The rules that hold for a request narrow what may be shown (require, exclude), add to the relevance
of items (boost, bury, fresh), give places away (pin), and count (cap, quota). Filters of the
request come first; then filters of rules, pins, caps, quotas, and last what is left by its worth:
relevance, which is the score inside brought to 0 … 1 over the pool, and what rules add to it. How a
list is counted together is in `arranging`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, cast

import numpy as np
from penchant.protocols import (
    Evidence,
    Explains,
    FitContext,
    FittedRecommender,
    FoldsIn,
    State,
    Updatable,
    capability,
)
from penchant.queries import Candidates

from penchant_hybrid.arranging import Arrangement, Listed
from penchant_hybrid.conflicts import check
from penchant_hybrid.reranked import INNER, filled, scaled_between
from penchant_hybrid.rulebook import Plan, Rulebook

if TYPE_CHECKING:
    from penchant.data import Dataset
    from penchant.protocols import I32, U64, Bool, Recommender
    from penchant.queries import Queries, TopK

    from penchant_hybrid.rule import Rule, RulesSettings

_NAME = "hybrid.rules"
POPULAR = "popular"
"""The name of the fallback's state among the parts."""


class FittedRules:
    """Lays rules upon `inner`, and upon `popular` for those of whom `inner` knows nothing.

    The fallback of a model knows no rules, and so there is one in here.
    """

    def __init__(
        self, inner: FittedRecommender, popular: FittedRecommender, book: Rulebook, pool: int
    ) -> None:
        self.inner = inner
        self._popular = popular
        self._book = book
        self._pool = pool
        # Looked up here and not on each request: an isinstance of a protocol costs 100 calls.
        self._folds_in = capability(inner, FoldsIn)
        if isinstance(inner, Updatable):
            # An ability of the instance, since not every recommender has it.
            self.with_items = self._with_items

    def recommend(self, queries: Queries, candidates: Candidates, k: int, /) -> TopK:
        """Rank exactly min(k, eligible) items a query, eligible being what rules let in too.

        Costs `pool` items of the one inside and a look at each rule; and a few items more of it
        each time that caps, quotas or pins ask for one from beyond the pool.
        """
        lists: list[tuple[list[int], list[float]]] = [([], [])] * len(queries)
        for pools, which in self._asked(queries, candidates, k):
            for at, query in enumerate(which):
                listed = pools.listed(at, told=False)
                lists[query] = listed.rows, _raised(listed)
        return filled(lists, k)

    def explain(self, queries: Queries, item: int, /) -> Sequence[Evidence]:
        """What the rules that hold say of the item, then the reasons of the one inside.

        A weight is what a rule adds to the relevance; 1 is a place given and -1 one withheld.
        """
        ((plan, _),) = self._book.plans(queries)
        found = [_said(one.rule, one.says_of(item)) for one in plan.bound if one.says_of(item)]
        return [*found, *self._inside(queries, item)]

    def explain_list(
        self, queries: Queries, candidates: Candidates, k: int, /
    ) -> Sequence[Sequence[Evidence]]:
        """What put each item of the one query's list where it stands, then reasons as above."""
        ((pools, _),) = self._asked(queries, candidates, k)
        found = []
        listed = pools.listed(0)
        for row in listed.rows:
            why = listed.why.get(row, ())
            moved = [Evidence("rule", weight, detail=words, source=_NAME) for words, weight in why]
            moved += [
                _said(bound.rule, lift)
                for bound in pools.plan.lifting
                if (lift := bound.says_of(row))
            ]
            found.append([*moved, *self._inside(queries, row)])
        return found

    def _inside(self, queries: Queries, item: int) -> Sequence[Evidence]:
        known = queries.rows >= 0 if self._folds_in is None else self._folds_in.answers(queries)
        explains = capability(self.inner if known[0] else self._popular, Explains)
        return () if explains is None else explains.explain(queries, item)

    def answers(self, queries: Queries, /) -> Bool:
        """Everybody: what is popular has something for a stranger too."""
        return np.ones(len(queries), np.bool_)

    def state(self) -> State:
        """The states inside, what the rules speak of, and what makes a liking."""
        parts = {INNER: self.inner.state(), POPULAR: self._popular.state()}
        return State(self._book.arrays, {"min_value": self._book.min_value}, parts)

    def _asked(
        self, queries: Queries, candidates: Candidates, k: int
    ) -> Iterator[tuple[_Pools, Sequence[int]]]:
        """The pools of those to whom the same rules apply, and the positions of their queries."""
        pool = max(1, min(max(self._pool, k), candidates.items))
        known = queries.rows >= 0 if self._folds_in is None else self._folds_in.answers(queries)
        for plan, which in self._book.plans(queries):
            if len(queries) == 1:
                inner = self.inner if known[0] else self._popular
                yield _Pools(inner, plan, queries, candidates, k, pool), which
                continue
            those = np.array(which, np.int32)
            mine = known[those]
            for inner, its in ((self.inner, those[mine]), (self._popular, those[~mine])):
                if len(its) == len(queries):
                    yield _Pools(inner, plan, queries, candidates, k, pool), its.tolist()
                elif len(its):
                    part, rest = queries.take(its), candidates.take(its)
                    yield _Pools(inner, plan, part, rest, k, pool), its.tolist()

    def _with_items(self, data: Dataset, /) -> FittedRules:
        newer, popular = (
            cast("FittedRecommender", cast("Updatable", one).with_items(data))
            for one in (self.inner, self._popular)
        )
        return FittedRules(newer, popular, self._book.with_items(data.items), self._pool)


class _Pools:
    """The best that one recommender has for some queries, to whom the same rules apply."""

    def __init__(
        self,
        inner: FittedRecommender,
        plan: Plan,
        queries: Queries,
        candidates: Candidates,
        k: int,
        pool: int,
    ) -> None:
        self._inner, self.plan, self._queries, self._k = inner, plan, queries, k
        self._candidates = _narrowed(candidates, plan.allow, plan.deny)
        self._found = inner.recommend(queries, self._candidates, pool)
        self._pool = pool

    def listed(self, at: int, *, told: bool = True) -> Listed:
        """The list for the query at a position; `told`: with why items stand where they do."""
        count = int(self._found.counts[at])
        rows = self._found.rows[at, :count]
        worth = self._found.scores[at, :count]
        if count:
            worth = scaled_between(worth, worth[-1], worth[0])
        order = None
        if self.plan.lift is not None:
            worth = worth + self.plan.lift[rows]
            order = (-worth).argsort(kind="stable")
        if self.plan.plain:
            best = slice(self._k) if order is None else order[: self._k]
            return Listed(rows[best].tolist(), worth[best].tolist())
        return Arrangement(
            self.plan,
            self._k,
            rows.tolist(),
            worth.tolist(),
            list(range(count)) if order is None else order.tolist(),
            whole=count < self._pool or count == self._candidates.items,
            may=lambda row: self._may(at, row),
            fetch=lambda within, without, wanted: self._fetch(at, within, without, wanted),
            added=self._added,
        ).listed(told=told)

    def _may(self, at: int, row: int) -> bool:
        """Whether an item may be shown to a query, as the one inside would find."""
        its, place, bit = self._candidates, row >> 6, row & 63
        if its.allow is not None and not int(its.allow[place]) >> bit & 1:
            return False
        if its.deny is not None and int(its.deny[place]) >> bit & 1:
            return False
        if its.lists is not None and not _holds(its.lists.row(at), row):
            return False
        return its.seen is None or not _holds(its.seen.row(at), row)

    def _fetch(self, at: int, within: U64 | None, without: U64, wanted: int) -> Sequence[int]:
        which = np.array((at,), np.int32)
        candidates = _narrowed(self._candidates.take(which), within, without)
        found = self._inner.recommend(
            self._queries.take(which), candidates, min(wanted, candidates.items)
        )
        rows: list[int] = found.rows[0, : found.counts[0]].tolist()
        return rows

    def _added(self, rows: Sequence[int]) -> Sequence[float]:
        lift = self.plan.lift
        return [0.0] * len(rows) if lift is None else lift[rows].tolist()


class Rules:
    """Fits `recommender` and `popular`, which the registry made."""

    def __init__(
        self, settings: RulesSettings, recommender: Recommender, popular: Recommender
    ) -> None:
        self._settings = settings
        self._recommender = recommender
        self._popular = popular

    def fit(self, data: Dataset, context: FitContext, /) -> FittedRules:
        """Fit the ones inside. Raises SettingsError, before, for rules that the data can't keep."""
        book = Rulebook.of(self._settings.read(), data)
        check(book.bound)
        inner = self._recommender.fit(data, context)
        return FittedRules(inner, self._popular.fit(data, context), book, self._settings.pool)

    def restore(self, state: State, /) -> FittedRules:
        """Bring back the ones inside and what the rules speak of."""
        limit = state.meta["min_value"]
        least = None if limit is None else float(str(limit))
        return FittedRules(
            self._recommender.restore(state.parts[INNER]),
            self._popular.restore(state.parts[POPULAR]),
            Rulebook(self._settings.read(), state.arrays, least),
            self._settings.pool,
        )


def _said(rule: Rule, weight: float) -> Evidence:
    return Evidence("rule", weight, detail=f"{rule.name}: {rule.says()}", source=_NAME)


def _holds(ascending: I32, row: int) -> bool:
    at = int(ascending.searchsorted(row))
    return at < len(ascending) and int(ascending[at]) == row


def _narrowed(candidates: Candidates, allow: U64 | None, deny: U64 | None) -> Candidates:
    """What may be shown within `allow` and without `deny`, bitsets or None."""
    if allow is None and deny is None:
        return candidates
    if allow is None or candidates.allow is None:
        allow = candidates.allow if allow is None else allow
    else:
        allow = allow & candidates.allow
    if deny is None or candidates.deny is None:
        deny = candidates.deny if deny is None else deny
    else:
        deny = deny | candidates.deny
    return Candidates(candidates.items, candidates.seen, allow, deny, candidates.lists)


def _raised(listed: Listed) -> list[float]:
    """The worths, raised where need be so that they fall: rules may put an item above better ones.

    Equal ones stand by ascending row; one that can't stay equal is the next greater float.
    """
    rows, scores = listed.rows, [*listed.worth]
    for place in range(len(rows) - 2, -1, -1):
        below = scores[place + 1]
        if scores[place] <= below:
            tied = rows[place] < rows[place + 1]
            scores[place] = (
                below if tied else float(np.nextafter(np.float32(below), np.float32(np.inf)))
            )
    return scores
