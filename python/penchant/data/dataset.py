"""The dataset: all that a fit learns from, in one value that never changes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from penchant.data.attributes import Kinds
from penchant.data.building import build
from penchant.data.cleaning import Clean, Cleaner, CleaningReport
from penchant.data.events import Columns
from penchant.data.interactions import Interactions
from penchant.data.parsing import TimeUnit
from penchant.data.readers import Reading
from penchant.data.relations import Relations
from penchant.data.tables import Items, Users
from penchant.errors import DataError
from penchant.kernels import blake3_bytes
from penchant.queries import Csr

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

    from penchant.data.description import DatasetDescription
    from penchant.protocols import Bool


@dataclass(frozen=True, eq=False, repr=False)
class Dataset:
    """Users, items, the events between them, and ties between users.

    min_value: an event of this value or more is a liking; None makes every event one.
    report: what cleaning found when the dataset was read, or None if it was built from rows.

    Raises DataError where the sizes of the parts don't agree. Stable for callers; safe from many
    threads.
    """

    users: Users
    items: Items
    interactions: Interactions
    relations: Relations | None = None
    min_value: float | None = None
    report: CleaningReport | None = field(default=None)

    def __post_init__(self) -> None:
        sizes = (self.interactions.n_users, self.interactions.n_items)
        if sizes != (len(self.users), len(self.items)):
            raise DataError(
                f"the interactions are of {sizes[0]} users and {sizes[1]} items but the tables "
                f"hold {len(self.users)} and {len(self.items)}"
            )
        if self.relations is not None and self.relations.n_users != len(self.users):
            raise DataError(
                f"the relations are of {self.relations.n_users} users but there are "
                f"{len(self.users)}"
            )
        if self.min_value is not None and not (
            isinstance(self.min_value, int | float | np.number)
            and not isinstance(self.min_value, bool)
            and np.isfinite(self.min_value)
        ):
            raise DataError(f"min_value must be a finite number or None, got {self.min_value!r}")

    @classmethod
    def from_frame(
        cls,
        interactions: Any,
        *,
        items: Any = None,
        users: Any = None,
        relations: Any = None,
        user: str = "user_id",
        item: str = "item_id",
        value: str | None = None,
        time: str | None = None,
        kind: str | None = None,
        user_id: str | None = None,
        item_id: str | None = None,
        source: str = "source",
        target: str = "target",
        weight: str | None = None,
        text: Sequence[str] = (),
        category: Sequence[str] = (),
        label: Sequence[str] = (),
        number: Sequence[str] = (),
        vector: Sequence[str] = (),
        media: Sequence[str] = (),
        ignore: Sequence[str] = (),
        label_separator: str = "|",
        min_value: float | None = None,
        rating_range: Sequence[float] | None = None,
        time_unit: TimeUnit = "s",
        clean: Clean = "refuse",
        delimiter: str | None = None,
        quote: str | None = None,
        encoding: str = "utf-8",
        columns: Sequence[str] | None = None,
        sources: Mapping[str, Callable[[str, str | None], Any]] = MappingProxyType({}),
        query: str | None = None,
    ) -> Dataset:
        """Read tables into a dataset.

        Each table is a dataframe (pandas, Polars, PyArrow, DuckDB, whatever narwhals reads), a
        mapping of columns, a list of rows (mappings of column to value), a path to a CSV or Parquet
        file, a URI that one of `sources` opens, or a mapping with the key "path" and the settings
        of that one file (`delimiter`, `quote`, `encoding`, `columns`). The interactions may also be
        a sparse matrix of users x items, whose ids are then 0 to n - 1.

        user, item, value, time, kind: columns of the interactions. `value` is looked for as "value"
            or "rating", `time` as "time" or "timestamp"; without values every event is worth 1.
        user_id, item_id: the id columns of the tables, by default called as in the interactions.
        source, target, weight: columns of the relations.
        text, category, label, number, vector, media, ignore: columns of the item and user tables by
            kind; the others are guessed (see `penchant.data.attributes`). `label_separator` parts
            the labels within a cell of text.
        min_value: kept with the dataset: what counts as a liking.
        rating_range: (low, high); a value outside of it is wrong.
        time_unit: what a number in the time column counts since 1970 UTC: "s", "ms", "us" or "ns".
        clean: "refuse" raises one DataError naming all that is wrong with counts and row numbers;
            "drop" leaves those rows out and counts them in `report`. Wrong are: missing ids, values
            missing or not finite or outside of `rating_range`, times missing or not to be read, a
            repetition of an event to the microsecond, rows of a file with too many or too few
            fields, repeated ids in a table. Several events of one pair are not wrong.
        delimiter, quote, encoding: of text files. `columns`: column names of an interactions file
            without a header. `query`: handed to the source of the interactions' URI.

        Ids are text or integers. A file doesn't say which, so a column of it is integers where
        every id is written as one ("42" but not "042"), unless another table's ids are text.
        Items are numbered in the order of their table, then new ones by first appearance; users
        likewise. Items of the table without events are kept.

        Raises DataError. O(n log n).
        """
        bounds = None
        if rating_range is not None:
            numbers = isinstance(rating_range, list | tuple) and all(
                isinstance(end, int | float) for end in rating_range
            )
            if not numbers or len(rating_range) != 2 or not rating_range[0] <= rating_range[1]:
                raise DataError(f"rating_range is (low, high), got {rating_range!r}")
            bounds = (float(rating_range[0]), float(rating_range[1]))
        built = build(
            interactions,
            items=items,
            users=users,
            relations=relations,
            columns=Columns(
                user=user,
                item=item,
                value=value,
                time=time,
                kind=kind,
                user_id=user_id,
                item_id=item_id,
                source=source,
                target=target,
                weight=weight,
            ),
            kinds=Kinds(
                text=text,
                category=category,
                label=label,
                number=number,
                vector=vector,
                media=media,
                ignore=ignore,
                label_separator=label_separator,
            ),
            reading=Reading(
                delimiter=delimiter,
                quote=quote,
                encoding=encoding,
                columns=columns,
                sources=sources,
                query=query,
            ),
            rating_range=bounds,
            time_unit=time_unit,
            cleaner=Cleaner(clean),
        )
        return cls(
            users=built.users,
            items=built.items,
            interactions=built.interactions,
            relations=built.relations,
            min_value=min_value,
            report=built.report,
        )

    def __repr__(self) -> str:
        return (
            f"Dataset({len(self.users)} users, {len(self.items)} items, "
            f"{len(self.interactions)} events)"
        )

    # ---- what counts as a liking

    def positives(self, min_value: float | None = None) -> Interactions:
        """The events of `min_value` or more (the dataset's own by default), in the log's order."""
        threshold = self.min_value if min_value is None else min_value
        if threshold is None:
            return self.interactions
        return self.interactions.filtered(self.interactions.value >= np.float32(threshold))

    def positive_csr(self, min_value: float | None = None) -> Csr:
        """Users x items, 1 for each pair with a positive event; kept for the default threshold."""
        if min_value is None or min_value == self.min_value:
            return self._liked
        return self.positives(min_value).by_user("count").binary()

    @cached_property
    def _liked(self) -> Csr:
        return self.positives().by_user("count").binary()

    # ---- other datasets

    def subset(self, mask: Bool) -> Dataset:
        """The same users and items with the events for which `mask`, (events,) bool, is true."""
        return replace(self, interactions=self.interactions.filtered(mask))

    def with_interactions(self, interactions: Interactions) -> Dataset:
        """The same users and items with another log of their events."""
        return replace(self, interactions=interactions)

    # ---- in short

    def describe(self) -> DatasetDescription:
        """Say what is inside and what is odd about it."""
        from penchant.data.description import describe

        return describe(self)

    @cached_property
    def fingerprint(self) -> str:
        """A digest (BLAKE3, hex) of all contents; equal datasets have equal ones.

        Two datasets with equal contents differ in it where ids or columns come in another order.
        """
        lines = [f"min_value {self.min_value!r}", f"kinds {self.interactions.kinds!r}"]
        lines += [f"items {self.items.meta()!r}", f"users {self.users.meta()!r}"]
        for name, array in self._arrays():
            lines.append(f"{name} {array.dtype.str} {array.shape} {blake3_bytes(array)}")
        return blake3_bytes("\n".join(lines).encode())

    def _arrays(self) -> Iterator[tuple[str, npt.NDArray[Any]]]:
        for prefix, table in (("items", self.items), ("users", self.users)):
            for name, array in sorted(table.arrays().items()):
                yield f"{prefix}.{name}", array
        log, ties = self.interactions, self.relations
        for name in ("user", "item", "value", "time", "kind"):
            array = getattr(log, name)
            if array is not None:
                yield f"interactions.{name}", array
        if ties is not None:
            for name in ("source", "target", "weight"):
                yield f"relations.{name}", getattr(ties, name)
