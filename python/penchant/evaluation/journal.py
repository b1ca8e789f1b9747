"""Finished cells of a comparison in a file of JSON lines, so that an interrupted one goes on.

A line is `{"key": ..., "cell": {...}}`; the key is a digest of everything that the figures follow
from, so a cell of other data, settings or versions is never taken for this one. Lines are appended
whole and flushed; a last line that a crash broke off is dropped.
"""

from __future__ import annotations

import json
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from penchant import kernels
from penchant.errors import DataError
from penchant.evaluation.judging import Evaluation
from penchant.evaluation.measuring import Cell
from penchant.metrics import Share

if TYPE_CHECKING:
    from penchant.protocols import Json

_START = b'{"key": "'


class Journal:
    """The finished cells of a file, by key; without a path nothing is kept."""

    def __init__(self, path: Path | None) -> None:
        """Read what is there. Raises DataError for a file that is no journal."""
        self._path = path
        self._cells: dict[str, Cell] = {}
        if path is None or not path.exists():
            return
        content = path.read_bytes()
        *lines, broken = content.split(b"\n")
        if not broken.startswith(_START[: len(broken)]):
            lines.append(broken)  # not ours: refused below, and left as it is
        for number, line in enumerate(lines, 1):
            try:
                entry = json.loads(line)
                self._cells[entry["key"]] = _cell(entry["cell"])
            except (ValueError, LookupError, TypeError, AttributeError):
                raise DataError(
                    f"line {number} of {str(path)!r} is no finished cell of a comparison; name "
                    f"another file, or remove it"
                ) from None
        if broken:
            path.write_bytes(content[: len(content) - len(broken)])

    def get(self, key: str) -> Cell | None:
        """The cell of a key, if it was finished."""
        return self._cells.get(key)

    def add(self, key: str, cell: Cell) -> None:
        """Append a finished cell."""
        self._cells[key] = cell
        if self._path is not None:
            line = json.dumps({"key": key, "cell": _json(cell)}, allow_nan=False)
            with self._path.open("a", encoding="utf-8") as file:
                file.write(line + "\n")


def key_of(facts: Json) -> str:
    """A digest (BLAKE3, hex) of facts, whatever the order of their keys."""
    return kernels.blake3_bytes(json.dumps(facts, sort_keys=True).encode())


def _json(cell: Cell) -> dict[str, Any]:
    return {
        "name": cell.name,
        "split": cell.split,
        "seed": cell.seed,
        "evaluation": _figures(cell.evaluation),
        "segments": {
            kind: {label: _figures(part) for label, part in parts.items()}
            for kind, parts in cell.segments.items()
        },
        "fit_seconds": cell.fit_seconds,
        "p50_us": cell.p50_us,
        "p99_us": cell.p99_us,
        "megabytes": cell.megabytes,
        "fit_megabytes": cell.fit_megabytes,
        "curves": dict(cell.curves),
    }


def _cell(entry: dict[str, Any]) -> Cell:
    segments = {
        kind: {label: _evaluation(part) for label, part in parts.items()}
        for kind, parts in entry["segments"].items()
    }
    curves = {
        name: tuple((float(step), float(figure)) for step, figure in points)
        for name, points in entry["curves"].items()
    }
    evaluation = _evaluation(entry["evaluation"])
    return Cell(**{**entry, "evaluation": evaluation, "segments": segments, "curves": curves})


def _figures(evaluation: Evaluation) -> dict[str, Any]:
    return {
        "values": dict(evaluation.values),
        "per_user": {name: values.tolist() for name, values in evaluation.per_user.items()},
        "users": evaluation.users.tolist(),
        "shares": {
            name: {
                "users": share.users.tolist(),
                "parts": share.parts.tolist(),
                "weights": share.weights.tolist(),
                "rooted": share.rooted,
            }
            for name, share in evaluation.shares.items()
        },
    }


def _evaluation(entry: dict[str, Any]) -> Evaluation:
    per_user = {name: np.array(values, np.float64) for name, values in entry["per_user"].items()}
    users = np.array(entry["users"], np.int32)
    shares = {
        name: Share(
            np.array(share["users"], np.int32),
            np.array(share["parts"], np.float64),
            np.array(share["weights"], np.float64),
            share["rooted"],
        )
        for name, share in entry["shares"].items()
    }
    values = MappingProxyType(entry["values"])
    return Evaluation(values, MappingProxyType(per_user), users, MappingProxyType(shares))
