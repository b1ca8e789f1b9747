"""An example plugin."""

PENCHANT_API = 1
