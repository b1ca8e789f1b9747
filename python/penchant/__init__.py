"""penchant."""

from penchant.components import Component, Spec, use
from penchant.hookspecs import hookimpl

__all__ = ["Component", "Spec", "hookimpl", "use"]
