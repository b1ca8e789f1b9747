"""Whom a model knows: their ids, what each has done, and who acted after the fit."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from penchant.queries import Queries

if TYPE_CHECKING:
    from penchant.data import Vocabulary
    from penchant.past import Past
    from penchant.protocols import I32


@dataclass(frozen=True, slots=True)
class People:
    """Users by row.

    users: their ids. past: every event known of them. changed: the rows of those who acted after
        the fit; a fitted component is asked about them as about strangers with this past.
    """

    users: Vocabulary
    past: Past
    changed: frozenset[int] = frozenset()

    def queries(self, rows: I32) -> Queries:
        """What is asked of users by row, each with their past; row -1 is a stranger without one."""
        queries = Queries.known(rows, self.past.events, self.past.times)
        if not self.changed:
            return queries
        stale = np.isin(rows, np.fromiter(self.changed, np.int32, len(self.changed)))
        return replace(queries, rows=np.where(stale, np.int32(-1), rows), users=rows)
