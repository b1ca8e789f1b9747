"""What every encoder around an encoder shares: it is the same function from text to vector."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from penchant.protocols import Encoder


class Wrapping:
    """Answers for the encoder inside; `encode` is left to the wrapper.

    A kept vector is right only where the encoder inside is batch-invariant: it then has the same
    bits whether it is kept or made anew.
    """

    batch_invariant = True

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder

    @property
    def dim(self) -> int:
        """Length of a vector."""
        return self._encoder.dim

    @property
    def fingerprint(self) -> str:
        """The fingerprint of the encoder inside."""
        return self._encoder.fingerprint

    @property
    def folder(self) -> Path | None:
        """The folder of the encoder inside, if it has one."""
        folder: Path | None = getattr(self._encoder, "folder", None)
        return folder
