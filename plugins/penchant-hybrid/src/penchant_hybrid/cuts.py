"""What hybrids hold out to judge their parts by, in which ways and how often.

What a user did last is what a service has to foretell, but it is little, and of one mood; what was
drawn at random is more like the whole, and can be drawn again. A blend chosen by either alone loses
several per cent by the other, so `hybrid.auto`, which may be asked for either, gives both kinds of
cut half a say. `hybrid.weighted` learns what will be liked next, and goes by time where events have
any: by the latest likings of each user, the ones before these, and so on, so that no single stretch
of time decides. For newcomers it goes by users cut down to their first likings, drawn anew each
time, since a draw is a small part of the users, of whom chance has too much of a say.

Little is held out at a time. Settings that are best on four fifths of the data are not those that
are best on all of it (with fewer likings, weaker ones against them win), and the choice is fitted
to all of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from penchant.errors import DataError

from penchant_hybrid.fitting import check_same_rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from penchant.data import Dataset
    from penchant.protocols import FitContext

SMALL_LOG = 300_000
"""Events up to which the candidates are fitted and judged three times, or four with times."""
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
    kinds = kinds_for(len(data.interactions), data.interactions.time is not None)
    cuts = cuts_by(data, kinds, share, context.seed)
    words = [_words(kind, kinds.count(kind), share) for kind in dict.fromkeys(kinds)]
    return cuts, f"{' and '.join(words)} of each user's likings"


def cuts_by(
    data: Dataset, kinds: Sequence[str], share: float, seed: int, known: int = 3
) -> list[Cut]:
    """One cut of each of `kinds`, as `make_split` knows them; "cold-user" leaves `known` likings.

    A "user-time" after another is cut from what that one left, so that it holds out what was liked
    before, and is left out where nothing is left to hold out. What is drawn is drawn from all of
    the data, by another seed each time. Raises DataError where nothing can be held out at all.
    """
    from penchant.evaluation import cold_user_split, make_split

    cuts: list[Cut] = []
    for number, kind in enumerate(kinds):
        later = [cut.train for cut in cuts if cut.kind == kind == "user-time"]
        try:
            if kind == "cold-user":
                split = cold_user_split(data, share, seed + number, known=known)
            else:
                split = make_split([data, *later][-1], kind, share=share, seed=seed + number)
        except DataError:
            if not later:
                raise
            continue
        cuts.append(Cut(kind, split.train, split.held_out))
    return cuts


def repeated(kind: str, events: int) -> list[str]:
    """The kind up to three times, the fewer the more events there are."""
    return [kind] * min(3, len(kinds_for(events, timed=True)))


def kinds_for(events: int, timed: bool) -> Sequence[str]:
    """The kinds of split that so many events are cut by; `timed`: some of them are the latest."""
    if events > LARGE_LOG:
        return ["user-time" if timed else "user-random"]
    if events > SMALL_LOG:
        return ["user-time", "user-random"] if timed else ["user-random"]
    return ["user-time"] * 2 + ["user-random"] * 2 if timed else ["user-random"] * 3


def _words(kind: str, times: int, share: float) -> str:
    often = {1: "", 2: " (twice)"}.get(times, f" ({times} times)")
    return f"{_TOLD[kind]} {share:.0%}{often}"
