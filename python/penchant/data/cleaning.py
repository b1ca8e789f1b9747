"""What was wrong with the data given: counted, named with row numbers, refused or dropped.

Nothing is repaired in silence. Row numbers are those of data rows, from 1, the header not counted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np

from penchant.errors import DataError

if TYPE_CHECKING:
    from penchant.protocols import I64, Bool, Json

Clean: TypeAlias = Literal["refuse", "drop"]

_NAMED_ROWS = 5


@dataclass(frozen=True)
class Problem:
    """Rows with one thing wrong: how many, and the first few of their numbers.

    unit: "row" for data rows, "line" for lines of a file. got: an example, and what was wanted.
    """

    count: int
    rows: tuple[int, ...]
    unit: Literal["row", "line"] = "row"
    got: str = ""


@dataclass(frozen=True)
class CleaningReport:
    """What came in, what was kept, and why the rest was not.

    rows_in, rows_kept: of the interactions. `dropped`: by reason; a row with several things wrong
    counts under each. Reasons about another table start with its name. `notes`: what is legal yet
    worth knowing, by words, with a count. `unused`: columns of the interactions that nothing was
    read from.
    """

    rows_in: int
    rows_kept: int
    dropped: Mapping[str, Problem] = field(default_factory=lambda: MappingProxyType({}))
    notes: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    unused: tuple[str, ...] = ()

    def __str__(self) -> str:
        lines = [f"{self.rows_kept:,} of {self.rows_in:,} rows kept"]
        lines += [f"  dropped: {_told(reason, p)}" for reason, p in self.dropped.items()]
        lines += [f"  note: {words}: {count:,}" for words, count in self.notes.items()]
        return "\n".join(lines)

    def to_json(self) -> dict[str, Json]:
        """The same as JSON."""
        return {
            "rows_in": self.rows_in,
            "rows_kept": self.rows_kept,
            "dropped": {
                reason: {"count": problem.count, f"{problem.unit}s": list(problem.rows)}
                for reason, problem in self.dropped.items()
            },
            "notes": dict(self.notes),
            "unused": list(self.unused),
        }


class Cleaner:
    """Gathers what is wrong while tables are read, so that one error can name all of it."""

    def __init__(
        self,
        clean: Clean,
        way_out: str = 'correct them, or pass clean="drop" to leave those rows out',
    ) -> None:
        if clean not in ("refuse", "drop"):
            raise DataError(f"clean is 'refuse' or 'drop', got {clean!r}")
        self._refuse, self._way_out = clean == "refuse", way_out
        self._problems: dict[str, Problem] = {}
        self._notes: dict[str, int] = {}

    def rows(self, reason: str, bad: Bool, numbers: I64 | None = None, got: str = "") -> None:
        """Tell of rows: `bad`, (n,) bool; `numbers`, their data row numbers if not 1 to n.

        got: an example, and what was wanted.
        """
        count = int(bad.sum())
        if count:
            first = np.flatnonzero(bad)[:_NAMED_ROWS]
            named = first + 1 if numbers is None else numbers[first]
            self._problems[reason] = Problem(count, tuple(named.tolist()), got=got)

    def problem(self, reason: str, problem: Problem) -> None:
        """Tell of rows that were counted already."""
        self._problems[reason] = problem

    def note(self, words: str, count: int) -> None:
        """Tell of something legal."""
        if count:
            self._notes[words] = count

    def check(self) -> None:
        """Raise one DataError with all that is wrong, if wrong rows are to be refused."""
        if self._refuse and self._problems:
            raise DataError(f"the data can't be used as they are: {self.told()}; {self._way_out}")

    def told(self) -> str:
        """All that is wrong, in one line."""
        return "; ".join(_told(reason, p) for reason, p in self._problems.items())

    def report(self, rows_in: int, rows_kept: int, unused: tuple[str, ...] = ()) -> CleaningReport:
        """Give the report."""
        return CleaningReport(
            rows_in,
            rows_kept,
            MappingProxyType(dict(self._problems)),
            MappingProxyType(dict(self._notes)),
            unused,
        )


def _told(reason: str, problem: Problem) -> str:
    named = ", ".join(map(str, problem.rows))
    more = ", …" if problem.count > len(problem.rows) else ""
    units = problem.unit if len(problem.rows) == 1 else f"{problem.unit}s"
    got = f", {problem.got}" if problem.got else ""
    return f"{reason} in {counted(problem.count, 'row')} ({units} {named}{more}){got}"


def counted(number: int, noun: str) -> str:
    """ "1 row", "2,000 rows"."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
