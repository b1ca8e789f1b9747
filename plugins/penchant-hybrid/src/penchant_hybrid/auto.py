"""`hybrid.auto`: tries what suits the data on held-out likings, and says what to blend.

The plain recipe that it answers with is `hybrid.weighted` with weights, or one strategy alone. The
choice is made in two steps, so that memory is bounded: each strategy's best settings by themselves,
then weights for these together (`penchant_hybrid.learning`). Test data, if somebody holds any,
play no part.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeAlias

from penchant import Spec
from penchant.errors import DataError, FitCancelled
from penchant.protocols import Choice

from penchant_hybrid.candidates import families_for
from penchant_hybrid.fitting import check_same_rows, fit_parts, with_spreads
from penchant_hybrid.learning import Judge, judge_of, weights_by

if TYPE_CHECKING:
    from penchant.data import Dataset
    from penchant.protocols import FitContext
    from penchant.registry import Registry

    from penchant_hybrid.candidates import Families
    from penchant_hybrid.parts import Part
    from penchant_hybrid.settings import AutoSettings

    Cut: TypeAlias = tuple[Dataset, Dataset]

SMALL_LOG = 300_000
"""Events up to which the candidates are fitted and judged twice."""

LEAST = 0.1
"""Share of the greatest weight below which a part is left out."""

_ONLY_POPULAR = {"use": "base.popular"}


class Auto:
    """Chooses among the strategies of `registry`."""

    def __init__(self, settings: AutoSettings, registry: Registry) -> None:
        self._settings = settings
        self._registry = registry

    def choose(self, data: Dataset, context: FitContext, /) -> Choice:
        """Fit every candidate on a part of the data, and let in those that find the rest.

        Without validation events a share of each user's likings is held out: the latest where
        events have times. Where nobody has two likings there is nothing to judge by, and popularity
        is what is left. As slow as all candidates together.
        """
        families, reasons = self._families(data)
        try:
            cuts, how = self._cuts(data, context)
        except DataError:
            reasons.append("nobody has two likings, so nothing can be held out: base.popular")
            return Choice(_recommender([_ONLY_POPULAR], [1.0]), tuple(reasons))
        context = replace(context, validation=None)
        specs: list[dict[str, Any]] = []
        parts: list[list[Part]] = [[] for _ in cuts]
        alone: list[list[float]] = []
        total = sum(map(len, families.values()))
        done = 0
        for name, tried in families.items():
            if context.cancelled():
                raise FitCancelled(f"the fit of hybrid.auto was cancelled before {name}")
            context.progress("choosing", done, total, name)
            scorers = [self._registry.scorer(spec) for spec in tried]
            fitted = []
            for train, _ in cuts:
                one = fit_parts("hybrid.auto", [name] * len(tried), scorers, train, context)
                fitted.append(with_spreads(one, train, context.seed))
            judges = _judges(fitted, cuts, context)
            found = Judge.joined(judges).alone()
            best = max(range(len(tried)), key=found.__getitem__)
            specs.append(tried[best])
            for mine, one in zip(parts, fitted, strict=True):
                mine.append(one[best])
            alone.append([judge.alone()[best] for judge in judges])
            done += len(tried)
        judges = _judges(parts, cuts, context)
        weights = _worth_a_fit(weights_by(Judge.joined(judges), context, often=0.0))
        blended = [float(judge.ndcg_of(weights).mean()) for judge in judges]
        context.progress("choosing", total, total, _named(specs, weights))
        order = sorted(range(len(specs)), key=lambda at: -alone[at][0])
        reasons.append(f"judged by NDCG@10 on {how}")
        reasons += [
            f"{_told(specs[at])}: {_figures(alone[at])} alone, weight {weights[at]:.2f}"
            for at in order
        ]
        reasons.append(f"blended: {_figures(blended)}")
        return Choice(_recommender(specs, weights), tuple(reasons))

    def _families(self, data: Dataset) -> tuple[Families, list[str]]:
        if not self._settings.candidates:
            return families_for(data, self._registry)
        families: Families = {}
        for candidate in self._settings.candidates:
            spec = Spec.of(candidate)
            families.setdefault(spec.name, []).append(dict(spec.to_json()))
        return families, ["the candidates were given"]

    def _cuts(self, data: Dataset, context: FitContext) -> tuple[list[Cut], str]:
        """What to learn from and what to find, once or twice, and how that was parted.

        The latest likings are what a service has to foretell, but few, and all of one moment; those
        drawn at random besides keep the choice from resting on chance.
        """
        if context.validation is not None:
            check_same_rows(data, context.validation)
            return [(data, context.validation)], "the validation events given"
        from penchant.evaluation import make_split

        share = self._settings.share
        by_time = data.interactions.time is not None
        asked = [("user-random", context.seed)]
        if len(data.interactions) <= SMALL_LOG:
            asked.insert(0, ("user-time" if by_time else "user-random", context.seed + 1))
        elif by_time:
            asked = [("user-time", context.seed)]
        splits = [make_split(data, kind, share=share, seed=seed) for kind, seed in asked]
        kinds = {"user-time": "the latest", "user-random": "a random"}
        how = " and ".join(f"{kinds[kind]} {share:.0%}" for kind, _ in asked)
        return [(split.train, split.held_out) for split in splits], f"{how} of each user's likings"


def _judges(parts: list[list[Part]], cuts: list[Cut], context: FitContext) -> list[Judge]:
    return [judge_of(mine, *cut, context) for mine, cut in zip(parts, cuts, strict=True)]


def _recommender(specs: list[dict[str, Any]], weights: list[float]) -> dict[str, Any]:
    """The plain recipe: a strategy of its own, or a blend of given weights."""
    kept = [(spec, weight) for spec, weight in zip(specs, weights, strict=True) if weight > 0]
    if len(kept) == 1:
        return {"use": "base.top_k", "scorer": kept[0][0]}
    parts = [{**spec, "weight": round(weight, 4)} for spec, weight in kept]
    return {
        "use": "base.top_k",
        "scorer": {"use": "hybrid.weighted", "parts": parts, "learn": False},
    }


def _worth_a_fit(weights: list[float]) -> list[float]:
    """A part of little weight costs as much as any other, and is left out."""
    return [weight if weight >= LEAST * max(weights) else 0.0 for weight in weights]


def _figures(values: list[float]) -> str:
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
