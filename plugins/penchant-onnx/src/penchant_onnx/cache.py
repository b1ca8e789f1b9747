"""An encoder with its vectors on disk: what was encoded once is never run again, in any process.

One SQLite file in write-ahead mode holds them, so that many processes may read and write at once,
and a kill leaves either a whole transaction or none. A row is found by a hash of the encoder's
fingerprint, the kind and the text; the texts themselves are not stored. A vector carries a check
value, so nothing is synced to the disk: what a power cut may spoil is recognized and made anew.

A cache must never be the reason that a model can't answer. Where the file can't be opened, read or
written, the encoder says so once in the log and works without it.
"""

from __future__ import annotations

import hashlib
import logging
import os
import sqlite3
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Literal
from weakref import WeakSet

import numpy as np

from penchant_onnx.wrapping import Wrapping

if TYPE_CHECKING:
    from penchant.protocols import F32, Encoder

FILE = "embeddings-1.sqlite3"
# A kill loses at most so many new vectors.
_TEXTS_AT_ONCE = 1024
# As file systems do with access times: noting every use would make each reading a writing.
_SECONDS_BETWEEN_NOTES = 3600
_SECONDS_TO_WAIT = 10.0
_CHECK_BYTES = 8

# Vectors stand in a table of their own, so that noting a use rewrites a few bytes a row.
_SCHEMA = """
PRAGMA journal_mode = WAL;
PRAGMA synchronous = OFF;
CREATE TABLE IF NOT EXISTS texts
    (id INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE, used INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS vectors (id INTEGER PRIMARY KEY, vector BLOB NOT NULL);
"""
_FIND = """
SELECT key, used, vector FROM texts JOIN vectors USING (id) WHERE key IN ({})
"""
_NOTE = "UPDATE texts SET used = ? WHERE key = ?"
_ADD_TEXT = """
INSERT INTO texts (used, key) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET used = excluded.used
"""
_ADD_VECTOR = "INSERT OR REPLACE INTO vectors SELECT id, ? FROM texts WHERE key = ?"
_FILLED = """
SELECT (page_count - freelist_count) * page_size
FROM pragma_page_count, pragma_freelist_count, pragma_page_size
"""
_OLDEST = "SELECT id FROM texts ORDER BY used, id LIMIT ?"

_log = logging.getLogger("penchant")


class Cached(Wrapping):
    """An `Encoder` that looks texts up in `folder` before it encodes them.

    The folder is made if need be, should be on a local disk, and may serve several encoders and
    processes. `megabytes` bounds the file, but for one batch: the texts that were used longest ago
    go first, to the hour. Safe from many threads and after a fork. A known text costs about 10 µs.
    """

    def __init__(self, encoder: Encoder, folder: str | Path, megabytes: int) -> None:
        super().__init__(encoder)
        self._store = _Store(Path(folder).expanduser() / FILE, megabytes << 20)

    def encode(
        self, texts: Sequence[str], /, *, kind: Literal["document", "query"] = "document"
    ) -> F32:
        """Encode as the encoder inside would, running only what is not on the disk."""
        start = hashlib.blake2b(f"{self.fingerprint}\0{kind}\0".encode(), digest_size=16)
        keys = [_key(start, text) for text in texts]
        known: dict[bytes, F32] = {}
        for some in _pieces(keys):
            known |= self._store.find(some, self.dim)
        new = {key: text for key, text in zip(keys, texts, strict=True) if key not in known}
        for some in _pieces(list(new)):
            made = self._encoder.encode([new[key] for key in some], kind=kind)
            added = dict(zip(some, made, strict=True))
            self._store.add(added)
            known |= added
        vectors = np.empty((len(texts), self.dim), np.float32)
        for row, key in enumerate(keys):
            vectors[row] = known[key]
        return vectors


