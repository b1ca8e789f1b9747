"""A forked worker answers like its parent: nothing was started that a fork leaves behind."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

import numpy as np
import penchant
import pytest
from penchant import kernels
from penchant.testing.data import toy_dataset

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform can not fork")


def in_a_child(work: Any) -> None:
    """Run `work` in a forked child; a child that hangs is killed by its own alarm."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            signal.alarm(60)
            work()
            code = 0
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0, "the child failed, or hung and was killed"


@pytest.mark.filterwarnings("ignore:This process.*is multi-threaded:DeprecationWarning")
def test_batches_on_two_threads_work_before_and_after_a_fork(tmp_path: Path) -> None:
    penchant.fit(toy_dataset(), scorers=[penchant.use("mf.sgd", factors=8, epochs=2)]).save(
        tmp_path / "model"
    )
    model = penchant.load(tmp_path / "model")
    users = model.users.ids() * 300
    expected = model.recommend_many(users, threads=2)
    items = np.random.default_rng(0).standard_normal((50_000, 32), np.float32)
    index = kernels.ItemIndex(items)
    ranked = index.top_k(items[:64], 10, threads=2)

    def work() -> None:
        again = model.recommend_many(users, threads=2)
        assert again.ids == expected.ids
        assert again.scores.tobytes() == expected.scores.tobytes()
        assert (index.top_k(items[:64], 10, threads=2)[0] == ranked[0]).all()

    in_a_child(work)
    in_a_child(work)
    work()


def test_a_child_may_be_the_first_to_ask(tmp_path: Path) -> None:
    model = penchant.fit(toy_dataset(), scorers=["cf.ease"])

    def work() -> None:
        assert len(model.recommend_many(model.users.ids(), threads=2)) == len(model.users)
        penchant.fit(toy_dataset(), scorers=["cf.item_knn"], threads=2)
        sys.stdout.flush()

    in_a_child(work)
