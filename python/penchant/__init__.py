"""Personal recommendations inside your own process.

    model = penchant.fit("recipe.toml")
    ids, scores = model.recommend("user-42", k=10)
    model.save("model/")
    model = penchant.load("model/")

Names are imported when they are first used, so that `import penchant` costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from penchant.components import Component, FitReport, SourceScheme, Spec, use
    from penchant.data import Dataset, Interactions, Items, Relations, Users, Vocabulary
    from penchant.errors import PenchantError
    from penchant.fitting import fit
    from penchant.hookspecs import PENCHANT_API, hookimpl
    from penchant.kernels import __version__
    from penchant.loading import load
    from penchant.model import Model
    from penchant.recipes import Recipe
    from penchant.recommendations import BatchRecommendations, Explanation, Recommendations
    from penchant.registry import Registry

__all__ = [
    "PENCHANT_API",
    "BatchRecommendations",
    "Component",
    "Dataset",
    "Explanation",
    "FitReport",
    "Interactions",
    "Items",
    "Model",
    "PenchantError",
    "Recipe",
    "Recommendations",
    "Registry",
    "Relations",
    "SourceScheme",
    "Spec",
    "Users",
    "Vocabulary",
    "__version__",
    "fit",
    "hookimpl",
    "load",
    "use",
]

_HOMES = {
    "__version__": "kernels",
    "PENCHANT_API": "hookspecs",
    "BatchRecommendations": "recommendations",
    "Component": "components",
    "Dataset": "data",
    "Explanation": "recommendations",
    "FitReport": "components",
    "Interactions": "data",
    "Items": "data",
    "Model": "model",
    "PenchantError": "errors",
    "Recipe": "recipes",
    "Recommendations": "recommendations",
    "Registry": "registry",
    "Relations": "data",
    "SourceScheme": "components",
    "Spec": "components",
    "Users": "data",
    "Vocabulary": "data",
    "fit": "fitting",
    "hookimpl": "hookspecs",
    "load": "loading",
    "use": "components",
}


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'penchant' has no attribute {name!r}")
    value = getattr(import_module(f"penchant.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
