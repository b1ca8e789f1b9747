"""Many questions in one call, in blocks of bounded memory: lists for users, scores of pairs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from penchant.queries import Candidates
from penchant.recommendations import BatchRecommendations

if TYPE_CHECKING:
    from penchant.answerers import Answerers
    from penchant.data import Vocabulary
    from penchant.people import People
    from penchant.protocols import F32, I32, Scores
    from penchant.queries import Context, TopK
    from penchant.recommendations import Id

_USERS_AT_ONCE = 512
_PAIRS_AT_ONCE = 4096


def recommend_many(
    answerers: Answerers,
    people: People,
    ids: Vocabulary,
    user_ids: Sequence[Id],
    k: int,
    candidates: Candidates,
    *,
    contexts: tuple[Context, ...] = (),
    exclude_seen: bool,
    threads: int,
) -> BatchRecommendations:
    """Rank for many users; the answer doesn't depend on `threads`.

    ids: of the items. candidates: for all users, in their order; what each has seen is added here.
    contexts: one a user, or () for none.
    """
    known = people.users.rows(user_ids)

    def answer(start: int) -> tuple[TopK, list[str]]:
        which = np.arange(start, min(start + _USERS_AT_ONCE, len(known)), dtype=np.int32)
        queries = people.queries(known[which])
        if contexts:
            queries = replace(queries, contexts=contexts[start : start + len(which)])
        lists = None if candidates.lists is None else candidates.lists.take(which)
        asked = Candidates(
            candidates.items,
            queries.history if exclude_seen else None,
            candidates.allow,
            candidates.deny,
            lists,
        )
        return answerers.top_k(queries, asked, k)

    starts = range(0, len(known), _USERS_AT_ONCE)
    if threads > 1 and len(starts) > 1:
        with ThreadPoolExecutor(threads) as pool:
            answers = list(pool.map(answer, starts))
    else:
        answers = [answer(start) for start in starts]
    offsets = np.zeros(len(known) + 1, np.int64)
    rows, scores = [np.empty(0, np.int32)], [np.empty(0, np.float32)]
    sources: list[str] = []
    for start, (top, signed) in zip(starts, answers, strict=True):
        offsets[start + 1 : start + 1 + len(top.counts)] = top.counts
        kept = np.arange(top.rows.shape[1]) < top.counts[:, None]
        rows.append(top.rows[kept])
        scores.append(top.scores[kept])
        sources += signed
    return BatchRecommendations(
        user_ids,
        ids.ids(np.concatenate(rows)),
        np.concatenate(scores),
        np.cumsum(offsets),
        sources,
    )


def score_pairs(scorer: Scores, people: People, users: I32, items: I32) -> F32:
    """(n,) float32: what users[i], all of them known, makes of items[i]."""
    answer = np.empty(len(users), np.float32)
    distinct, owner = np.unique(users, return_inverse=True)
    order = np.argsort(owner, kind="stable")
    cuts = np.searchsorted(owner[order], np.arange(len(distinct) + 1)).tolist()
    for first, last in _blocks(cuts):
        mine = order[cuts[first] : cuts[last]]
        found = scorer.score(people.queries(distinct[first:last]), items[mine])
        answer[mine] = found[owner[mine] - first, np.arange(len(mine))]
    return answer


def _blocks(cuts: list[int]) -> Iterator[tuple[int, int]]:
    """Users, first to last, whose pairs are scored in one call; u has pairs cuts[u] to cuts[u + 1].

    A call scores every user of a block with every item of it, so that many users with few pairs
    each cost a few calls, and one user with many costs no score too much.
    """
    first = 0
    for last in range(1, len(cuts)):
        whole = last == len(cuts) - 1
        if whole or (last + 1 - first) * (cuts[last + 1] - cuts[first]) > _PAIRS_AT_ONCE:
            yield first, last
            first = last
