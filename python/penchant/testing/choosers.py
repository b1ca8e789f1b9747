"""What is promised by every chooser."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import ClassVar

import pytest

from penchant.errors import FitCancelled
from penchant.protocols import Choice, FitContext, Kind
from penchant.testing import data as toys
from penchant.testing.contract import Contract


class ChooserContract(Contract):
    """The tests of a chooser."""

    kind: ClassVar[Kind] = "chooser"

    def _choice(self, context: FitContext) -> Choice:
        choice: Choice = self.build().choose(toys.toy_dataset(), context)
        return choice

    def test_the_choice_can_be_built_and_written_down(self) -> None:
        recommender = self._choice(FitContext()).recommender
        assert json.loads(json.dumps(recommender)) == recommender, "a recipe must be plain JSON"
        registry = self.registry()
        assert registry.kind_of(recommender["use"]) == "recommender", (
            f"a recommender must be chosen, got {recommender['use']!r}"
        )
        registry.recommender(recommender)

    def test_reasons_are_lines_of_plain_text(self) -> None:
        reasons = self._choice(FitContext()).reasons
        assert reasons, "a choice must give its reasons"
        for reason in reasons:
            assert reason.strip(), "a reason must say something"
            assert reason.isprintable(), f"a reason must be one line, got {reason!r}"

    def test_the_same_seed_chooses_the_same_for_any_threads(self) -> None:
        first = self._choice(FitContext(seed=3))
        for threads in (1, 2, 4):
            again = self._choice(FitContext(seed=3, threads=threads))
            assert again == first, f"another choice with {threads} threads"

    def test_a_choice_that_is_cancelled_raises(self) -> None:
        with pytest.raises(FitCancelled):
            self._choice(replace(FitContext(), cancelled=lambda: True))
