# Needs Python 3.11 (or 3.12), pip, git and make; everything else is installed into $(VENV) on first use.
#
#   make demo    animate the figure in examples/media, say where the results are
#   make test    run all tests, in 2 processes (TEST_PROCESSES=1: one after another)
#   make faults  the long set of faults: kills, signals, full disks, hostile files; says how many
#   make lint | types | imports    the other checks of .ci/run
#   make clean   remove $(VENV) and the demo's results

VENV ?= .venv
PYTHON ?= $(shell sh -c 'command -v python3.11 || command -v python3.12 || command -v python3')
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
# Each takes up to 6 GB; whole files go to one of them, for what a file's tests share is made once.
TEST_PROCESSES ?= 2

.PHONY: demo test faults lint types imports install clean
.DEFAULT_GOAL := help

.PHONY: help
help:
	@sed -n 's/^#   //p' Makefile

install: $(INSTALLED)

# Installed again when a dependency changes, and only then.
$(INSTALLED): pyproject.toml constraints.txt
	@"$(PYTHON)" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 12))' \
	  || { echo "error: $(PYTHON) is not Python 3.11 or 3.12; run: make $(MAKECMDGOALS) PYTHON=/path/to/python3.11" >&2; exit 1; }
	@echo "Setting up $(VENV): about 3.7 GB, a few minutes the first time"
	@"$(PYTHON)" -m venv "$(VENV)"
	@"$(BIN)/python" -m pip install -qq --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

demo: $(INSTALLED)
	@"$(BIN)/animator" animate examples/media/portrait.png examples/media/dance.mp4 -o out/demo.mp4
	@echo "The results are in $(CURDIR)/out"

test: $(INSTALLED)
	@"$(BIN)/python" -m pytest -q -n $(TEST_PROCESSES) --dist loadfile $(PYTEST_ARGS)

faults: $(INSTALLED)
	@FAULTS=long "$(BIN)/python" -m pytest -q -s tests/faults $(PYTEST_ARGS)

lint: $(INSTALLED)
	@"$(BIN)/ruff" check .
	@"$(BIN)/ruff" format --check .

types: $(INSTALLED)
	@"$(BIN)/mypy"

imports: $(INSTALLED)
	@"$(BIN)/lint-imports" --no-cache

clean:
	rm -rf "$(VENV)" out
