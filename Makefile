PYTHON ?= python3
BIN := .venv/bin
WORKERS ?= 2
TORCH ?= torch==2.13.0

.PHONY: demo test test-slow test-peers numbers lint bench docs wheel programs clean

demo: .venv/demo
	$(BIN)/snn2ode validate chang2025 --parameter EI.probability --values 0.5:1.0:11 --duration 3000 --seed 1 \
		--aspects rates,attractors,bifurcations --out demo
	@echo "Open demo/report.html"

test: .venv/test
	$(BIN)/python -m pytest -n $(WORKERS)

test-slow: .venv/test
	$(BIN)/python -m pytest -n $(WORKERS) -m "slow or not slow"

numbers: .venv/test
	$(BIN)/python -m pytest -s -q tests/papers tests/convergence tests/reduction/test_published.py \
		tests/spiking/test_exact.py tests/spiking/test_bridge.py

lint: .venv/lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: .venv/bench .venv/peers/installed .venv/nnmt/installed
	$(BIN)/python -m pytest tests/benchmarks -o addopts="" -p no:xdist -s
	.venv/peers/bin/python -m pytest tests/benchmarks/test_simulators.py -o addopts="" -p no:xdist -s

# Brian2 2.9 wants an older numpy, so the peers have an environment of their own.
test-peers: .venv/peers/installed
	.venv/peers/bin/python -m pytest -n $(WORKERS) tests/spiking/test_peers.py

docs: .venv/docs .venv/torch
	$(BIN)/python -m sphinx -W --keep-going $(SPHINX) -b html docs docs/_build/html

wheel: .venv/test
	$(BIN)/python -m build

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/demo: pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install -q -e .
	@touch $@

.venv/%: pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install -q -e ".[$*]"
	@touch $@

# For the layers of spiking.torch. TORCH="torch --index-url https://download.pytorch.org/whl/cpu" is the build without CUDA.
.venv/torch: | .venv/bin/python
	$(BIN)/python -m pip install -q $(TORCH) "scikit-learn>=1.4"
	@touch $@

.venv/peers/installed: pyproject.toml
	test -x .venv/peers/bin/python || $(PYTHON) -m venv .venv/peers
	.venv/peers/bin/python -m pip install -q -e ".[test,bench,brian2,nest]" "numpy<2.4"
	@touch $@

.venv/nnmt/installed:
	test -x .venv/nnmt/bin/python || $(PYTHON) -m venv .venv/nnmt
	.venv/nnmt/bin/python -m pip install -q nnmt==1.3.0
	@touch $@

# Programs that exported models and reports are tested with, from Debian; without them those tests are skipped.
programs:
	apt-get update -q
	apt-get install -q -y --no-install-recommends auto-07p xppaut gfortran texlive-latex-base \
		texlive-latex-recommended chromium

clean:
	rm -rf .venv build dist *.egg-info docs/_build docs/gallery demo
