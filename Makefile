# make demo [ENV=smoke]: everything from nothing to a video with music. Needs Python 3.11 or 3.12 and make only.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help setup demo test test-flow fuzz docs gpu-benchmarks lint

BIN := .venv/bin
STAMP := .venv/.setup-done
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder --max-worker-restart 0
ENV ?=
ARGS ?=

help: ## this list
	@sed -nE 's/^([a-z-]+):[^#]*## (.*)/make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 22

setup: $(STAMP) ## the environment in .venv, from requirements.lock

demo: setup ## the whole flow, then music for one held-out clip; ENV=smoke for a quick one, ENV=paper for the paper's scale
	$(BIN)/kedro run $(if $(ENV),--env $(ENV))
	$(BIN)/python -m vmas_pipeline.pipelines.demo $(if $(ENV),--env $(ENV))

test: setup ## the tests; ARGS="-k curation" for some of them
	$(PYTEST) -m "not flow" $(ARGS)

test-flow: setup ## the tests that run or kill the flow, trainings, experiments and servers as a user does
	$(PYTEST) -m flow $(ARGS)

fuzz: setup ## 500 damaged videos through curation and generation; VMAS_MUTATIONS=N for another number
	VMAS_MUTATIONS=$(or $(VMAS_MUTATIONS),500) $(BIN)/python -m pytest -s tests/media/test_mutations.py

gpu-benchmarks: setup ## what a GPU should answer, a JSON object a line; ARGS="train zero" for some of it
	@$(BIN)/python benchmarks/gpu.py $(ARGS)

docs: setup ## docs/configuration.md, from the dataclasses of the parameters
	$(BIN)/python docs/configuration.py

lint: setup ## style, types and import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# sync may not keep what the lock does not name, so the project itself is installed after it, each time.
$(STAMP): requirements.lock pyproject.toml
	@set -e; [ -x $(BIN)/python ] || { \
	  for p in python3.11 python3.12 python3 python; do \
	    if $$p -c 'import sys, ensurepip, venv; sys.exit(sys.version_info[:2] not in ((3, 11), (3, 12)))' 2>/dev/null; then found=$$p; break; fi; \
	  done; \
	  [ -n "$$found" ] || { echo "make setup: needs Python 3.11 or 3.12 with its venv module; none of python3.11, python3.12, python3 is one" >&2; exit 1; }; \
	  echo "$$found -m venv .venv"; $$found -m venv .venv; }
	@[ -x $(BIN)/uv ] || $(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	VIRTUAL_ENV=$(CURDIR)/.venv $(BIN)/uv pip sync --quiet requirements.lock
	VIRTUAL_ENV=$(CURDIR)/.venv $(BIN)/uv pip install --quiet --no-deps --editable .
	@touch $@
