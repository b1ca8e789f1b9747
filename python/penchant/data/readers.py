"""Files and URIs in: CSV with the standard library, Parquet with whatever is installed."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from penchant.data.attributes import named_columns
from penchant.data.cleaning import Problem
from penchant.data.frames import Frame, as_frame
from penchant.errors import DataError
from penchant.suggestions import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterator

_DELIMITERS = {".csv": ",", ".tsv": "\t", ".tab": "\t", ".dat": "\t", ".data": "\t", ".txt": "\t"}
_FILE_SETTINGS = ("delimiter", "quote", "encoding", "columns", "query")
_OTHERS = ("::", ";", "\t", ",", "|")
_NAMED_LINES = 5


@dataclass(frozen=True, kw_only=True)
class Reading:
    """How files and URIs are read.

    delimiter: between fields, one character or several ("::"); None goes by the suffix: a comma for
        .csv, a tab for .tsv, .tab, .dat, .data and .txt; and where the first line has none of that,
        by which of "::", ";", a tab, "," and "|" it has most of.
    quote: what may enclose a field; None means '"' where the delimiter is a comma or semicolon, and
        "" (no quoting) elsewhere, because a stray quote in a tab-separated file is just a quote.
    encoding: of text files. `columns`: names of the columns of a file without a header line.
    sources: per URI scheme, `open(uri, query)`; `query` is passed on to it.
    """

    delimiter: str | None = None
    quote: str | None = None
    encoding: str = "utf-8"
    columns: Sequence[str] | None = None
    sources: Mapping[str, Callable[[str, str | None], Any]] = field(
        default_factory=lambda: MappingProxyType({})
    )
    query: str | None = None

    def __post_init__(self) -> None:
        for setting in ("delimiter", "quote", "encoding"):
            value = getattr(self, setting)
            if not isinstance(value, str) and (value is not None or setting == "encoding"):
                raise DataError(f"{setting} must be a text, got {value!r}")
        if self.columns is not None:
            named_columns("columns", self.columns)
        if self.quote is not None and len(self.quote) > 1:
            raise DataError(f'quote is one character, or "" for none, got {self.quote!r}')

    def read(self, table: Any, what: str) -> Frame:
        """Read a path, a URI, or any table in memory. `what` is what messages call it.

        A mapping with the key "path" is a file with settings of its own.
        """
        if isinstance(table, Mapping) and isinstance(table.get("path"), (str, Path)):
            return self._file(table, what)
        if isinstance(table, str) and "://" in table:
            return self._open(table, what)
        if not isinstance(table, (str, Path)):
            return as_frame(table, what)
        path = Path(table)
        if not path.is_file():
            raise DataError(f"the {what} can't be read: there is no file {str(path)!r}")
        suffix = path.suffix.lower()
        if suffix in (".parquet", ".pq"):
            return read_parquet(path, what)
        usual = _DELIMITERS.get(suffix) if self.delimiter is None else self.delimiter
        if not usual:
            raise DataError(
                f"the {what} are in {path.name!r}, whose suffix says no format; name it .csv, "
                f'.tsv or .parquet, or pass delimiter=","'
            )
        text = _decoded(path, self.encoding)
        delimiter = usual if self.delimiter is not None else _delimiter(text, usual)
        quote = self.quote
        if quote is None:
            quote = '"' if delimiter in (",", ";") else ""
        return _frame(text, path, what, delimiter=delimiter, quote=quote, names=self.columns)

    def _file(self, table: Mapping[str, Any], what: str) -> Frame:
        own = {key: value for key, value in table.items() if key != "path"}
        for key in own:
            if key not in _FILE_SETTINGS:
                raise DataError(
                    f"the {what} have the unknown file setting {key!r}"
                    f"{did_you_mean(key, _FILE_SETTINGS)} (settings: {', '.join(_FILE_SETTINGS)})"
                )
        return replace(self, **own).read(table["path"], what)

    def _open(self, uri: str, what: str) -> Frame:
        scheme = uri.partition("://")[0]
        source = self.sources.get(scheme)
        if source is None:
            raise DataError(
                f"no plugin opens {scheme}:// URIs{did_you_mean(scheme, self.sources)} "
                f"(schemes: {', '.join(sorted(self.sources)) or 'none'}); those of the plugins "
                f"installed are sources=penchant.Registry.discover().sources"
            )
        return as_frame(source(uri, self.query), what)


def read_parquet(path: Path, what: str) -> Frame:
    """Read a Parquet file with pyarrow, or else Polars.

    Raises DataError where neither is installed, or the file can't be read.
    """
    import narwhals as nw

    for backend in ("pyarrow", "polars"):
        if find_spec(backend) is not None:
            try:
                return as_frame(nw.read_parquet(str(path), backend=backend), what)
            except Exception as error:  # each backend has its own class for a broken file
                reason = str(error).partition("\n")[0]
                raise DataError(f"{str(path)!r} is no readable Parquet file: {reason}") from None
    raise DataError(f"{str(path)!r} needs a Parquet reader; pip install pyarrow (or polars)")


def read_csv(
    path: Path,
    what: str,
    *,
    delimiter: str = ",",
    quote: str = '"',
    encoding: str = "utf-8",
    names: Sequence[str] | None = None,
) -> Frame:
    """Read a text file into columns of text; the whole of it is held in memory.

    Blank lines are skipped. A row with more fields than the header is taken where the extra ones
    are empty (a delimiter at the end of the line); any other difference makes it a ragged row,
    which is left out and named in the frame. Without `names` the first row is the header.

    Raises DataError for bytes that the encoding can't read (naming the line), a repeated column
    name, a quote that is never closed, and an empty file.
    """
    text = _decoded(path, encoding)
    return _frame(text, path, what, delimiter=delimiter, quote=quote, names=names)


def _frame(
    text: str,
    path: Path,
    what: str,
    *,
    delimiter: str,
    quote: str,
    names: Sequence[str] | None,
) -> Frame:
    try:
        rows = list(_split(text, delimiter, quote))
    except csv.Error as error:
        raise DataError(f"{str(path)!r} can't be read as delimited text: {error}") from None
    rows = [row for row in rows if row] if [] in rows else rows
    header = [name.strip() for name in rows.pop(0)] if names is None and rows else list(names or ())
    if not header:
        raise DataError(f"{str(path)!r} is empty; wanted a header line and rows")
    twice = sorted({name for name in header if header.count(name) > 1 and name})
    if twice:
        raise DataError(
            f"{str(path)!r} has the column {twice[0]!r} more than once{_headless(header)}"
        )
    width, numbers, ragged = len(header), None, None
    if rows and set(map(len, rows)) != {width}:
        even = [len(row) == width or (len(row) > width and not any(row[width:])) for row in rows]
        if not all(even):
            lines = _ragged_lines(text, delimiter, quote, width, has_header=names is None)
            ragged = Problem(even.count(False), lines, "line")
            numbers = np.flatnonzero(even) + 1
        rows = [row[:width] for row, sound in zip(rows, even, strict=True) if sound]
    taken = list(zip(*rows, strict=True)) if rows else [()] * width
    columns = {name: list(values) for name, values in zip(header, taken, strict=True) if name}
    hint = _headless(header) if names is None else ""
    return Frame(what, tuple(columns), len(rows), columns.__getitem__, True, numbers, ragged, hint)


def _decoded(path: Path, encoding: str) -> str:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"{str(path)!r} can't be read: {error.strerror}") from None
    try:
        return content.decode(encoding).removeprefix("\ufeff")
    except LookupError:
        raise DataError(f"there is no encoding {encoding!r}; try 'utf-8' or 'latin-1'") from None
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        hint = "" if encoding == "latin-1" else '; if it is Latin-1, pass encoding="latin-1"'
        if content.startswith((b"\xff\xfe", b"\xfe\xff")):
            hint = '; it starts as UTF-16 does, so pass encoding="utf-16"'
        raise DataError(
            f"{str(path)!r} is not {encoding}: byte 0x{content[error.start]:02x} at position "
            f"{error.start}, line {line}{hint}"
        ) from None


def _delimiter(text: str, usual: str) -> str:
    """Which delimiter the first line speaks for."""
    line = text.lstrip("\r\n").partition("\n")[0]
    found = usual if usual in line else max(_OTHERS, key=line.count)
    return found if found in line else usual


def _headless(header: Sequence[str]) -> str:
    """A hint where a header line looks like data: ids and values instead of names."""
    if not any(name.replace(".", "").replace("-", "").isdigit() for name in header):
        return ""
    return "; the first line looks like data, so say by `columns` what they are called"


def _split(text: str, delimiter: str, quote: str) -> Iterator[list[str]]:
    lines = io.StringIO(text, newline="")
    if len(delimiter) == 1:
        return csv.reader(
            lines,
            delimiter=delimiter,
            quotechar=quote or None,
            quoting=csv.QUOTE_MINIMAL if quote else csv.QUOTE_NONE,
            strict=True,
        )
    plain = (line.rstrip("\r\n") for line in lines)
    return (line.split(delimiter) if line else [] for line in plain)


def _ragged_lines(
    text: str, delimiter: str, quote: str, width: int, *, has_header: bool
) -> tuple[int, ...]:
    """Where the first ragged rows end, as lines of the file; read again, for an error's sake."""
    lines: list[int] = []
    reader = _split(text, delimiter, quote)
    skip = has_header
    for at, row in enumerate(reader, 1):
        if row and skip:
            skip = False
        elif row and not (len(row) == width or (len(row) > width and not any(row[width:]))):
            lines.append(getattr(reader, "line_num", at))
            if len(lines) == _NAMED_LINES:
                break
    return tuple(lines)
