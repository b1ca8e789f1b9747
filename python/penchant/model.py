"""A fitted model: the outermost layer, and the only one that speaks the caller's ids.

A `Model` never changes. Whatever would change it (`with_events`) gives a new one that shares the
arrays of the old, so a service swaps models by one assignment. No lock, no hook and no logging is
on the path of a request.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from penchant.catalogue import Catalogue, listed
from penchant.errors import EncoderMissing, RequestError, UnknownUser
from penchant.protocols import (
    Explains,
    FoldsIn,
    GenerationRequest,
    ReadsText,
    RelatesItems,
    Scores,
    capability,
)
from penchant.queries import NO_TEXTS, Candidates, Csr, Queries, TopK
from penchant.recommendations import (
    BatchRecommendations,
    Explanation,
    Reason,
    Recommendations,
)

if TYPE_CHECKING:
    import os

    from penchant.components import Spec
    from penchant.data import Items, Vocabulary
    from penchant.past import History, Past
    from penchant.protocols import F32, I32, FittedRecommender, Generator, Json
    from penchant.recommendations import Id

_USERS_AT_ONCE = 512
_PAIRS_AT_ONCE = 4096


class Model:
    """Answers questions about users and items; immutable and safe to share between threads.

    Callers: stable. Implementers: not meant to be subclassed; wrap the recommender instead.
    """

    def __init__(
        self,
        *,
        spec: Spec,
        users: Vocabulary,
        items: Items,
        past: Past,
        recommender: FittedRecommender,
        fallback: FittedRecommender,
        generator: Generator,
        facts: Mapping[str, Json],
        changed: frozenset[int] = frozenset(),
    ) -> None:
        self._spec = spec
        self._users = users
        self._items = items
        self._past = past
        self._recommender = recommender
        self._fallback = fallback
        self._generator = generator
        self._facts = facts
        self._changed = changed
        self._catalogue = Catalogue(items)
        self._folds_in = capability(recommender, FoldsIn)
        self._source = source_name(spec)

    # ---- what is inside

    @property
    def spec(self) -> Spec:
        """The recommender and its settings."""
        return self._spec

    @property
    def items(self) -> Items:
        """The catalogue: ids and attributes."""
        return self._items

    @property
    def users(self) -> Vocabulary:
        """The ids of the users known."""
        return self._users

    @property
    def past(self) -> Past:
        """Every event known, by user."""
        return self._past

    @property
    def facts(self) -> Mapping[str, Json]:
        """Facts of the fit: seed, sizes, seconds, fingerprint of the data, metrics."""
        return self._facts

    @property
    def recommender(self) -> FittedRecommender:
        """The fitted recommender."""
        return self._recommender

    @property
    def fallback(self) -> FittedRecommender:
        """Who answers when the recommender has nothing to go by."""
        return self._fallback

    @property
    def generator(self) -> Generator:
        """Who puts explanations into words."""
        return self._generator

    def __copy__(self) -> Model:
        return self

    def __deepcopy__(self, memo: object) -> Model:
        return self

    def __reduce__(self) -> Any:
        raise TypeError(
            "a model is not pickled; save it to a folder and penchant.load that in each process"
        )

    def __repr__(self) -> str:
        return f"<Model {self._source}: {len(self._users)} users, {len(self._items)} items>"

    # ---- asking

    def recommend(
        self,
        user_id: Id | None = None,
        /,
        *,
        k: int = 10,
        history: History | None = None,
        text: str | None = None,
        exclude_seen: bool = True,
        allow: Sequence[Id] | None = None,
        deny: Sequence[Id] | None = None,
        where: Mapping[str, Any] | None = None,
        on_unknown: Literal["fallback", "raise"] = "fallback",
    ) -> Recommendations:
        """Recommend exactly min(k, eligible) items, best first.

        user_id: whom to recommend to; None for a stranger.
        history: item ids, or a mapping of item id to value, that replaces what the model knows of
            this user. Ids the model doesn't know are passed over. An id without a value counts as
            liked.
        text: what is looked for, in words; needs a model with an encoder inside. Words, history
            and user may be given together.
        exclude_seen: leave out every item of the user's history, liked or not.
        allow, deny: item ids. where: conditions on attributes, as `Items.where`. `allow` and
            `where` intersect; `deny` and seen items come last. Unknown ids match nothing.
        on_unknown: a user without any evidence gets the fallback, and `.source` says so; "raise"
            raises UnknownUser for an id never seen.

        Raises RequestError for k below 1 or conditions that can't be met by any column, DataError
        for ids of the wrong type, EncoderMissing for words when the encoder isn't at hand.
        """
        k = _checked(k)
        if on_unknown not in ("fallback", "raise"):
            raise RequestError(f"on_unknown must be 'fallback' or 'raise', got {on_unknown!r}")
        if isinstance(user_id, np.generic):
            user_id = user_id.item()
        row = -1 if user_id is None else self._users.row(user_id)
        if history is not None:
            row, past, times = -1, self._past.told(history, self._catalogue.ids), None
        elif row >= 0:
            past, times = self._past.of(row)
            if row in self._changed:
                row = -1
        else:
            if user_id is not None and on_unknown == "raise" and text is None:
                raise UnknownUser(
                    f"user {user_id!r} is not in the model; pass history=[...] for a stranger, "
                    "or on_unknown='fallback' for what is popular"
                )
            past, times = Csr.empty(1, self._catalogue.size), None
        queries = Queries(
            np.array((row,), np.int32),
            past,
            times,
            NO_TEXTS if text is None else self._read([text]),
        )
        candidates = Candidates(
            self._catalogue.size,
            past if exclude_seen else None,
            self._catalogue.allowed(allow, where),
            None if deny is None else self._catalogue.bits(deny),
        )
        recommender, source = self._recommender, self._source
        if not (row >= 0 if self._folds_in is None else self._folds_in.answers(queries)[0]):
            recommender, source = self._fallback, "base.popular"
        top = recommender.recommend(queries, candidates, min(k, self._catalogue.size))
        count = int(top.counts[0])
        return Recommendations(
            self._catalogue.ids.ids(top.rows[0, :count]), top.scores[0, :count], source, user_id
        )

    def recommend_many(
        self,
        user_ids: Sequence[Id],
        *,
        k: int = 10,
        candidates: Sequence[Sequence[Id]] | None = None,
        exclude_seen: bool = True,
        allow: Sequence[Id] | None = None,
        deny: Sequence[Id] | None = None,
        where: Mapping[str, Any] | None = None,
        threads: int = 1,
    ) -> BatchRecommendations:
        """Recommend to many users at once; the same items and scores as `recommend` one by one.

        candidates: per user, the only item ids to choose from. threads: how many threads share the
        users; the answer doesn't depend on it. Unknown users get the fallback.
        """
        k = _checked(k)
        if not isinstance(threads, int) or threads < 1:
            raise RequestError(f"threads must be a whole number from 1, got {threads!r}")
        user_ids = listed(user_ids)
        if candidates is not None and len(candidates) != len(user_ids):
            raise RequestError(
                f"candidates has {len(candidates)} lists for {len(user_ids)} users; give one a user"
            )
        lists = None if candidates is None else self._catalogue.lists(candidates)
        allowed = self._catalogue.allowed(allow, where)
        denied = None if deny is None else self._catalogue.bits(deny)
        k = min(k, self._catalogue.size)
        known = self._users.rows(user_ids)

        def answer(start: int) -> tuple[TopK, np.ndarray]:
            which = np.arange(start, min(start + _USERS_AT_ONCE, len(known)), dtype=np.int32)
            queries = self._queries(known[which])
            asked = Candidates(
                self._catalogue.size,
                queries.history if exclude_seen else None,
                allowed,
                denied,
                None if lists is None else lists.take(which),
            )
            return self._split(queries, asked, k)

        starts = range(0, len(known), _USERS_AT_ONCE)
        if threads > 1 and len(starts) > 1:
            with ThreadPoolExecutor(threads) as pool:
                answers = list(pool.map(answer, starts))
        else:
            answers = [answer(start) for start in starts]
        offsets = np.zeros(len(known) + 1, np.int64)
        if answers:
            np.cumsum(np.concatenate([top.counts for top, _ in answers]), out=offsets[1:])
        rows, scores, sources = [], [], []
        for top, answered in answers:
            kept = np.arange(top.rows.shape[1]) < top.counts[:, None]
            rows.append(top.rows[kept])
            scores.append(top.scores[kept])
            sources += [self._source if a else "base.popular" for a in answered.tolist()]
        flat = np.concatenate(rows) if rows else np.empty(0, np.int32)
        return BatchRecommendations(
            user_ids,
            self._catalogue.ids.ids(flat),
            np.concatenate(scores) if scores else np.empty(0, np.float32),
            offsets,
            sources,
        )

    def predict(self, user_ids: Sequence[Id], item_ids: Sequence[Id]) -> F32:
        """Score pairs (user_ids[i], item_ids[i]); (n,) float32, in the recommender's own unit.

        For `mf.sgd` that is a rating. Raises UnknownUser, UnknownItem, and RequestError when the
        lengths differ or the recommender only ranks.
        """
        user_ids, item_ids = listed(user_ids), listed(item_ids)
        if len(user_ids) != len(item_ids):
            raise RequestError(
                f"predict pairs users with items, got {len(user_ids)} users and "
                f"{len(item_ids)} items"
            )
        scores = capability(self._recommender, Scores)
        if scores is None:
            raise RequestError(f"{self._source} ranks items but does not score single pairs")
        users = self._users.rows(user_ids)
        for position in np.flatnonzero(users < 0)[:1].tolist():
            raise UnknownUser(f"user {user_ids[position]!r} is not in the model")
        items = np.array([self._catalogue.row(item_id) for item_id in item_ids], np.int32)
        answer = np.empty(len(users), np.float32)
        distinct, owner = np.unique(users, return_inverse=True)
        order = np.argsort(owner, kind="stable")
        cuts = np.searchsorted(owner[order], np.arange(len(distinct) + 1)).tolist()
        for first, last in _blocks(cuts):
            mine = order[cuts[first] : cuts[last]]
            queries = self._queries(distinct[first:last])
            found = scores.score(queries, items[mine])
            answer[mine] = found[owner[mine] - first, np.arange(len(mine))]
        return answer

    def similar_items(
        self,
        item_id: Id,
        /,
        *,
        k: int = 10,
        allow: Sequence[Id] | None = None,
        deny: Sequence[Id] | None = None,
        where: Mapping[str, Any] | None = None,
    ) -> Recommendations:
        """Rank the items most like one, itself left out. Raises UnknownItem."""
        k = _checked(k)
        relates = capability(self._recommender, RelatesItems)
        if relates is None:
            raise RequestError(f"{self._source} does not relate items to each other")
        row = self._catalogue.row(item_id)
        candidates = Candidates(
            self._catalogue.size,
            allow=self._catalogue.allowed(allow, where),
            deny=None if deny is None else self._catalogue.bits(deny),
        )
        top = relates.similar_items(
            np.array((row,), np.int32), candidates, min(k, self._catalogue.size)
        )
        count = int(top.counts[0])
        return Recommendations(
            self._catalogue.ids.ids(top.rows[0, :count]), top.scores[0, :count], self._source
        )

    def similar_users(self, user_id: Id, /, *, k: int = 10) -> Recommendations:
        """Rank the users most like one by the cosine of what they liked; `ids` are user ids.

        O(events of the items this user liked). Raises UnknownUser.
        """
        k = _checked(k)
        row = self._users.row(user_id)
        if row < 0:
            raise UnknownUser(f"user {user_id!r} is not in the model")
        top = self._past.alike(row, k)
        count = int(top.counts[0])
        return Recommendations(
            self._users.ids(top.rows[0, :count]), top.scores[0, :count], "cosine of likings"
        )

    def explain(
        self, user_id: Id | None, item_id: Id, /, *, history: History | None = None
    ) -> Explanation:
        """Say why an item has its score: reasons as data, strongest first, and one sentence.

        For a linear strategy the weights of the reasons sum to the score. Raises UnknownItem,
        UnknownUser (without a history), and RequestError when the recommender can't explain.
        """
        explains = capability(self._recommender, Explains)
        scores = capability(self._recommender, Scores)
        if explains is None or scores is None:
            raise RequestError(f"{self._source} can't explain its recommendations")
        item = self._catalogue.row(item_id)
        if history is not None:
            queries = Queries(
                np.array((-1,), np.int32), self._past.told(history, self._catalogue.ids)
            )
        else:
            row = -1 if user_id is None else self._users.row(user_id)
            if row < 0:
                raise UnknownUser(
                    f"user {user_id!r} is not in the model; pass history=[...] for a stranger"
                )
            queries = self._queries(np.array((row,), np.int32))
        score = float(scores.score(queries, np.array((item,), np.int32))[0, 0])
        reasons = tuple(
            Reason.of(
                e,
                self._catalogue.ids.id(e.item) if e.item >= 0 else None,
                self._items.name(e.item) if e.item >= 0 else e.detail,
            )
            for e in explains.explain(queries, item)
        )
        request = GenerationRequest(
            "explanation",
            self._items.name(item),
            [(reason.name, reason.kind, reason.weight) for reason in reasons],
        )
        return Explanation(user_id, item_id, score, reasons, self._generator.generate(request))

    # ---- changing, by making a new one

    def with_events(self, events: Any, **columns: Any) -> Model:
        """Give a new model that knows more events; nothing is retrained.

        events: any table of interactions, read as `Dataset.from_frame` reads it with `columns`.
            Users may be new; events of items that the model doesn't know are refused (DataError).
            Without a column of values every event is a liking, and without one of times it is as
            late as the latest that the model knows.
        Users who acted are answered from their history from then on (they fold in), in every
        strategy that can. The old model is unchanged and shares the fitted arrays with the new one.
        """
        from penchant.updating import with_events

        users, past, changed = with_events(self._users, self._items, self._past, events, columns)
        return self._but(users=users, past=past, changed=self._changed | changed)

    def with_items(self, added: Any, *, item: str = "item_id") -> Model:
        """Give a new model with more items in its catalogue; nothing is retrained.

        added: ids and attributes of the new items: a list of rows ({"item_id": ..., "title": ...}),
            any table that `Dataset.from_frame` reads, or what `Items.of` makes. What their words or
            attributes say makes them recommendable at once in strategies that read those; for the
            others they are items that nobody has liked yet.
        item: the column of ids, in a table.

        Raises DataError for a table that can't be read and for an id that is there already,
        RequestError when the recommender can't take up items without a fit, EncoderMissing when it
        would have to read them and can't.
        """
        from penchant.data import Items
        from penchant.data.building import build_items
        from penchant.updating import with_items

        if not isinstance(added, Items):
            added = build_items(added, self._items, item)
        items, past, (recommender, fallback) = with_items(
            self._users, self._items, self._past, (self._recommender, self._fallback), added
        )
        return self._but(items=items, past=past, recommender=recommender, fallback=fallback)

    def _but(self, **changes: Any) -> Model:
        """This model with other parts."""
        parts = {
            "spec": self._spec,
            "users": self._users,
            "items": self._items,
            "past": self._past,
            "recommender": self._recommender,
            "fallback": self._fallback,
            "generator": self._generator,
            "facts": self._facts,
            "changed": self._changed,
        }
        return Model(**{**parts, **changes})

    @property
    def changed(self) -> frozenset[int]:
        """Rows of users who acted after the fit; they are answered by folding in."""
        return self._changed

    def save(
        self, folder: str | os.PathLike[str], *, overwrite: bool = True, with_encoder: bool = True
    ) -> None:
        """Save into a folder; a crash leaves the old model there or the new one, never a mixture.

        with_encoder: copy the encoder's files into the model, so that it answers words anywhere.
        Raises ModelFileError (disk full, a folder that is no model) with nothing half written.
        """
        from penchant.loading import save

        save(self, folder, overwrite=overwrite, with_encoder=with_encoder)

    # ---- inside

    def _answers(self, queries: Queries) -> np.ndarray:
        return queries.rows >= 0 if self._folds_in is None else self._folds_in.answers(queries)

    def _split(self, queries: Queries, candidates: Candidates, k: int) -> tuple[TopK, np.ndarray]:
        """Ask the recommender what it can answer and the fallback the rest."""
        answered = self._answers(queries)
        if answered.all():
            return self._recommender.recommend(queries, candidates, k), answered
        rows = np.full((len(queries), k), -1, np.int32)
        scores = np.full((len(queries), k), -np.inf, np.float32)
        counts = np.zeros(len(queries), np.int32)
        for recommender, mine in ((self._recommender, answered), (self._fallback, ~answered)):
            which = np.flatnonzero(mine).astype(np.int32)
            if len(which):
                top = recommender.recommend(queries.take(which), candidates.take(which), k)
                rows[which], scores[which], counts[which] = top.rows, top.scores, top.counts
        return TopK(rows, scores, counts), answered

    def _queries(self, rows: I32) -> Queries:
        queries = Queries.known(rows, self._past.events, self._past.times)
        if not self._changed:
            return queries
        stale = np.isin(rows, np.fromiter(self._changed, np.int32, len(self._changed)))
        return replace(queries, rows=np.where(stale, np.int32(-1), rows))

    def _read(self, texts: list[str]) -> Mapping[str, F32]:
        reads = capability(self._recommender, ReadsText)
        if reads is None:
            raise RequestError(
                f"{self._source} was fitted without an encoder, so it reads no text; fit "
                "content.text with an encoder, such as onnx.minilm or base.hashing"
            )
        if not isinstance(texts[0], str):
            raise RequestError(f"text must be a string, got {type(texts[0]).__name__}")
        if not texts[0].strip():
            raise RequestError("text is empty; leave it out to ask without words")
        encoders = reads.encoders()
        if not encoders:
            raise EncoderMissing(
                "this model was saved without its encoder, so it can't read text; "
                "load it with penchant.load(folder, encoder=DIR)"
            )
        return {key: encoder.encode(texts, kind="query") for key, encoder in encoders.items()}


def source_name(spec: Spec) -> str:
    """The name that answers are signed with: the scorer's, where `base.top_k` only ranks by it."""
    from penchant.components import Spec

    if spec.name == "base.top_k":
        return Spec.of(spec.settings.get("scorer", "base.popular")).name
    return spec.name


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


def _checked(k: object) -> int:
    if isinstance(k, int | np.integer) and not isinstance(k, bool) and k >= 1:
        return int(k)
    raise RequestError(f"k is how many items to recommend, a whole number from 1, got {k!r}")
