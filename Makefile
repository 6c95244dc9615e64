# Every target sets up what it needs. `make` alone prints this list.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed
OUT ?= demo
WORKERS ?= 2

# One thread each for BLAS and OpenMP: the tests already run side by side, and results must not hang on the machine.
export OMP_NUM_THREADS := 1
export TZ := UTC
export MLFLOW_DISABLE_TELEMETRY := true
export DO_NOT_TRACK := 1
# Without stored bytecode every process would compile its imports anew.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup system test static quick chaos test-spark demo lock clean

help:  ## Print this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(STAMP)  ## Make .venv from requirements.lock (only if it or pyproject.toml changed)

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || \
	  { echo "Leadlight needs Python 3.11, 3.12 or 3.13, and $(PYTHON) is not one. Try: make setup PYTHON=python3.12" >&2; exit 1; }
	@echo 'Installing the locked packages into .venv (some minutes the first time) ...'
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --no-compile --no-deps \
	  --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

system:  ## Install Debian's chromium and postgresql, for the tests that need them, where apt-get can
	@if command -v chromium >/dev/null && ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1; then :; \
	elif command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ]; then \
	  echo 'Installing chromium (tests of the review pages) and postgresql (tests of the store) by apt-get ...'; \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium postgresql >/dev/null; \
	else echo 'Without chromium and postgresql (Debian names) the tests that need them are skipped.' >&2; fi

test: static system  ## Everything that must be green: lint, format, types, import contracts, all tests
	$(BIN)/pytest -n $(WORKERS) --dist loadfile -m "not chaos and not spark"
	$(BIN)/pytest -m chaos

static: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

quick: static  ## The same without the slow tests, those on real data, and those that need a browser or a fight
	$(BIN)/pytest -n $(WORKERS) --dist loadfile -m "not slow and not realdata and not spark and not browser and not chaos"

test-spark: setup  ## The tests that need Spark; installs the extra first, and Java where apt-get can
	@command -v java >/dev/null || { echo 'Installing Java for Spark ...'; apt-get update -qq && apt-get install -y -qq default-jre-headless; }
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --require-hashes -r requirements-spark.lock
	$(BIN)/pytest -m spark

demo: setup  ## A simulated company from export to report, in OUT=demo
	$(BIN)/leadlight demo --out $(OUT)

lock:  ## Resolve requirements.lock anew from pyproject.toml (needs uv)
	uv pip compile pyproject.toml --universal --python-version 3.11 --extra dev --generate-hashes \
	  --no-header --no-emit-index-url --no-emit-find-links --quiet --upgrade --output-file requirements.lock
	printf 'pyspark>=4.0,<5\n' | uv pip compile - --universal --python-version 3.11 --generate-hashes --no-annotate \
	  --no-header --no-emit-index-url --no-emit-find-links --quiet --upgrade --output-file requirements-spark.lock

clean:  ## Remove what can be made again, .venv included
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis build demo *.egg-info
	find features models pipelines serving tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +
