"""Ratings as Surprise holds them: a reader, a dataset of raw ratings, a trainset with inner ids."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator, Sequence
from functools import cached_property
from itertools import count, repeat
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias

import numpy as np

from penchant.data.arrays import frozen
from penchant.errors import DataError, SettingsError
from penchant.suggestions import did_you_mean

if TYPE_CHECKING:
    from penchant.protocols import I32

    F64 = np.ndarray[Any, np.dtype[np.float64]]

Id: TypeAlias = Hashable
Rating: TypeAlias = tuple[Any, Any, float]

_FIELDS = ("user", "item", "rating", "timestamp")


class Reader:
    """How a line of a file is read, and what ratings may be.

    line_format: the fields in their order, of user, item, rating and timestamp. sep: None parts at
    blanks. skip_lines: at the start of a file. rating_scale: the least and the greatest rating;
    predictions are cut to it. Raises SettingsError for anything else.
    """

    def __init__(
        self,
        name: str | None = None,
        line_format: str = "user item rating",
        sep: str | None = None,
        rating_scale: tuple[float, float] = (1, 5),
        skip_lines: int = 0,
    ) -> None:
        if name is not None:
            raise SettingsError(
                f"a reader of the built-in data {name!r} isn't here, as penchant downloads nothing;"
                " give line_format and sep"
            )
        self.fields = line_format.split()
        for field in self.fields:
            if field not in _FIELDS:
                raise SettingsError(
                    f"line_format has the unknown field {field!r}{did_you_mean(field, _FIELDS)} "
                    f"(fields: {', '.join(_FIELDS)})"
                )
        for field in _FIELDS[:3]:
            if self.fields.count(field) != 1:
                raise SettingsError(f"line_format must name {field!r} once, got {line_format!r}")
        low, high = rating_scale
        if not low < high:
            raise SettingsError(f"rating_scale goes from low to high, got {rating_scale}")
        self.sep, self.rating_scale, self.skip_lines = sep, (float(low), float(high)), skip_lines

    def parse_line(self, line: str) -> Rating:
        """Read user, item and rating of a line; ids stay text. Raises DataError."""
        parts = [part.strip() for part in line.split(self.sep)]
        told = dict(zip(self.fields, parts, strict=False))
        try:
            return told["user"], told["item"], float(told["rating"])
        except (KeyError, ValueError):
            raise DataError(
                f"the line {line.rstrip()!r} isn't {' '.join(self.fields)!r} parted by "
                f"{self.sep!r}; check line_format and sep"
            ) from None


class Trainset:
    """Ratings to learn from; inner ids are whole numbers in the order of first appearance.

    columns: all ratings as three read-only arrays of one length: inner ids of users and of items,
        int32, and ratings, float64. `ur` and `ir` are made when they are asked for.
    user_ids, item_ids: raw ids by inner ones.
    """

    def __init__(self, ratings: Sequence[Rating], rating_scale: tuple[float, float]) -> None:
        if not ratings:
            raise DataError("a trainset needs at least one rating, got none")
        self.ratings, self.rating_scale = ratings, rating_scale
        self._users, users = _numbered(map(itemgetter(0), ratings), len(ratings))
        self._items, items = _numbered(map(itemgetter(1), ratings), len(ratings))
        values = np.fromiter(map(itemgetter(2), ratings), np.float64, len(ratings))
        _check_finite(values, ratings)
        self.columns: tuple[I32, I32, F64] = users, items, frozen(values)
        self.user_ids, self.item_ids = list(self._users), list(self._items)
        self.n_users, self.n_items = len(self._users), len(self._items)
        self.n_ratings = len(ratings)
        self.global_mean = float(values.mean())

    def knows_user(self, uid: int) -> bool:
        """Whether there is such an inner id."""
        return 0 <= uid < self.n_users

    def knows_item(self, iid: int) -> bool:
        """Whether there is such an inner id."""
        return 0 <= iid < self.n_items

    def to_inner_uid(self, ruid: Id) -> int:
        """The inner id of a raw one; raises ValueError for a user who isn't part of this."""
        return _inner(self._users, ruid, "user")

    def to_inner_iid(self, riid: Id) -> int:
        """The inner id of a raw one; raises ValueError for an item that isn't part of this."""
        return _inner(self._items, riid, "item")

    def to_raw_uid(self, iuid: int) -> Id:
        """The raw id of an inner one."""
        return self.user_ids[iuid]

    def to_raw_iid(self, iiid: int) -> Id:
        """The raw id of an inner one."""
        return self.item_ids[iiid]

    def all_ratings(self) -> Iterator[tuple[int, int, float]]:
        """All ratings by inner ids."""
        return zip(*(column.tolist() for column in self.columns), strict=True)

    def inner_ids(self, ruids: Sequence[Id], riids: Sequence[Id]) -> tuple[I32, I32]:
        """The inner ids of raw users and items, int32, -1 for each that isn't part of this."""
        return _looked_up(self._users, ruids), _looked_up(self._items, riids)

    @cached_property
    def ur(self) -> dict[int, list[tuple[int, float]]]:
        """What each user rated: inner ids of items, with ratings."""
        found: dict[int, list[tuple[int, float]]] = {user: [] for user in self.all_users()}
        for user, item, rating in self.all_ratings():
            found[user].append((item, rating))
        return found

    @cached_property
    def ir(self) -> dict[int, list[tuple[int, float]]]:
        """Who rated each item: inner ids of users, with ratings."""
        found: dict[int, list[tuple[int, float]]] = {item: [] for item in self.all_items()}
        for user, item, rating in self.all_ratings():
            found[item].append((user, rating))
        return found

    def all_users(self) -> range:
        """All inner ids of users."""
        return range(self.n_users)

    def all_items(self) -> range:
        """All inner ids of items."""
        return range(self.n_items)

    def build_testset(self) -> list[Rating]:
        """The ratings learnt from, as a testset."""
        return list(self.ratings)

    def build_anti_testset(self, fill: float | None = None) -> list[Rating]:
        """Every pair that has no rating, with `fill` (the mean) for one. O(users·items)."""
        rating = self.global_mean if fill is None else float(fill)
        rated: dict[Id, set[Id]] = {}
        for user, item, _ in self.ratings:
            rated.setdefault(user, set()).add(item)
        return [
            (user, item, rating)
            for user in self.user_ids
            for item in self.item_ids
            if item not in rated[user]
        ]


