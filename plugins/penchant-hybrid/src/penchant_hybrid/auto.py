"""`hybrid.auto`: tries what suits the data on held-out likings, and says what to blend.

The plain recipe that it answers with is `hybrid.weighted` with weights, or one strategy alone. Of
each strategy the best settings by themselves go on, then weights for these together are learned
(`penchant_hybrid.learning`). Test data, if somebody holds any, play no part.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from penchant import Spec
from penchant.errors import DataError, FitCancelled
from penchant.protocols import Choice

from penchant_hybrid.candidates import families_for
from penchant_hybrid.cuts import cuts_of
from penchant_hybrid.fitting import fit_parts, with_spreads
from penchant_hybrid.judging import Judge, Panel, judge_of_pools
from penchant_hybrid.learning import shares_by

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt
    from penchant.data import Dataset
    from penchant.protocols import FitContext
    from penchant.registry import Registry

    from penchant_hybrid.candidates import Families
    from penchant_hybrid.cuts import Cut
    from penchant_hybrid.settings import AutoSettings

    F64: TypeAlias = npt.NDArray[np.float64]

SETTINGS = 2
"""How many settings of one strategy may take part."""
NEAR = 0.95
"""Share of a strategy's best that its other settings must reach to take part."""
PROMISING = 0.9
"""Share of the best strategy's that another must reach to take part."""
LEAST = 0.1
"""Share of the greatest weight below which a part is left out."""
DEPTH = 50

_NAME = "hybrid.auto"
_ONLY_POPULAR = {"use": "base.popular"}


class Auto:
    """Chooses among the strategies of `registry`."""

    def __init__(self, settings: AutoSettings, registry: Registry) -> None:
        self._settings = settings
        self._registry = registry

    def choose(self, data: Dataset, context: FitContext, /) -> Choice:
        """Fit every candidate on parts of the data, and let in those that find the rest.

        Where nobody has two likings there is nothing to judge by, and popularity is what is left.
        As slow as all candidates together, once for each cut, and as large as they are together.
        """
        families, reasons = self._families(data)
        try:
            cuts, how = cuts_of(data, self._settings.share, context)
        except DataError:
            reasons.append("nobody has two likings, so nothing can be held out: base.popular")
            return Choice(_recommender([_ONLY_POPULAR], [1.0]), tuple(reasons))
        specs = [spec for tried in families.values() for spec in tried]
        names = [name for name, tried in families.items() for _ in tried]
        without = replace(context, validation=None)
        judges = [
            self._judged(specs, cut, place, len(cuts), without) for place, cut in enumerate(cuts)
        ]
        found = _Found.of(judges, [cut.kind for cut in cuts])
        chosen = found.best_of(names)
        panel = Panel([judge.of(chosen) for judge in judges], found.worth.tolist())
        weights = _worth_a_fit(shares_by(panel, without, _NAME).mean(axis=0))
        tried, specs = specs, [specs[place] for place in chosen]
        blended = [float(judge.ndcg_of(weights).mean()) for judge in panel.judges]
        total = len(cuts) * len(names)
        context.progress("choosing", total, total, _named(specs, weights))
        alone = found.by_kind(found.alone)
        reasons.append(f"judged by NDCG@10 on {how}")
        reasons += [
            f"{_told(spec)}: {_figures(alone[:, place])} alone, weight {weight:.2f}"
            for place, spec, weight in sorted(
                zip(chosen, specs, weights, strict=True), key=lambda one: -found.relative[one[0]]
            )
        ]
        reasons += [
            f"{_told(tried[place])}: {_figures(alone[:, place])} alone, too little to take part"
            for place in found.left_out(names, chosen)
        ]
        reasons.append(f"blended: {_figures(found.by_kind(np.array(blended)))}")
        return Choice(_recommender(specs, weights), tuple(reasons))

    def _families(self, data: Dataset) -> tuple[Families, list[str]]:
        if not self._settings.candidates:
            return families_for(data, self._registry)
        families: Families = {}
        for candidate in self._settings.candidates:
            spec = Spec.of(candidate)
            families.setdefault(spec.name, []).append(dict(spec.to_json()))
        return families, ["the candidates were given"]

    def _judged(
        self, specs: Sequence[dict[str, Any]], cut: Cut, place: int, cuts: int, context: FitContext
    ) -> Judge:
        """Fit all candidates to one cut, and keep no more of them than what they put first."""
        parts, context = [], context.sharing(cut.train)
        for done, spec in enumerate(specs):
            name = str(spec["use"])
            if context.cancelled():
                raise FitCancelled(f"the fit of {_NAME} was cancelled before {name}")
            context.progress("choosing", place * len(specs) + done, cuts * len(specs), name)
            scorer = self._registry.scorer(spec)
            parts += fit_parts(_NAME, [name], [scorer], cut.train, context)
        parts = with_spreads(parts, cut.train, context.seed)
        return judge_of_pools(parts, cut.train, cut.held_out, context, owner=_NAME, depth=DEPTH)


