"""Matrix factorization for penchant: `mf.sgd`, `mf.svdpp` and `mf.nmf` learn from ratings.

The others learn from likings. Declaring them imports no arithmetic.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from penchant import Component, hookimpl

from penchant_mf.settings import (
    AlsSettings,
    BprSettings,
    NmfSettings,
    SgdSettings,
    SvdppSettings,
    WarpSettings,
)

if TYPE_CHECKING:
    from penchant.protocols import Scorer
    from penchant.registry import Registry

PENCHANT_API = 1


def _als(settings: AlsSettings, registry: Registry) -> Scorer:
    from penchant_mf.als import Als

    return Als(settings, registry)


def _bpr(settings: BprSettings, registry: Registry) -> Scorer:
    from penchant_mf.pairwise import Pairwise

    return Pairwise("mf.bpr", settings, registry)


def _nmf(settings: NmfSettings, registry: Registry) -> Scorer:  # noqa: ARG001
    from penchant_mf.nmf import Nmf

    return Nmf(settings)


def _sgd(settings: SgdSettings, registry: Registry) -> Scorer:
    from penchant_mf.sgd import Sgd

    return Sgd(settings, registry)


def _svdpp(settings: SvdppSettings, registry: Registry) -> Scorer:  # noqa: ARG001
    from penchant_mf.svdpp import Svdpp

    return Svdpp(settings)


def _warp(settings: WarpSettings, registry: Registry) -> Scorer:
    from penchant_mf.pairwise import Pairwise

    return Pairwise("mf.warp", settings, registry, settings.max_tries)


@hookimpl
def penchant_scorers() -> Iterable[Component[Scorer]]:
    """Declare `mf.als`, `mf.bpr`, `mf.nmf`, `mf.sgd`, `mf.svdpp` and `mf.warp`."""
    return [
        Component("als", _als, AlsSettings, "Likings recalled by factors of users and items"),
        Component("bpr", _bpr, BprSettings, "Likings ranked above items drawn at random"),
        Component("nmf", _nmf, NmfSettings, "Ratings foretold as sums of parts, none below zero"),
        Component("sgd", _sgd, SgdSettings, "Ratings foretold by factors of users and items"),
        Component("svdpp", _svdpp, SvdppSettings, "Ratings foretold by factors and what was rated"),
        Component("warp", _warp, WarpSettings, "Likings ranked above the items that rival them"),
    ]