class _Store:
    """Vectors by key in a SQLite file of at most `size` bytes; every failure is a miss."""

    def __init__(self, file: Path, size: int) -> None:
        self._file = file
        self._size = size
        self._connection: sqlite3.Connection | None = None
        self._warned = False
        self.lock = Lock()
        _STORES.add(self)

    def find(self, keys: Sequence[bytes], dim: int) -> dict[bytes, F32]:
        """Give the vectors that are there and whole, and note that they were used."""
        found = {}
        now, stale = int(time.time()), []
        with self.lock:
            try:
                query = _FIND.format(",".join("?" * len(keys)))
                for key, used, value in self._opened().execute(query, keys):
                    vector = value[:-_CHECK_BYTES]
                    if len(vector) == 4 * dim and value[-_CHECK_BYTES:] == _check(key, vector):
                        found[key] = np.frombuffer(vector, "<f4")
                        if now - used >= _SECONDS_BETWEEN_NOTES:
                            stale.append((now, key))
                if stale:
                    with self._transaction() as connection:
                        connection.executemany(_NOTE, stale)
            except (sqlite3.Error, OSError) as error:
                self._warn(error)
        return found

    def add(self, vectors: dict[bytes, F32]) -> None:
        """Keep vectors, all or none, and let the oldest go where the file grows too large."""
        now = int(time.time())
        values = {key: vector.astype("<f4").tobytes() for key, vector in vectors.items()}
        with self.lock:
            try:
                with self._transaction() as connection:
                    connection.executemany(_ADD_TEXT, ((now, key) for key in values))
                    connection.executemany(
                        _ADD_VECTOR,
                        ((value + _check(key, value), key) for key, value in values.items()),
                    )
                    self._shrink(connection)
            except (sqlite3.Error, OSError) as error:
                self._warn(error)

    def close(self) -> None:
        """Close the file until it is wanted again."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def __del__(self) -> None:
        self.close()

    def _opened(self) -> sqlite3.Connection:
        if self._connection is None:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(
                self._file, _SECONDS_TO_WAIT, isolation_level=None, check_same_thread=False
            )
            self._connection.executescript(_SCHEMA)
        return self._connection

    def _transaction(self) -> sqlite3.Connection:
        """Begin to write; the connection's own `with` commits, or rolls back on an error."""
        connection = self._opened()
        connection.execute("BEGIN IMMEDIATE")
        return connection

    def _shrink(self, connection: sqlite3.Connection) -> None:
        (filled,) = connection.execute(_FILLED).fetchone()
        if filled <= self._size:
            return
        (texts,) = connection.execute("SELECT count(*) FROM texts").fetchone()
        # A tenth more than needed, so that not every batch has to look for the oldest.
        surplus = int(texts * (1 - 0.9 * self._size / filled)) + 1
        oldest = connection.execute(_OLDEST, (surplus,)).fetchall()
        for table in ("vectors", "texts"):
            connection.executemany(f"DELETE FROM {table} WHERE id = ?", oldest)  # noqa: S608

    def _warn(self, error: Exception) -> None:
        if not self._warned:
            self._warned = True
            _log.warning(
                "the cache of embeddings %s can't be used (%s); texts are encoded without it. "
                "Give another folder as cache, or remove the file if it is damaged",
                self._file,
                error,
            )


def _pieces(keys: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
    return (keys[at : at + _TEXTS_AT_ONCE] for at in range(0, len(keys), _TEXTS_AT_ONCE))


def _key(start: hashlib.blake2b, text: str) -> bytes:
    hashed = start.copy()
    hashed.update(text.encode("utf-8", "surrogatepass"))
    return hashed.digest()


def _check(key: bytes, vector: bytes) -> bytes:
    return hashlib.blake2b(vector, key=key, digest_size=_CHECK_BYTES).digest()


# SQLite's connections must not live across a fork. Each store is closed before one, when no thread
# is inside, and opens the file again in either process when it is next asked.
_STORES: WeakSet[_Store] = WeakSet()
_FORKING: list[_Store] = []
_FORK = Lock()


def _before_fork() -> None:
    _FORK.acquire()
    _FORKING.extend(_STORES)
    for store in _FORKING:
        store.lock.acquire()
        store.close()


def _after_fork() -> None:
    while _FORKING:
        _FORKING.pop().lock.release()
    _FORK.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork
    )
