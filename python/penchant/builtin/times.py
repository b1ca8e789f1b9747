"""Times of events, for the components that can't do without."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penchant.errors import DataError

if TYPE_CHECKING:
    from penchant.protocols import I64

DAY = 86_400_000_000
"""Microseconds of a day."""


def times_for(component: str, times: I64 | None) -> I64:
    """Give the times, or raise a DataError that names the component which can't do without."""
    if times is None:
        raise DataError(
            f"{component} goes by the times of events and these data have none; name their column "
            "(time=...), or take base.popular"
        )
    return times
