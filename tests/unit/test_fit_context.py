"""What fits to one dataset leave for one another, and for nobody else."""

from __future__ import annotations

from penchant import Dataset
from penchant.protocols import FitContext


def dataset() -> Dataset:
    return Dataset.from_frame({"user_id": [1, 2], "item_id": ["a", "b"]})


def test_what_a_fit_leaves_is_found_by_the_next_to_the_same_data() -> None:
    data = dataset()
    shared = FitContext().sharing(data)
    shared.known(data)["mine", 0] = "left"
    assert shared.known(data) == {("mine", 0): "left"}
    assert shared.sharing(data) is shared


def test_other_data_find_nothing_be_they_equal() -> None:
    data, equal = dataset(), dataset()
    shared = FitContext().sharing(data)
    shared.known(data)["mine", 0] = "left"
    assert shared.known(equal) == {}
    shared.known(equal)["mine", 0] = "lost"
    assert shared.known(data) == {("mine", 0): "left"}
    assert shared.sharing(equal).known(equal) == {}


def test_without_sharing_nothing_is_kept() -> None:
    data, context = dataset(), FitContext()
    context.known(data)["mine", 0] = "left"
    assert context.known(data) == {}
