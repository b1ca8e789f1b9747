"""Measuring: who is called when, and what is made of the times."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from penchant.benchmark import PeakMemory, Turns, machine, memory, take_turns
from penchant.benchmark.environment import _processor, installed


def test_contestants_take_turns_and_the_order_is_reversed_in_every_second_round() -> None:
    asked: list[tuple[str, int]] = []
    contestants = {name: lambda n, name=name: asked.append((name, n)) for name in "ab"}
    turns = take_turns(contestants, rounds=2, calls=2, warm_up=1)
    assert asked[:2] == [("a", 0), ("b", 0)]  # not timed
    assert asked[2:6] == [("a", 0), ("a", 1), ("b", 0), ("b", 1)]
    assert asked[6:] == [("b", 2), ("b", 3), ("a", 2), ("a", 3)]
    assert [len(taken) for taken in turns.seconds["a"]] == [2, 2]


def test_no_round_is_begun_after_the_deadline_but_one_is_always_run() -> None:
    asked: list[int] = []
    turns = take_turns({"a": asked.append}, rounds=5, calls=1, warm_up=0, until=0.0)
    assert asked == [0]
    assert len(turns.seconds["a"]) == 1


def test_a_ratio_is_the_median_over_rounds_so_one_bad_round_changes_nothing() -> None:
    turns = Turns(
        {
            "ours": [np.array([1.0, 1.0]), np.array([1.0]), np.array([90.0])],
            "theirs": [np.array([2.0, 2.0]), np.array([3.0]), np.array([90.0])],
        }
    )
    assert turns.times_as_fast("ours", "theirs") == 2.0
    assert turns.times_as_fast("theirs", "ours") == 0.5
    assert turns.median("ours") == 1.0
    assert turns.percentile("ours", 100) == 90.0


def test_the_machine_names_versions_and_none_for_what_is_not_installed() -> None:
    facts = machine("no-such-distribution")
    assert facts["numpy"] == np.__version__
    assert facts["no-such-distribution"] is None
    assert isinstance(facts["cores"], int)
    assert facts["cores"] >= 1
    assert installed("pytest") == pytest.__version__


def test_without_cpuinfo_the_processor_is_what_python_calls_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("penchant.benchmark.environment._CPUINFO", tmp_path / "missing")
    assert _processor()
    monkeypatch.setattr("penchant.benchmark.environment._CPUINFO", tmp_path / "there")
    (tmp_path / "there").write_text("flags : fma\nmodel name\t: Abacus 9\n", "ascii")
    assert _processor() == "Abacus 9"


def test_memory_is_read_from_the_system_and_none_where_it_does_not_say(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    smaps = tmp_path / "smaps_rollup"
    monkeypatch.setattr("penchant.benchmark.environment._SMAPS", smaps)
    assert memory() is None
    smaps.write_text("00400000-7fff [rollup]\nRss:  2000 kB\nPss:  1000 kB\n", "ascii")
    assert memory() == {"rss": 2.048, "pss": 1.024}


def test_the_peak_of_memory_is_that_of_the_block() -> None:
    np.ones(20_000_000)  # before it: 160 MB that don't count
    with PeakMemory() as peak:
        np.ones(10_000_000)
    if peak.megabytes is None:
        pytest.skip("this system does not say what memory a process needed")
    assert 75 < peak.megabytes < 120


def test_no_memory_is_told_where_the_system_does_not_say(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("penchant.benchmark.environment._CLEAR", tmp_path / "not" / "there")
    with PeakMemory() as peak:
        pass
    assert peak.megabytes is None
