"""What `hybrid.auto` holds out to judge by, in which ways and how often.

What a user did last is what a service has to foretell, but it is little, and of one mood; what was
drawn at random is more like the whole, and can be drawn again. A blend chosen by either alone loses
several per cent by the other, so both kinds of cut have half a say where there are both.

Little is held out at a time. Settings that are best on four fifths of the data are not those that
are best on all of it (with fewer likings, weaker ones against them win), and the choice is fitted
to all of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from penchant_hybrid.fitting import check_same_rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from penchant.data import Dataset
    from penchant.protocols import FitContext

SMALL_LOG = 300_000
"""Events up to which the candidates are fitted and judged three times."""
LARGE_LOG = 3_000_000
"""Events beyond which they are so once."""

_TOLD = {"user-time": "the latest", "user-random": "a random"}


@dataclass(frozen=True)
class Cut:
    """What to learn from and what to find; `kind` is how the two were parted."""

    kind: str
    train: Dataset
    held_out: Dataset


def cuts_of(data: Dataset, share: float, context: FitContext) -> tuple[list[Cut], str]:
    """The cuts of the data, those of a kind together, and a few words on what was held out.

    The validation events of the context are the one cut where there are any. Raises DataError
    where nobody has two likings.
    """
    if context.validation is not None:
        check_same_rows(data, context.validation)
        return [Cut("given", data, context.validation)], "the validation events given"
    from penchant.evaluation import make_split

    kinds = kinds_for(len(data.interactions), data.interactions.time is not None)
    seeds = [context.seed + number for number in range(len(kinds))]
    splits = [
        make_split(data, kind, share=share, seed=seed)
        for kind, seed in zip(kinds, seeds, strict=True)
    ]
    cuts = [
        Cut(kind, split.train, split.held_out) for kind, split in zip(kinds, splits, strict=True)
    ]
    words = [_words(kind, kinds.count(kind), share) for kind in dict.fromkeys(kinds)]
    return cuts, f"{' and '.join(words)} of each user's likings"


def kinds_for(events: int, timed: bool) -> Sequence[str]:
    """The kinds of split that so many events are cut by; `timed`: some of them are the latest."""
    if events > LARGE_LOG:
        return ["user-time" if timed else "user-random"]
    if events > SMALL_LOG:
        return ["user-time", "user-random"] if timed else ["user-random"]
    return ["user-time" if timed else "user-random", "user-random", "user-random"]


def _words(kind: str, times: int, share: float) -> str:
    often = {1: "", 2: " (twice)"}.get(times, f" ({times} times)")
    return f"{_TOLD[kind]} {share:.0%}{often}"
