"""Whether an encoder can read the texts that it is given: one warning where it can't.

An encoder of another language gives vectors that look fine and rank worse than counted words do
(MiniLM, which is English, on Chinese pairs: rank correlation .30, TF-IDF of characters .79). Its
tokenizer shows it: words come out as unknown tokens, or are spelt letter by letter.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from threading import Lock
from typing import Any

import numpy as np

_log = logging.getLogger("penchant")

# English, French or German texts leave 2-9 % unread by MiniLM; Chinese, Japanese, Korean, Arabic,
# Russian and Hindi 70-95 %.
_TOO_MUCH = 0.35
_ENOUGH_TOKENS = 100


class Reading:
    """Watches the tokens of documents, and says once if too many are not real words or parts."""

    def __init__(self, tokenizer: Any, unknown: str | None) -> None:
        vocabulary = tokenizer.get_vocab()
        self._unread = np.zeros(max(vocabulary.values(), default=0) + 1, np.bool_)
        for token, number in vocabulary.items():
            # A continuation of one letter ("##x") is how WordPiece spells what it doesn't know.
            spelt = len(token) == 3 and token.startswith("##")
            self._unread[number] = spelt or token == unknown
        self._warned = False
        self._lock = Lock()

    def watch(self, texts: Sequence[Sequence[int]]) -> None:
        """Look at the token ids of some texts; few tokens say too little to warn."""
        if self._warned or sum(map(len, texts)) < _ENOUGH_TOKENS:
            return
        share = float(self._unread[np.concatenate([ids for ids in texts if ids])].mean())
        if share < _TOO_MUCH:
            return
        with self._lock:
            if self._warned:
                return
            self._warned = True
        _log.warning(
            "onnx.text: %.0f %% of the texts' tokens are unknown to this encoder or spelt letter "
            "by letter, so it can't read their language; take an encoder made for it, or "
            "content.tfidf",
            100 * share,
        )
