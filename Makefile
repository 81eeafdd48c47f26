# Everything below works on a machine that has only Python >= 3.11, make and the package registry.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
ARGS   ?=

.DEFAULT_GOAL := help
.PHONY: help setup demo run check format test bench lock schemas clean

help:  ## Show the targets
	@awk -F':.*## ' '/^[a-z]+:.*## /{printf "  make %-8s %s\n", $$1, $$2}' Makefile

setup:  ## Install everything for development into .venv
	@$(PYTHON) tools/setup.py dev

demo:  ## See the bridge at work against the built-in sandbox (ARGS="--seconds 20")
	@$(PYTHON) tools/setup.py runtime
	@$(BIN)/python -m bridge demo $(ARGS)

run:  ## Run the worker, configured by environment or .env
	@$(PYTHON) tools/setup.py runtime
	@$(BIN)/python -m bridge run $(ARGS)

check: setup  ## Lint, types, layers, dependencies, Dockerfile
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/deptry .
	$(BIN)/hadolint Dockerfile
	$(BIN)/python tools/schemas.py --check

format: setup  ## Format and mend what can be mended by itself
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

test: setup  ## All tests (ARGS="-k name")
	$(BIN)/python -m pytest $(ARGS)

bench: setup  ## Measure the hot path; prints ratios, asserts nothing
	$(BIN)/python -m tests.bench $(ARGS)

lock: setup  ## Compile the hashed locks anew after a change of pyproject.toml
	@$(PYTHON) tools/lock.py

schemas: setup  ## Write docs/schemas/ from the payload models
	$(BIN)/python tools/schemas.py

clean:  ## Remove what the targets made
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis
