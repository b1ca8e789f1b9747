"""Reasons: for the score of one item, and for each item of a list."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from penchant.errors import RequestError
from penchant.protocols import Explains, ExplainsLists, GenerationRequest, Scores, capability
from penchant.recommendations import Explanation, Reason

if TYPE_CHECKING:
    from penchant.answerers import Answerers
    from penchant.catalogue import Catalogue
    from penchant.protocols import Evidence, Generator
    from penchant.queries import Candidates, Queries, TopK
    from penchant.recommendations import Id


def explained(
    answerers: Answerers,
    catalogue: Catalogue,
    generator: Generator,
    queries: Queries,
    user_id: Id | None,
    item_id: Id,
) -> Explanation:
    """Why an item has its score for the one query; errors as of `Model.explain`."""
    explains = capability(answerers.recommender, Explains)
    scores = capability(answerers.recommender, Scores)
    if explains is None or scores is None:
        raise RequestError(f"{answerers.source} can't explain its recommendations")
    item = catalogue.row(item_id)
    score = float(scores.score(queries, np.array((item,), np.int32))[0, 0])
    reasons = _told(explains.explain(queries, item), catalogue)
    request = GenerationRequest(
        "explanation",
        catalogue.items.name(item),
        [(reason.name, reason.kind, reason.weight) for reason in reasons],
    )
    return Explanation(user_id, item_id, score, reasons, generator.generate(request))


def reasons_of(
    answerers: Answerers,
    catalogue: Catalogue,
    queries: Queries,
    candidates: Candidates,
    k: int,
    top: TopK,
    source: str,
) -> Sequence[Sequence[Reason]]:
    """The reasons for each item of the list that the one query got from `source`.

    Raises RequestError where who answered has none to give.
    """
    answered = answerers.recommender if source == answerers.source else answerers.fallback
    lists, explains = capability(answered, ExplainsLists), capability(answered, Explains)
    if lists is not None:
        found = lists.explain_list(queries, candidates, k)
    elif explains is not None:
        rows = top.rows[0, : top.counts[0]].tolist()
        found = [explains.explain(queries, row) for row in rows]
    else:
        raise RequestError(f"{source} can't explain its recommendations; leave out explain")
    return tuple(_told(mine, catalogue) for mine in found)


def _told(evidence: Sequence[Evidence], catalogue: Catalogue) -> tuple[Reason, ...]:
    """In the caller's words; an item of the history that weighs nothing is no reason."""
    return tuple(
        Reason.of(one, catalogue.items) for one in evidence if one.weight or one.kind != "item"
    )
