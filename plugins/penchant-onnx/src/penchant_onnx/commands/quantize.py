"""`penchant onnx quantize FOLDER -o FOLDER`."""

from __future__ import annotations

import json
from pathlib import Path

import click


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True)
@click.option(
    "--target",
    type=click.Choice(["any", "vnni", "arm64"]),
    default="any",
    show_default=True,
    help="Processors that shall run it: any, or x86 with VNNI or arm64 alone (one bit finer).",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def quantize(folder: Path, output: Path, target: str, as_json: bool) -> None:
    """Make a folder with the int8 graph of the encoder in FOLDER.

    A text's vector has the same bits in every batch. Needs the package onnx.
    """
    from penchant_onnx.quantize import quantize as make

    manifest = make(folder, output, target=target)  # type: ignore[arg-type]
    if as_json:
        click.echo(json.dumps(manifest, indent=2))
        return
    size = sum(file.stat().st_size for file in output.rglob("*") if file.is_file())
    click.echo(f"{output}: int8 for {target}, {size / 1e6:.1f} MB")
