"""`hybrid.auto`: tries what suits the data on held-out likings, and says what to blend.

The plain recipe that it answers with is `hybrid.weighted` with weights, or one strategy alone. The
choice is made in two steps, so that memory is bounded: each strategy's best settings by themselves,
then weights for these together (`penchant_hybrid.learning`). Test data, if somebody holds any,
play no part.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from penchant import Spec
from penchant.errors import DataError, FitCancelled
from penchant.protocols import Choice

from penchant_hybrid.candidates import families_for
from penchant_hybrid.fitting import check_same_rows, fit_parts, with_spreads
from penchant_hybrid.learning import judge_of, weights_by

if TYPE_CHECKING:
    from penchant.data import Dataset
    from penchant.protocols import FitContext
    from penchant.registry import Registry

    from penchant_hybrid.candidates import Families
    from penchant_hybrid.parts import Part
    from penchant_hybrid.settings import AutoSettings

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
            train, held_out, how = self._parted(data, context)
        except DataError:
            reasons.append("nobody has two likings, so nothing can be held out: base.popular")
            return Choice(_recommender([_ONLY_POPULAR], [1.0]), tuple(reasons))
        context = replace(context, validation=None)
        specs: list[dict[str, Any]] = []
        parts: list[Part] = []
        alone: list[float] = []
        total = sum(map(len, families.values()))
        done = 0
        for name, tried in families.items():
            if context.cancelled():
                raise FitCancelled(f"the fit of hybrid.auto was cancelled before {name}")
            context.progress("choosing", done, total, name)
            scorers = [self._registry.scorer(spec) for spec in tried]
            fitted = fit_parts("hybrid.auto", [name] * len(tried), scorers, train, context)
            fitted = with_spreads(fitted, train, context.seed)
            found = judge_of(fitted, train, held_out, context).alone()
            best = max(range(len(tried)), key=found.__getitem__)
            specs.append(tried[best])
            parts.append(fitted[best])
            alone.append(found[best])
            done += len(tried)
        judge = judge_of(parts, train, held_out, context)
        weights = weights_by(judge, context)
        blended = float(judge.ndcg_of(weights).mean())
        context.progress("choosing", total, total, _named(specs, weights))
        order = sorted(range(len(specs)), key=lambda at: -alone[at])
        reasons.append(f"judged by NDCG@10 on {how}, {len(judge.ideal):,} users")
        reasons += [
            f"{_told(specs[at])}: {alone[at]:.4f} alone, weight {weights[at]:.2f}" for at in order
        ]
        reasons.append(f"blended: {blended:.4f}")
        return Choice(_recommender(specs, weights), tuple(reasons))

    def _families(self, data: Dataset) -> tuple[Families, list[str]]:
        if not self._settings.candidates:
            return families_for(data, self._registry)
        families: Families = {}
        for candidate in self._settings.candidates:
            spec = Spec.of(candidate)
            families.setdefault(spec.name, []).append(dict(spec.to_json()))
        return families, ["the candidates were given"]

    def _parted(self, data: Dataset, context: FitContext) -> tuple[Dataset, Dataset, str]:
        if context.validation is not None:
            check_same_rows(data, context.validation)
            return data, context.validation, "the validation events given"
        from penchant.evaluation import make_split

        by_time = data.interactions.time is not None
        kind = "user-time" if by_time else "user-random"
        split = make_split(data, kind, share=self._settings.share, seed=context.seed)
        which = "latest" if by_time else "random"
        told = f"the {which} {self._settings.share:.0%} of each user's likings"
        return split.train, split.held_out, told


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
