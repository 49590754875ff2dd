# `make serve` runs Vivavoce from a fresh clone; `make test` checks everything. Both set up what they need, in .venv
# and in the model cache (~/.cache/vivavoce), and need only Python 3.11 or newer with its venv module.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
# Every version and hash is in the list, so nothing is left to resolve; wheels only, so nothing is compiled.
INSTALL := $(PIP) install --quiet --no-deps --only-binary :all: --require-hashes
COMPILE := $(BIN)/uv pip compile --no-config --universal --python-version 3.11 --generate-hashes --no-header \
           --no-annotate --no-emit-index-url --no-emit-find-links --fork-strategy fewest --quiet
# The stock clients that tests drive, apart from what Vivavoce itself needs.
CLIENTS := .venv-clients
NODE_CLIENTS := tests/clients/node
TEST_MODELS := kokoro qwen2.5-coder-0.5b speaker-embedder whisper-tiny.en
# What decides is tested by these alone, to the last branch; to measure the other tests too would double their time.
PURE := tests/core tests/protocol tests/oracle tests/properties tests/table
MODELS := tests/engines tests/e2e
STRICT_COVERAGE := src/vivavoce/core/*,src/vivavoce/protocol/*

.PHONY: help
help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: serve
serve: $(VENV)/.package ## set up, fetch the default models and serve (options: make serve ARGS="--port 8080")
	@$(BIN)/vivavoce models pull
	@exec $(BIN)/vivavoce serve $(ARGS)

.PHONY: test
test: check test-models clients ## every check and every test, with the coverage gate
	$(BIN)/coverage run -m pytest $(PURE)
	$(BIN)/coverage report --include='$(STRICT_COVERAGE)' --fail-under=100
	@$(MAKE) --no-print-directory --jobs 2 --output-sync=line test-engines test-others

# The tests with models compute and the others mostly wait, so `test` runs both at once.
.PHONY: test-engines test-others
test-engines:
	$(BIN)/pytest $(MODELS)
test-others:
	$(BIN)/pytest $(addprefix --ignore=,$(PURE) $(MODELS))

.PHONY: check
check: $(VENV)/.dev $(VENV)/.package ## lint, format, types and the dependency rule, without running tests
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

.PHONY: fmt
fmt: $(VENV)/.dev ## format the code and apply the linter's safe fixes
	$(BIN)/ruff check --fix-only --quiet
	$(BIN)/ruff format

.PHONY: models
models: $(VENV)/.package ## fetch the default models into the cache
	@$(BIN)/vivavoce models pull

# Not served by default, but their engines are tested too; without them those tests say that they were left out.
.PHONY: test-models
test-models: models
	@$(BIN)/vivavoce models pull $(TEST_MODELS) || echo "Testing without these models: $(TEST_MODELS)."

.PHONY: clients
clients: $(CLIENTS)/.done $(NODE_CLIENTS)/node_modules/.done ## install the stock clients that tests drive

.PHONY: setup
setup: $(VENV)/.dev $(VENV)/.package ## create .venv with everything that development needs

.PHONY: requirements
requirements: $(VENV)/.dev ## compile requirements/*.in anew, with the newest versions and their hashes
	$(COMPILE) --upgrade requirements/base.in -o requirements/base.txt
	$(COMPILE) --upgrade requirements/dev.in -o requirements/dev.txt
	$(COMPILE) --upgrade --no-emit-package docopt requirements/clients.in -o requirements/clients.txt

.PHONY: clean
clean: ## remove both environments and everything that tools left here (the model cache stays)
	rm -rf $(VENV) $(CLIENTS) $(NODE_CLIENTS)/node_modules build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage src/*.egg-info
	find src tests -name __pycache__ -type d -prune -exec rm -rf {} +

# What follows are the stamps: each is newer than what it was made from, so a second run installs nothing.

$(VENV)/.python:
	@for python in python3 python3.14 python3.13 python3.12 python3.11; do \
	    if $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	        echo "Creating $(VENV) with $$($$python --version)."; \
	        $$python -m venv --clear $(VENV) || { echo "This Python has no working venv module (Debian: python3-venv)." >&2; exit 1; }; \
	        touch $@; exit 0; \
	    fi; \
	done; \
	echo "Vivavoce needs Python 3.11 or newer, and no such python3 is on the PATH." >&2; exit 1

$(VENV)/.base: requirements/base.txt $(VENV)/.python
	@echo "Installing what Vivavoce needs."
	@$(INSTALL) -r requirements/base.txt
	@touch $@

# Lists everything of base.txt too, in the same versions; after .base, so that two pips never run at once.
$(VENV)/.dev: requirements/dev.txt $(VENV)/.base
	@echo "Installing what the checks and tests need."
	@$(INSTALL) -r requirements/dev.txt
	@touch $@

# With uv, which came with .dev: a hundred packages in seconds.
$(CLIENTS)/.done: requirements/clients.txt | $(VENV)/.dev
	@echo "Installing the stock clients that tests drive."
	@$(BIN)/python -m venv --clear --without-pip $(CLIENTS)
	@$(BIN)/uv pip install --quiet --python $(CLIENTS)/bin/python --no-deps --only-binary :all: --require-hashes \
	    -r requirements/clients.txt
	@touch $@

$(NODE_CLIENTS)/node_modules/.done: $(NODE_CLIENTS)/package.json $(NODE_CLIENTS)/package-lock.json
	@if ! command -v npm >/dev/null; then echo "Testing without the clients for Node.js: there is no npm here."; exit 0; fi; \
	echo "Installing the stock clients for Node.js."; \
	cd $(NODE_CLIENTS); npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >/dev/null; touch node_modules/.done

# Nothing is downloaded here: setuptools came with .base.
$(VENV)/.package: pyproject.toml $(VENV)/.base
	@$(PIP) install --quiet --no-index --no-deps --no-build-isolation --editable .
	@touch $@
