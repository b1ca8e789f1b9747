"""What commands print: tables for people, one JSON document for programs (`--json`)."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from penchant.protocols import Json


json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")


def print_json(document: Json) -> None:
    """Print a document; text that is not ASCII stays readable."""
    text = json.dumps(document, ensure_ascii=False, indent=2, allow_nan=False, default=dict)
    click.echo(text)


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print rows under headings; numbers to the right, no colour outside a terminal."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title or None, title_justify="left", box=box.SIMPLE_HEAD)
    for position, name in enumerate(columns):
        numeric = rows and all(_is_number(row[position]) for row in rows)
        table.add_column(name, justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(_cell(value)) for value in row))
    Console(width=None if sys.stdout.isatty() else 140).print(table)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) or (
        isinstance(value, str) and value.replace(".", "", 1).replace(",", "").isdigit()
    )


def _cell(value: object) -> str:
    if value is None:
        return ""
    return f"{value:.4f}" if isinstance(value, float) else str(value)
