"""`penchant inspect`: what a saved model is made of, read from its manifest alone."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from penchant.cli.output import json_option, print_json, print_table


@click.command()
@click.argument("folder", metavar="MODEL", type=click.Path(path_type=Path))
@json_option
def inspect(folder: Path, as_json: bool) -> None:
    """Show the components, facts and files of a saved model; nothing of it is loaded."""
    from penchant import artifact

    manifest = artifact.inspect(folder)
    if as_json:
        print_json(manifest)
        return
    model: Any = manifest["model"]
    files: Any = manifest["files"]
    size = sum(int(file["size"]) for file in files.values())
    click.echo(f"{folder}: format {manifest['format']}, {len(files)} files, {size / 1e6:.1f} MB")
    _tree(model["recommender"], 0)
    for key, value in model["facts"].items():
        if isinstance(value, list):
            click.echo("".join([f"  {key}:", *(f"\n  - {one}" for one in value)]))
        elif isinstance(value, Mapping):
            click.echo(f"  {key}: {', '.join(f'{name} {one}' for name, one in value.items())}")
        else:
            click.echo(f"  {key}: {value}")
    print_table(
        "Files",
        ("file", "bytes", "dtype", "shape"),
        [
            (
                name,
                file["size"],
                file.get("dtype") or "",
                " x ".join(str(n) for n in file.get("shape") or ()),
            )
            for name, file in files.items()
        ],
    )


def _tree(spec: Mapping[str, Any], depth: int) -> None:
    plain = {k: v for k, v in spec.items() if k != "use" and not _holds_component(v)}
    listed = ", ".join(f"{key}={value!r}" for key, value in plain.items())
    click.echo(f"{'  ' * depth}{spec['use']}{f' ({listed})' if listed else ''}")
    for value in spec.values():
        for inner in value if isinstance(value, list) else [value]:
            if isinstance(inner, Mapping) and "use" in inner:
                _tree(inner, depth + 1)


def _holds_component(value: Any) -> bool:
    inner = value[0] if isinstance(value, list) and value else value
    return isinstance(inner, Mapping) and "use" in inner
