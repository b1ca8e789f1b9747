"""Rules met with a catalogue: which items, users and requests each of them speaks of, as arrays.

Made at the fit, at a restore and when items are added, so that a request only looks things up.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt
from penchant import kernels
from penchant.errors import DataError, RequestError
from penchant.queries import Csr, bits_of
from penchant.suggestions import did_you_mean

from penchant_hybrid.likeness import labels_of, usable
from penchant_hybrid.rule import Rule, problem
from penchant_hybrid.settings import When
from penchant_hybrid.whom import holds

if TYPE_CHECKING:
    from penchant.data import Dataset, Items, Table
    from penchant.protocols import F32, I32, U64, Bool
    from penchant.queries import Context, Queries

# How many plans are kept: those of four rules with conditions, or the first that are met.
_PLANS = 16
ROUNDING = 1e-9  # 0.29 · 100 is a little less than 29
_CAPPED = ("category", "label")

Arrays = Mapping[str, npt.NDArray[Any]]


@dataclass(frozen=True, eq=False)
class Bound:
    """One rule and its rows.

    mask: (items,) bool, the items it speaks of, or None where it speaks of a column.
    rows: the items of `ids` in their order; only of a pin. lift: (items,) float32, what a freshness
        adds. labels: items x kinds of a cap by column. users: (users,) bool of a condition on
        columns of users.
    """

    rule: Rule
    size: int
    mask: Bool | None = None
    rows: I32 | None = None
    lift: F32 | None = None
    labels: Csr | None = None
    users: Bool | None = None

    @property
    def items(self) -> Bool:
        """`mask`, of a rule that names items."""
        assert self.mask is not None  # noqa: S101 - `Rule` has looked
        return self.mask

    @cached_property
    def bits(self) -> U64:
        """`mask` as a bitset."""
        return bits_of(self.items)

    def added(self, rows: I32 | slice) -> F32:
        """(len(rows),) float32: what a boost, bury or fresh adds to the relevance of items."""
        if self.lift is not None:
            return self.lift[rows]
        by = self.rule.by or 0.0
        return np.asarray(self.items[rows] * np.float32(by if self.rule.action == "boost" else -by))

    @cached_property
    def _when(self) -> When | None:
        when = self.rule.whom()
        return None if when == When() else when

    @cached_property
    def _told(self) -> Sequence[tuple[str, frozenset[tuple[bool, Any]]]]:
        return [
            (name, frozenset(_typed(one) for one in _listed(value)))
            for name, value in (self.rule.context or {}).items()
        ]

    @cached_property
    def conditional(self) -> bool:
        """Whether it holds for some requests only."""
        return bool(self.rule.users or self.rule.context)

    def applies(self, queries: Queries, min_value: float | None) -> list[bool]:
        """Whether it holds for each of the queries."""
        when = None if self._when is None else holds(self._when, queries, min_value)
        return [
            self._meant(queries.contexts[at] if queries.contexts else {})
            and self._known(queries, at)
            and (when is None or bool(when[at]))
            for at in range(len(queries))
        ]

    def _meant(self, context: Context) -> bool:
        for name, wanted in self._told:
            value = context.get(name)
            if isinstance(value, str):  # what most requests say
                if (False, value) not in wanted:
                    return False
            elif value is None or not any(_typed(one) in wanted for one in _listed(value)):
                return False
        return True

    def _known(self, queries: Queries, at: int) -> bool:
        if self.users is None:
            return True
        row = (queries.rows if queries.users is None else queries.users)[at]
        return 0 <= row < len(self.users) and bool(self.users[row])

    def says_of(self, row: int) -> float:
        """What it does to an item: the relevance added, 1 for a place given, -1 for one withheld.

        0 where it leaves the item alone, as a cap and a quota do that know no list.
        """
        action = self.rule.action
        if action in ("boost", "bury", "fresh"):
            return float(self.added(np.array((row,), np.int32))[0])
        if action == "pin":
            return float(self.speaks_of(row))
        if action in ("require", "exclude"):
            return -float(self.speaks_of(row) == (action == "exclude"))
        return 0.0

    def speaks_of(self, row: int) -> bool:
        """Whether an item is one of those named."""
        return bool(self.named[row])

    def kinds(self, row: int) -> Sequence[int]:
        """The kinds of an item that a cap counts; one kind for all where it names items."""
        if self.labels is None:
            return (0,) if self.named[row] else ()
        indptr, indices = self._kinds
        kinds: list[int] = indices[indptr[row] : indptr[row + 1]].tolist()
        return kinds

    # Single values come out of a memory view in a third of the time.

    @cached_property
    def named(self) -> memoryview:
        """`mask`, to look up one item after the other."""
        return memoryview(self.items)  # type: ignore[arg-type]

    @cached_property
    def _kinds(self) -> tuple[memoryview, memoryview]:
        assert self.labels is not None  # noqa: S101 - `kinds` has looked
        indptr, indices = self.labels.indptr, self.labels.indices
        return memoryview(indptr), memoryview(indices)  # type: ignore[arg-type]

    def of_kinds(self, kinds: Sequence[int]) -> U64:
        """The bitset of the items of any of these kinds. O(items)."""
        if self.labels is None:
            return self.bits
        entries = np.isin(self.labels.indices, np.array(kinds, np.int32))
        owner = np.repeat(np.arange(self.size, dtype=np.int32), self.labels.counts())
        return kernels.bitset(np.unique(owner[entries]), self.size)


class Needs(NamedTuple):
    """What quotas ask of a list of k items.

    least: by quota and place, 0 to k, how many it must have by then. due: the places to look ahead
    to, by which some quota asks for one more.
    """

    least: Sequence[Sequence[int]]
    due: Sequence[int]

    @classmethod
    def of(cls, quotas: Sequence[Rule], k: int) -> Needs:
        """Count for each of the quotas. O(k · quotas)."""
        least = [_least(rule, k) for rule in quotas]
        due = [at for at in range(1, k + 1) if any(one[at] > one[at - 1] for one in least)]
        return cls(least, due)


def _least(quota: Rule, k: int) -> Sequence[int]:
    if quota.share is not None:
        return [math.floor(quota.share * place + ROUNDING) for place in range(k + 1)]
    least = min(quota.at_least or 0, k)
    return [max(0, least - (k - place)) for place in range(k + 1)]


@dataclass(frozen=True, eq=False)
class Plan:
    """The rules that hold for a request, all and by what they do; `allow`, `deny`: bitsets."""

    bound: Sequence[Bound]
    allow: U64 | None
    deny: U64 | None
    lifting: Sequence[Bound]
    pins: Sequence[Bound]
    caps: Sequence[Bound]
    quotas: Sequence[Bound]

    @classmethod
    def of(cls, bound: Sequence[Bound]) -> Plan:
        """Sort rules, which keep their order, by what they do."""

        def having(*actions: str) -> Sequence[Bound]:
            return [one for one in bound if one.rule.action in actions]

        allow = deny = None
        for one in having("require"):
            allow = one.bits if allow is None else allow & one.bits
        for one in having("exclude"):
            deny = one.bits if deny is None else deny | one.bits
        lifting = having("boost", "bury", "fresh")
        return cls(bound, allow, deny, lifting, having("pin"), having("cap"), having("quota"))

    @property
    def plain(self) -> bool:
        """Whether the list is the best by worth, with nothing to count and nothing pinned."""
        return not (self.pins or self.caps or self.quotas)

    @cached_property
    def lift(self) -> F32 | None:
        """(items,) float32: what the rules add to the relevance of items; None for nothing."""
        if not self.lifting:
            return None
        total = np.zeros(self.lifting[0].size, np.float32)
        for one in self.lifting:
            total += one.added(slice(None))
        return total

    @cached_property
    def _needs(self) -> dict[int, Needs]:
        return {}

    def needs(self, k: int) -> Needs:
        """What the quotas ask of lists of k; made when it is first asked for."""
        needs = self._needs.get(k)
        if needs is None:
            needs = Needs.of([one.rule for one in self.quotas], k)
            if len(self._needs) < _PLANS:
                self._needs[k] = needs
        return needs


class Rulebook:
    """The rules of a recommender on one catalogue. Immutable.

    arrays: as `arrays_of` makes them; kept as they are.
    """

    def __init__(self, rules: Sequence[Rule], arrays: Arrays, min_value: float | None) -> None:
        self.rules = tuple(rules)
        self.arrays = arrays
        self.min_value = min_value
        size = int(arrays["size"][0])
        self.bound = tuple(
            Bound(
                rule,
                size,
                arrays.get(f"{place}.mask"),
                arrays.get(f"{place}.rows"),
                arrays.get(f"{place}.lift"),
                _labels(arrays, f"{place}."),
                arrays.get(f"{place}.users"),
            )
            for place, rule in enumerate(rules)
        )
        self._conditional = [one for one in self.bound if one.conditional]
        self._plans: dict[tuple[bool, ...], Plan] = {}

    @classmethod
    def of(cls, rules: Sequence[Rule], data: Dataset) -> Rulebook:
        """Meet the rules with data. Raises SettingsError for what these show to be impossible."""
        arrays = {
            **arrays_of(rules, data.items),
            **{
                f"{place}.users": _matching(rule, "users", rule.of_users(), data.users)
                for place, rule in enumerate(rules)
                if rule.of_users()
            },
        }
        return cls(rules, arrays, data.min_value)

    def with_items(self, items: Items) -> Rulebook:
        """The same rules on a catalogue with more items; users are as they were."""
        users = {name: array for name, array in self.arrays.items() if name.endswith(".users")}
        return Rulebook(self.rules, {**arrays_of(self.rules, items), **users}, self.min_value)

    def plans(self, queries: Queries) -> list[tuple[Plan, Sequence[int]]]:
        """The plans that are needed, each with the positions of its queries, ascending."""
        if not self._conditional:
            return [(self._plan(()), range(len(queries)))]
        fits = [one.applies(queries, self.min_value) for one in self._conditional]
        alike: dict[tuple[bool, ...], list[int]] = {}
        for at, holding in enumerate(zip(*fits, strict=True)):
            alike.setdefault(holding, []).append(at)
        return [(self._plan(kind), those) for kind, those in alike.items()]

    def _plan(self, holding: tuple[bool, ...]) -> Plan:
        """The plan where these of the conditional rules hold; made when it is first asked for."""
        plan = self._plans.get(holding)
        if plan is None:
            those = iter(holding)
            plan = Plan.of([one for one in self.bound if not one.conditional or next(those)])
            if len(self._plans) < _PLANS:
                self._plans[holding] = plan
        return plan


def arrays_of(rules: Sequence[Rule], items: Items) -> dict[str, npt.NDArray[Any]]:
    """What the rules say of items: of the rule at place 3, the arrays "3.mask" and so on."""
    arrays: dict[str, npt.NDArray[Any]] = {"size": np.array([len(items)], np.int64)}
    for place, rule in enumerate(rules):
        if rule.names_items:
            rows = _rows(rule, items)
            mask = np.zeros(len(items), np.bool_)
            mask[rows] = True
            if rule.items is not None:
                mask = _matching(rule, "items", rule.of_items(), items)
            elif rule.action == "pin":
                arrays[f"{place}.rows"] = rows
            arrays[f"{place}.mask"] = mask
        elif rule.action == "fresh":
            arrays[f"{place}.lift"] = _freshness(rule, items)
        else:
            column = usable(items, rule.column, _CAPPED, f"hybrid.rules: {rule.name}")
            labels = labels_of(items, column)
            arrays[f"{place}.indptr"], arrays[f"{place}.indices"] = labels.indptr, labels.indices
            arrays[f"{place}.kinds"] = np.array([labels.columns], np.int64)
    for array in arrays.values():
        array.setflags(write=False)
    return arrays


def _rows(rule: Rule, items: Items) -> I32:
    try:
        rows = np.array([items.vocabulary.row(one) for one in rule.ids], np.int32)
    except DataError as error:
        raise problem(rule, error) from error
    for at in np.flatnonzero(rows < 0)[:1].tolist():
        hint = did_you_mean(str(rule.ids[at]), map(str, items.vocabulary.ids()))
        raise problem(rule, f"there is no item {rule.ids[at]!r} in the data{hint}")
    return rows


def _matching(rule: Rule, what: str, conditions: Mapping[str, Any], table: Table) -> Bool:
    try:
        return table.where(conditions)
    except RequestError as error:
        raise problem(rule, f"{what}: {error}") from error


def _freshness(rule: Rule, items: Items) -> F32:
    """by · 2^(-age / half_life), age from the newest of the catalogue; 0 for an unknown one."""
    try:
        values = items.number(rule.column)
    except RequestError as error:
        raise problem(rule, error) from error
    known = ~np.isnan(values)
    newest = values[known].max(initial=-np.inf)
    lift = np.zeros(len(values), np.float32)
    lift[known] = (rule.by or 0.0) * np.exp2((values[known] - newest) / (rule.half_life or 1.0))
    return lift


def _labels(arrays: Arrays, prefix: str) -> Csr | None:
    if f"{prefix}indptr" not in arrays:
        return None
    kinds = int(arrays[f"{prefix}kinds"][0])
    return Csr(arrays[f"{prefix}indptr"], arrays[f"{prefix}indices"], None, kinds)


def _listed(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list | tuple) else (value,)


def _typed(value: Any) -> tuple[bool, Any]:
    """Tells True from 1, which Python holds to be equal."""
    return isinstance(value, bool | np.bool_), value
