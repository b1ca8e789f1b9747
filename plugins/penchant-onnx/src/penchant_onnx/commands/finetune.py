"""`penchant onnx finetune FOLDER -o FOLDER --events TABLE --items TABLE`."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import click

from penchant_onnx.commands.catalogue import augmentation_options, item_options


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True)
@click.option(
    "--events", type=click.Path(path_type=Path), required=True, help="Table of who did what."
)
@item_options
@click.option("--user", default="user_id", show_default=True, help="Column of user ids.")
@click.option("--min-value", type=float, help="Least value that is a liking.")
@click.option(
    "--all-weights",
    is_flag=True,
    help="Learn the model itself, from its PyTorch weights; needs penchant-onnx[export].",
)
@click.option(
    "--steps", type=click.IntRange(1), default=200, show_default=True, help="With --all-weights."
)
@augmentation_options
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@click.option("--threads", type=click.IntRange(1), default=1, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def finetune(
    folder: Path,
    output: Path,
    events: Path,
    items: Path,
    item: str,
    columns: tuple[str, ...],
    user: str,
    min_value: float | None,
    all_weights: bool,
    steps: int,
    drop_words: float,
    drop_fields: bool,
    noise: float,
    seed: int,
    threads: int,
    as_json: bool,
) -> None:
    """Teach the encoder in FOLDER which of your items are liked by the same people.

    A matrix is put behind its output, or all of its weights move. It is judged on likings from
    which it hasn't learned, and written only where it ranks them better.
    """
    from penchant import Dataset, Registry

    from penchant_onnx import finetune as module
    from penchant_onnx.augmentation import Augmentation

    data = Dataset.from_frame(events, items=items, user=user, item=item, min_value=min_value)
    make = partial(module.finetune_weights, steps=steps) if all_weights else module.finetune
    made = make(
        folder,
        output,
        data,
        Registry.discover(only={"onnx", "content"}),
        columns=columns or None,
        augmentation=Augmentation(drop_words, drop_fields, noise),
        seed=seed,
        threads=threads,
    )
    if as_json:
        figures = {"before": made.before, "after": made.after, "steps": made.steps}
        document = {"folder": str(output), **figures, "comparison": made.comparison.to_json()}
        click.echo(json.dumps(document, indent=2))
        return
    click.echo(
        f"NDCG@10 of content.text on held-out likings: {made.before:.4f} before, {made.after:.4f} "
        f"after {made.steps} steps; saved in {output}\n{made.comparison}"
    )
