# The verbs of this house. `make help` prints them.
.DEFAULT_GOAL := help
SHELL := /bin/sh
.PHONY: help install demo test check format bench soak docs lock static install-run install-dev

BIN := .venv/bin
# One process more than there are cores, because many tests wait for a browser or a server; four at most: more would only fight over one PostgreSQL.
WORKERS ?= $(shell n=$$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2); n=$$((n + 1)); [ $$n -gt 4 ] && n=4; echo $$n)
PYTEST_ARGS ?=
# What failed is run once more, alone and with both results printed: so a fault is told from a machine that was too busy for a moment.
ALONE = $(BIN)/python -m pytest -p no:xdist --last-failed --last-failed-no-failures none
MINUTES ?= 10

help: ## print this list
	@awk -F':.*## ' '/^[a-z-]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' Makefile

install: install-run ## install what is needed into .venv, and nothing else

demo: install-run ## run everything on this machine, play a day of WeChat traffic and compare (ONCE=1 ends after the comparison)
	@$(BIN)/python -m app.cli demo $(if $(ONCE),--once)

test: install-dev ## install what is needed, then every check and every test (PYTEST_ARGS="path -k name" runs only those)
	@sh tools/browser.sh
ifeq ($(strip $(PYTEST_ARGS)),)
	@$(MAKE) --no-print-directory static
	$(BIN)/python -m pytest -p no:xdist -m "faults and not soak" || $(ALONE) -m "faults and not soak"
	$(BIN)/python -m pytest -n $(WORKERS) -m "not faults and not soak" || $(ALONE) -m "not faults and not soak"
else
	$(BIN)/python -m pytest $(PYTEST_ARGS)
endif

static:
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

check: install-dev ## lint, format, types, import contracts and the architecture tests
	@$(MAKE) --no-print-directory static
	$(BIN)/python -m pytest tests/architecture

format: install-dev ## put the code into its one form
	$(BIN)/ruff check --fix --exit-zero .
	$(BIN)/ruff format .

bench: install-dev ## measure us against the baselines and write bench/RESULTS.md
	@sh tools/browser.sh
	$(BIN)/python -m bench

soak: install-dev ## the long form of the fault and mutation tests (MINUTES=10)
	SOAK_MINUTES=$(MINUTES) $(BIN)/python -m pytest -p no:xdist -m soak --timeout 0

docs: install-dev ## write again the documents that are made from the code
	$(BIN)/python docs/generate.py
	$(BIN)/python docs/tagging_tables.py

lock: install-dev ## solve pyproject.toml again into both locks
	@test -x var/lock/bin/uv || { $(BIN)/python -m venv var/lock && var/lock/bin/python -m pip install --quiet uv; }
	UV_CUSTOM_COMPILE_COMMAND="make lock" var/lock/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-emit-index-url --upgrade pyproject.toml -o requirements/run.lock
	UV_CUSTOM_COMPILE_COMMAND="make lock" var/lock/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-emit-index-url --upgrade --extra dev pyproject.toml -o requirements/dev.lock

install-run:
	@sh tools/install.sh run
	@sh tools/assets.sh

install-dev:
	@sh tools/install.sh dev
	@sh tools/assets.sh
