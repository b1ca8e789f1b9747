"""A dataset in words: what is inside, and what a reader of results should know about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np

from penchant.data.cleaning import counted

if TYPE_CHECKING:
    from penchant.data.cleaning import CleaningReport
    from penchant.data.dataset import Dataset
    from penchant.data.tables import Table
    from penchant.protocols import I64, Json

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# No log is of 2100, but seconds of milliseconds are.
_FAR = 4_102_444_800_000_000


@dataclass(frozen=True, kw_only=True)
class DatasetDescription:
    """The size and shape of a dataset.

    pairs: different (user, item) pairs with an event. `density`: their share of all pairs.
    positives: events that count as a liking. `value_range`, `time_range`: least and greatest;
    times in ISO 8601, UTC. `cold_items`: items without an event. `without_text`: share of items of
    which nothing can be said in words. `user_ids`, `item_ids`: "str" or "int". `item_columns`,
    `user_columns`: kinds by name. `relations`: edges. `problems`: sentences.
    """

    users: int
    items: int
    events: int
    pairs: int
    density: float
    positives: int
    value_range: tuple[float, float] | None
    time_range: tuple[str, str] | None
    cold_items: int
    without_text: float
    user_ids: str
    item_ids: str
    item_columns: Mapping[str, str]
    user_columns: Mapping[str, str]
    relations: int
    problems: tuple[str, ...]
    report: CleaningReport | None

    def __str__(self) -> str:
        lines = [
            f"{self.users:,} users ({_ids(self.user_ids)}), {self.items:,} items "
            f"({_ids(self.item_ids)}), {self.events:,} events",
            f"  {self.pairs:,} different pairs, density {self.density:.3%}; "
            f"{self.positives:,} events are likings",
        ]
        if self.value_range is not None:
            lines.append(f"  values {self.value_range[0]:g} to {self.value_range[1]:g}")
        if self.time_range is not None:
            lines.append(f"  times {self.time_range[0]} to {self.time_range[1]}")
        for what, columns in (("items", self.item_columns), ("users", self.user_columns)):
            if columns:
                told = ", ".join(f"{name} ({kind})" for name, kind in columns.items())
                lines.append(f"  {what}: {told}")
        lines.append(
            f"  {self.cold_items:,} items without events, {self.without_text:.1%} without words"
        )
        if self.relations:
            lines.append(f"  {self.relations:,} relations")
        if self.report is not None:
            lines += [f"  {line}" for line in str(self.report).splitlines()]
        lines += [f"  ! {problem}" for problem in self.problems]
        return "\n".join(lines)

    def to_json(self) -> dict[str, Json]:
        """The same as JSON."""
        plain = {field.name: getattr(self, field.name) for field in fields(self)} | {
            "item_columns": dict(self.item_columns),
            "user_columns": dict(self.user_columns),
            "report": None if self.report is None else self.report.to_json(),
        }
        return {key: list(v) if isinstance(v, tuple) else v for key, v in plain.items()}


def describe(data: Dataset) -> DatasetDescription:
    """Describe a dataset. O(events) beyond the view by user."""
    log = data.interactions
    by_user = log.by_user()
    users, items = len(data.users), len(data.items)
    met = np.bincount(log.item, minlength=items)
    return DatasetDescription(
        users=users,
        items=items,
        events=len(log),
        pairs=by_user.nnz,
        density=by_user.nnz / (users * items) if users and items else 0.0,
        positives=len(data.positives()),
        value_range=(float(log.value.min()), float(log.value.max())) if len(log) else None,
        time_range=_span(log.time) if log.time is not None and len(log) else None,
        cold_items=int((met == 0).sum()),
        without_text=_wordless(data.items),
        user_ids=data.users.vocabulary.kind,
        item_ids=data.items.vocabulary.kind,
        item_columns={name: column.kind for name, column in data.items.columns.items()},
        user_columns={name: column.kind for name, column in data.users.columns.items()},
        relations=0 if data.relations is None else len(data.relations),
        problems=tuple(_problems(data, met)),
        report=data.report,
    )


def _problems(data: Dataset, met: I64) -> list[str]:
    log = data.interactions
    told: list[str] = []
    if not len(log):
        return ["there are no events"]
    if log.time is None:
        told.append(f"events have no times, so a split by time isn't possible{_unused(data)}")
    elif log.time.max() > _FAR:
        told.append(
            f"times run to {_moment(int(log.time.max()))}; time_unit may be another than the "
            f"column's"
        )
    positives = len(data.positives())
    if data.min_value is not None and not positives:
        told.append(f"no event has a value of {data.min_value:g} or more, so nothing is a liking")
    if data.min_value is None and log.value.min() != log.value.max():
        told.append("values differ but min_value is None, so the lowest counts as a liking too")
    if log.value.min() == log.value.max() and _unused(data):
        told.append(f"every event counts the same{_unused(data)}")
    lonely = int((np.bincount(log.user, minlength=len(data.users)) == 1).sum())
    if lonely:
        have = "has" if lonely == 1 else "have"
        told.append(
            f"{counted(lonely, 'user')} {have} a single event, which leaves nothing to test on"
        )
    if not len(data.items.columns):
        told.append("items have no attributes, so new items can't be recommended by content")
    elif (met == 0).any():
        cold = np.flatnonzero(met == 0).astype(np.int32)
        silent = sum(not text for text in data.items.texts(rows=cold))
        if silent:
            has = "has" if silent == 1 else "have"
            told.append(f"{counted(silent, 'item')} {has} neither events nor words")
    return told


def _unused(data: Dataset) -> str:
    """The columns among which what is missing may be."""
    unused = () if data.report is None else data.report.unused
    return f" (columns left alone: {', '.join(unused)})" if unused else ""


def _wordless(items: Table) -> float:
    missing = np.ones(len(items), np.bool_)
    for name in items.named("text", "category", "label"):
        missing &= items.columns[name].missing()
    return float(missing.mean()) if len(items) else 0.0


def _span(times: I64) -> tuple[str, str]:
    return _moment(int(times.min())), _moment(int(times.max()))


def _moment(microseconds: int) -> str:
    try:
        return (_EPOCH + timedelta(microseconds=microseconds)).isoformat()
    except OverflowError:  # past the year 9999
        return f"{microseconds} us since 1970"


def _ids(kind: str) -> str:
    return "text ids" if kind == "str" else "integer ids"
