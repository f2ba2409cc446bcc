# The commands of the project. `make demo` and `make test` need nothing but Rust and Python.
dev:  ## Build the extension in place for one interpreter: make dev PYTHON=python3.12
	@tools/build-in-place $(or $(PYTHON),python3)
.PHONY: dev
