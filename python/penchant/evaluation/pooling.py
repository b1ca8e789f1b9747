"""From the cells of one split to its table: seeds pooled, everybody held against one base.

A user's values are averaged over the seeds first and users are drawn afterwards, since the same
person asked twice is one witness, not two. A difference counts the splits that both sides have.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from penchant.evaluation.bootstrap import (
    Interval,
    mean_interval,
    paired_shares,
    share_interval,
)
from penchant.evaluation.leaks import leaks
from penchant.evaluation.table import COSTS, Comparison, Contestant
from penchant.metrics import Share

if TYPE_CHECKING:
    from penchant.evaluation.judging import Evaluation
    from penchant.evaluation.measuring import Cell, Curve, Failure
    from penchant.evaluation.parting import Split
    from penchant.metrics.ranking import F64
    from penchant.protocols import I32


@dataclass(frozen=True, slots=True)
class Part:
    """The first metric in a part of the users or items: how many users, and each one's mean."""

    users: int
    means: Mapping[str, Interval]


@dataclass(frozen=True, slots=True)
class Section:
    """A split's share of a report.

    split: its kind. `seeds`: of the cells. `comparison`: the table; its title is the split in
    words. `segments`: by kind ("users", "items") and label. `curves`: by contestant and by what its
    fit told, of the first seed. `warnings`: sentences on what makes the figures weak. `failed`: by
    contestant, why there are no figures of it, or of fewer seeds than of others.
    """

    split: str
    seeds: tuple[int, ...]
    comparison: Comparison
    segments: Mapping[str, Mapping[str, Part]]
    curves: Mapping[str, Mapping[str, Curve]]
    warnings: tuple[str, ...] = ()
    failed: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


def section(
    cells: Sequence[Cell], splits: Sequence[Split], base: str, failures: Sequence[Failure] = ()
) -> Section:
    """Pool the cells of one kind of split, whose `splits` are those of its seeds.

    base: the contestant that the others are held against; where none of its cells is finished
    there are no differences.
    """
    names = tuple(dict.fromkeys(cell.name for cell in cells))
    of = {name: [cell for cell in cells if cell.name == name] for name in names}
    kinds = tuple(dict.fromkeys(kind for cell in cells for kind in cell.segments))
    seeds = tuple(dict.fromkeys(cell.seed for cell in cells))
    more = f" (the first of {len(splits)}, whose mean is shown)" if len(splits) > 1 else ""
    return Section(
        splits[0].kind,
        seeds,
        Comparison(tuple(_row(of[name], of.get(base, [])) for name in names), f"{splits[0]}{more}"),
        MappingProxyType({kind: _parts(kind, of) for kind in kinds}),
        MappingProxyType({name: of[name][0].curves for name in names if of[name][0].curves}),
        tuple(dict.fromkeys(told for split in splits for told in (*split.warnings, *leaks(split)))),
        MappingProxyType({failure.name: failure.reason for failure in failures}),
    )


def pooled(evaluations: Sequence[Evaluation], metric: str) -> tuple[I32, F64]:
    """The users of several evaluations, ascending, and each one's mean over those it is in."""
    users = np.concatenate([one.users for one in evaluations])
    values = np.concatenate([one.per_user[metric] for one in evaluations])
    rows, at = np.unique(users, return_inverse=True)
    return rows, np.bincount(at, values) / np.bincount(at)


def pooled_share(evaluations: Sequence[Evaluation], metric: str) -> Share:
    """One share of several evaluations: parts and weights of a user add up."""
    shares = [one.shares[metric] for one in evaluations]
    users, at = np.unique(np.concatenate([one.users for one in shares]), return_inverse=True)
    parts = np.bincount(at, np.concatenate([one.parts for one in shares])).astype(np.float64)
    weights = np.bincount(at, np.concatenate([one.weights for one in shares])).astype(np.float64)
    return Share(users, parts, weights, shares[0].rooted)


def difference(cells: Sequence[Cell], base: Sequence[Cell], metric: str) -> Interval | None:
    """The interval of cells less base, paired by split and user; None without a common split."""
    both = {cell.place for cell in cells} & {cell.place for cell in base}
    if not both:
        return None
    if metric in cells[0].evaluation.shares:
        share, of_base = (
            pooled_share([c.evaluation for c in of if c.place in both], metric)
            for of in (cells, base)
        )
        return paired_shares(of_base, share)
    users, mine = pooled([c.evaluation for c in cells if c.place in both], metric)
    same, theirs = pooled([c.evaluation for c in base if c.place in both], metric)
    assert np.array_equal(users, same)  # noqa: S101
    return mean_interval(mine - theirs)


def _row(cells: Sequence[Cell], base: Sequence[Cell]) -> Contestant:
    evaluations = [cell.evaluation for cell in cells]
    metrics, intervals, differences = {}, {}, {}
    for metric in evaluations[0].values:
        if metric in evaluations[0].per_user:
            intervals[metric] = mean_interval(pooled(evaluations, metric)[1])
        elif metric in evaluations[0].shares:
            intervals[metric] = share_interval(pooled_share(evaluations, metric))
        else:
            metrics[metric] = float(np.mean([one.values[metric] for one in evaluations]))
            continue
        metrics[metric] = intervals[metric].difference
        found = difference(cells, base, metric) if cells is not base else None
        if found is not None:
            differences[metric] = found
    costs = {cost: [getattr(cell, cost) for cell in cells] for cost in COSTS}
    medians = {
        cost: None if None in values else float(np.median(values)) for cost, values in costs.items()
    }
    return Contestant(
        cells[0].name, metrics, **medians, intervals=intervals, differences=differences
    )


def _parts(kind: str, of: Mapping[str, Sequence[Cell]]) -> Mapping[str, Part]:
    """The parts of a kind; one part alone tells nothing that the table doesn't."""
    labels = dict.fromkeys(
        label for cells in of.values() for cell in cells for label in cell.segments.get(kind, ())
    )
    parts = {}
    for label in labels:
        means, users = {}, 0
        for name, cells in of.items():
            told = [c.segments[kind][label] for c in cells if label in c.segments.get(kind, ())]
            if told:
                (metric,) = told[0].per_user
                rows, values = pooled(told, metric)
                means[name], users = mean_interval(values), len(rows)
        parts[label] = Part(users, MappingProxyType(means))
    return MappingProxyType(parts if len(parts) > 1 else {})
