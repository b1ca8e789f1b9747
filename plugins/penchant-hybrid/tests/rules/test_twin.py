"""Lists of `hybrid.rules` against a naive twin, and against what rules promise in themselves."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import hypothesis.strategies as st
import numpy as np
from hypothesis import example, given
from penchant import kernels
from penchant.data import Dataset, Interactions, Items, Users
from penchant.protocols import State
from penchant.queries import Candidates, Csr, Queries, TopK
from penchant_hybrid.reranked import scaled
from penchant_hybrid.rule import RulesSettings
from penchant_hybrid.rulebook import Rulebook
from penchant_hybrid.rules import FittedRules

USERS = 3


class Fixed:
    """Ranks by scores told beforehand."""

    def __init__(self, scores: Any) -> None:
        self.scores = scores

    def recommend(self, queries: Queries, candidates: Candidates, k: int, /) -> TopK:
        def pair(lists: Csr | None) -> Any:
            return None if lists is None else (lists.indptr, lists.indices)

        scores = np.tile(self.scores, (len(queries), 1))
        told = {"seen": pair(candidates.seen), "lists": pair(candidates.lists)}
        its = {"allow": candidates.allow, "deny": candidates.deny}
        return TopK(*kernels.select_top_k(scores, k, **told, **its))

    def state(self) -> State:
        return State()


@dataclass
class Case:
    """Some items, rules on them, and one request."""

    scores: Any
    kinds: list[str | None]
    tags: list[set[str]]
    rules: list[dict[str, Any]]
    seen: set[int]
    denied: set[int]
    pool: int
    k: int

    @property
    def size(self) -> int:
        return len(self.kinds)

    def data(self) -> Dataset:
        nobody = np.empty(0, np.int32)
        return Dataset(
            users=Users.of([f"u{row}" for row in range(USERS)]),
            items=Items.of(
                [f"i{row}" for row in range(self.size)],
                categories={"kind": self.kinds},
                labels={"tags": [sorted(tags) for tags in self.tags]},
            ),
            interactions=Interactions.of(
                nobody, nobody, np.empty(0, np.float32), n_users=USERS, n_items=self.size
            ),
        )

    def of(self, rule: dict[str, Any]) -> set[int]:
        """The items that a rule names."""
        if "ids" in rule:
            return {int(one[1:]) for one in rule["ids"]}
        ((column, value),) = rule["items"].items()
        if column == "kind":
            return {row for row in range(self.size) if self.kinds[row] == value}
        return {row for row in range(self.size) if value in self.tags[row]}

    def fitted(self) -> FittedRules:
        settings = RulesSettings(scorer="base.popular", rules=tuple(self.rules), pool=self.pool)
        inner = Fixed(self.scores)
        return FittedRules(inner, inner, Rulebook.of(settings.read(), self.data()), self.pool)

    def question(self) -> tuple[Queries, Candidates, int]:
        seen = np.array(sorted(self.seen), np.int32)
        return (
            Queries(np.array([0], np.int32), Csr.empty(1, self.size)),
            Candidates(
                self.size,
                seen=Csr(np.array([0, len(seen)], np.int64), seen, None, self.size),
                deny=kernels.bitset(np.array(sorted(self.denied), np.int32), self.size),
            ),
            self.k,
        )

    def asked(self) -> TopK:
        return self.fitted().recommend(*self.question())

    def eligible(self) -> set[int]:
        left = set(range(self.size)) - self.seen - self.denied
        for rule in self.rules:
            if rule["action"] == "require":
                left &= self.of(rule)
            elif rule["action"] == "exclude":
                left -= self.of(rule)
        return left

    def having(self, action: str) -> list[dict[str, Any]]:
        return [rule for rule in self.rules if rule["action"] == action]

    def counted(self, cap: dict[str, Any], row: int) -> set[Any]:
        """The kinds that a cap counts an item as."""
        if cap.get("column") == "kind":
            return {self.kinds[row]} - {None}
        if cap.get("column") == "tags":
            return set(self.tags[row])
        return {"it"} if row in self.of(cap) else set()


def limit(cap: dict[str, Any], place: int) -> int:
    return int(cap.get("at_most") or math.ceil(cap["share"] * place - 1e-9))


def need(quota: dict[str, Any], place: int, k: int) -> int:
    if "share" in quota:
        return math.floor(quota["share"] * place + 1e-9)
    return max(0, min(quota["at_least"], k) - (k - place))


def twin(case: Case) -> list[int]:
    """The list, everything counted anew for each item at each place."""
    k, eligible = case.k, case.eligible()
    ranked = sorted(eligible, key=lambda row: (-case.scores[row], row))
    pool, beyond = ranked[: max(case.pool, k)], ranked[max(case.pool, k) :]
    relevance = dict(zip(pool, scaled(case.scores[pool]).tolist(), strict=True))

    def worth(row: int) -> float:
        added = np.float32(0)
        for rule in case.rules:
            if rule["action"] in ("boost", "bury") and row in case.of(rule):
                added += np.float32(rule["by"] if rule["action"] == "boost" else -rule["by"])
        return float(np.float32(relevance.get(row, 0.0)) + added)

    def best(rows: list[int]) -> list[int]:
        return sorted(rows, key=lambda row: (-worth(row), pool.index(row)))

    def take_up(fits: Callable[[int], bool], most: int) -> bool:
        found = [row for row in beyond if fits(row)][:most]
        for row in found:
            beyond.remove(row)
            pool.append(row)
        return bool(found)

    pinned: dict[int, int] = {}
    for pin in case.having("pin"):
        its = case.of(pin)
        rows = [int(one[1:]) for one in dict.fromkeys(pin["ids"])] if "ids" in pin else [None]
        for row in rows:
            place = pin.get("place", 1)
            while place in pinned:
                place += 1
            if place > k:
                break
            if row is None:
                free = [one for one in best(pool) if one in its and one not in pinned.values()]
                if not free and take_up(lambda one, its=its: one in its, 1):  # type: ignore[misc]
                    free = pool[-1:]
                row = free[0] if free else None
            elif row in beyond:
                take_up(lambda one, row=row: one == row, 1)  # type: ignore[misc]
            if row in pool and row not in pinned.values():
                pinned[place] = row
    listed: list[int] = []
    given_up: set[int] = set()
    for place in range(1, k + 1):
        if place in pinned:
            listed.append(pinned[place])
            continue
        coming = {p: row for p, row in pinned.items() if p > place}

        def fits(row: int, place: int = place, coming: dict[int, int] = coming) -> bool:
            whole = {**dict(enumerate(listed, start=1)), place: row, **coming}
            for cap in case.having("cap"):
                for kind in case.counted(cap, row):
                    its = [p for p, r in whole.items() if kind in case.counted(cap, r)]
                    # Pins beyond what a cap lets in are no reason to stop others before them.
                    ends = [p for p in its if p >= place]
                    if any(sum(p <= end for p in its) > limit(cap, end) for end in ends):
                        return False
            return True

        def left() -> list[int]:
            return best([r for r in pool if r not in listed and r not in pinned.values()])

        quotas = case.having("quota")
        chosen = None
        while chosen is None:
            wanted: list[int] = []
            short = False
            for end in range(place, k + 1):
                have = [*listed, *(row for p, row in coming.items() if p <= end)]
                lacks = {
                    at: need(quota, end, k) - len(case.of(quota) & set(have))
                    for at, quota in enumerate(quotas)
                    if at not in given_up
                }
                lacks = {at: lack for at, lack in lacks.items() if lack > 0}
                free = end - place + 1 - sum(p <= end for p in coming)
                if lacks and sum(lacks.values()) >= free:
                    wanted, short = sorted(lacks), sum(lacks.values()) > free
                    break

            its = [case.of(quotas[at]) for at in wanted]

            def serves(row: int, its: list[set[int]] = its) -> int:
                return sum(row in mine for mine in its)

            def suits(row: int, its: list[set[int]] = its) -> bool:
                return fits(row) and (not its or any(row in mine for mine in its))

            for _ in range(2):
                fit = [row for row in left() if suits(row)]
                if fit:
                    chosen = max(fit, key=serves) if short else fit[0]
                    break
                if not take_up(suits, k):
                    break
            if chosen is None and wanted:
                given_up |= set(wanted)
            elif chosen is None:
                if not left():
                    return listed + [row for _, row in sorted(pinned.items()) if row not in listed]
                chosen = left()[0]
        listed.append(chosen)
    return listed


TAGS = ("x", "y", "z")
KINDS = ("a", "b", "c", None)


@st.composite
def cases(draw: st.DrawFn, *actions: str) -> Case:
    size = draw(st.integers(1, 9))
    items = st.one_of(
        st.sampled_from([{"items": {"kind": kind}} for kind in KINDS[:3]]),
        st.sampled_from([{"items": {"tags": tag}} for tag in TAGS]),
        st.lists(st.integers(0, size - 1), min_size=1, max_size=3).map(
            lambda rows: {"ids": [f"i{row}" for row in rows]}
        ),
    )
    share = st.sampled_from([0.2, 0.25, 1 / 3, 0.34, 0.5, 0.7, 0.9])
    most = st.one_of(
        st.integers(1, 3).map(lambda n: {"at_most": n}), share.map(lambda s: {"share": s})
    )
    least = st.one_of(
        st.integers(1, 3).map(lambda n: {"at_least": n}), share.map(lambda s: {"share": s})
    )
    column = st.sampled_from([{"column": "kind"}, {"column": "tags"}])
    by = st.sampled_from([0.25, 0.5, 1.0]).map(lambda amount: {"by": amount})
    told: dict[str, list[st.SearchStrategy[dict[str, Any]]]] = {
        "require": [items],
        "exclude": [items],
        "pin": [items, st.integers(1, 5).map(lambda place: {"place": place})],
        "boost": [items, by],
        "bury": [items, by],
        "cap": [st.one_of(items, column), most],
        "quota": [items, least],
    }
    rules = []
    for action in draw(st.lists(st.sampled_from(actions or tuple(told)), min_size=1, max_size=5)):
        rule: dict[str, Any] = {"action": action, "name": f"rule {len(rules)}"}
        for part in told[action]:
            rule |= draw(part)
        rules.append(rule)
    rows = st.sets(st.integers(0, size - 1), max_size=2)
    return Case(
        scores=np.array(
            draw(st.lists(st.integers(0, 4), min_size=size, max_size=size)), np.float32
        ),
        kinds=draw(st.lists(st.sampled_from(KINDS), min_size=size, max_size=size)),
        tags=draw(st.lists(st.sets(st.sampled_from(TAGS)), min_size=size, max_size=size)),
        rules=rules,
        seen=draw(rows),
        denied=draw(rows),
        pool=draw(st.integers(1, 5)),
        k=draw(st.integers(1, 6)),
    )


# A quota that nothing can meet does not bring another one forward.
UNMET = Case(
    scores=np.zeros(6, np.float32),
    kinds=["a"] * 6,
    tags=[set()] * 6,
    rules=[
        {"action": "quota", "name": "of none", "items": {"kind": "b"}, "at_least": 2},
        {"action": "quota", "name": "of one", "ids": ["i3"], "at_least": 1},
        {"action": "exclude", "name": "those", "items": {"kind": "b"}},
        {"action": "pin", "name": "first", "ids": ["i0", "i1"], "place": 1},
    ],
    seen=set(),
    denied=set(),
    pool=1,
    k=4,
)


@example(UNMET)
@given(cases())
def test_a_list_is_that_of_the_twin(case: Case) -> None:
    top = case.asked()
    got = top.rows[0, : top.counts[0]].tolist()
    assert got == twin(case)


@given(cases("cap", "cap", "quota", "pin", "boost"))
def test_a_list_is_the_same_with_reasons_and_without(case: Case) -> None:
    ((pools, _),) = case.fitted()._asked(*case.question())
    told, silent = pools.listed(0), pools.listed(0, told=False)
    assert (silent.rows, silent.worth) == (told.rows, told.worth)


@given(cases())
def test_a_list_is_full_and_holds_only_what_may_be_shown(case: Case) -> None:
    top, eligible = case.asked(), case.eligible()
    got = top.rows[0, : top.counts[0]].tolist()
    assert len(set(got)) == len(got) == min(case.k, len(eligible))
    assert set(got) <= eligible


@given(cases("cap", "boost", "exclude"))
def test_a_cap_is_broken_only_where_nothing_else_was_left(case: Case) -> None:
    top = case.asked()
    got = top.rows[0, : top.counts[0]].tolist()

    def broken(listed: list[int]) -> bool:
        return any(
            sum(kind in case.counted(cap, row) for row in listed) > limit(cap, len(listed))
            for cap in case.having("cap")
            for kind in case.counted(cap, listed[-1])
        )

    for place in range(1, len(got) + 1):
        if broken(got[:place]):
            others = case.eligible() - set(got[:place])
            assert all(broken([*got[: place - 1], row]) for row in others)


@given(cases("quota", "bury", "exclude"))
def test_quotas_without_common_items_are_met_where_there_are_items(case: Case) -> None:
    quotas, eligible = case.having("quota"), case.eligible()
    its = [case.of(quota) for quota in quotas]
    if any(one & other for at, one in enumerate(its) for other in its[:at]):
        return
    if any(
        sum(need(quota, place, case.k) for quota in quotas) > place
        for place in range(1, case.k + 1)
    ):
        return
    top = case.asked()
    got = top.rows[0, : top.counts[0]].tolist()
    for quota, mine in zip(quotas, its, strict=True):
        if len(mine & eligible) >= need(quota, case.k, case.k) and len(eligible) >= case.k:
            for place in range(1, case.k + 1):
                assert len(mine & set(got[:place])) >= need(quota, place, case.k)
