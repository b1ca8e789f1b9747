"""The user's own items, as the options of a command name them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click


def item_options(command: Any) -> Any:
    """Add `--items`, `--item` and `--column`."""
    for option in reversed(
        (
            click.option(
                "--items",
                type=click.Path(path_type=Path),
                required=True,
                help="Table of items (.csv, .parquet).",
            ),
            click.option("--item", default="item_id", show_default=True, help="Column of ids."),
            click.option(
                "--column",
                "columns",
                multiple=True,
                help="Column to read; may be repeated. All texts, categories and labels without.",
            ),
        )
    ):
        command = option(command)
    return command


def item_texts(items: Path, item: str, columns: tuple[str, ...]) -> list[str]:
    """The texts of a table of items, as `content.text` reads them."""
    from penchant.data import Dataset, Reading

    if items.suffix == ".txt":
        return items.read_text("utf-8").splitlines()
    first = Reading().read(items, "items")[item][0]
    # A dataset is of events; one is enough to read the items as a fit would.
    data = Dataset.from_frame({"user_id": ["-"], item: [first]}, items=items, item=item)
    return data.items.texts(columns or None)
