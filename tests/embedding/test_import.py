"""Importing and answering stay light: what is rarely used is imported when it is used."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

HEAVY = {"scipy", "pandas", "polars", "pyarrow", "duckdb", "torch", "onnxruntime", "tokenizers"}


def modules_after(code: str, folder: Path) -> set[str]:
    """The top-level modules that a fresh interpreter has imported after running `code`."""
    listed = "import json, sys; print(json.dumps(sorted({n.split('.')[0] for n in sys.modules})))"
    run = subprocess.run(
        [sys.executable, "-c", f"{code}\n{listed}"],
        capture_output=True,
        text=True,
        check=True,
        cwd=folder,
        timeout=100,
    )
    return set(json.loads(run.stdout.splitlines()[-1]))


def test_importing_penchant_imports_next_to_nothing(tmp_path: Path) -> None:
    loaded = modules_after("import penchant", tmp_path)
    assert "penchant" in loaded
    assert not loaded & (HEAVY | {"numpy", "narwhals", "rich", "click", "pluggy"})


def test_fitting_and_asking_need_no_heavy_library(tmp_path: Path) -> None:
    code = """
import penchant
events = penchant.Dataset.from_frame({"user_id": [1, 1, 2], "item_id": [1, 2, 1]})
model = penchant.fit(events, scorers=["cf.ease"])
model.save("model")
assert penchant.load("model").recommend(2).ids == [2]
"""
    loaded = modules_after(code, tmp_path)
    assert {"penchant", "penchant_cf", "numpy"} <= loaded
    assert not loaded & (HEAVY | {"rich", "penchant_mf", "penchant_onnx"})


def test_a_loaded_model_answers_and_takes_up_an_item_without_masked_arrays(tmp_path: Path) -> None:
    made = """
import penchant
events = penchant.Dataset.from_frame(
    {"user_id": [1, 1, 2], "item_id": [1, 2, 1]},
    items={"item_id": [1, 2, 3], "title": ["a pear", "a fig", "an old fig"]},
)
penchant.fit(events, scorers=["content.text"]).save("model")
"""
    modules_after(made, tmp_path)
    code = """
import penchant, sys
model = penchant.load("model").with_items([{"item_id": 4, "title": "a fig"}])
assert model.recommend_many([1], candidates=[[4, 4, 9]]).ids == [4]
assert "numpy.ma" not in sys.modules  # 40 ms, that the first caller of np.unique waits
"""
    modules_after(code, tmp_path)


def test_the_builtins_work_without_any_plugin(tmp_path: Path) -> None:
    code = """
import penchant
events = penchant.Dataset.from_frame({"user_id": [1, 1, 2], "item_id": [1, 2, 1]})
model = penchant.fit(events, scorers=["base.popular"], registry=penchant.Registry({}))
assert model.recommend(2).ids == [2]
"""
    loaded = modules_after(code, tmp_path)
    assert not {name for name in loaded if name.startswith("penchant_")}


def test_every_public_name_can_be_imported() -> None:
    import penchant
    from penchant import evaluation

    for module in (penchant, evaluation):
        for name in module.__all__:
            assert getattr(module, name) is not None
        assert set(module.__all__) <= set(dir(module))
