"""`penchant demo`: every strategy on real data, in under two minutes."""

from __future__ import annotations

import tempfile
from pathlib import Path

import click

from penchant.cli.fit import refuse_strangers
from penchant.cli.output import json_option, print_json
from penchant.cli.progress import bars


@click.command()
@click.option("--data", type=click.Path(path_type=Path), help="Folder in MovieLens layout.")
@click.option("--encoder", type=click.Path(path_type=Path), help="Folder of a text encoder.")
@click.option(
    "--save",
    type=click.Path(path_type=Path),
    help="Where to save the model; else in a temporary folder.",
)
@json_option
def demo(data: Path | None, encoder: Path | None, save: Path | None, as_json: bool) -> None:
    """Fit and compare strategies on real data, and show what they recommend.

    Runs on the folder given, else on the films of a clone, else on the wines of the package.
    """
    from penchant.demo.story import run

    if save is not None:
        refuse_strangers(save)
    folder = save or Path(tempfile.mkdtemp(prefix="penchant-demo-")) / "model"
    with bars() as progress:
        figures = run(
            data=data,
            encoder=encoder,
            save=folder,
            say=(lambda line: click.echo(line, err=True)) if as_json else click.echo,
            progress=progress,
        )
    if as_json:
        print_json(figures)
