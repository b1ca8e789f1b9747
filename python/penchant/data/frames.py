"""Tables in: whatever holds columns becomes a `Frame` of plain columns.

Dataframes go through narwhals (pandas, Polars, PyArrow, DuckDB and others), so that penchant itself
depends on none of them; a mapping of arrays and a scipy-like CSR matrix are read by shape alone.
Nothing is judged here: missing values stay missing, for `parsing` and `attributes` to see.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt

from penchant.data.cleaning import Problem
from penchant.data.parsing import absent
from penchant.errors import DataError
from penchant.suggestions import did_you_mean

if TYPE_CHECKING:
    import narwhals as nw

    from penchant.protocols import I64

# An array of int64, float64, bool or datetime64[us] (NaN and NaT are missing), or a list of Python
# values (None is missing).
Values: TypeAlias = "npt.NDArray[Any] | list[Any]"


@dataclass(frozen=True)
class Frame:
    """Named columns of one length.

    what: what messages call the table. `written`: every value is the text of a file, so that "" is
    missing and "42" may be a number. `numbers`: the data row numbers, from 1, where some rows were
    left out on reading; `ragged`: those rows. `hint`: what to say where a column isn't there.
    """

    what: str
    names: tuple[str, ...]
    rows: int
    column: Callable[[str], Values]
    written: bool = False
    numbers: I64 | None = None
    ragged: Problem | None = None
    hint: str = ""

    def __getitem__(self, name: str) -> Values:
        """A column. Raises DataError for one that isn't there, with the names that are."""
        if name not in self.names:
            raise DataError(
                f"the {self.what} have no column {name!r}{did_you_mean(name, self.names)} "
                f"(columns: {', '.join(self.names)}){self.hint}"
            )
        return self.column(name)

    def first_of(self, *names: str) -> str | None:
        """The first of these names that is a column."""
        return next((name for name in names if name in self.names), None)


def as_frame(table: Any, what: str) -> Frame:
    """Read a dataframe, a lazy one, an Arrow table or stream, a mapping of columns, or rows.

    Rows are a list of mappings of column to value; what a row doesn't have is missing there.
    Raises DataError for anything else, and for columns of different lengths.
    """
    if isinstance(table, Frame):
        return table
    if isinstance(table, list) and all(isinstance(row, Mapping) for row in table):
        names = dict.fromkeys(name for row in table for name in row)
        table = {name: [row.get(name) for row in table] for name in names}
    if isinstance(table, Mapping):
        return _from_mapping(table, what)
    import narwhals as nw

    try:
        native = nw.from_native(table)
        frame = native.collect() if isinstance(native, nw.LazyFrame) else native
    except TypeError:
        frame = _from_arrow_stream(table, what)
    except nw.exceptions.DuplicateError:
        raise DataError(
            f"the {what} have two columns of one name; rename one, or leave it out"
        ) from None
    # Of pandas a name may be a number, or a tuple.
    places = {str(name): at for at, name in enumerate(frame.columns)}
    return Frame(
        what,
        tuple(places),
        len(frame),
        lambda name: _values(frame[:, places[name]], what),
        hint=_indexed(table),
    )


def is_matrix(table: Any) -> bool:
    """Whether this looks like a sparse matrix of scipy, or a CSR matrix of anybody else."""
    return hasattr(table, "tocsr") or all(
        hasattr(table, name) for name in ("indptr", "indices", "data", "shape")
    )


def from_matrix(matrix: Any, what: str) -> tuple[Frame, tuple[int, int]]:
    """Read a sparse matrix of users x items: columns user, item and value, and the shape.

    Raises DataError for arrays that make no CSR matrix, and can't be made one.
    """
    if getattr(matrix, "format", "csr") != "csr" and hasattr(matrix, "tocsr"):
        matrix = matrix.tocsr()
    users, items = (int(size) for size in matrix.shape)
    indptr, indices = np.asarray(matrix.indptr), np.asarray(matrix.indices)
    values = np.asarray(matrix.data)
    sound = (
        getattr(matrix, "format", "csr") == "csr"
        and len(indptr) == users + 1
        and indptr[0] == 0
        and int(indptr[-1]) == len(indices) == len(values)
        and not np.any(np.diff(indptr) < 0)
        and (not len(indices) or 0 <= int(indices.min()) <= int(indices.max()) < items)
    )
    if not sound:
        raise DataError(
            f"the {what} look like a sparse matrix but are no CSR matrix of users x items; "
            f"call tocsr() first"
        )
    columns: dict[str, Values] = {
        "user": np.repeat(np.arange(users, dtype=np.int64), np.diff(indptr)),
        "item": indices.astype(np.int64),
        "value": values.astype(np.float64),
    }
    return Frame(what, tuple(columns), len(indices), columns.__getitem__), (users, items)


