# Two commands do everything: `make run` and `make test`.
PY ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.ready

.PHONY: run test check bench soak crash gen wheel clean

# Set-up runs when it never has, or when what it depends on has changed.
$(STAMP): pyproject.toml tools/setup.sh
	@sh tools/setup.sh venv "$(PY)" "$(VENV)"
	@touch $@

$(VENV)/.node: $(STAMP)
	@sh tools/setup.sh node
	@touch $@

# make run ARGS="--port 4567 --data /tmp/lambent"
run: $(VENV)/.node
	@$(BIN)/python tools/demo.py $(ARGS)

# make test ARGS="tests/core -k arn"
test: $(STAMP)
	@$(BIN)/python tools/test.py $(ARGS)

check: $(STAMP)
	$(BIN)/ruff format --check src tests tools benchmarks examples
	$(BIN)/ruff check src tests tools benchmarks examples
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python tools/gen.py --check

bench: $(STAMP)
	$(BIN)/python benchmarks/run.py $(ARGS)

# make soak ARGS="--minutes 10"
soak: $(STAMP)
	$(BIN)/python benchmarks/soak.py $(ARGS)

crash: $(STAMP)
	LAMBENT_CRASH_KILLS=50 LAMBENT_CRASH_EVENTS=10000 LAMBENT_TEST_KILLS=50 \
	$(BIN)/python -m pytest -s tests/system/test_crash_events.py tests/system/test_message_kill.py $(ARGS)

gen: $(STAMP)
	$(BIN)/python tools/gen.py

wheel: $(STAMP)
	$(BIN)/python -m build --wheel --no-isolation

clean:
	rm -rf $(VENV) build dist
