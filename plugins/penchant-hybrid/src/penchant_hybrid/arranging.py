"""One list in the making: what is pinned, what is capped, and what a list must have.

After DetGreedy (Geyik, Ambler and Kenthapadi, "Fairness-Aware Ranking in Search & Recommendation
Systems with Application to LinkedIn Talent Search", 2019, algorithm 1): place by place, the item of
the greatest worth that no cap stops; but where a quota would be broken otherwise, the one of the
greatest worth that serves it. Theirs looks at one place at a time and can run into two quotas that
fall due together; here a quota is served early enough for all that fall due by some later place to
be met, which is possible for quotas without common items whenever there are items enough.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from heapq import heappop, heappush
from itertools import count
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np
from penchant import kernels

from penchant_hybrid.rulebook import ROUNDING

if TYPE_CHECKING:
    from penchant.protocols import U64

    from penchant_hybrid.rulebook import Bound, Plan

Fetch: TypeAlias = Callable[["U64 | None", "U64", int], Sequence[int]]
"""The best items within a bitset (all for None), without another, as many as said: their rows."""

Kinds: TypeAlias = Sequence[tuple[int, int]]


class Listed(NamedTuple):
    """A list: the rows of its items, their worth, and by row why some stand where they do.

    A reason is a few words, with 1 for a place that was given and 0 for one that was left.
    """

    rows: list[int]
    worth: list[float]
    why: Mapping[int, Sequence[tuple[str, float]]] = MappingProxyType({})


class Arrangement:
    """Makes one list of k items.

    rows, worth: the pool, k items at the least unless it is `whole`, all that may be shown.
    order: its positions from the greatest worth to the least. may: whether an item that isn't in
    the pool may be shown. fetch: gets more items. added: what rules add to the relevance of these,
    which is 0.
    """

    def __init__(
        self,
        plan: Plan,
        k: int,
        rows: list[int],
        worth: list[float],
        order: list[int],
        *,
        whole: bool,
        may: Callable[[int], bool],
        fetch: Fetch,
        added: Callable[[Sequence[int]], Sequence[float]],
    ) -> None:
        self._plan, self._k = plan, k
        self._rows, self._worth = rows, worth
        self._whole, self._may, self._fetch, self._added = whole, may, fetch, added
        self._why: dict[int, list[tuple[str, float]]] = {}
        # Positions in `rows`: those to choose from, and those that caps stop for good. A count of a
        # kind never grows, but what a share lets in does.
        self._waiting = order
        self._stopped: list[tuple[float, int]] = []
        self._for_good = not any(cap.rule.share for cap in plan.caps)
        self._dry = False
        # How many of each kind there are, so far for a share, and with all that is pinned for a
        # count; where pinned items of a kind are still to come, for a share.
        self._counts: list[dict[int, int]] = [{} for _ in plan.caps]
        self._ahead: list[dict[int, list[int]]] = [{} for _ in plan.caps]
        self._most = [cap.rule.at_most for cap in plan.caps]
        self._pinned = self._pins()
        self._kinds: dict[int, Kinds] = {}
        self._have = [0] * len(plan.quotas)
        self._given_up: set[int] = set()
        self._named = [quota.named for quota in plan.quotas]
        self._needs, self._due = plan.needs(k)
        self._calm = 0  # the place from which on a quota may have to be served
        for place, at in sorted(self._pinned.items()):
            for which, kind in self._of(at):
                if self._most[which] is None:
                    self._ahead[which].setdefault(kind, []).append(place)
                else:
                    self._counts[which][kind] = self._counts[which].get(kind, 0) + 1

    def listed(self, *, told: bool = True) -> Listed:
        """The list. O(k · (items that caps stop + places where quotas fall due)).

        told: whether to say of which items quotas decided. What most rules ask for is made in less
            time without.
        """
        listed = None if told else self._plainly()
        if listed is None:
            listed = self._by_place()
        return Listed(
            [self._rows[at] for at in listed],
            [self._worth[at] for at in listed],
            {self._rows[at]: why for at, why in self._why.items()},
        )

    def _by_place(self) -> list[int]:
        """The positions of the list, place by place."""
        listed: list[int] = []
        for place in range(1, self._k + 1):
            pinned = self._pinned.pop(place, None)
            at = self._next(place) if pinned is None else pinned
            if at is None:
                break
            listed.append(at)
            self._count(at, pinned=pinned is not None)
        # With nothing left to stand before them, pinned items move up.
        listed += [at for _, at in sorted(self._pinned.items())]
        return listed

    def _plainly(self) -> list[int] | None:
        """The same for pins, caps by number and one quota by number, in one pass over the pool.

        Such a quota takes all places from the one on where it lacks as many items as there are
        places left, and what a cap stops once it stops for good. None where the pool has too few
        items, or rules ask for more than that; nothing has changed then.
        """
        quotas = self._plan.quotas
        if not self._for_good or len(quotas) > 1 or any(one.rule.share for one in quotas):
            return None
        counts = [dict(one) for one in self._counts]
        most = [one or 0 for one in self._most]
        free, lacking, serving = self._k - len(self._pinned), 0, None
        if quotas:
            pinned = sum(self._serves(0, at) for at in self._pinned.values())
            lacking, serving = self._needs[0][self._k] - pinned, self._named[0]
        waiting = iter(self._waiting)
        listed: list[int] = []
        for place in range(1, self._k + 1):
            at = self._pinned.get(place)
            if at is None:
                for at in waiting:
                    serves = serving is not None and serving[self._rows[at]]
                    if not serves and 0 < lacking >= free:
                        continue
                    kinds = self._of(at)
                    if all(counts[cap].get(kind, 0) < most[cap] for cap, kind in kinds):
                        break
                else:
                    return None
                for cap, kind in kinds:
                    counts[cap][kind] = counts[cap].get(kind, 0) + 1
                free -= 1
                lacking -= serves
            listed.append(at)
        return listed

    # ---- pins

    def _pins(self) -> dict[int, int]:
        """The position pinned to each place: its own, or the next that is free."""
        pinned: dict[int, int] = {}
        for pin in self._plan.pins:
            # A slot is for one item, the best of those it is for.
            rows = [-1] if pin.rows is None else dict.fromkeys(pin.rows.tolist())
            for row in rows:
                wanted = count(pin.rule.place or 1)
                place = next(place for place in wanted if place not in pinned)
                if place > self._k:
                    break
                at = self._best_of(pin) if row < 0 else self._position(row)
                if at is not None:
                    pinned[place] = at
                    self._note(at, f"{pin.rule.name}: pinned to place {place}")
        return pinned

    def _best_of(self, pin: Bound) -> int | None:
        """The best of some items, which waits no longer; from beyond the pool if need be."""
        fits = pin.items
        for at in self._waiting:
            if fits[self._rows[at]]:
                self._waiting.remove(at)
                return at
        joined = [] if self._whole else self._join(self._fetch(pin.bits, self._pool(), 1))
        return joined[0] if joined else None

    def _position(self, row: int) -> int | None:
        """The position of an item that may be shown and isn't pinned; it waits no longer."""
        try:
            at = self._rows.index(row)
        except ValueError:
            return self._join([row])[0] if not self._whole and self._may(row) else None
        try:
            self._waiting.remove(at)
        except ValueError:
            return None
        return at

    # ---- the next item

    def _next(self, place: int) -> int | None:
        """Choose for a place; None where nothing is left."""
        while True:
            wanted, short = self._wanted(place) if place >= self._calm else ([], False)
            at = self._best(place, wanted, most=short) if wanted else self._first(place)
            if at is None and self._reach(place, wanted):
                at = self._best(place, wanted, most=short) if wanted else self._first(place)
            if at is not None:
                self._waiting.remove(at)
                for quota in wanted:
                    if self._serves(quota, at):
                        rule = self._plan.quotas[quota].rule
                        self._note(at, f"{rule.name}: {rule.says()}")
                return at
            if not wanted:
                return self._despite_caps()
            self._given_up.update(wanted)

    def _wanted(self, place: int) -> tuple[list[int], bool]:
        """The quotas of which one must be served now, and whether more are due than places."""
        calm = self._k + 1
        for due in self._due:
            if due < place:
                continue
            pinned = [at for p, at in self._pinned.items() if p <= due]
            lacking, total = [], 0
            for quota, needs in enumerate(self._needs):
                coming = sum(self._serves(quota, at) for at in pinned)
                lack = needs[due] - self._have[quota] - coming
                if lack > 0 and quota not in self._given_up:
                    lacking.append(quota)
                    total += lack
            free = due - place + 1 - len(pinned)
            if total and total >= free:
                return lacking, total > free
            if total:
                # Each place that serves none of them brings the day nearer by one.
                calm = min(calm, place + free - total)
        self._calm = calm
        return [], False

    def _first(self, place: int) -> int | None:
        """The first waiting that caps let in."""
        stopped = []
        found = None
        for at in self._waiting:
            if self._fits(at, place):
                found = at
                break
            stopped.append(at)
        self._stop(stopped)
        return found

    def _best(self, place: int, wanted: list[int], *, most: bool) -> int | None:
        """The first waiting that caps let in and that serves a quota wanted.

        most: the one that serves the most of them.
        """
        best, served = None, 0
        stopped = []
        for at in self._waiting:
            serves = sum(self._serves(quota, at) for quota in wanted)
            if serves <= served:
                continue
            if not self._fits(at, place):
                stopped.append(at)
                continue
            best, served = at, serves
            if not most or serves == len(wanted):
                break
        self._stop(stopped)
        return best

    def _serves(self, quota: int, at: int) -> bool:
        return bool(self._named[quota][self._rows[at]])

    def _count(self, at: int, *, pinned: bool) -> None:
        """Count an item that has come to stand in the list."""
        for which, kind in self._of(at):
            if pinned and self._most[which] is not None:
                continue
            if pinned:
                self._ahead[which][kind].pop(0)
            counts = self._counts[which]
            counts[kind] = counts.get(kind, 0) + 1
        row = self._rows[at]
        for quota, named in enumerate(self._named):
            if named[row]:
                self._have[quota] += 1

    # ---- caps

    def _of(self, at: int) -> Kinds:
        """The caps that count an item, and as what kinds."""
        kinds = self._kinds.get(at)
        if kinds is None:
            row = self._rows[at]
            kinds = [(i, kind) for i, cap in enumerate(self._plan.caps) for kind in cap.kinds(row)]
            self._kinds[at] = kinds
        return kinds

    def _fits(self, at: int, place: int) -> bool:
        for which, kind in self._of(at):
            most = self._most[which]
            if most is None:
                if not self._room(which, kind, place):
                    return False
            elif self._counts[which].get(kind, 0) >= most:
                return False
        return True

    def _room(self, which: int, kind: int, place: int) -> bool:
        """Whether one more of a kind may stand at a place, with what is pinned further down."""
        most, count = self._most[which], self._counts[which].get(kind, 0) + 1
        if most is not None:
            return count <= most
        share = self._plan.caps[which].rule.share or 0.0
        places = [place, *self._ahead[which].get(kind, ())]
        return all(
            count + more <= math.ceil(share * last - ROUNDING) for more, last in enumerate(places)
        )

    def _stop(self, stopped: Sequence[int]) -> None:
        """Set aside what no later place will let in."""
        if self._for_good:
            for at in stopped:
                self._waiting.remove(at)
                heappush(self._stopped, self._rank(at))

    def _despite_caps(self) -> int | None:
        """The best of what is left, caps or not, since a list has k items where there are k."""
        waits = self._rank(self._waiting[0]) if self._waiting else None
        if self._stopped and (waits is None or self._stopped[0] < waits):
            at = heappop(self._stopped)[1]
        elif self._waiting:
            at = self._waiting.pop(0)
        else:
            return None
        self._note(at, "no other item is left that the caps let in", 0.0)
        return at

    # ---- beyond the pool

    def _reach(self, place: int, wanted: list[int]) -> bool:
        """Take up items from beyond the pool that may stand at a place; False for none."""
        if self._whole or (self._dry and not wanted):
            return False
        within = None
        for quota in wanted:
            bits = self._plan.quotas[quota].bits
            within = bits if within is None else within | bits
        without = self._pool()
        for which, cap in enumerate(self._plan.caps):
            kinds = {*self._counts[which], *self._ahead[which]}
            full = [kind for kind in kinds if not self._room(which, kind, place)]
            if full:
                without = without | cap.of_kinds(full)
        joined = self._join(self._fetch(within, without, self._k))
        self._waiting = sorted([*self._waiting, *joined], key=self._rank)
        # What no cap lets in now, none will later, unless it lets in a share.
        self._dry = not (joined or wanted) and self._for_good
        return bool(joined)

    def _join(self, rows: Sequence[int]) -> list[int]:
        """Add rows to the pool, which nobody waits for yet; gives their positions."""
        first = len(self._rows)
        self._rows += rows
        self._worth += self._added(rows)
        return list(range(first, len(self._rows)))

    def _pool(self) -> U64:
        size = (self._plan.pins or self._plan.caps or self._plan.quotas)[0].size
        return kernels.bitset(np.array(self._rows, np.int32), size)

    def _rank(self, at: int) -> tuple[float, int]:
        return -self._worth[at], at

    def _note(self, at: int, words: str, weight: float = 1.0) -> None:
        self._why.setdefault(at, []).append((words, weight))
