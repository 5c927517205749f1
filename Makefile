# Needs python3 (3.11 or later) with venv, make and git; everything else is fetched into environments inside the checkout.
# `make` alone lists the targets.

PYTHON ?= python3
# Which benchmarks `make bench` runs, e.g. `make bench BENCH="codec store"`; all of them by default.
BENCH ?= $(patsubst benchmarks/%.py,%,$(shell grep -ls '__name__ == "__main__"' benchmarks/*.py))
# Further options for the commands, e.g. `make demo DEMO="--meters 50"`, `make test PYTEST="-k dlt645 -x"`.
DEMO ?=
PYTEST ?=
# How many processes run the tests of `make test`; 0 is this one alone, as `PYTEST=--pdb` wants it.
WORKERS ?= 2
# How long `make fuzz` goes on, and how many inputs a round has, e.g. `make fuzz FUZZ_SECONDS=3600`.
FUZZ_SECONDS ?= 300
FUZZ_EXAMPLES ?= 1000
# How long each test of faults goes on under `make soak`, in seconds.
SOAK_SECONDS ?= 900
# `make test SERVICES=no` installs nothing outside the checkout; tests that miss a server then skip and say so.
SERVICES ?= auto

# Two DL/T 645 packages on PyPI share the import name `dlt645`; the peer of the interoperability tests lives apart.
PEER_DLT645 := dlt645==3.2.0
export HEADEND_PEER_DLT645 ?= $(CURDIR)/.venv-peer-dlt645/bin/python
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# Hundreds of tests start a `headend`, which takes a third longer without compiled modules.
unexport PYTHONDONTWRITEBYTECODE

BIN := .venv/bin
DEV := .venv/.installed
RUNTIME := .venv-demo/.installed
PEER := .venv-peer-dlt645/.installed
SHIPPED := $(shell find headend protocols simulators storage analytics -name '*.py' -o -name '*.toml' -o -name '*.sql')

.PHONY: help demo test check fuzz soak services bench format constraints clean
.NOTPARALLEL:

help:
	@echo 'make demo         the whole chain on simulated meters, from a plain install of its own (.venv-demo)'
	@echo 'make test         services (root on Debian 12 only), check, then every test (.venv)'
	@echo 'make check        ruff, format, mypy --strict, layer contracts'
	@echo 'make fuzz         noise and damaged frames at every codec, for FUZZ_SECONDS (.venv)'
	@echo 'make soak         kills, outages and full disks, each test for SOAK_SECONDS (.venv)'
	@echo 'make bench        the benchmarks: one table each'
	@echo 'make format       let ruff fix and format'
	@echo 'make constraints  refresh the pins in constraints.txt'
	@echo 'make clean        remove environments, caches and build products'

demo: $(RUNTIME)
	.venv-demo/bin/headend demo $(DEMO)

test: $(DEV) $(PEER) services check
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal $(PYTEST)

check: $(DEV)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

fuzz: $(DEV)
	FUZZ_SECONDS=$(FUZZ_SECONDS) FUZZ_EXAMPLES=$(FUZZ_EXAMPLES) $(BIN)/python -m pytest tests/fuzz --timeout=0 $(PYTEST)

soak: $(DEV) services
	SOAK_SECONDS=$(SOAK_SECONDS) $(BIN)/python -m pytest tests -m soak --timeout=0 $(PYTEST)

services:
ifneq ($(SERVICES),no)
	@bash .ci/services.sh
endif

bench: $(DEV) $(PEER)
	@for name in $(BENCH); do $(BIN)/python -m benchmarks.$$name || exit 1; done

format: $(DEV)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

constraints:
	rm -rf .venv-constraints
	$(PYTHON) -m venv .venv-constraints
	.venv-constraints/bin/pip install --quiet '.[dev]'
	sed '/^[^#]/d' constraints.txt > .venv-constraints/pins
	.venv-constraints/bin/pip freeze --exclude headend >> .venv-constraints/pins
	cp .venv-constraints/pins constraints.txt
	rm -rf .venv-constraints build

clean:
	rm -rf .venv .venv-demo .venv-peer-dlt645 .venv-constraints build dist headend.egg-info
	rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(DEV): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet -c constraints.txt -e '.[dev]'
	touch $@

# Not editable, so that the demo proves what `pip install .` gives. `build/` would carry deleted modules along.
$(RUNTIME): pyproject.toml constraints.txt $(SHIPPED)
	test -x .venv-demo/bin/python || $(PYTHON) -m venv .venv-demo
	rm -rf build
	.venv-demo/bin/pip install --quiet -c constraints.txt .
	touch $@

$(PEER): Makefile
	test -x .venv-peer-dlt645/bin/python || $(PYTHON) -m venv .venv-peer-dlt645
	.venv-peer-dlt645/bin/pip install --quiet '$(PEER_DLT645)'
	touch $@
