# Everything starts from a bare clone: each target makes the virtual environment it needs, once,
# and leaves one that works alone.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# Test processes at a time: most tests wait most of the time.
JOBS ?= 2

.PHONY: help demo test test-socketcan test-controller check bench soak install uninstall clean venv venv-test

help:  ## Show this list.
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 12

demo: venv  ## Run the simulated Formula 1 car; ARGS="--seconds 20" is passed on.
	@$(BIN)/gateway demo $(ARGS)

test: venv-test  ## Run all tests; ARGS="-k ring" is passed on.
	$(BIN)/python -m pytest -n $(JOBS) --dist worksteal $(ARGS)

# Only the files that have such tests: to collect all others takes a minute on an emulated machine.
marked = -m $(1) $$(grep -rl --include='test_*.py' 'mark\.$(1)' tests)

test-socketcan: venv-test  ## Run the tests that need CAN in the kernel, in one that has it.
	tests/lab/can-lab auto $(BIN)/python -m pytest -p no:cacheprovider $(call marked,socketcan) $(ARGS)

test-controller: venv-test  ## Run the tests that need CAN controllers, on emulated ones.
	tests/lab/can-lab qemu $(BIN)/python -m pytest -p no:cacheprovider $(call marked,controller) $(ARGS)

check: venv-test  ## The fast lane: lint, types, imports, unit tests.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest tests/unit -m "not slow" -q -n $(JOBS)

bench: venv-test  ## Run the benchmarks, each beside its named peers.
	$(BIN)/pip install --quiet '.[bench]' || echo "some peers cannot be installed here; the tables say which"
	@for file in benchmarks/[a-z]*.py; do echo "== $$file"; $(BIN)/python $$file || exit 1; done

# ROW: one row of docs/reliability.md; SCALE: this part of the long forms' size.
soak: venv-test  ## Hold every promise for hours; ROW=kills one of them, SCALE=0.1 a tenth of it.
	$(BIN)/python -m pytest tests/reliability/$(ROW) --soak --scale $(or $(SCALE),1) -o faulthandler_timeout=0 -q $(ARGS)

install:  ## Install as a service (sudo); PREFIX=/opt/gateway, DESTDIR= a folder that stands for /.
	@PYTHON="$(PYTHON)" PREFIX="$(PREFIX)" DESTDIR="$(DESTDIR)" sh systemd/install.sh install

uninstall:  ## Take the service out again; configurations and journals stay.
	@PREFIX="$(PREFIX)" DESTDIR="$(DESTDIR)" sh systemd/install.sh uninstall

clean:  ## Remove the virtual environment and everything generated.
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis .benchmarks dist build
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# A copy of pyproject.toml tells what was installed: when it changes, the install is brought up to
# date. An environment without the copy, but in which the gateway runs, was made by hand: it stays.
define ensure
	@if [ -e $(VENV)/$(1).toml ] && cmp -s pyproject.toml $(VENV)/$(1).toml; then :; \
	elif [ ! -e $(VENV)/$(1).toml ] && $(BIN)/python -c 'import gateway, firmware_sim, $(2)' 2>/dev/null; then :; \
	else \
		$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
			{ echo "$(PYTHON) is too old: Python 3.11 or newer is needed (make PYTHON=python3.11 ...)" >&2; exit 2; }; \
		[ -x $(BIN)/python ] || $(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
			{ echo "Python's venv module is missing: sudo apt install python3-venv" >&2; exit 2; }; \
		echo "installing into $(VENV) ..."; \
		{ [ -x $(BIN)/python ] && $(BIN)/python -c '' 2>/dev/null || $(PYTHON) -m venv --clear $(VENV); } && \
		$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.$(3)' && \
		cp pyproject.toml $(VENV)/$(1).toml; \
	fi
endef

venv:
	$(call ensure,demo,can,)

venv-test:
	$(call ensure,test,pytest,[test])
