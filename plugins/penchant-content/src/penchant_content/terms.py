"""From a text to its terms: runs of words, or of the characters inside words.

A word is a run of letters, digits and underscores in Unicode's sense, case-folded: "Straße" and
"STRASSE" are one word, and a run of Chinese characters is one too, for which terms of characters
(one to three) serve better.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import Literal

_WORD = re.compile(r"\w+")


def terms(text: str, analyzer: Literal["word", "character"], ngrams: tuple[int, int]) -> list[str]:
    """List the terms of a text, shorter runs first, each as often as it occurs. O(characters)."""
    words = _WORD.findall(text.casefold())
    shortest, longest = ngrams
    if analyzer == "word":
        return [
            " ".join(words[start : start + size])
            for size in range(shortest, longest + 1)
            for start in range(len(words) - size + 1)
        ]
    return [
        word[start : start + size]
        for word in words
        for size in range(shortest, longest + 1)
        for start in range(len(word) - size + 1)
    ]


def count_terms(
    text: str, analyzer: Literal["word", "character"], ngrams: tuple[int, int]
) -> Counter[str]:
    """Count the terms of a text."""
    return Counter(terms(text, analyzer, ngrams))
