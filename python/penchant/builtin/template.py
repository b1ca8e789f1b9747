"""`base.template`: one plain sentence from the strongest reasons, with no fact of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from penchant.builtin.settings import TemplateSettings
    from penchant.protocols import GenerationRequest


# Characters of a name: where items have no titles, their name is whatever text they have.
_LONGEST = 120


class TemplateGenerator:
    """Fills a fixed sentence; the same request gives the same words."""

    def __init__(self, settings: TemplateSettings) -> None:
        self._reasons = settings.reasons

    def generate(self, request: GenerationRequest, /) -> str:
        """Name the item and its strongest positive reasons.

        Control characters and line breaks in names become spaces, so that a title can't forge a
        second sentence on a line of its own; of a name past 120 characters the beginning is told.
        """
        item = _plain(request.item)
        # Two things of one name would read as one named twice; the strongest speaks for both.
        named: dict[str, tuple[str, str, float]] = {}
        for reason in request.evidence:
            if reason[2] > 0 and reason[0] != request.item:
                named.setdefault(reason[0] or reason[1], reason)
        reasons = list(named.values())[: self._reasons]
        if not reasons:
            return f"{item}: no single reason stands out."
        liked = [_plain(name) for name, kind, _ in reasons if kind == "item" and name]
        words = [_plain(name) for name, kind, _ in reasons if kind in ("text", "field") and name]
        like = [_plain(name) for name, kind, _ in reasons if kind == "part" and name]
        parts = []
        if liked:
            parts.append(f"you liked {_listed(liked)}")
        if like:
            parts.append(f"you like things like {_listed(like)}")
        if words:
            parts.append(f"it matches {_listed(words)}")
        if any(kind == "popularity" for _, kind, _ in reasons):
            parts.append("many people like it")
        if any(kind == "trend" for _, kind, _ in reasons):
            parts.append("many people liked it lately")
        if any(kind == "recency" for _, kind, _ in reasons):
            parts.append("it is new")
        if any(kind == "factors" for _, kind, _ in reasons):
            parts.append("people with your taste like it")
        rules = [_plain(name) for name, kind, _ in reasons if kind == "rule"]
        if rules:
            parts.append(f"a rule asks for it ({_listed(rules)})")
        if not parts:
            parts.append(_listed([_plain(name) or kind for name, kind, _ in reasons]))
        return f"{item}: because {_listed(parts)}."


def _plain(text: str) -> str:
    # Four times as much is looked at, so that blanks and a cut don't leave a name too short.
    shown = text[: 4 * _LONGEST]
    words = " ".join("".join(c if c.isprintable() else " " for c in shown).split())
    if len(words) <= _LONGEST and len(text) == len(shown):
        return words
    return f"{words[: _LONGEST - 1].rstrip()}…"


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