@dataclass(frozen=True)
class _Found:
    """What each candidate found alone.

    alone: (cuts, candidates) the mean NDCG@10. `kinds`: (cuts,) the kind of each, as a number.
    worth: (cuts,) what the NDCG@10 of one user counts. Likings drawn at random are easier to find
    than the latest, so that plain means would leave the latest no say: each kind counts alike, and
    as 1 what the best candidate finds of it. `relative`: (candidates,) the sums.
    """

    alone: F64
    kinds: npt.NDArray[np.intp]
    worth: F64
    relative: F64

    @classmethod
    def of(cls, judges: Sequence[Judge], kinds: Sequence[str]) -> _Found:
        """From the judges of the cuts, which are of these kinds."""
        places = [list(dict.fromkeys(kinds)).index(kind) for kind in kinds]
        alone = np.array([judge.alone() for judge in judges])
        whole = cls(alone, np.array(places), np.empty(0), np.empty(0))
        best = np.maximum(whole.by_kind(alone).max(axis=1), np.finfo(np.float64).tiny)
        share = 1 / (best * len(best) * np.bincount(places))[places]
        users = np.array([len(judge.ideal) for judge in judges])
        return replace(whole, worth=share / users, relative=share @ alone)

    def by_kind(self, values: F64) -> F64:
        """The mean of the cuts of each kind."""
        kinds = range(int(self.kinds.max()) + 1)
        return np.stack([values[self.kinds == kind].mean(axis=0) for kind in kinds])

    def best_of(self, names: Sequence[str]) -> list[int]:
        """The candidates that go on: of each good strategy the best, and what comes near it."""
        going, promising = [], PROMISING * self.relative.max()
        for name in dict.fromkeys(names):
            mine = [place for place, other in enumerate(names) if other == name]
            mine.sort(key=lambda place: -self.relative[place])
            least = max(promising, NEAR * self.relative[mine[0]])
            going += [place for place in mine[:SETTINGS] if self.relative[place] >= least]
        return going

    def left_out(self, names: Sequence[str], going: Sequence[int]) -> list[int]:
        """The best candidate of each strategy of which none goes on, the best first."""
        lost = set(names) - {names[place] for place in going}
        mine = [[at for at, other in enumerate(names) if other == name] for name in sorted(lost)]
        best = [max(places, key=lambda place: self.relative[place]) for places in mine]
        return sorted(best, key=lambda place: -self.relative[place])


def _recommender(specs: list[dict[str, Any]], weights: Sequence[float]) -> dict[str, Any]:
    """The plain recipe: a strategy of its own, or a blend of given weights."""
    kept = [(spec, weight) for spec, weight in zip(specs, weights, strict=True) if weight > 0]
    if len(kept) == 1:
        return {"use": "base.top_k", "scorer": kept[0][0]}
    parts = [{**spec, "weight": round(weight, 4)} for spec, weight in kept]
    return {
        "use": "base.top_k",
        "scorer": {"use": "hybrid.weighted", "parts": parts, "learn": False},
    }


def _worth_a_fit(shares: F64) -> list[float]:
    """Bring the greatest weight to 1. A part of little costs as much as any, and is left out."""
    weights = shares / shares.max()
    return [float(weight) if weight >= LEAST else 0.0 for weight in weights]


def _figures(values: F64) -> str:
    return " and ".join(f"{value:.4f}" for value in values)


def _named(specs: list[dict[str, Any]], weights: list[float]) -> str:
    return " + ".join(
        spec["use"] for spec, weight in zip(specs, weights, strict=True) if weight > 0
    )


def _told(spec: dict[str, Any]) -> str:
    plain = [
        f"{key} {value['use'] if isinstance(value, dict) else value}"
        for key, value in spec.items()
        if key != "use"
    ]
    return f"{spec['use']} ({', '.join(plain)})" if plain else str(spec["use"])