class Dataset:
    """Raw ratings. Made by `load_from_df`, `load_from_file` or `load_from_folds`."""

    def __init__(
        self,
        ratings: Sequence[Rating],
        reader: Reader,
        folds: Sequence[tuple[Sequence[Rating], Sequence[Rating]]] = (),
    ) -> None:
        self.raw_ratings, self.reader, self.folds = list(ratings), reader, folds

    @classmethod
    def load_from_df(cls, df: Any, reader: Reader) -> Dataset:
        """Take the first three columns of a frame (pandas, Polars) as user, item and rating."""
        columns = list(df.columns)
        if len(columns) < 3:
            raise DataError(f"the frame has {len(columns)} columns; wanted user, item and rating")
        users, items, ratings = (df[name].to_list() for name in columns[:3])
        return cls(_shared(zip(users, items, map(float, ratings), strict=True)), reader)

    @classmethod
    def load_from_file(cls, file_path: str | Path, reader: Reader) -> Dataset:
        """Read a file of ratings, one a line."""
        return cls(_read(file_path, reader), reader)

    @classmethod
    def load_from_folds(
        cls, folds_files: Iterable[tuple[str | Path, str | Path]], reader: Reader
    ) -> Dataset:
        """Read pairs of a train and a test file, for `model_selection.PredefinedKFold`."""
        folds = [(_read(train, reader), _read(test, reader)) for train, test in folds_files]
        return cls([], reader, folds)

    @classmethod
    def load_builtin(cls, name: str = "ml-100k", prompt: bool = True) -> NoReturn:  # noqa: ARG003
        """Refuse: penchant downloads nothing."""
        raise DataError(
            f"penchant downloads nothing, so the built-in data {name!r} aren't here; get the file "
            "from grouplens.org and read it by Dataset.load_from_file"
        )

    def build_full_trainset(self) -> Trainset:
        """All ratings to learn from."""
        return Trainset(self.raw_ratings, self.reader.rating_scale)


def _numbered(ids: Iterable[Id], size: int) -> tuple[dict[Id, int], I32]:
    """The number of each different id by first appearance, and those of all `size` ids."""
    numbers: defaultdict[Id, int] = defaultdict(count().__next__)
    every = np.fromiter(map(numbers.__getitem__, ids), np.int32, size)
    return dict(numbers), frozen(every)


def _looked_up(numbers: dict[Id, int], ids: Sequence[Id]) -> I32:
    return np.fromiter(map(numbers.get, ids, repeat(-1)), np.int32, len(ids))


def _check_finite(values: F64, ratings: Sequence[Rating]) -> None:
    with np.errstate(over="ignore"):
        wrong = ~np.isfinite(values.astype(np.float32))  # what strategies learn from
    for at in np.flatnonzero(wrong)[:1].tolist():
        user, item, rating = ratings[at]
        raise DataError(f"the rating of item {item!r} by user {user!r} is {rating}; leave it out")


def _inner(rows: dict[Id, int], raw: Id, what: str) -> int:
    try:
        return rows[raw]
    except KeyError:
        raise ValueError(f"{what} {raw!r} is not part of the trainset") from None


def _read(path: str | Path, reader: Reader) -> list[Rating]:
    try:
        lines = Path(path).expanduser().read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise DataError(f"ratings {str(path)!r} can't be read: {error.strerror}") from None
    return _shared(reader.parse_line(line) for line in lines[reader.skip_lines :] if line.strip())


def _shared(ratings: Iterable[Rating]) -> list[Rating]:
    """The ratings with one object an id: a hundred thousand texts are slow to look up."""
    users: dict[Id, Id] = {}
    items: dict[Id, Id] = {}
    return [
        (users.setdefault(user, user), items.setdefault(item, item), rating)
        for user, item, rating in ratings
    ]
