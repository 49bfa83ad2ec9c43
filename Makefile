# One entry point for every chore. `make help` lists them.
#
# .venv/ is made on demand from the pinned, hashed requirements. Two stamps tell how far it has got:
# .venv/.base can run cmvigil, .venv/.dev can also test, check, document and measure it.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --require-virtualenv --quiet
CASE := examples/relapse-on-azathioprine/case.yaml

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help venv demo serve test check format bench difference docs requirements clean

help:  ## list the targets
	@awk -F':.*##' '/^[a-z]+:.*##/ { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo "  PYTHON=python3.12 make ...  chooses the interpreter that makes $(VENV)/"

venv: $(VENV)/.dev  ## make .venv/ with everything needed to develop

demo: $(VENV)/.base  ## assess an example patient, print the answer and write build/demo.html
	@mkdir -p build
	$(BIN)/cmvigil assess $(CASE) --html build/demo.html

serve: $(VENV)/.dev  ## serve the web pages on this machine: open the address that it names
	$(BIN)/cmvigil serve

test: $(VENV)/.dev  ## run the tests; reasoning, dosing and genotype code must be covered branch for branch
	$(BIN)/python -m pytest tests -n 2 --dist loadgroup --cov --cov-report=
	$(BIN)/coverage report --include='src/cmvigil/reasoning/*,src/cmvigil/pharmacology/*,src/cmvigil/genotype/*' --fail-under=100

check: $(VENV)/.dev  ## lint, format, types, layers, knowledge and documentation
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/cmvigil knowledge check
	$(BIN)/mkdocs build --strict

format: $(VENV)/.dev  ## mend what ruff can mend
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/.dev  ## measure the figures that the README gives
	$(BIN)/python -m benchmarks

# 1 says that something differs, which is no failure here.
difference: $(VENV)/.base  ## what the knowledge says otherwise of the examples than at SINCE=HEAD~1
	rm -rf build/before && mkdir -p build/before
	git archive $(SINCE) src/cmvigil/knowledge | tar -x -C build/before
	$(BIN)/cmvigil knowledge diff build/before/src/cmvigil/knowledge shipped --cohort examples || test $$? -eq 1
SINCE := HEAD~1

docs: $(VENV)/.dev  ## serve the documentation at a local address and follow edits
	$(BIN)/mkdocs serve

requirements: $(VENV)/.dev  ## pin requirements/*.in anew into requirements/*.txt
	$(BIN)/uv pip compile $(PIN) requirements/base.in -o requirements/base.txt
	$(BIN)/uv pip compile $(PIN) requirements/dev.in -o requirements/dev.txt

# No index in the output: whoever installs says where from, the hashes say what.
PIN := --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
       --custom-compile-command 'make requirements'

clean:  ## remove .venv/ and everything built
	rm -rf $(VENV) build dist site .coverage .coverage.* .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	find src tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true

# --- the environment ---------------------------------------------------------------------------------

define NEED_PYTHON
import sys
if sys.version_info < (3, 11):
    sys.exit('cmvigil needs Python 3.11 or newer; found %s at %s. Choose another: make PYTHON=python3.12 ...'
             % (sys.version.split()[0], sys.executable))
try:
    import ensurepip, venv
except ImportError:
    sys.exit('This Python has no venv module. On Debian or Ubuntu: apt-get install python3-venv')
endef
export NEED_PYTHON
export NO_MKDOCS_2_WARNING := 1

$(VENV)/.made:
	@command -v $(PYTHON) >/dev/null || \
	  { echo "There is no '$(PYTHON)' here. Install Python 3.11 or newer, or: make PYTHON=/path/to/python ..." >&2; exit 1; }
	@$(PYTHON) -c "$$NEED_PYTHON"
	$(PYTHON) -m venv --clear $(VENV)
	@touch $@

# The lists are closed: --no-deps installs exactly them. Resolving anew breaks when a newer release of a package appears
# that another one names with an extra, for pip then looks past the pin. `pip check` says whether anything is lacking.
$(VENV)/.base: requirements/base.txt pyproject.toml | $(VENV)/.made
	$(PIP) install --no-deps --require-hashes -r requirements/base.txt
	$(PIP) install --no-deps --no-build-isolation -e .
	$(PIP) check
	@touch $@

# dev.txt holds base.txt, version for version, so this serves both.
$(VENV)/.dev: requirements/dev.txt requirements/base.txt pyproject.toml | $(VENV)/.made
	$(PIP) install --no-deps --require-hashes -r requirements/dev.txt
	$(PIP) install --no-deps --no-build-isolation -e .
	$(PIP) check
	@touch $(VENV)/.base $@
