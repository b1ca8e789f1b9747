"""A fitted model: the outermost layer, and the only one that speaks the caller's ids.

A `Model` never changes. Whatever would change it (`with_events`) gives a new one that shares the
arrays of the old, so a service swaps models by one assignment. No lock, no hook and no logging is
on the path of a request.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from penchant.answerers import Answerers
from penchant.asking import contexts_of, query_of
from penchant.batches import recommend_many, score_pairs
from penchant.catalogue import Catalogue, checked_k, listed
from penchant.deriving import NOTHING_DERIVED, Derived
from penchant.errors import RequestError, UnknownUser
from penchant.explaining import explained, reasons_of
from penchant.protocols import RelatesItems, Scores, capability
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
    from penchant.people import People
    from penchant.protocols import F32, FittedRecommender, Generator, Json
    from penchant.queries import Context
    from penchant.recommendations import Id


class Model:
    """Answers questions about users and items; immutable and safe to share between threads.

    Callers: stable. Implementers: not meant to be subclassed; wrap the recommender instead.
    """

    def __init__(
        self,
        *,
        spec: Spec,
        people: People,
        items: Items,
        recommender: FittedRecommender,
        fallback: FittedRecommender,
        generator: Generator,
        facts: Mapping[str, Json],
        derived: Derived = NOTHING_DERIVED,
    ) -> None:
        self._spec = spec
        self._people = people
        self._catalogue = Catalogue(items)
        self._answerers = Answerers(spec, recommender, fallback)
        self._generator = generator
        self._facts = facts
        self._derived = derived

    # ---- what is inside

    @property
    def spec(self) -> Spec:
        """The recommender and its settings."""
        return self._spec

    @property
    def items(self) -> Items:
        """The catalogue: ids and attributes."""
        return self._catalogue.items

    @property
    def users(self) -> Vocabulary:
        """The ids of the users known."""
        return self._people.users

    @property
    def past(self) -> Past:
        """Every event known, by user."""
        return self._people.past

    @property
    def changed(self) -> frozenset[int]:
        """Rows of users who acted after the fit; they are answered by folding in."""
        return self._people.changed

    @property
    def facts(self) -> Mapping[str, Json]:
        """Facts of the fit: seed, sizes, seconds, fingerprint of the data, metrics."""
        return self._facts

    @property
    def recommender(self) -> FittedRecommender:
        """The fitted recommender."""
        return self._answerers.recommender

    @property
    def fallback(self) -> FittedRecommender:
        """Who answers when the recommender has nothing to go by."""
        return self._answerers.fallback

    @property
    def derived(self) -> Derived:
        """What works out columns of the items from others."""
        return self._derived

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
        return f"<Model {self._answerers.source}: {len(self.users)} users, {len(self.items)} items>"

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
        context: Context | None = None,
        on_unknown: Literal["fallback", "raise"] = "fallback",
        explain: bool = False,
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
        context: what else is to be known of the request, `{"country": "SI"}`: names with values or
            lists of values, which rules go by (`hybrid.rules`); other strategies pass it over.
        on_unknown: a user without any evidence gets the fallback, and `.source` says so; "raise"
            raises UnknownUser for an id never seen.
        explain: fill `.reasons`, those of each item; costs more than the list.

        Raises RequestError for k below 1 or conditions that can't be met by any column, DataError
        for ids of the wrong type, EncoderMissing for words when the encoder isn't at hand.
        """
        k = min(checked_k(k), self._catalogue.size)
        if isinstance(user_id, np.generic):
            user_id = user_id.item()
        queries = query_of(
            self._people,
            self._catalogue,
            self._answerers,
            user_id,
            history,
            text,
            context,
            on_unknown,
        )
        seen = queries.history if exclude_seen else None
        candidates = self._catalogue.candidates(allow, deny, where, seen=seen)
        top, source = self._answerers.top_k_of_one(queries, candidates, k)
        reasons: Sequence[Sequence[Reason]] = ()
        if explain:
            its = self._answerers, self._catalogue
            reasons = reasons_of(*its, queries, candidates, k, top, source)
        return Recommendations.of(top, self._catalogue.ids, source, user_id, reasons)

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
        context: Context | Sequence[Context] | None = None,
        threads: int = 1,
    ) -> BatchRecommendations:
        """Recommend to many users at once; the same items and scores as `recommend` one by one.

        candidates: per user, the only item ids to choose from. threads: how many threads share the
        users; the answer doesn't depend on it. context: as in `recommend`, one for all or a list of
        one a user. Unknown users get the fallback.
        """
        k = checked_k(k)
        if not isinstance(threads, int) or threads < 1:
            raise RequestError(f"threads must be a whole number from 1, got {threads!r}")
        user_ids = listed(user_ids, "user_ids")
        if candidates is not None and len(candidates) != len(user_ids):
            raise RequestError(
                f"candidates has {len(candidates)} lists for {len(user_ids)} users; give one a user"
            )
        return recommend_many(
            self._answerers,
            self._people,
            self._catalogue.ids,
            user_ids,
            min(k, self._catalogue.size),
            self._catalogue.candidates(allow, deny, where, lists=candidates),
            contexts=contexts_of(context, len(user_ids)),
            exclude_seen=exclude_seen,
            threads=threads,
        )

    def predict(self, user_ids: Sequence[Id], item_ids: Sequence[Id]) -> F32:
        """Score pairs (user_ids[i], item_ids[i]); (n,) float32, in the recommender's own unit.

        For `mf.sgd` that is a rating. Raises UnknownUser, UnknownItem, and RequestError when the
        lengths differ or the recommender only ranks.
        """
        user_ids, item_ids = listed(user_ids, "user_ids"), listed(item_ids, "item_ids")
        if len(user_ids) != len(item_ids):
            raise RequestError(
                f"predict pairs users with items, got {len(user_ids)} users and "
                f"{len(item_ids)} items"
            )
        scores = capability(self.recommender, Scores)
        if scores is None:
            raise RequestError(
                f"{self._answerers.source} ranks items but does not score single pairs"
            )
        users = self._people.users.rows(user_ids)
        for position in np.flatnonzero(users < 0)[:1].tolist():
            raise UnknownUser(f"user {user_ids[position]!r} is not in the model")
        items = np.array([self._catalogue.row(item_id) for item_id in item_ids], np.int32)
        return score_pairs(scores, self._people, users, items)

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
        k = checked_k(k)
        relates = capability(self.recommender, RelatesItems)
        if relates is None:
            raise RequestError(f"{self._answerers.source} does not relate items to each other")
        row = self._catalogue.row(item_id)
        top = relates.similar_items(
            np.array((row,), np.int32),
            self._catalogue.candidates(allow, deny, where),
            min(k, self._catalogue.size),
        )
        return Recommendations.of(top, self._catalogue.ids, self._answerers.source)

    def similar_users(self, user_id: Id, /, *, k: int = 10) -> Recommendations:
        """Rank the users most like one by the cosine of what they liked; `ids` are user ids.

        O(events of the items this user liked). Raises UnknownUser.
        """
        k = checked_k(k)
        row = self._people.users.row(user_id)
        if row < 0:
            raise UnknownUser(f"user {user_id!r} is not in the model")
        top = self._people.past.alike(row, k)
        return Recommendations.of(top, self._people.users, "cosine of likings")

    def explain(
        self,
        user_id: Id | None,
        item_id: Id,
        /,
        *,
        history: History | None = None,
        context: Context | None = None,
    ) -> Explanation:
        """Say why an item has its score: reasons as data, strongest first, and one sentence.

        For a linear strategy the weights of the reasons sum to the score; rules say besides what
        they do to the item in this `context`. Raises UnknownItem, UnknownUser (without a history),
        and RequestError when the recommender can't explain.
        """
        if history is None and (user_id is None or self._people.users.row(user_id) < 0):
            raise UnknownUser(
                f"user {user_id!r} is not in the model; pass history=[...] for a stranger"
            )
        its = self._answerers, self._catalogue
        queries = query_of(
            self._people, self._catalogue, self._answerers, user_id, history, None, context, "raise"
        )
        return explained(*its, self._generator, queries, user_id, item_id)

    # ---- changing, by making a new one

    def with_events(self, events: Any, **columns: Any) -> Model:
        """Give a new model that knows more events; nothing is retrained.

        events: any table of interactions, read as `Dataset.from_frame` reads it with `columns`; a
            list of rows will do, and without rows the model stays what it was.
            Users may be new; events of items that the model doesn't know are refused (DataError):
            `with_items` takes them. Without a column of values every event is a liking, and without
            one of times it is as late as the latest that the model knows.
        Users who acted are answered from their history from then on (they fold in), in every
        strategy that can. The old model is unchanged and shares the fitted arrays with the new one.
        """
        from penchant.updating import with_events

        return self._but(people=with_events(self._people, self.items, events, columns))

    def with_items(
        self, added: Any, *, events: Any = None, item: str = "item_id", **columns: Any
    ) -> Model:
        """Give a new model with more items in its catalogue; nothing is retrained.

        added: ids and attributes of the new items: a list of rows ({"item_id": ..., "title": ...}),
            any table that `Dataset.from_frame` reads, or what `Items.of` makes. What their words or
            attributes say makes them recommendable at once in strategies that read those. A column
            that the fit didn't know is kept for `where`, unless its name is nearly one that the
            model knows and the table lacks.
        events: what users have done with the new items already, and with others: a table, read with
            `columns` as `with_events` reads it. A strategy that folds items in (those of `mf`)
            learns from it where they belong; without it, a new item is one that nobody has liked.
        item: the column of item ids, in both tables.

        Raises DataError for a table that can't be read and for an id that is there already,
        RequestError when the recommender can't take up items without a fit, EncoderMissing when it
        would have to read them and can't.
        """
        from penchant.data import Items
        from penchant.data.building import build_items
        from penchant.updating import with_items

        if not isinstance(added, Items):
            added = build_items(added, self.items, item)
        if events is None and columns:
            raise RequestError(
                f"{', '.join(columns)} can be said of events only, and events is None; of the "
                "items' table `item` names the column of ids"
            )
        items, people, (recommender, fallback) = with_items(
            self._people,
            self.items,
            (self.recommender, self.fallback),
            self._derived.onto_items(added),
            events,
            {"item": item, **columns},
        )
        return self._but(people=people, items=items, recommender=recommender, fallback=fallback)

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

    def _but(self, **changes: Any) -> Model:
        """This model with other parts."""
        parts = {
            "spec": self._spec,
            "people": self._people,
            "items": self.items,
            "recommender": self.recommender,
            "fallback": self.fallback,
            "generator": self._generator,
            "facts": self._facts,
            "derived": self._derived,
        }
        return Model(**{**parts, **changes})
