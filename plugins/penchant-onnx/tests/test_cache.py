"""Vectors on disk are the ones that would be made again, whatever happens to the file."""

from __future__ import annotations

import logging
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import penchant_onnx
import pytest
from penchant import Registry, use
from penchant.testing import EncoderContract
from penchant_onnx import cache
from penchant_onnx.cache import FILE, Cached


class Counting:
    """A text's vector is its length, its first letter and the kind; counts what it encodes."""

    dim = 3
    fingerprint = "counting"
    batch_invariant = True

    def __init__(self) -> None:
        self.ran: list[str] = []

    def encode(
        self, texts: Sequence[str], /, *, kind: Literal["document", "query"] = "document"
    ) -> Any:
        self.ran += texts
        rows = [(len(text), ord(text[:1] or " "), kind == "query") for text in texts]
        return np.array(rows, np.float32).reshape(-1, 3)


def cached(folder: Path, megabytes: int = 64) -> tuple[Cached, Counting]:
    inside = Counting()
    return Cached(inside, folder, megabytes), inside


def many(count: int) -> list[str]:
    return [f"{number:05}" for number in range(count)]


def test_the_next_process_encodes_only_what_is_new(tmp_path: Path) -> None:
    first, _ = cached(tmp_path)
    made = first.encode(["war", "love", "war"])
    second, inside = cached(tmp_path)
    again = second.encode(["peace", "love", "war"])
    assert inside.ran == ["peace"]
    assert again[[2, 1, 2]].tobytes() == made.tobytes()
    assert again.dtype == np.float32


def test_a_query_and_another_encoder_do_not_get_a_documents_vector(tmp_path: Path) -> None:
    encoder, inside = cached(tmp_path)
    encoder.encode(["war"])
    assert encoder.encode(["war"], kind="query")[0, 2] == 1
    other, others = cached(tmp_path)
    others.fingerprint = "another"
    other.encode(["war"])
    assert (inside.ran, others.ran) == (["war", "war"], ["war"])


def test_texts_of_any_kind_are_told_apart(tmp_path: Path) -> None:
    texts = ["", " ", "\0", "é", "e\u0301", "\ud800", "👩‍👩‍👧", "x" * 100_000]
    encoder, inside = cached(tmp_path)
    made = encoder.encode(texts)
    assert encoder.encode(texts[::-1])[::-1].tobytes() == made.tobytes()
    assert inside.ran == texts
    assert encoder.encode([]).shape == (0, 3)


def test_more_texts_than_a_block_keep_their_order(tmp_path: Path) -> None:
    texts = many(3000)
    encoder, inside = cached(tmp_path)
    made = encoder.encode(texts)
    assert encoder.encode(texts).tobytes() == made.tobytes() == Counting().encode(texts).tobytes()
    assert inside.ran == texts


def test_the_file_stays_within_its_size_and_the_longest_unused_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hours = iter(range(1, 10_000))
    monkeypatch.setattr(cache.time, "time", lambda: 3600.0 * next(hours))
    encoder, inside = cached(tmp_path, megabytes=1)
    encoder.encode(["kept"])
    for start in range(0, 40_000, 1000):
        encoder.encode([str(number) for number in range(start, start + 1000)])
        encoder.encode(["kept"])
    assert inside.ran.count("kept") == 1
    encoder.encode(["39999"])
    assert inside.ran.count("39999") == 1
    encoder.encode(["0"])
    assert inside.ran.count("0") == 2
    # One batch of a thousand rows may stand above the bound.
    assert (tmp_path / FILE).stat().st_size < (1 << 20) + 200_000


def test_a_use_is_noted_once_an_hour(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def used() -> list[int]:
        with sqlite3.connect(tmp_path / FILE) as connection:
            rows = connection.execute("SELECT used FROM texts").fetchall()
        connection.close()
        return [row[0] for row in rows]

    encoder, _ = cached(tmp_path)
    for now, noted in ((10_000, 10_000), (13_599, 10_000), (13_600, 13_600)):
        monkeypatch.setattr(cache.time, "time", lambda now=now: float(now))
        encoder.encode(["war"])
        assert used() == [noted]


def test_a_spoilt_vector_is_made_anew(tmp_path: Path) -> None:
    encoder, inside = cached(tmp_path)
    good = encoder.encode(["war", "love"])
    with sqlite3.connect(tmp_path / FILE) as connection:
        connection.execute("UPDATE vectors SET vector = zeroblob(length(vector)) WHERE id = 1")
        connection.execute("UPDATE vectors SET vector = substr(vector, 1, 5) WHERE id = 2")
    connection.close()
    assert encoder.encode(["war", "love"]).tobytes() == good.tobytes()
    assert encoder.encode(["war", "love"]).tobytes() == good.tobytes()
    assert inside.ran == ["war", "love"] * 2


def test_a_file_that_is_no_cache_is_left_alone_and_named_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / FILE).write_bytes(b"years of work" * 1000)
    encoder, inside = cached(tmp_path)
    with caplog.at_level(logging.WARNING, "penchant"):
        for _ in range(2):
            assert encoder.encode(["war"])[0, 0] == 3
    assert inside.ran == ["war", "war"]
    (message,) = caplog.messages
    assert "file is not a database" in message
    assert message.endswith("Give another folder as cache, or remove the file if it is damaged")
    assert (tmp_path / FILE).read_bytes() == b"years of work" * 1000


