"""Near names, so that an error about a misspelt word can say which word was meant."""

from __future__ import annotations

from collections.abc import Iterable


def nearest(name: str, names: Iterable[str]) -> str | None:
    """Give the one of `names` that is most like `name`, or None when nothing is close.

    Likeness is difflib's ratio (Ratcliff and Obershelp 1988) on lower case letters, of whole names
    and of what follows their last dot ("als" is like "mf.als"); initials will do where nothing is
    close ("hr" for "hit_rate").
    """
    from difflib import get_close_matches  # an error's business only: kept out of start-up

    known = list(names)
    folded = {one.casefold(): one for one in known}
    for one in known:
        folded.setdefault(one.casefold().rpartition(".")[2], one)
    close = get_close_matches(name.casefold(), folded, n=1)
    if close:
        return folded[close[0]]
    initials = {"".join(word[:1] for word in one.casefold().split("_")): one for one in known}
    return initials.get(name.casefold()) if len(name) > 1 else None


def did_you_mean(name: str, names: Iterable[str]) -> str:
    """Give "; did you mean 'factors'?" to end a sentence with, or "" when nothing is close."""
    close = nearest(name, names)
    return "" if close is None else f"; did you mean {close!r}?"
