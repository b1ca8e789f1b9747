"""A comparison of contestants as a value, printable as text, JSON or CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf
from types import MappingProxyType
from typing import TYPE_CHECKING

from penchant.metrics import lower_is_better

if TYPE_CHECKING:
    from penchant.evaluation.bootstrap import Interval
    from penchant.protocols import Json

COSTS = ("fit_seconds", "fit_megabytes", "p50_us", "p99_us", "megabytes")
_DECIMALS = {"fit_seconds": 2, "fit_megabytes": 0, "p50_us": 0, "p99_us": 0, "megabytes": 2}
_TITLES = {
    "name": "",
    "fit_seconds": "fit s",
    "fit_megabytes": "fit MB",
    "p50_us": "p50 us",
    "p99_us": "p99 us",
    "megabytes": "MB",
}


@dataclass(frozen=True, slots=True)
class Contestant:
    """One row.

    metrics: means by name ("ndcg@10"). `fit_seconds`: wall seconds of the fit. `p50_us`, `p99_us`:
    median and 99th percentile of the microseconds of one request. `megabytes`: of the saved model.
    `fit_megabytes`: of memory, at the peak of the fit. None where it was not measured.
    intervals: of the means. `differences`: of this contestant less the base of the comparison,
        paired by user. By metric, where it has a value for each user.
    """

    name: str
    metrics: Mapping[str, float]
    fit_seconds: float | None = None
    p50_us: float | None = None
    p99_us: float | None = None
    megabytes: float | None = None
    intervals: Mapping[str, Interval] = field(default_factory=lambda: MappingProxyType({}))
    differences: Mapping[str, Interval] = field(default_factory=lambda: MappingProxyType({}))
    fit_megabytes: float | None = None

    def mark(self, metric: str) -> str:
        """ "+" or "-" where the interval of the difference lies above or below zero, else ""."""
        difference = self.differences.get(metric)
        if difference is None or difference.holds_zero:
            return ""
        return "+" if difference.low > 0 else "-"


@dataclass(frozen=True, slots=True)
class Comparison:
    """Contestants on one split, in the order given; columns are the metrics by first appearance.

    title: what they were compared on. A metric that a contestant lacks is an empty cell.
    """

    rows: tuple[Contestant, ...]
    title: str = ""

    @property
    def metrics(self) -> tuple[str, ...]:
        """The names of the metrics, each once."""
        return tuple(dict.fromkeys(name for row in self.rows for name in row.metrics))

    def sorted_by(self, metric: str) -> Comparison:
        """The same rows, best value of `metric` first; rows without it last."""
        sign = 1.0 if lower_is_better(metric) else -1.0
        ordered = sorted(self.rows, key=lambda row: sign * row.metrics.get(metric, sign * inf))
        return Comparison(tuple(ordered), self.title)

    def to_text(self) -> str:
        """Columns aligned with spaces: metrics with 4 decimals, seconds and MB with 2, whole us.

        A metric of a contestant that differs from the base (see `Contestant.mark`) is marked.
        """
        columns = self._columns()
        table = [[_TITLES.get(name, name) for name in columns]]
        table += [
            [text_of(c, value) + row.mark(c) for c, value in zip(columns, record, strict=True)]
            for row, record in zip(self.rows, self._records(), strict=True)
        ]
        for place, name in enumerate(columns):
            if any(row.mark(name) for row in self.rows):
                # Digits stay below digits: what has no mark ends in a space.
                for cells in table:
                    cells[place] += "" if cells[place].endswith(("+", "-")) else " "
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        lines = [self.title] if self.title else []
        for first, *others in table:
            cells = [first.ljust(widths[0])]
            cells += [cell.rjust(w) for cell, w in zip(others, widths[1:], strict=True)]
            lines.append("  ".join(cells).rstrip())
        return "\n".join(lines)

    __str__ = to_text

    def to_json(self) -> dict[str, Json]:
        """The title, and every row with all digits; what was not measured is null."""
        rows: list[Json] = [
            {
                "name": row.name,
                "metrics": dict(row.metrics),
                "fit_seconds": row.fit_seconds,
                "p50_us": row.p50_us,
                "p99_us": row.p99_us,
                "megabytes": row.megabytes,
                "fit_megabytes": row.fit_megabytes,
                "intervals": _numbers(row.intervals),
                "differences": _numbers(row.differences),
            }
            for row in self.rows
        ]
        return {"title": self.title, "rows": rows}

    def to_csv(self) -> str:
        """A header and a line a row, all digits, an empty field where there is no value.

        Differences follow in columns "ndcg@10 difference", "ndcg@10 low" and "ndcg@10 high".
        """
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        compared = [m for m in self.metrics if any(m in row.differences for row in self.rows)]
        parts = ("difference", "low", "high")
        writer.writerow([*self._columns(), *(f"{m} {part}" for m in compared for part in parts)])
        for row, record in zip(self.rows, self._records(), strict=True):
            found = [(row.differences.get(m), part) for m in compared for part in parts]
            writer.writerow([*record, *(i and getattr(i, part) for i, part in found)])
        return text.getvalue()

    def _columns(self) -> tuple[str, ...]:
        costs = (cost for cost in COSTS if any(getattr(r, cost) is not None for r in self.rows))
        return ("name", *self.metrics, *costs)

    def _records(self) -> list[list[str | float | None]]:
        _, *columns = self._columns()
        return [
            [row.name, *(getattr(row, c) if c in COSTS else row.metrics.get(c) for c in columns)]
            for row in self.rows
        ]


def text_of(column: str, value: str | float | None) -> str:
    """A value as a table shows it: what was not measured is empty."""
    if value is None or isinstance(value, str):
        return value or ""
    return f"{value:.{_DECIMALS.get(column, 4)}f}"


def title_of(column: str) -> str:
    """The heading of a column."""
    return _TITLES.get(column, column)


def _numbers(intervals: Mapping[str, Interval]) -> dict[str, Json]:
    return {
        metric: {"difference": found.difference, "low": found.low, "high": found.high}
        for metric, found in intervals.items()
    }
