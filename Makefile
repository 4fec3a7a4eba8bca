# Every check and every long job has its target here; pre-commit and .ci/run call make and nothing else.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

HOST ?= 127.0.0.1
PORT ?= 8000
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check

# What `make bundle` reads and writes; docs/data.md describes both folders.
DATA ?= data
WEIGHTS ?= weights
OUT ?= var/bundles
# What `make bench` asks, and with which photograph.
BUNDLE ?= bundles/starter
JPEG ?= examples/photos/canyon.jpg
ARGS ?=

.PHONY: help
help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

# ---- environments: one .venv; the stamps say what is in it -------------------------------------

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit("tagsmith needs Python 3.11 or newer: make PYTHON=python3.11 ...") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.serve: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) -c constraints.txt -e .
	@touch $@

$(VENV)/.dev: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) -c constraints.txt -e ".[train,scrape,scale,otel,dev]"
	@touch $@ $(VENV)/.serve

.PHONY: install
install: $(VENV)/.serve ## Make .venv with what serving needs

.PHONY: install-dev
install-dev: $(VENV)/.dev ## Make .venv with what training, testing and checking need

# ---- daily work --------------------------------------------------------------------------------

.PHONY: run
run: $(VENV)/.serve ## Serve the bundle in use, else the starter bundle (HOST=127.0.0.1 PORT=8000)
	$(BIN)/tagsmith serve --host $(HOST) --port $(PORT) $(ARGS)

.PHONY: test
test: $(VENV)/.dev ## Run the tests (ARGS="-k name" for some of them)
	$(BIN)/python -m pytest -m "not sample and not wheel and not crawl and not faults and not compose" $(ARGS)

.PHONY: lint
lint: $(VENV)/.dev ## Check style, format and the floors
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

.PHONY: format
format: $(VENV)/.dev ## Rewrite the code in the house's format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

.PHONY: types
types: $(VENV)/.dev ## Check types (mypy --strict)
	$(BIN)/mypy

.PHONY: docs
docs: $(VENV)/.dev ## Write the generated pages of docs/ again
	$(BIN)/python docs/generate.py

.PHONY: fuzz
fuzz: $(VENV)/.dev ## Attack the service with 5,000 requests and 20,000 mutated pictures (SEED=1 repeats a run)
	$(BIN)/python -m tests.fuzz.contract --bundle $(BUNDLE) $(if $(SEED),--seed $(SEED))
	$(BIN)/python -m tests.fuzz.pictures --cases 20000 $(if $(SEED),--seed $(SEED))

.PHONY: audit
audit: $(VENV)/.dev ## Look for known vulnerabilities in what is installed, and for risky code
	$(BIN)/bandit --quiet --recursive --configfile deploy/bandit.yaml core embeddings models pipelines recommend scraper service tagsmith
	@if curl --silent --fail --output /dev/null --max-time 20 https://pypi.org/pypi/pip/25.0/json; then \
		$(BIN)/pip-audit --requirement constraints.txt --no-deps --disable-pip --strict; \
	else \
		echo 'make audit: SKIPPED, NOT RUN: pip-audit, because the list of known vulnerabilities at pypi.org cannot be reached' >&2; \
	fi

.PHONY: golden
golden: $(VENV)/.dev ## Write the golden copy of the HTTP contract again
	$(BIN)/python -m tests.golden.contract

PHOTO := examples/photos/pier_sunset.jpg --caption "Last light at the old pier" --seed sunset

.PHONY: picture
picture: $(VENV)/.dev ## Draw the README's picture again from what the starter bundle answers
	$(BIN)/tagsmith suggest $(PHOTO) --json --bundle bundles/starter | $(BIN)/python docs/picture.py $(PHOTO) > docs/answer.svg.new
	mv docs/answer.svg.new docs/answer.svg

