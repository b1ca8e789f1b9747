"""Settings of the strategies; importing them costs nothing.

The defaults were chosen by RMSE on parts of the train folds of MovieLens 100K; README.md has the
figures.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class SgdSettings:
    """Settings of `mf.sgd`."""

    factors: int = field(default=64, metadata={"help": "length of the users' and items' vectors"})
    epochs: int = field(default=40, metadata={"help": "passes over the ratings, at the most"})
    learning_rate: float = field(
        default=0.03, metadata={"help": "step of the first epoch; lower it if a fit diverges"}
    )
    decay: float = field(
        default=0.95, metadata={"help": "what each epoch multiplies the learning rate by"}
    )
    regularization: float = field(
        default=0.12, metadata={"help": "pull of the vectors towards zero, for each rating"}
    )
    bias_regularization: float = field(
        default=0.03, metadata={"help": "pull of the biases towards zero, for each rating"}
    )

    def __post_init__(self) -> None:
        if not 1 <= self.factors <= 512:
            raise ValueError(f"factors must be from 1 to 512, got {self.factors}")
        if self.epochs < 1:
            raise ValueError(f"epochs must be at least 1, got {self.epochs}")
        if not (math.isfinite(self.learning_rate) and self.learning_rate > 0):
            raise ValueError(f"learning_rate must be greater than 0, got {self.learning_rate}")
        if not 0 < self.decay <= 1:
            raise ValueError(f"decay must be greater than 0 and at most 1, got {self.decay}")
        for name in ("regularization", "bias_regularization"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= 0):
                raise ValueError(f"{name} must be at least 0, got {value}")
