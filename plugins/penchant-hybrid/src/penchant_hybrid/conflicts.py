"""Rules that no list can keep: found where they meet a catalogue, before anything is fitted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from penchant.errors import SettingsError

from penchant_hybrid.rule import problem

if TYPE_CHECKING:
    from penchant_hybrid.rulebook import Bound

_ROUNDING = 1e-9


def check(bound: Sequence[Bound]) -> None:
    """Refuse, by SettingsError, rules that no list of these items can keep.

    Looked at are those that hold for everybody, together with those of each condition.
    """
    for one in bound:
        if one.rule.action == "require" and not one.items.any():
            raise problem(one.rule, "no item fits, so nothing would ever be shown")
    conditions = [(one.rule.users, one.rule.context) for one in bound]
    for condition in conditions:
        together = [
            one
            for one, its in zip(bound, conditions, strict=True)
            if not one.conditional or its == condition
        ]
        quotas = [one for one in together if one.rule.action == "quota"]
        _check_shares(quotas)
        for quota in quotas:
            for cap in (one for one in together if one.rule.action == "cap"):
                _check_pair(quota, cap)


def _check_shares(quotas: Sequence[Bound]) -> None:
    """Quotas without an item in common can't be more than the whole."""
    shares = [one.rule.share or 0.0 for one in quotas]
    if sum(shares) <= 1 + _ROUNDING:
        return
    meet = [[bool((one.items & other.items).any()) for other in quotas] for one in quotas]
    apart: list[tuple[float, list[int]]] = [(0.0, [])]
    for at, share in enumerate(shares):
        for total, others in tuple(apart):
            if not share or any(meet[at][other] for other in others):
                continue
            total, together = total + share, [*others, at]
            if total > 1 + _ROUNDING:
                names = ", ".join(repr(quotas[one].rule.name) for one in together)
                raise SettingsError(
                    f"hybrid.rules: the quotas {names} have no item in common and want "
                    f"{total:.4g} of a list together; their shares may come to 1"
                )
            apart.append((total, together))


def _check_pair(quota: Bound, cap: Bound) -> None:
    """A quota can't want more of a kind than a cap lets in."""
    wanted, let_in = quota.rule, cap.rule
    more = (wanted.at_least or 0) > (let_in.at_most or np.inf)
    more |= (wanted.share or 0) > (let_in.share or np.inf)
    mine = np.flatnonzero(quota.items)
    if not more or not len(mine):
        return
    shared = set(cap.kinds(int(mine[0])))
    for row in mine[1:].tolist():
        if not shared:
            return
        shared &= set(cap.kinds(row))
    if shared:
        raise problem(
            wanted, f"{wanted.says()} can't be, where {let_in.name} lets in {let_in.says()}"
        )