.PHONY: constraints
constraints: $(VENV)/.dev ## Write constraints.txt from what is installed
	{ sed -n '/^#/p' constraints.txt; $(BIN)/python -m pip freeze --exclude-editable | sed -E 's/\+[a-z0-9.]+$$//'; } > constraints.new
	mv constraints.new constraints.txt

# ---- the wheel -----------------------------------------------------------------------------------

.PHONY: wheel
wheel: $(VENV)/.dev ## Build sdist and wheel, install the wheel elsewhere, serve from it, ask it once
	rm -rf dist
	$(BIN)/python -m build --outdir dist .
	TAGSMITH_TEST_WHEEL="$$(ls "$$PWD"/dist/tagsmith-*.whl)" $(BIN)/python -m pytest -m wheel tests/e2e

# ---- long jobs -----------------------------------------------------------------------------------

.PHONY: sample
sample: $(VENV)/.dev ## Train on a small part of TAGSMITH_TEST_DATA with TAGSMITH_TEST_WEIGHTS, skip, answer
	$(BIN)/python -m pytest -m sample tests/e2e

.PHONY: crawl
crawl: $(VENV)/.dev ## Crawl a local site of 500 posts in a real browser, killed three times (needs chromium)
	$(BIN)/python -m pytest -m crawl -s tests/e2e

.PHONY: bundle
bundle: $(VENV)/.dev ## Train a bundle (DATA=folder WEIGHTS=folder OUT=var/bundles)
	$(BIN)/tagsmith train --data $(DATA) --weights $(WEIGHTS) --out $(OUT) $(ARGS)

.PHONY: bench
bench: $(VENV)/.dev ## Measure what one answer costs, part by part
	$(BIN)/python -m benchmarks.serving --bundle $(BUNDLE) --photo $(JPEG) $(ARGS)

.PHONY: faults
faults: $(VENV)/.dev ## Kill the database, workers and migrations, fill the disk, turn the clock, and so on; print what came of it
	$(BIN)/python -m pytest tests/faults $(ARGS)

# A command that makes a container engine available (`$(ENGINE) start`) and the images that are named (`$(ENGINE) images
# FOLDER...`), each ending with 75 where that cannot be; none is needed where docker answers and a registry is in reach.
ENGINE ?=
MERGED := var/compose

.PHONY: compose
compose: $(VENV)/.dev ## Build the images, start, ask, kill and restart every service (ENGINE=command where there is no docker)
	@if [ -n "$(ENGINE)" ]; then \
		rc=0; $(ENGINE) start || rc=$$?; \
		if [ $$rc = 75 ]; then echo 'make compose: SKIPPED, NOT RUN: no container engine can work here' >&2; exit 0; fi; \
		[ $$rc = 0 ] || exit $$rc; \
		mkdir -p $(MERGED); \
		docker compose -f docker-compose.yml -f deploy/compose.replicas.yml -f deploy/compose.monitoring.yml \
			config > $(MERGED)/docker-compose.yml; \
		$(ENGINE) images . $(MERGED) || [ $$? = 3 ]; \
	fi; \
	$(BIN)/python -m pytest -rs -m compose tests/e2e $(ARGS)

.PHONY: bench-outliers
bench-outliers: $(VENV)/.dev ## Plant wrong pictures among those of DATA and measure how they are found (DATA with topics/ and flickr8k_1000/)
	$(BIN)/python -m benchmarks.outliers --pictures $(DATA)/topics --others $(DATA)/flickr8k_1000 --bundle $(BUNDLE) --out var/bench-outliers $(ARGS)

.PHONY: bench-clean
bench-clean: $(VENV)/.dev ## Clean 10^4, 10^5 and 10^6 made-up posts and draw the curve (some 20 minutes, 3 GB below var/)
	$(BIN)/python -m benchmarks.clean --out var/bench-clean --plot var/bench-clean/growth.png $(ARGS)

.PHONY: image
image: ## Build the container image
	docker build --tag tagsmith .

.PHONY: clean
clean: ## Remove .venv and what builds and checks leave behind
	rm -rf $(VENV) build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
