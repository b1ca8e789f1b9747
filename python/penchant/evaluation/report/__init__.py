"""The outcome of a comparison: tables, intervals and charts, for people and for programs."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from penchant.benchmark import machine
from penchant.evaluation.pooling import Part, Section, section
from penchant.recommendations import frame

if TYPE_CHECKING:
    from penchant.components import Spec
    from penchant.data import Dataset
    from penchant.evaluation.measuring import Cell, Failure
    from penchant.evaluation.parting import Split
    from penchant.protocols import Json
    from penchant.recommendations import Backend

__all__ = ["Part", "Report", "Section"]


@dataclass(frozen=True, slots=True, repr=False)
class Report:
    """What `compare` found.

    sections: one a kind of split. `base`: whom the others are held against. `recipes`: the settings
    of each in full. `data`: facts. `environment`: the machine and versions. `missing`: how many
    cells an interruption left out. `cells`: everything measured, user by user.
    """

    sections: tuple[Section, ...]
    base: str
    recipes: Mapping[str, Json]
    data: Mapping[str, Json]
    environment: Mapping[str, Json]
    missing: int
    cells: tuple[Cell, ...]

    @classmethod
    def of(
        cls,
        cells: Sequence[Cell],
        parted: Sequence[tuple[Split, int]],
        *,
        base: str,
        specs: Mapping[str, Spec],
        data: Dataset | None,
        missing: int = 0,
        failures: Sequence[Failure] = (),
        warnings: Mapping[str, Sequence[str]] = MappingProxyType({}),
        workers: int = 1,
    ) -> Report:
        """Pool the cells, kind of split by kind of split, and add the facts.

        warnings: by kind of split, sentences besides those of the splits. workers: how many cells
            were measured at a time.
        """
        sections = []
        kinds = (*(cell.split for cell in cells), *(failure.split for failure in failures))
        for kind in dict.fromkeys(kinds):
            splits = [split for split, _ in parted if split.kind == kind]
            failed = [failure for failure in failures if failure.split == kind]
            found = section([c for c in cells if c.split == kind], splits, base, failed)
            told = (*found.warnings, *warnings.get(kind, ()))
            sections.append(replace(found, warnings=told))
        return cls(
            tuple(sections),
            base,
            MappingProxyType({name: spec.to_json() for name, spec in specs.items()}),
            MappingProxyType(_facts(parted[0][0].train if data is None else data)),
            MappingProxyType(machine() | {"workers": workers}),
            missing,
            tuple(cells),
        )

    def notes(self) -> list[str]:
        """What to know when reading, in sentences: marks, warnings, what is missing."""
        notes = []
        rows = [row for part in self.sections for row in part.comparison.rows]
        if any(row.mark(metric) for row in rows for metric in row.differences):
            notes.append(
                f"+ and - mark what lies above and below {self.base}: the 95 % interval of the "
                f"difference, paired by user, leaves out zero"
            )
        if self.environment.get("workers", 1) != 1:
            notes.append(
                f"times were taken with {self.environment['workers']} fits side by side, and are "
                f"longer than those of one alone"
            )
        for part in self.sections:
            notes += [f"{part.split}: {warning}" for warning in part.warnings]
        if self.missing:
            total = self.missing + sum(cell.name in self.recipes for cell in self.cells)
            verb = "fits is" if self.missing == 1 else "fits are"
            notes.append(f"interrupted: {self.missing} of {total} {verb} missing")
        return notes

    def to_text(self) -> str:
        """A table a split, the differences of the first metric, and notes."""
        blocks = []
        for part in self.sections:
            lines = [part.comparison.to_text()]
            for row in part.comparison.rows:
                for metric, found in list(row.differences.items())[:1]:
                    lines.append(
                        f"{row.name} against {self.base}: {metric} {found.difference:+.4f} "
                        f"(95 % interval {found.low:+.4f} to {found.high:+.4f})"
                    )
            lines += [f"{name} failed: {reason}" for name, reason in part.failed.items()]
            blocks.append("\n".join(lines))
        blocks.append("\n".join(f"Note: {note}" for note in self.notes()))
        return "\n\n".join(block for block in blocks if block)

    __str__ = __repr__ = to_text

    def to_json(self) -> dict[str, Json]:
        """Everything but the values user by user, all digits."""
        return {
            "base": self.base,
            "missing": self.missing,
            "sections": [
                {
                    "split": part.split,
                    "seeds": list(part.seeds),
                    "warnings": list(part.warnings),
                    "failed": dict(part.failed),
                    **part.comparison.to_json(),
                    "segments": {
                        kind: {label: _part(found) for label, found in parts.items()}
                        for kind, parts in part.segments.items()
                    },
                    "curves": {
                        name: {told: [list(p) for p in points] for told, points in curves.items()}
                        for name, curves in part.curves.items()
                    },
                }
                for part in self.sections
            ],
            "recipes": dict(self.recipes),
            "data": dict(self.data),
            "environment": dict(self.environment),
        }

    def to_csv(self) -> str:
        """One table: the rows of `Comparison.to_csv`, the split before each.

        Where something failed, a last column "failed" says why.
        """
        rows = self._records()
        columns = dict.fromkeys(column for row in rows for column in row)
        text = io.StringIO()
        writer = csv.DictWriter(text, columns, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        return text.getvalue()

    def to_frame(self, backend: Backend | None = None) -> Any:
        """The table of `to_csv` as a dataframe, numbers as float64 with NaN for what isn't there.

        backend: "pandas", "polars" or "pyarrow"; the first installed for None. Raises RequestError
        where there is none.
        """
        rows = self._records()
        columns = dict.fromkeys(column for row in rows for column in row)
        told = {column: [row.get(column, "") for row in rows] for column in columns}
        return frame(
            {
                column: values
                if column in ("split", "name", "failed")
                else np.array([float(value or "nan") for value in values])
                for column, values in told.items()
            },
            backend,
        )

    def _records(self) -> list[dict[str, str]]:
        return [
            {"split": part.split, **row}
            for part in self.sections
            for row in (
                *csv.DictReader(io.StringIO(part.comparison.to_csv())),
                *({"name": name, "failed": why} for name, why in part.failed.items()),
            )
        ]

    def to_html(self, path: str | Path) -> None:
        """Write one page that needs nothing else: charts are SVG inside, no script, no network."""
        from penchant.evaluation.report.page import page

        Path(path).write_text(page(self), "utf-8")


def _part(part: Part) -> Json:
    means: dict[str, Json] = {
        name: {"mean": one.difference, "low": one.low, "high": one.high}
        for name, one in part.means.items()
    }
    return {"users": part.users, "means": means}


def _facts(data: Dataset) -> dict[str, Json]:
    told = data.describe()
    return {
        "users": told.users,
        "items": told.items,
        "events": told.events,
        "likings": told.positives,
        "density": told.density,
        "values": None if told.value_range is None else list(told.value_range),
        "times": None if told.time_range is None else list(told.time_range),
        "least value of a liking": data.min_value,
        "fingerprint": data.fingerprint,
    }
