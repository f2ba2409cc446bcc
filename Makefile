# The commands of the project. `make demo` and `make test` need nothing but Rust and Python.
SHELL := /bin/bash
.ONESHELL:
.SHELLFLAGS := -eu -o pipefail -c

help:  ## This list.
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

dev:  ## Build the extension in place for one interpreter: make dev PYTHON=python3.12
	@tools/build-in-place $(or $(PYTHON),python3)

wheels:  ## Build a wheel for every supported interpreter on this machine into ./wheels.
	@tools/build-wheels

demo:  ## Record the example analysis, slice three of its results, verify them, draw the graph.
	@python=$$(tools/interpreters | sed -n 1p)
	tools/build-wheels "$$python"
	environment=$$(tools/installed "$$python")
	tools/demo "$$(dirname "$$(dirname "$$environment")")"

test:  ## All tests: Rust, then Python on every supported interpreter, each with its own wheel.
	@tools/test

bench:  ## What Clew costs, as ratios against the plain program: make bench BENCH=--quick
	@tools/bench $(BENCH)

corpus:  ## Programs that nobody here wrote, plain and recorded, and slices of each, run and compared.
	@python=$$(tools/interpreters | sed -n 1p)
	environment=$$(tools/environment "$$python" bench)
	tools/build-in-place "$$python"
	PYTHONPATH=$$PWD/python:$$PWD/tests "$$environment" tests/corpus/run.py $(CORPUS)

bench-slices:  ## Sizes of the corpus's slices against what --minimize reaches (hours): make bench-slices CORPUS="-k networkx"
	@$(MAKE) --no-print-directory corpus CORPUS="--minimize $(CORPUS)"

hunt:  ## Random programs, sliced and run, for ten minutes; what is wrong is shrunk.
	@python=$$(tools/interpreters | sed -n 1p)
	environment=$$(tools/environment "$$python")
	tools/build-in-place "$$python"
	PYTHONPATH=$$PWD/python:$$PWD/tests "$$environment" tests/hunt.py --seconds 600 $(HUNT)

lint:  ## Formatting, lints, types and the rules of the architecture.
	@tools/lint

.PHONY: help dev wheels demo test bench bench-slices corpus hunt lint
