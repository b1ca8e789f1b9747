"""The four catalogues that text is measured on: likings, and what is written on each item.

All columns of an item are texts of its maker: no tags or genres of the users who are asked to like
it, no names of the playlists to be filled. Two columns are controls: `another` holds all the words
of another item, drawn once, and `noise` a word that no other item has.
"""

from __future__ import annotations

import csv
import html
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from penchant import Dataset

_ARTICLE = re.compile(r"(.*), (The|An?|Les?|La|Das|Der|Die|El|Il)")
_DATED = re.compile(r"(.*?)\s*\((\d{4})\)\s*")
_BROKEN_ENTITY = re.compile(r"&(amp|#\d+|\w{2,6})\t")

Table = dict[str, Any]


def catalogue(name: str, folder: Path) -> tuple[Dataset, tuple[str, ...]]:
    """The dataset called `name` in the data folder, and the item columns that tell of an item."""
    events, items, least = _READERS[name](folder / name)
    told = tuple(column for column in items if column != "item_id")
    words = [
        " ".join(str(items[column][at]) for column in told) for at in range(len(items[told[0]]))
    ]
    drawn = np.random.default_rng(0).permutation(len(words))
    data = Dataset.from_frame(
        events,
        items={
            **items,
            "another": [words[at] for at in drawn],
            "noise": [f"word{at}" for at in range(len(words))],
        },
        text=[column for column in ("title", "another", "noise") if column != "genres"],
        label=[column for column in told if column == "genres"],
        category=[column for column in told if column not in ("title", "genres")],
        min_value=least,
    )
    return data, told


def without_words(name: str, folder: Path) -> Dataset:
    """The dataset called `name` in the data folder, of whose items nothing is told."""
    events, items, least = _READERS[name](folder / name)
    return Dataset.from_frame(events, items={"item_id": items["item_id"]}, min_value=least)


def _film(title: str) -> tuple[str, str]:
    """ "Matrix, The (1999)" as "The Matrix" and "1990s"."""
    dated = _DATED.fullmatch(title)
    name, year = (dated[1], dated[2]) if dated else (title.strip(), "")
    turned = _ARTICLE.fullmatch(name)
    return (f"{turned[2]} {turned[1]}" if turned else name), (f"{year[:3]}0s" if year else "")


def _ml_100k(folder: Path) -> tuple[Table, Table, float | None]:
    log = np.loadtxt(folder / "u.data", dtype=np.int64)
    names = [line.split("|")[0] for line in (folder / "u.genre").read_text().splitlines() if line]
    items: Table = {"item_id": [], "title": [], "genres": [], "decade": []}
    for line in (folder / "u.item").read_text("latin-1").splitlines():
        number, title, _, _, _, *flags = line.split("|")
        name, decade = _film(title)
        genres = [genre for genre, flag in zip(names, flags, strict=True) if flag == "1"]
        _append(items, int(number), name, "|".join(genres), decade)
    events = {"user_id": log[:, 0], "item_id": log[:, 1], "rating": log[:, 2], "time": log[:, 3]}
    return events, items, 4


def _ml_latest_small(folder: Path) -> tuple[Table, Table, float | None]:
    items: Table = {"item_id": [], "title": [], "genres": [], "decade": []}
    for row in _rows(folder / "movies.csv"):
        genres = "" if row["genres"].startswith("(") else row["genres"]
        name, decade = _film(row["title"])
        _append(items, int(row["movieId"]), name, genres, decade)
    log = np.genfromtxt(folder / "ratings.csv", delimiter=",", skip_header=1)
    events = {
        "user_id": log[:, 0].astype(int),
        "item_id": log[:, 1].astype(int),
        "rating": log[:, 2],
        "time": log[:, 3].astype(int),
    }
    return events, items, 4


def _book_crossing(folder: Path) -> tuple[Table, Table, float | None]:
    log = np.loadtxt(folder / "book_history.dat", dtype=np.int64, skiprows=1)
    items: Table = {"item_id": [], "title": [], "author": [], "publisher": [], "decade": []}
    for line in (folder / "items_info.dat").read_text("utf-8").splitlines()[1:]:
        # Somebody cut lines at semicolons, those of HTML entities too.
        mended = _BROKEN_ENTITY.sub(lambda found: html.unescape(f"&{found[1]};"), line)
        number, _, title, author, year, publisher, *_ = [*mended.split("\t"), "", "", ""]
        decade = f"{year[:3]}0s" if re.fullmatch(r"[12]\d{3}", year) else ""
        _append(items, int(number), title, author, publisher, decade)
    return {"user_id": log[:, 0], "item_id": log[:, 1]}, items, None


def _spotify_playlists(folder: Path) -> tuple[Table, Table, float | None]:
    items: Table = {"item_id": [], "title": [], "artist": [], "album": [], "decade": []}
    pairs: dict[tuple[str, str], None] = {}
    met = set()
    for row in _rows(folder / "spotify_songs.csv"):
        track = row["track_id"]
        pairs[row["playlist_id"], track] = None
        if track not in met:
            met.add(track)
            decade = f"{row['track_album_release_date'][:3]}0s"
            words = (row["track_name"], row["track_artist"], row["track_album_name"])
            _append(items, track, *words, decade)
    playlists, tracks = zip(*pairs, strict=True)
    return {"user_id": list(playlists), "item_id": list(tracks)}, items, None


def _rows(file: Path) -> csv.DictReader[str]:
    return csv.DictReader(file.read_text("utf-8").splitlines())


def _append(table: Table, *cells: Any) -> None:
    for column, cell in zip(table.values(), cells, strict=True):
        column.append(cell)


_READERS: Mapping[str, Callable[[Path], tuple[Any, Table, float | None]]] = {
    "ml-100k": _ml_100k,
    "ml-latest-small": _ml_latest_small,
    "book-crossing": _book_crossing,
    "spotify-playlists": _spotify_playlists,
}
NAMES = tuple(_READERS)

# For a generative language model, whose next word would be the title of another.
UNFINISHED: Mapping[str, str] = {
    "ml-100k": 'If you like the movie "{title}", you will also like the movie "',
    "ml-latest-small": 'If you like the movie "{title}", you will also like the movie "',
    "book-crossing": 'If you like the book "{title}" by {author}, you will also like the book "',
    "spotify-playlists": (
        'If you like the song "{title}" by {artist}, you will also like the song "'
    ),
}
