"""The contracts of every component: five kinds, one verb each, and the abilities some have besides.

Callers: stable; a change that breaks a caller raises the major version.
Implementers: stable within one `PENCHANT_API` number. New abilities arrive as new capability
protocols, never as new methods of an old one.

Arguments are batches of rows; no protocol speaks of ids. Positional-only marks let an implementer
name arguments freely. What a `fit` returns is immutable and safe to call from many threads at once.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias, TypeVar, runtime_checkable

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from penchant.data import Dataset
    from penchant.queries import Candidates, Csr, Queries, TopK

F32: TypeAlias = npt.NDArray[np.float32]
I32: TypeAlias = npt.NDArray[np.int32]
I64: TypeAlias = npt.NDArray[np.int64]
U8: TypeAlias = npt.NDArray[np.uint8]
U64: TypeAlias = npt.NDArray[np.uint64]
Bool: TypeAlias = npt.NDArray[np.bool_]
Json: TypeAlias = "None | bool | int | float | str | Sequence[Json] | Mapping[str, Json]"
Kind: TypeAlias = Literal["encoder", "extractor", "scorer", "recommender", "generator", "chooser"]


# ---- what travels with a fit, and what a fit leaves behind


class Progress(Protocol):
    """Hears how far a long piece of work is."""

    def __call__(self, task: str, done: float, total: float, detail: str = "", /) -> None:
        """`done` of `total` steps of `task` are over; `detail` is a word on how it goes."""


def _silent(task: str, done: float, total: float, detail: str = "", /) -> None:
    pass


def _never() -> bool:
    return False


@dataclass(frozen=True, kw_only=True)
class FitContext:
    """What a fit is given besides data.

    seed: of every random choice; the same seed gives the same bits.
    threads: how many threads the fit may use; the result must not depend on it.
    progress: told of steps of long work. `cancelled`: asked between steps; on True the component
        raises `FitCancelled`. KeyboardInterrupt passes through untouched.
    validation: events held out of the data, for early stopping and learned weights, or None.
    memo: what fits to the same dataset leave for one another, or None; see `known`.
    """

    seed: int = 0
    threads: int = 1
    progress: Progress = _silent
    cancelled: Callable[[], bool] = _never
    validation: Dataset | None = None
    memo: Memo | None = None

    def known(self, data: Dataset) -> MutableMapping[Hashable, Any]:
        """What earlier fits to this very dataset left, and later ones will find.

        A key starts with the component's full name and says all that its value follows from
        besides the data, the seed included. What is found must lead to the bits of a fit that
        finds nothing. Empty, and soon forgotten, where nobody keeps it.
        """
        return {} if self.memo is None else self.memo.of(data)

    def sharing(self, data: Dataset) -> FitContext:
        """A context in which fits to this dataset leave things for one another."""
        if self.memo is not None and self.memo.data is data:
            return self
        return replace(self, memo=Memo(data))


class Memo:
    """What fits to one dataset leave for one another, for as long as somebody holds it."""

    def __init__(self, data: Dataset) -> None:
        self.data = data
        self._known: dict[Hashable, Any] = {}

    def of(self, data: Dataset) -> MutableMapping[Hashable, Any]:
        """What was left; nothing for another dataset, such as a part that a fit holds out."""
        return self._known if data is self.data else {}


@dataclass(frozen=True)
class State:
    """All that a fitted component needs to come back: arrays, JSON, files and its parts' states.

    arrays: named arrays of plain dtypes (no objects). They come back read-only and may be mapped
        from disk, so `restore` keeps them as they are instead of copying.
    meta: JSON. `parts`: states of the components inside, by a name of the owner's choice.
    folders: folders to be copied into the model (an encoder's files); after loading, the paths of
        the copies. A folder that was left out of the model is missing here.
    """

    arrays: Mapping[str, npt.NDArray[Any]] = field(default_factory=lambda: MappingProxyType({}))
    meta: Mapping[str, Json] = field(default_factory=lambda: MappingProxyType({}))
    parts: Mapping[str, State] = field(default_factory=lambda: MappingProxyType({}))
    folders: Mapping[str, Path] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True)
class Features:
    """Named feature columns, or vectors, of `n` users or items.

    matrix: (n, d) float32, or a `Csr` of n rows with float32 values where most are zero.
    names: the d column names, or () where the columns have no names of their own.
    """

    matrix: F32 | Csr
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Evidence:
    """One reason for a score.

    kind: "item" (an item of the user's history), "text" (likeness in words), "field" (likeness in
        an attribute), "popularity", "trend", "recency", "factors" (likeness of learned tastes),
        "rule" (what somebody wants of lists, named in `detail`) or a word of the component's own.
    weight: the part of the score that it explains; for a linear model the weights sum to the score.
    item: the item row it speaks of, or -1. `detail`: words that it rests on (shared terms), or "".
    source: the component that gave it.
    """

    kind: str
    weight: float
    item: int = -1
    detail: str = ""
    source: str = ""


@dataclass(frozen=True)
class GenerationRequest:
    """What a generator is asked to put into words; everything it may say is in here.

    task: "explanation" or a word the generator knows. `item`: the name of the item in question.
    evidence: (name of the thing, kind, weight) from the strongest to the weakest.
    """

    task: str
    item: str
    evidence: Sequence[tuple[str, str, float]] = ()
    language: str = "en"


# ---- the five kinds


@runtime_checkable
class Encoder(Protocol):
    """Texts to vectors; never fitted.

    fingerprint: changes whenever a vector would (model, tokenizer, pooling, prompts, limits).
    batch_invariant: a text's vector has the same bits in every batch.
    """

    @property
    def dim(self) -> int:
        """Length of a vector."""

    @property
    def fingerprint(self) -> str:
        """Names the function from text to vector."""

    @property
    def batch_invariant(self) -> bool:
        """Whether a text's vector has the same bits whatever stands beside it."""

    def encode(
        self, texts: Sequence[str], /, *, kind: Literal["document", "query"] = "document"
    ) -> F32:
        """Encode `n` texts into (n, dim) float32, finite, in order; an empty text is allowed."""


class Extraction(Protocol):
    """A fitted extractor."""

    @property
    def side(self) -> Literal["users", "items"]:
        """Whose features these are."""

    def extract(self, data: Dataset, rows: I32, /) -> Features:
        """Give the features of `rows` of the users or items of `data`, also if unseen at fit."""

    def state(self) -> State:
        """Give all that `restore` needs."""


@runtime_checkable
class DescribesTexts(Protocol):
    """An extraction of items that describes any text, such as what a user wrote."""

    def describe_texts(self, texts: Sequence[str], /) -> Features:
        """Give the features of an item of which one would say this, (len(texts), d)."""


class Extractor(Protocol):
    """Learns from a dataset how to describe users or items by named features or vectors."""

    def fit(self, data: Dataset, context: FitContext, /) -> Extraction:
        """Learn what is to be learned."""

    def restore(self, state: State, /) -> Extraction:
        """Bring back what `state()` gave."""


class FittedScorer(Protocol):
    """How much would these queries like these items?"""

    def score(self, queries: Queries, items: I32 | None, /) -> F32:
        """Score (n, m) float32: the m items given, or the whole catalogue for None.

        Greater is better. A query's scores have the same bits alone and in any batch. Never NaN.
        """

    def state(self) -> State:
        """Give all that `restore` needs."""


class Scorer(Protocol):
    """Learns to score."""

    def fit(self, data: Dataset, context: FitContext, /) -> FittedScorer:
        """Learn from the data; the data are not changed and not kept alive beyond need."""

    def restore(self, state: State, /) -> FittedScorer:
        """Bring back what `state()` gave."""


class FittedRecommender(Protocol):
    """Which k items to show?"""

    def recommend(self, queries: Queries, candidates: Candidates, k: int, /) -> TopK:
        """Rank exactly min(k, eligible) items a query, best first, equal scores by lower row."""

    def state(self) -> State:
        """Give all that `restore` needs."""


class Recommender(Protocol):
    """Learns to recommend."""

    def fit(self, data: Dataset, context: FitContext, /) -> FittedRecommender:
        """Learn from the data."""

    def restore(self, state: State, /) -> FittedRecommender:
        """Bring back what `state()` gave."""


@runtime_checkable
class Generator(Protocol):
    """Evidence to words; adds no fact of its own."""

    def generate(self, request: GenerationRequest, /) -> str:
        """Put the request into one sentence of plain text."""


@dataclass(frozen=True)
class Choice:
    """A recipe that was chosen for the data.

    recommender: a component and its settings, in the form that a recipe has. `reasons`: one
        sentence each, of what was seen and what follows from it.
    """

    recommender: Mapping[str, Any]
    reasons: tuple[str, ...]


@runtime_checkable
class Chooser(Protocol):
    """Looks at data and says what to fit to them."""

    def choose(self, data: Dataset, context: FitContext, /) -> Choice:
        """Choose by the data and, where there are any, by the events of `context.validation`.

        The recipe chosen is then fitted to all of these events. Names no chooser.
        """


# ---- abilities that a fitted component may have besides; looked up once, when a model is made

T = TypeVar("T")


def capability(fitted: object, ability: type[T]) -> T | None:
    """Find an ability on a fitted object or, through `inner`, on what it wraps; None without it.

    A wrapper (a recommender around a scorer, a cache around a recommender) has the attribute
    `inner` and need not repeat the abilities of what is inside it.
    """
    while fitted is not None:
        if isinstance(fitted, ability):
            return fitted
        fitted = getattr(fitted, "inner", None)
    return None


@runtime_checkable
class Factored(Protocol):
    """The score is a dot product: one fused kernel call then ranks the whole catalogue.

    `score(queries, None)` equals `kernels.dot(query_vectors(queries), item_vectors)` bit for bit.
    """

    @property
    def item_vectors(self) -> F32:
        """(items, d) float32, C-contiguous, read-only."""

    def query_vectors(self, queries: Queries, /) -> F32:
        """(n, d) float32; zeros for a query that can't be answered. Not to be written to."""


@runtime_checkable
class FoldsIn(Protocol):
    """Can answer for somebody never seen at fit, from history or words, with nothing retrained.

    A component without this ability answers for known rows only.
    """

    def answers(self, queries: Queries, /) -> Bool:
        """(n,) bool: the queries for which there is evidence to go by."""


@runtime_checkable
class Scores(Protocol):
    """A fitted recommender that can also say how much (`Model.predict`)."""

    def score(self, queries: Queries, items: I32 | None, /) -> F32:
        """As `FittedScorer.score`."""


@runtime_checkable
class PredictsRatings(Protocol):
    """Its scores are ratings: they foretell the value of an event, in the unit of the values.

    Scores may lie a little outside of the values learned from; whoever judges them cuts them to
    that range. Rating metrics (RMSE) are measured of components with this ability alone.
    """

    @property
    def predicts_ratings(self) -> bool:
        """Whether this one does, where that depends on settings or parts."""


@runtime_checkable
class Explains(Protocol):
    """Can say why."""

    def explain(self, queries: Queries, item: int, /) -> Sequence[Evidence]:
        """Give the reasons for the score of `item` for the one query, strongest first."""


@runtime_checkable
class ExplainsLists(Protocol):
    """Decides on lists, and can say what put each item where it stands."""

    def explain_list(
        self, queries: Queries, candidates: Candidates, k: int, /
    ) -> Sequence[Sequence[Evidence]]:
        """Give the reasons for each item of the list that the one query gets, in its order."""


@runtime_checkable
class RelatesItems(Protocol):
    """Knows which items are alike."""

    def similar_items(self, items: I32, candidates: Candidates, k: int, /) -> TopK:
        """Rank the items most like each of `items`, itself left out."""


@runtime_checkable
class ReadsText(Protocol):
    """Has encoders inside, and so understands words."""

    def encoders(self) -> Mapping[str, Encoder]:
        """The encoders at hand by fingerprint; empty when they were not saved with the model."""


@runtime_checkable
class Updatable(Protocol):
    """Can take up new items without a fit."""

    def with_items(self, data: Dataset, /) -> FittedScorer | FittedRecommender:
        """Give a new fitted object for `data`, whose first items are the ones known already.

        The events are all those of users who have any with the new items, and of nobody else; users
        who are new too have the rows after those of the fit. What is known of old users and items
        stays, to the bit.
        """
