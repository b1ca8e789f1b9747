"""Matrix factorization for penchant: `mf.sgd` learns from ratings that differ.

Declaring it imports no arithmetic.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from penchant import Component, hookimpl

from penchant_mf.settings import SgdSettings

if TYPE_CHECKING:
    from penchant.protocols import Scorer
    from penchant.registry import Registry

PENCHANT_API = 1


def _sgd(settings: SgdSettings, registry: Registry) -> Scorer:  # noqa: ARG001
    from penchant_mf.sgd import Sgd

    return Sgd(settings)


@hookimpl
def penchant_scorers() -> Iterable[Component[Scorer]]:
    """Declare `mf.sgd`."""
    return [Component("sgd", _sgd, SgdSettings, "Ratings foretold by factors of users and items")]
