# Two commands do everything: `make run` and `make test`.
PY ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.ready

.PHONY: run test check bench gen clean

$(STAMP): pyproject.toml tools/setup.sh
	sh tools/setup.sh "$(PY)" "$(VENV)"
	@touch $@

run: $(STAMP)
	$(BIN)/python tools/demo.py

test: $(STAMP)
	$(BIN)/python -m pytest

check: $(STAMP)
	$(BIN)/ruff format --check src tests tools benchmarks
	$(BIN)/ruff check src tests tools benchmarks
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python tools/gen.py --check

bench: $(STAMP)
	$(BIN)/python benchmarks/run.py

gen: $(STAMP)
	$(BIN)/python tools/gen.py

clean:
	rm -rf $(VENV) build dist
