"""The user's own items, as the options of a command name them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from penchant.data import Items


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


def augmentation_options(command: Any) -> Any:
    """Add `--drop-words`, `--drop-fields` and `--noise`."""
    for option in reversed(
        (
            click.option(
                "--drop-words",
                type=click.FloatRange(0, 1, max_open=True),
                default=0.0,
                show_default=True,
                help="Learn from copies of the texts too, with this share of words left out.",
            ),
            click.option(
                "--drop-fields", is_flag=True, help="Learn from copies without one column each."
            ),
            click.option(
                "--noise",
                type=click.FloatRange(0, 10, max_open=True),
                default=0.0,
                show_default=True,
                help="Error of what is learned from, relative to its length.",
            ),
        )
    ):
        command = option(command)
    return command


def read_items(items: Path, item: str) -> Items:
    """A table of items, as a fit would read it; or a .txt file, a text a line."""
    from penchant.data import Dataset, Items, Reading

    if items.suffix == ".txt":
        lines = items.read_text("utf-8").splitlines()
        return Items.of(list(range(len(lines))), texts={"text": lines})
    first = Reading().read(items, "items")[item][0]
    # A dataset is of events; one is enough to read the items.
    return Dataset.from_frame({"user_id": ["-"], item: [first]}, items=items, item=item).items
