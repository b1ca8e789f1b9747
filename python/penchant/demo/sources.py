"""Which data the demo runs on, and in which words it asks."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from penchant.errors import DataError

if TYPE_CHECKING:
    from penchant.data import Dataset


@dataclass(frozen=True)
class DemoData:
    """A data set of the demo: its name, what to say about it, and a question in words."""

    name: str
    note: str
    question: str
    dataset: Dataset


_MOVIELENS = ("ratings.csv", "movies.csv")
_WINES = ("XWines_Test_1K_ratings.csv", "XWines_Test_100_wines.csv")


def find(folder: Path | None) -> DemoData:
    """Read `folder`, else the clone's MovieLens, else the wheel's wines.

    Raises DataError for a folder that holds neither layout.
    """
    if folder is not None:
        if _has(folder, _MOVIELENS):
            return _movielens(folder, f"MovieLens files of {folder}")
        if _has(folder, _WINES):
            return _wines(folder, f"X-Wines files of {folder}")
        raise DataError(
            f"{str(folder)!r} holds neither {' and '.join(_MOVIELENS)} nor {' and '.join(_WINES)}; "
            "for data of your own: penchant fit ratings.csv -o model/"
        )
    # Three levels up from python/penchant/demo is the clone, unless the package was installed.
    for clone in (Path(__file__).resolve().parents[3], Path.cwd()):
        films = clone / "examples" / "data" / "movielens-small"
        if _has(films, _MOVIELENS):
            return _movielens(films, "MovieLens latest-small of examples/data/movielens-small")
    wines = Path(__file__).resolve().parents[1] / "datasets" / "wines"
    return _wines(wines, "100 wines of X-Wines, shipped in the package")


def _has(folder: Path, names: tuple[str, ...]) -> bool:
    return all((folder / name).is_file() for name in names)


def _movielens(folder: Path, note: str) -> DemoData:
    from penchant.data import Dataset

    dataset = Dataset.from_frame(
        folder / "ratings.csv",
        items=folder / "movies.csv",
        user="userId",
        item="movieId",
        rating_range=(0.5, 5),
        min_value=4,
    )
    terms = "by GroupLens, for research and without commercial use; its README says more"
    return DemoData("films", f"{note} ({terms})", "space adventure with robots", dataset)


def _wines(folder: Path, note: str) -> DemoData:
    from penchant.data import Dataset

    dataset = Dataset.from_frame(
        folder / "XWines_Test_1K_ratings.csv",
        items=folder / "XWines_Test_100_wines.csv",
        user="UserID",
        item="WineID",
        value="Rating",
        time="Date",
        ignore=("Code", "RegionID", "WineryID", "Website", "Vintages", "Elaborate"),
        text=("WineName",),
        rating_range=(1, 5),
        min_value=4,
    )
    return DemoData("wines", f"{note} (CC0)", "red wine for grilled beef", dataset)
