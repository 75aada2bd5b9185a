# A thin front: every target says in one line what it runs. `make help` lists them.
.DEFAULT_GOAL := help
.PHONY: help setup build demo test test-all judges bench fmt tidy clean
SHELL := /bin/bash

# Leave one core's worth of memory per compiler: heavy files take up to 1.5 GB with sanitizers.
JOBS ?= $(shell nproc)
PYTHON := /usr/bin/python3
DATA_DIR ?= freshet-data/demo

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## install every dependency (quiet when all is there)
	@scripts/setup

build: setup ## build the program: build/freshet
	@scripts/build release freshet
	@ln -f build/release/src/freshet build/freshet

demo: build ## a million events and a real file through the log into ClickHouse, with the proof
	@rm -rf $(DATA_DIR)
	@build/freshet up examples/events/platform.yaml --until-done --data-dir $(DATA_DIR)

test: setup ## unit, fuzz-seed, engine, e2e and kill tests and the house rules (12 min warm)
	@$(PYTHON) scripts/run_tests.py --jobs $(JOBS)

test-all: ## everything: also ThreadSanitizer, 300 kill rounds, long fuzz runs, all of clang-tidy
	@scripts/setup --all
	@$(PYTHON) scripts/run_tests.py --jobs $(JOBS) --all

judges: setup ## foreign test suites and clients, ours and Apache Kafka side by side: tests/e2e/README.md
	@scripts/build release broker_for_tests
	@JUDGES_TARGETS=freshet,kafka JUDGES_RECORD=1 $(PYTHON) scripts/run_tests.py --jobs $(JOBS) --all judges

bench: build ## log to table, restart, and the broker beside Apache Kafka; more: build/freshet bench --help
	@build/freshet bench ingest
	@$(PYTHON) bench/restart.py
	@$(PYTHON) bench/broker.py

fmt: setup ## format C++ sources in place
	@scripts/format

tidy: setup ## clang-tidy over every source (results are cached by content)
	@JOBS=$(JOBS) scripts/build tidy clang_tidy_aids && $(PYTHON) tools/clang_tidy.py --jobs $(JOBS)

clean: ## remove build trees (data directories stay)
	@rm -rf build
