"""Answers in the caller's words: ids, scores and which component gave them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from penchant.errors import RequestError

if TYPE_CHECKING:
    from penchant.data import Items, Vocabulary
    from penchant.protocols import F32, I64, Evidence
    from penchant.queries import TopK

Id = str | int
Backend = Literal["pandas", "polars", "pyarrow"]


@dataclass(frozen=True, slots=True, eq=False)
class Recommendations:
    """The items for one query, best first; unpacks as `ids, scores`.

    ids: list of the caller's item ids. scores: (len(ids),) float32, greater is better; only the
        order of scores means something unless the source says otherwise.
    source: the component that answered, such as "cf.ease", or "base.popular" for the fallback.
    user_id: who asked, or None for a stranger.
    reasons: of each item, where they were asked for; else ().
    """

    ids: Sequence[Id]
    scores: F32
    source: str
    user_id: Id | None = None
    reasons: Sequence[Sequence[Reason]] = ()

    @classmethod
    def of(
        cls,
        top: TopK,
        ids: Vocabulary,
        source: str,
        user_id: Id | None = None,
        reasons: Sequence[Sequence[Reason]] = (),
    ) -> Recommendations:
        """Name the rows of the first query."""
        count = int(top.counts[0])
        return cls(ids.ids(top.rows[0, :count]), top.scores[0, :count], source, user_id, reasons)

    def __iter__(self) -> Iterator[Any]:
        yield self.ids
        yield self.scores

    def __len__(self) -> int:
        return len(self.ids)

    def to_dicts(self, *, reasons: int | None = None) -> list[dict[str, Any]]:
        """Plain dicts with `item_id`, `score` and `rank` (from 1), ready for JSON.

        `reasons`, a list of dicts, is there too where reasons were asked for: so many at most, the
        strongest, or all of them for None, which may be one for each item of the history.
        """
        rows: list[dict[str, Any]] = [
            {"item_id": item, "score": score, "rank": rank}
            for rank, (item, score) in enumerate(
                zip(self.ids, self.scores.tolist(), strict=True), start=1
            )
        ]
        for row, told in zip(rows, self.reasons, strict=False):
            row["reasons"] = [asdict(reason) for reason in told[:reasons]]
        return rows

    def to_frame(self, backend: Backend | None = None) -> Any:
        """A dataframe with columns user_id, item_id, score, rank; see `frame`."""
        n = len(self.ids)
        return frame(
            {
                "user_id": [self.user_id] * n,
                "item_id": self.ids,
                "score": self.scores,
                "rank": np.arange(1, n + 1, dtype=np.int32),
            },
            backend,
        )


@dataclass(frozen=True, slots=True, eq=False)
class BatchRecommendations:
    """The items for many users: flat ids and scores, cut by offsets.

    `batch[i]` is the `Recommendations` of the i-th user asked for; user i owns
    `ids[offsets[i]:offsets[i + 1]]`.
    """

    user_ids: Sequence[Id]
    ids: Sequence[Id]
    scores: F32
    offsets: I64
    sources: Sequence[str]

    def __len__(self) -> int:
        return len(self.user_ids)

    def __getitem__(self, position: int) -> Recommendations:
        n = len(self.user_ids)
        if not -n <= position < n:
            raise IndexError(f"position {position} is outside the {n} users asked for")
        position %= n
        start, stop = int(self.offsets[position]), int(self.offsets[position + 1])
        return Recommendations(
            self.ids[start:stop],
            self.scores[start:stop],
            self.sources[position],
            self.user_ids[position],
        )

    def __iter__(self) -> Iterator[Recommendations]:
        return (self[position] for position in range(len(self)))

    def to_dicts(self) -> list[dict[str, Any]]:
        """Plain dicts with `user_id`, `item_id`, `score` and `rank`, ready for JSON."""
        return [{"user_id": one.user_id, **row} for one in self for row in one.to_dicts()]

    def to_frame(self, backend: Backend | None = None) -> Any:
        """A dataframe with columns user_id, item_id, score, rank; see `frame`."""
        counts = np.diff(self.offsets)
        total = int(self.offsets[-1])
        rank = np.arange(total) - np.repeat(self.offsets[:-1], counts) + 1
        users = [
            user
            for user, count in zip(self.user_ids, counts.tolist(), strict=True)
            for _ in range(count)
        ]
        return frame(
            {
                "user_id": users,
                "item_id": self.ids,
                "score": self.scores,
                "rank": rank.astype(np.int32),
            },
            backend,
        )


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason in the caller's words; see `penchant.protocols.Evidence` for the kinds.

    detail: the words that it rests on, such as the terms that two items share, or "".
    """

    kind: str
    weight: float
    item_id: Id | None
    name: str
    source: str
    detail: str = ""

    @classmethod
    def of(cls, evidence: Evidence, items: Items) -> Reason:
        """Name what the evidence speaks of."""
        row = evidence.item
        item_id, name = (
            (items.vocabulary.id(row), items.name(row)) if row >= 0 else (None, evidence.detail)
        )
        return cls(evidence.kind, evidence.weight, item_id, name, evidence.source, evidence.detail)


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why an item has its score for a user: the evidence as data, and one sentence."""

    user_id: Id | None
    item_id: Id
    score: float
    reasons: tuple[Reason, ...]
    sentence: str

    def __str__(self) -> str:
        return self.sentence

    def __repr__(self) -> str:
        return f"<Explanation of {len(self.reasons)} reasons: {self.sentence}>"


_BACKENDS: tuple[Backend, ...] = ("pandas", "polars", "pyarrow")


def frame(columns: dict[str, Any], backend: Backend | None = None) -> Any:
    """Make a dataframe of the library named, or of the first installed of pandas, Polars, PyArrow.

    Raises RequestError where none is installed or the name is another.
    """
    from importlib.util import find_spec

    if backend is not None and backend not in _BACKENDS:
        raise RequestError(f"backend must be one of {', '.join(_BACKENDS)}, got {backend!r}")
    chosen = backend or next((name for name in _BACKENDS if find_spec(name)), None)
    if chosen is None or not find_spec(chosen):
        raise RequestError(
            f"to_frame needs a dataframe library and found no {chosen or ' or '.join(_BACKENDS)}; "
            "install one, or use to_dicts()"
        )
    import narwhals as nw

    return nw.from_dict(columns, backend=chosen).to_native()
