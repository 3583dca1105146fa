# `make up` starts the studio, `make demo` runs something in it, `make test` proves that all works.
# Everything goes into $(VENV); nothing is installed for the machine unless `make test` runs as root.

VENV ?= .venv
BIN = $(VENV)/bin
STAMPS = $(VENV)/stamps
UV = $(BIN)/uv
COMPILE = $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes \
  --no-config --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock"

# The system's own first: distributions build Python optimised by its profile, version managers
# mostly do not, which is a seventh more work for everything that runs here.
PY ?= $(shell for python in /usr/bin/python3 python3.13 python3.12 python3.11 python3; do \
  "$$python" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
  && { echo "$$python"; break; }; done)

.PHONY: help install dev up down demo test check checks bench screenshots lock lock-curated clean needs collected \
  check-lint check-types check-floors check-templates check-django check-vendored
.DEFAULT_GOAL := help

help:
	@echo "make up       start the studio and print its address"
	@echo "make down     end the studio that runs here; runs go on"
	@echo "make demo     submit an example to it, follow it, and end with its exit code"
	@echo "make test     all checks and all tests, with what they need (CI=true: a skip fails)"
	@echo "make check    lint, format, types, floors, templates, migrations, settings"
	@echo "make bench    measure what is promised to be fast"
	@echo "make screenshots  every page in both themes, wide and narrow, into ./screenshots"
	@echo "make install  only install; make dev: with the tools of the tests"
	@echo "make lock     resolve the dependencies anew; make clean: remove what was installed"
	@echo "make lock-curated  resolve the curated environments anew"

install: $(STAMPS)/install
	@:
dev: $(STAMPS)/dev
	@:

$(STAMPS)/python:
	@python="$(PY)"; test -n "$$python" || { echo "Runyard needs Python 3.11 or newer with venv:" \
	  "install it ('apt install python3-venv' on Debian), or name one: make PY=/path/to/python3" >&2; \
	  exit 1; }; \
	"$$python" -m venv $(VENV) || { echo "$$python cannot make a virtual environment:" \
	  "'apt install python3-venv', or name another: make PY=/path/to/python3" >&2; exit 1; }
	@mkdir -p $(STAMPS) && touch $@

$(STAMPS)/uv: requirements-uv.txt $(STAMPS)/python
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-input \
	  --require-hashes -r requirements-uv.txt
	@touch $@

$(STAMPS)/install: requirements.txt pyproject.toml $(STAMPS)/uv
	@VIRTUAL_ENV=$(VENV) $(UV) pip sync --quiet --compile-bytecode --require-hashes requirements.txt
	@VIRTUAL_ENV=$(VENV) $(UV) pip install --quiet --no-deps --no-build-isolation --editable .
	@$(BIN)/python -m compileall -q -j 0 studio compute environments runs  # the first start is fast
	@touch $@

$(STAMPS)/dev: requirements-dev.txt $(STAMPS)/install
	@VIRTUAL_ENV=$(VENV) $(UV) pip install --quiet --compile-bytecode --require-hashes \
	  -r requirements-dev.txt
	@touch $@

up: install
	@exec $(BIN)/python manage.py up

down:
	@$(BIN)/python manage.py down

demo: install
	@$(BIN)/runyard submit --wait --target local --environment scikit-learn --experiment demo \
	  --source runs/examples/ridge-diabetes train.py

# What the tests start beside Python. Debian's own packages, and only for those who may install.
needs:
	@if [ -e /etc/debian_version ] && [ "$$(id -u)" = 0 ]; then \
	  missing=$$(for package in chromium chromium-headless-shell docker.io docker-registry fonts-dejavu-core \
	    git iproute2 openssh-server postgresql python3; do \
	    dpkg-query -W -f '$${Status}' $$package 2>/dev/null | grep -q 'ok installed' \
	      || echo $$package; done); \
	  if [ -n "$$missing" ]; then \
	    apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
	      apt-get install -qq -y --no-install-recommends $$missing >/dev/null; \
	  fi; \
	fi

# Where tests write, 2 GB at most: in memory if there is plenty of it, else on the disk, which is
# a tenth more work.
ROOMY = $(shell { awk '/^MemAvailable/ { exit $$2 < 8000000 }' /proc/meminfo && \
  df -k /dev/shm | awk 'END { exit $$4 < 4000000 }' && \
  ! grep -q '^[^ ]* /dev/shm [^ ]* [^ ]*noexec' /proc/mounts; } 2>/dev/null && \
  echo /dev/shm || echo "$${TMPDIR:-/tmp}")

# Byte code is kept, whatever the environment wants of Python: each worker would compile it again.
test: export PYTHONDONTWRITEBYTECODE =
test: dev needs
	@$(MAKE) --no-print-directory -j 2 --output-sync=target checks collected
	@folder=$$(mktemp -d "$(ROOMY)/runyard-XXXXXX") && trap 'rm -rf "$$folder"' EXIT INT TERM && \
	  chmod 755 "$$folder" && TMPDIR=$$folder $(BIN)/python -m pytest -n 4 --dist loadscope

# while types are checked on one core, the tests are compiled on the other
collected: dev
	@$(BIN)/python -m pytest --collect-only -q >/dev/null || $(BIN)/python -m pytest --collect-only -q

check: checks check-vendored
# what the tests do not look at themselves
checks: check-lint check-types check-floors check-templates check-django
check-lint: dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
check-types: export RUNYARD_DATA_DIR = $(abspath $(STAMPS))/data-types
check-types: dev
	$(BIN)/mypy studio compute environments runs
check-floors: dev
	$(BIN)/lint-imports
check-templates: dev
	$(BIN)/djlint templates --lint --quiet
	$(BIN)/djlint templates --check --quiet
# with a data directory of its own: looking at the settings makes a key and opens the database
check-django: export RUNYARD_DATA_DIR = $(abspath $(STAMPS))/data
check-django: dev
	$(BIN)/python manage.py makemigrations --check --dry-run --verbosity 0
	$(BIN)/python manage.py check --deploy --fail-level WARNING
check-vendored: dev
	$(BIN)/python -m pytest -q tests/test_vendored.py

bench: dev
	$(BIN)/python -m tests.benchmarks

screenshots: dev needs
	$(BIN)/python -m tests.screenshots

lock: $(STAMPS)/uv
	$(COMPILE) $(UPGRADE) pyproject.toml --extra studio --output-file requirements.txt
	$(COMPILE) pyproject.toml --extra studio --group dev --constraint requirements.txt \
	  --output-file requirements-dev.txt
	echo uv | $(COMPILE) - --constraint requirements.txt --output-file requirements-uv.txt

# one lock for every platform; UPGRADE=--upgrade takes newer versions, which are new versions there
lock-curated: dev
	for folder in environments/curated/*/; do \
	  python=$$(sed -n 's/^lock_python = "\(.*\)"/\1/p' $${folder}template.toml); \
	  $(BIN)/uv pip compile $(UPGRADE) $${folder}requirements.txt --universal --python $(BIN)/python \
	    --python-version $$python --generate-hashes --quiet --no-header --no-annotate --no-config \
	    --no-emit-index-url --no-emit-find-links --output-file $${folder}lock.txt || exit; \
	done

clean:
	rm -rf $(VENV) staticfiles screenshots .mypy_cache .ruff_cache .pytest_cache .import_linter_cache \
	  .hypothesis
	find . -name __pycache__ -not -path './data/*' -prune -exec rm -rf {} +