def _indexed(table: Any) -> str:
    """What to say where a column of a pandas frame may lie in its index."""
    named = [str(name) for name in getattr(getattr(table, "index", None), "names", ()) if name]
    return f"; {', '.join(named)} in the index, which isn't read: reset_index()" if named else ""


def _from_mapping(table: Mapping[Any, Any], what: str) -> Frame:
    for name, values in table.items():
        if isinstance(values, str | bytes) or not np.iterable(values):
            raise DataError(
                f"column {str(name)!r} of the {what} is the single value {values!r}; wanted a list "
                "or an array with a value a row (or, of rows, a list of mappings)"
            )
    columns: dict[str, Values] = {str(name): _plain(values) for name, values in table.items()}
    sizes = {name: len(values) for name, values in columns.items()}
    if len(set(sizes.values())) > 1:
        told = ", ".join(f"{name} has {size}" for name, size in sizes.items())
        raise DataError(f"the columns of the {what} differ in length: {told}")
    rows = next(iter(sizes.values()), 0)
    return Frame(what, tuple(columns), rows, columns.__getitem__)


def _plain(values: Any) -> Values:
    if isinstance(values, np.ndarray):
        kind = values.dtype.kind
        if values.ndim != 1:
            return list(values)
        if kind in "iu" and values.dtype != np.uint64:
            return values.astype(np.int64, copy=False)
        if kind == "f":
            return values.astype(np.float64, copy=False)
        if kind == "M":
            return values.astype("datetime64[us]", copy=False)
        if kind == "b":
            return values
        return list(values.tolist())
    listed = list(values)
    kinds = set(map(type, listed))
    if kinds == {int}:
        try:
            return np.array(listed, np.int64)
        except OverflowError:
            return listed
    if kinds and kinds <= {int, float}:
        return np.array(listed, np.float64)
    return listed


def _from_arrow_stream(table: Any, what: str) -> nw.DataFrame[Any]:
    import narwhals as nw

    if hasattr(table, "__arrow_c_stream__"):
        for backend in ("pyarrow", "polars"):
            try:
                return nw.DataFrame.from_arrow(table, backend=backend)
            except ModuleNotFoundError:
                continue
        raise DataError(
            f"the {what} come as an Arrow stream, which needs pyarrow or polars; "
            f"pip install pyarrow"
        )
    raise DataError(
        f"the {what} are a {type(table).__name__}; wanted a dataframe (pandas, Polars, PyArrow, "
        f"DuckDB), a mapping of columns, a list of rows, a sparse matrix, a path to a CSV or "
        f"Parquet file, or a URI"
    )


def _values(series: nw.Series[Any], what: str) -> Values:
    import narwhals as nw

    kind = series.dtype
    if isinstance(kind, (nw.Datetime, nw.Date)):
        # Zoned times count from 1970 UTC; times without a zone are taken as UTC.
        stamps = series.cast(nw.Datetime("us")) if isinstance(kind, nw.Date) else series
        return _with_gaps(stamps.dt.timestamp("us"), np.int64).astype("datetime64[us]")
    if isinstance(kind, nw.Boolean) and not series.null_count():
        return series.to_numpy().astype(np.bool_)
    if kind.is_integer():
        if series.null_count():
            return [None if absent(value) else int(value) for value in series.to_list()]
        if isinstance(kind, (nw.UInt64, nw.Int128, nw.UInt128)):
            return _plain([int(value) for value in series.to_list()])
        return series.to_numpy().astype(np.int64)
    if kind.is_float() or isinstance(kind, nw.Decimal):
        floats = series.cast(nw.Float64)
        return np.array(
            [np.nan if absent(value) else value for value in floats.to_list()]
            if floats.null_count()
            else floats.to_numpy(),
            np.float64,
        )
    if isinstance(kind, (nw.Categorical, nw.Enum)):
        series = series.cast(nw.String)
    if isinstance(kind, (nw.Struct, nw.Binary)):
        raise DataError(f"column {series.name!r} of the {what} holds {kind}, which isn't read")
    values = series.to_list()
    return [None if absent(value) else value for value in values] if series.null_count() else values


def _with_gaps(series: nw.Series[Any], dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    if not series.null_count():
        return series.to_numpy().astype(dtype)
    missing = np.iinfo(np.int64).min  # numpy's NaT
    values = [missing if absent(value) else int(value) for value in series.to_list()]
    return np.array(values, dtype)
