"""`penchant onnx`: commands that make encoders ready.

A command is a module here, which imports what it needs when it runs.
"""

from __future__ import annotations

import click

from penchant_onnx.commands.distil import distil
from penchant_onnx.commands.export import export
from penchant_onnx.commands.finetune import finetune
from penchant_onnx.commands.quantize import quantize


@click.group("onnx", short_help="Make text encoders ready for onnx.text")
def onnx() -> None:
    """Make text encoders ready for onnx.text."""


for command in (export, quantize, distil, finetune):
    onnx.add_command(command)
