"""A comparison of contestants as a value, printable as text, JSON or CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from penchant.protocols import Json

_COSTS = ("fit_seconds", "p50_us")
_TITLES = {"name": "", "fit_seconds": "fit s", "p50_us": "p50 us"}


@dataclass(frozen=True, slots=True)
class Contestant:
    """One row.

    metrics: means by name ("ndcg@10"). `fit_seconds`: wall seconds of the fit. `p50_us`: median
    microseconds of one request. Either is None where it was not measured.
    """

    name: str
    metrics: Mapping[str, float]
    fit_seconds: float | None = None
    p50_us: float | None = None


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
        """The same rows, greatest value of `metric` first; rows without it last."""
        ordered = sorted(self.rows, key=lambda row: -row.metrics.get(metric, float("-inf")))
        return Comparison(tuple(ordered), self.title)

    def to_text(self) -> str:
        """Columns aligned with spaces: metrics with 4 decimals, seconds with 2, whole us."""
        table = [[_TITLES.get(name, name) for name in self._columns()]]
        table += [
            [_cell(name, value) for name, value in zip(self._columns(), record, strict=True)]
            for record in self._records()
        ]
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
            }
            for row in self.rows
        ]
        return {"title": self.title, "rows": rows}

    def to_csv(self) -> str:
        """A header and a line a row, all digits, an empty field where there is no value."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(self._columns())
        writer.writerows(self._records())
        return text.getvalue()

    def _columns(self) -> tuple[str, ...]:
        costs = (cost for cost in _COSTS if any(getattr(r, cost) is not None for r in self.rows))
        return ("name", *self.metrics, *costs)

    def _records(self) -> list[list[str | float | None]]:
        _, *columns = self._columns()
        return [
            [row.name, *(getattr(row, c) if c in _COSTS else row.metrics.get(c) for c in columns)]
            for row in self.rows
        ]


def _cell(column: str, value: str | float | None) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    decimals = {"fit_seconds": 2, "p50_us": 0}.get(column, 4)
    return f"{value:.{decimals}f}"
