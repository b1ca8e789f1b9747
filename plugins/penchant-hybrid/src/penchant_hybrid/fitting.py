"""What hybrids do with their parts: fit them in turn, measure their spreads, bring them back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from penchant.errors import DataError, FitCancelled
from penchant.protocols import FitContext, Scorer, State

from penchant_hybrid.parts import Part
from penchant_hybrid.spread import sample_of, spread_of

if TYPE_CHECKING:
    from penchant.data import Dataset


def fit_parts(
    owner: str,
    names: Sequence[str],
    scorers: Sequence[Scorer],
    data: Dataset,
    context: FitContext,
    again: str = "",
) -> list[Part]:
    """Fit the scorers one after the other; every weight and every spread is 1.

    Scorers that tell how many `epochs` they take are fitted after the others, the fewest first.

    `owner` is the hybrid's name, for the sentence of a cancelled fit; `again` goes before what the
    progress says.
    """
    fitted: dict[int, Part] = {}
    context = context.sharing(data)
    # Fits of few epochs first, for those of more go on from them.
    for place in sorted(range(len(scorers)), key=lambda at: getattr(scorers[at], "epochs", 0)):
        name = names[place]
        if context.cancelled():
            raise FitCancelled(f"the fit of {owner} was cancelled before {name}")
        told = _labelled(context, f"{again}{name} ({place + 1} of {len(names)})")
        fitted[place] = Part(name, scorers[place].fit(data, told), 1.0, 1.0)
    return [fitted[place] for place in range(len(scorers))]


def with_spreads(parts: Sequence[Part], data: Dataset, seed: int) -> list[Part]:
    """Measure the spreads on a sample of users, which `seed` draws."""
    users = sample_of(data, seed)
    return [replace(part, spread=spread_of(part, data, users)) for part in parts]


def restore_parts(names: Sequence[str], scorers: Sequence[Scorer], state: State) -> list[Part]:
    """Bring back the parts of which `state` holds the states, `weights` and `spreads`."""
    weights, spreads = _numbers(state, "weights"), _numbers(state, "spreads")
    return [
        Part(name, scorer.restore(state.parts[f"part_{place}"]), weight, spread)
        for place, (name, scorer, weight, spread) in enumerate(
            zip(names, scorers, weights, spreads, strict=True)
        )
    ]


def _labelled(context: FitContext, label: str) -> FitContext:
    def progress(task: str, done: float, total: float, detail: str = "", /) -> None:
        context.progress(f"{label}: {task}", done, total, detail)

    return replace(context, progress=progress)


def check_same_rows(data: Dataset, validation: Dataset) -> None:
    """Refuse validation events that speak of other rows than the data."""
    if (len(validation.users), len(validation.items)) != (len(data.users), len(data.items)):
        raise DataError(
            f"validation has {len(validation.users)} users and {len(validation.items)} items but "
            f"the data have {len(data.users)} and {len(data.items)}; cut both from one dataset, "
            "as dataset.subset does"
        )


def _numbers(state: State, name: str) -> list[float]:
    values = state.meta[name]
    return [float(str(value)) for value in values] if isinstance(values, Sequence) else []
