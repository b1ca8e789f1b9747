"""`penchant onnx distil FOLDER -o FOLDER --items TABLE`."""

from __future__ import annotations

import json
from pathlib import Path

import click

from penchant_onnx.commands.catalogue import (
    augmentation_options,
    item_options,
    read_items,
)


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True)
@item_options
@click.option(
    "--student",
    type=click.Choice(["table", "dimensions"]),
    help="A table of token vectors, or fewer dimensions. Without it, the table if it keeps enough.",
)
@click.option(
    "--keep",
    type=click.FloatRange(0, 1),
    default=0.5,
    show_default=True,
    help="Share of the ten nearest that a table must keep.",
)
@click.option("--dimensions", type=click.IntRange(1), default=128, show_default=True)
@augmentation_options
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@click.option("--threads", type=click.IntRange(1), default=1, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def distil(
    folder: Path,
    output: Path,
    items: Path,
    item: str,
    columns: tuple[str, ...],
    student: str | None,
    keep: float,
    dimensions: int,
    drop_words: float,
    drop_fields: bool,
    noise: float,
    seed: int,
    threads: int,
    as_json: bool,
) -> None:
    """Make a faster or smaller student of the encoder in FOLDER, for your items.

    It is judged on a fifth of the items, from which it hasn't learned.
    """
    from penchant_onnx.augmentation import Augmentation, wordings
    from penchant_onnx.distil import distil as make

    augmentation = Augmentation(drop_words, drop_fields, noise)
    texts, *copies = wordings(read_items(items, item), columns or None, augmentation, seed)
    made = make(
        folder,
        output,
        texts,
        copies=copies,
        kind=student,  # type: ignore[arg-type]
        keep=keep,
        dimensions=dimensions,
        noise=noise,
        seed=seed,
        threads=threads,
    )
    if as_json:
        tried = {kind: comparison.to_json() for kind, comparison in made.tried.items()}
        click.echo(
            json.dumps({"folder": str(output), "student": made.kind, "tried": tried}, indent=2)
        )
        return
    for kind, comparison in made.tried.items():
        click.echo(f"{kind}{' (written)' if kind == made.kind else ''}\n{comparison}")
