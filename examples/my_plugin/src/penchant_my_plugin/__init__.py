"""A whole penchant plugin: the scorer `my.recent_favourites`, popularity that fades with time."""

from dataclasses import dataclass, field

import numpy as np
from penchant import Component, hookimpl
from penchant.protocols import State
from penchant.settings import check_range

PENCHANT_API = 1


@dataclass(frozen=True, kw_only=True)
class Settings:
    half_life: float = field(default=30.0, metadata={"help": "days until a liking counts half"})

    def __post_init__(self):
        check_range(self, "half_life", above=0)


class Fitted:
    def __init__(self, favour):
        self.favour = favour  # (items,) float32

    def score(self, queries, items, /):
        favour = self.favour if items is None else self.favour[items]
        return np.tile(favour, (len(queries), 1))

    def state(self):
        return State({"favour": self.favour})


class RecentFavourites:
    def __init__(self, settings, _registry):
        self.half_life = settings.half_life * 86_400_000_000  # microseconds, as `time` is

    def fit(self, data, _context, /):
        liked = data.positives()
        age = liked.time.max(initial=0) - liked.time if liked.has_times else np.zeros(len(liked))
        favour = np.bincount(liked.item, 0.5 ** (age / self.half_life), len(data.items))
        return Fitted(favour.astype(np.float32))

    def restore(self, state, /):
        return Fitted(state.arrays["favour"])


@hookimpl
def penchant_scorers():
    return [Component("recent_favourites", RecentFavourites, Settings, "What was liked lately")]
