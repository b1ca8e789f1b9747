"""`penchant onnx export MODEL_DIR -o DIR`."""

from __future__ import annotations

import json
from pathlib import Path

import click

from penchant_onnx.commands.catalogue import item_options, read_items


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True)
@click.option(
    "--target", type=click.Choice(["any", "vnni", "arm64"]), default="any", show_default=True
)
@click.option(
    "--pooling",
    type=click.Choice(["mean", "cls", "max", "last"]),
    help="How token vectors become one, for a language model's folder: last for a generative one.",
)
@click.option("--layers", type=int, help="Keep so many of the first layers.")
@item_options
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def export(
    model: Path,
    output: Path,
    target: str,
    pooling: str | None,
    layers: int | None,
    items: Path,
    item: str,
    columns: tuple[str, ...],
    as_json: bool,
) -> None:
    """Export the PyTorch model in MODEL, a local folder, to graphs in fp32 and int8.

    MODEL is in sentence-transformers layout, or a language model's folder, or one with a GGUF file.

    Reports what int8 costs and keeps on your items. Needs penchant-onnx[export].
    """
    from penchant_onnx.comparing import compare
    from penchant_onnx.export import export as make
    from penchant_onnx.settings import TextSettings
    from penchant_onnx.text import OnnxText

    texts = read_items(items, item).texts(columns or None)
    make(model, output, target=target, pooling=pooling, layers=layers)  # type: ignore[arg-type]
    whole, small = (
        OnnxText(TextSettings(path=str(output), precision=precision))  # type: ignore[arg-type]
        for precision in ("fp32", "int8")
    )
    comparison = compare(whole, small, texts)
    if as_json:
        document = {"folder": str(output), "comparison": comparison.to_json()}
        click.echo(json.dumps(document, indent=2))
        return
    click.echo(f"{output}: fp32 before, int8 after\n{comparison}")
