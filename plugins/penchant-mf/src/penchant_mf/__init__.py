"""Matrix factorization for penchant: `mf.sgd` learns from ratings, `mf.als` from likings.

Declaring it imports no arithmetic.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from penchant import Component, hookimpl

from penchant_mf.settings import AlsSettings, SgdSettings

if TYPE_CHECKING:
    from penchant.protocols import Scorer
    from penchant.registry import Registry

PENCHANT_API = 1


def _als(settings: AlsSettings, registry: Registry) -> Scorer:  # noqa: ARG001
    from penchant_mf.als import Als

    return Als(settings)


def _sgd(settings: SgdSettings, registry: Registry) -> Scorer:  # noqa: ARG001
    from penchant_mf.sgd import Sgd

    return Sgd(settings)


@hookimpl
def penchant_scorers() -> Iterable[Component[Scorer]]:
    """Declare `mf.als` and `mf.sgd`."""
    return [
        Component("als", _als, AlsSettings, "Likings recalled by factors of users and items"),
        Component("sgd", _sgd, SgdSettings, "Ratings foretold by factors of users and items"),
    ]