def test_a_folder_that_cannot_be_made_is_no_reason_to_fail(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("")
    encoder, _ = cached(tmp_path / "file" / "cache")
    with caplog.at_level(logging.WARNING, "penchant"):
        assert encoder.encode(["war"])[0, 0] == 3
    assert len(caplog.messages) == 1


def test_an_error_of_the_encoder_is_the_callers_and_keeps_nothing(tmp_path: Path) -> None:
    encoder, inside = cached(tmp_path)
    inside.encode = lambda *_, **__: 1 / 0  # type: ignore[assignment]
    with pytest.raises(ZeroDivisionError):
        encoder.encode(["war"])
    other, others = cached(tmp_path)
    other.encode(["war"])
    assert others.ran == ["war"]


WRITER = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from test_cache import cached
encoder, _ = cached(Path(sys.argv[2]))
for start in range(int(sys.argv[3]), int(sys.argv[4]), 50):
    encoder.encode([f"{number:05}" for number in range(start, start + 50)])
    print(start, flush=True)
"""


def writer(folder: Path, start: int, stop: int) -> subprocess.Popen[str]:
    given = [str(Path(__file__).parent), str(folder), str(start), str(stop)]
    command = [sys.executable, "-c", WRITER, *given]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)  # noqa: S603


def test_two_processes_write_and_a_killed_one_leaves_whole_batches(tmp_path: Path) -> None:
    living, killed = writer(tmp_path, 25, 10_000), writer(tmp_path, 0, 10_000_000)
    assert living.stdout is not None
    assert killed.stdout is not None
    while killed.stdout.readline() != "10000\n":  # so far both wrote the same texts
        assert killed.poll() is None
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    living.communicate(timeout=60)
    assert living.returncode == 0
    with sqlite3.connect(tmp_path / FILE) as connection:
        (written,) = connection.execute("SELECT count(*) FROM texts JOIN vectors USING (id)")
    connection.close()
    assert written[0] >= 10_050
    assert written[0] % 50 == 0
    texts = many(written[0] + 1)
    encoder, inside = cached(tmp_path)
    assert encoder.encode(texts).tobytes() == Counting().encode(texts).tobytes()
    assert inside.ran == texts[-1:]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_parent_and_child_of_a_fork_both_read_and_write(tmp_path: Path) -> None:
    encoder, inside = cached(tmp_path)
    encoder.encode(["before"])
    child = os.fork()
    if child == 0:
        encoder.encode(["before", "child"])
        os._exit(0 if inside.ran == ["before", "child"] else 1)
    encoder.encode(["before", "parent"])
    assert os.waitpid(child, 0)[1] == 0
    assert inside.ran == ["before", "parent"]
    again, inside = cached(tmp_path)
    again.encode(["before", "child", "parent"])
    assert inside.ran == []


def test_many_threads_get_what_one_gets(tmp_path: Path) -> None:
    encoder, _ = cached(tmp_path)
    texts = many(500)
    wrong: list[int] = []

    def work(start: int) -> None:
        some = texts[start:] + texts[:start]
        if encoder.encode(some).tobytes() != Counting().encode(some).tobytes():
            wrong.append(start)

    threads = [threading.Thread(target=work, args=(start,)) for start in range(0, 400, 50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_settings_out_of_range_are_refused() -> None:
    registry = Registry({"onnx": penchant_onnx})
    with pytest.raises(ValueError, match="cache must name a folder, or be left out, got ''"):
        registry.encoder(use("onnx.minilm", cache=""))
    with pytest.raises(ValueError, match="cache_megabytes must be at least 1, got 0"):
        registry.encoder(use("onnx.minilm", cache_megabytes=0))


class TestCached(EncoderContract):
    """The contract of every encoder, over a cache that fills while it runs."""

    name = "onnx.text"

    @pytest.fixture(autouse=True)
    def _cache(self, minilm: Path, tmp_path: Path) -> None:
        self.settings = {"path": str(minilm), "cache": str(tmp_path), "remember": 2}
