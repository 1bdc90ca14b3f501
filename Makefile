# make run    start the dashboard            make lint     every check but the tests
# make test   every check and test           make format   put the code into its form
# make bench  the table of speeds            make clean    remove what these left behind
# make safety   kills, full disks, locks, damage: what is stored stays
# make bench-truth   how true inferred trades are, written to docs/TRUTH.md
#
# pip is used as this machine has set it up: no address is named here.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.ONESHELL:
.DELETE_ON_ERROR:
.DEFAULT_GOAL := run

PYTHON ?= python3
PIP := -m pip install --quiet --quiet --disable-pip-version-check
RUN := .venv/bin/python
TEST := .venv-test/bin/python

.PHONY: run test browser safety bench bench-truth pictures lint format coverage clean

run: .venv/.stamp
	@exec $(RUN) app.py

test: .venv-test/.stamp browser lint
	@$(TEST) -m pytest -q $(ARGS)

safety: .venv-test/.stamp
	@$(TEST) -m pytest -q tests/safety --long $(ARGS)

bench: .venv-test/.stamp browser
	@$(TEST) benchmarks/run.py $(ARGS)

bench-truth: .venv-test/.stamp
	@$(TEST) -m benchmarks.truth

pictures: .venv-test/.stamp browser
	@$(TEST) benchmarks/pictures.py

lint: .venv-test/.stamp
	@$(TEST) -m ruff check --quiet
	$(TEST) -m ruff format --check --quiet || { echo 'Not formatted; run: make format' >&2; exit 1; }
	$(TEST) -m mypy --no-error-summary

format: .venv-test/.stamp
	@$(TEST) -m ruff check --quiet --fix-only
	$(TEST) -m ruff format --quiet

coverage: .venv-test/.stamp
	@$(TEST) -m pytest -q -m 'not browser' --cov --cov-report= $(ARGS)
	$(TEST) -m coverage report
	echo 'The domain must be covered whole:'
	$(TEST) -m coverage report --include='dashboard/domain/*' --fail-under=100

clean:
	@rm -rf .venv .venv-test build dist .coverage .coverage.* htmlcov screenshots
	rm -rf .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# A stamp says which pyproject.toml and constraints an environment was made from.

.venv/.stamp: pyproject.toml constraints.txt
	@echo 'Installing the dashboard into .venv …'
	$(call new-environment,.venv)
	$(RUN) $(PIP) --constraint constraints.txt --editable .
	touch $@

.venv-test/.stamp: pyproject.toml constraints-test.txt
	@echo 'Installing the dashboard and its checks into .venv-test …'
	$(call new-environment,.venv-test)
	$(TEST) $(PIP) --constraint constraints-test.txt --editable '.[dev]'
	touch $@

define new-environment
	$(PYTHON) -c 'import sys; sys.exit(None if sys.version_info >= (3, 11) else "Python 3.11 or newer is needed; this one is " + sys.version.split()[0] + ". Name a newer one: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv --clear $(1)
endef

# Debian's browser and its driver, for the tests that look at the page.
browser:
	@if command -v chromedriver >/dev/null && command -v chromium >/dev/null; then exit 0; fi
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
	  echo 'Installing chromium and chromium-driver …'
	  export DEBIAN_FRONTEND=noninteractive
	  log=$$(mktemp)
	  if { apt-get update -qq && apt-get install -qq -y --no-install-recommends chromium chromium-driver fonts-dejavu-core; } \
	    >"$$log" 2>&1 </dev/null; then rm -f "$$log"; exit 0; fi
	  tail -n 20 "$$log" >&2; rm -f "$$log"
	fi
	echo 'The browser tests need Debian'"'"'s packages chromium and chromium-driver:' >&2
	echo '    sudo apt-get install chromium chromium-driver' >&2
	exit 1
