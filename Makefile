# Everything starts here: `make help` lists it.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin

# Tests start the command hundreds of times: compiling it each time would take a third of their time.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup run test unit whole contract browser check format lint types layers bench bench-scale chaos demo messages requirements clean

help: ## List every target
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 16

$(VENV)/.base: requirements/base.txt requirements/build.txt pyproject.toml
	@$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11))" || { echo "Python 3.11 or newer is needed: set PYTHON to it, like PYTHON=/usr/bin/python3.11"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing what Cordially needs (once)…"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/base.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/build.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.dev: $(VENV)/.base requirements/dev.txt
	@echo "Installing what the tests need (once)…"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@touch $@

setup: $(VENV)/.base ## Make the environment, nothing else

run: $(VENV)/.base ## Start everything with a demo event; PORT=… chooses the port
	@exec $(BIN)/cordially serve --with-demo

demo: $(VENV)/.base ## The whole story in the shell: import, send, watch, summary
	@$(BIN)/cordially demo

test: unit whole contract browser ## Run the tests, all four kinds

unit: $(VENV)/.dev ## Tests within one process, on SQLite
	@$(BIN)/python -m pytest -n 2 --dist worksteal -m "not browser and not process"

whole: $(VENV)/.dev ## Tests that start whole processes; they mostly wait, so more at a time than there are cores
	@$(BIN)/python -m pytest -n 3 --dist worksteal -m "process"

contract: $(VENV)/.dev ## Every test that touches a database once more, on PostgreSQL and with Redis
	@$(BIN)/python -m tests.contract -n 2 -m "not browser"

browser: $(VENV)/.dev ## Tests that play the host in a real browser
	@$(BIN)/python -m pytest -m browser

format: $(VENV)/.dev ## Write every file in the house format
	@$(BIN)/ruff format src tests benchmarks chaos translations
	@$(BIN)/ruff check --fix --quiet src tests benchmarks chaos translations || true

lint: $(VENV)/.dev ## Format and lint, without changing anything
	@$(BIN)/ruff format --check src tests benchmarks chaos translations
	@$(BIN)/ruff check src tests benchmarks chaos translations

types: $(VENV)/.dev ## mypy, strict
	@$(BIN)/mypy

layers: $(VENV)/.dev ## Imports run downwards only
	@$(BIN)/lint-imports

check: lint types layers test ## All of CI

bench: $(VENV)/.dev ## Measure speed and memory; docs/performance.md explains the figures
	@$(BIN)/python -m benchmarks

bench-scale: $(VENV)/.dev ## Measure a fleet on PostgreSQL and Redis; PARTS="workers growth" chooses
	@$(BIN)/python -m benchmarks.scale $(PARTS)

chaos: $(VENV)/.dev ## Kill and disturb it for minutes, then compare with Twilio's record; docs/chaos.md
	@$(BIN)/python -m chaos

messages: $(VENV)/.base ## Bring the translations up to date with the code; lists what is missing
	@$(BIN)/python -m translations

requirements: $(VENV)/.base ## Compile requirements/*.txt anew from *.in
	@$(BIN)/python -m pip install --quiet pip-tools
	@for name in base build dev; do $(BIN)/pip-compile --quiet --upgrade --generate-hashes --allow-unsafe --strip-extras \
	  --no-emit-index-url --no-emit-trusted-host --no-emit-find-links \
	  --output-file requirements/$$name.txt requirements/$$name.in; done

clean: ## Remove the environment and caches; the data folder stays
	@rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .import_linter_cache build src/*.egg-info
