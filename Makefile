# Two commands matter: `make demo` and `make test`. `make help` lists the rest.

VENV := .venv
BIN := $(VENV)/bin
# The lock is made for Python 3.11; a newer python3 is taken where there is no python3.11.
PYTHON ?= $(shell python3.11 -c '' 2>/dev/null && echo python3.11 || echo python3)
PYTEST_ARGS ?=
BENCH_ARGS ?=
AUDIT_ARGS ?=
# The acceptance tests wait for quiet periods and restarts: three workers keep two cores busy.
PYTEST_WORKERS ?= 3
# Whole modules, the longest first (tests/durations.txt) unless chance says otherwise.
BY_MODULE := --dist loadfile --no-loadscope-reorder
# --no-compile and one parallel compileall afterwards: 10 s less than pip's own compilation on two cores.
PIP_INSTALL = $(BIN)/python -m pip install --quiet --quiet --disable-pip-version-check --no-compile --constraint constraints.txt
COMPILE = $(BIN)/python -m compileall -q -j 0 $(VENV)/lib daemon storage model >/dev/null || true
# Tests start hundreds of processes: without bytecode each would compile what it imports.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help venv dev demo run peers check test test-only test-fast test-random coverage mutation demo-model torture torture-cluster cluster-demo bench test-install upgrade-trial container-check bench-reception bench-pixels bench-inference bench-results bench-end-to-end bench-console bench-cluster docs docs-serve dist check-lock lock licences sbom audit release clean

help: ## list these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Hounsfield needs Python 3.11: '$(PYTHON)' is older or missing. Try: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@if $(PYTHON) -c 'import ensurepip' 2>/dev/null; then $(PYTHON) -m venv $(VENV); else \
	  $(PYTHON) -m venv --without-pip $(VENV) && $(PYTHON) -m pip --python $(VENV)/bin/python install --quiet pip; fi

# Everything `hounsfield` needs to run.
$(VENV)/.runtime: pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing Hounsfield and what it needs into $(VENV) (TensorFlow is large: one or two minutes) ..."
	@$(PIP_INSTALL) setuptools wheel
	@$(PIP_INSTALL) --no-build-isolation --editable '.[postgres]'
	@$(COMPILE)
	@touch $@

# The same, and what tests, checks, training and the site need.
$(VENV)/.dev: pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing Hounsfield and its development tools into $(VENV) (TensorFlow is large: one or two minutes) ..."
	@$(PIP_INSTALL) setuptools wheel
	@$(PIP_INSTALL) --no-build-isolation --editable '.[postgres,train,onnx,docs,dev]'
	@$(COMPILE)
	@touch $(VENV)/.runtime $@

venv: $(VENV)/.runtime ## make .venv with the project installed (.venv/bin/hounsfield)

dev: $(VENV)/.dev ## the same, with the tools for tests, checks and training

# What locks and audits the dependencies.
$(VENV)/.release: $(VENV)/.dev
	@$(PIP_INSTALL) --no-build-isolation --editable '.[release]'
	@touch $@

demo: venv ## do the main job on generated head CT, or on INPUT=folder
	@$(BIN)/hounsfield demo $(if $(INPUT),--input "$(INPUT)")

run: venv ## start the daemon in the foreground (CONFIG=file)
	@$(BIN)/hounsfield run $(if $(CONFIG),--config "$(CONFIG)")

check: dev ## ruff, mypy --strict, import-linter
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

peers: ## install the peers of the tests: DCMTK, dicom3tools, Orthanc, PostgreSQL, Chromium, Prometheus, OHIF
	@deploy/tools/install-peers.sh

test: ## set up what is missing, check, run the whole suite
	@$(MAKE) --no-print-directory -j 2 peers dev
	@$(MAKE) --no-print-directory check
	@$(MAKE) --no-print-directory test-only

test-only: dev
	$(BIN)/pytest -m "not long" -n $(PYTEST_WORKERS) $(BY_MODULE) $(PYTEST_ARGS)

test-install: dev ## as root: run deploy/install.sh and the demonstration in a fresh Debian (debootstrap): ten minutes
	@command -v debootstrap >/dev/null || apt-get install -qq -y --no-install-recommends debootstrap >/dev/null
	$(BIN)/pytest -m long tests/acceptance/test_installation.py $(PYTEST_ARGS)

# Of these what is neither marked heavy nor slow by tests/durations.txt; the ten slowest are told, so that it stays fast.
FAST := tests/unit tests/contract/storage tests/contract/spool tests/contract/query
test-fast: dev ## what one runs after every change: no TensorFlow, no real peers, under a minute
	@$(BIN)/pytest $(FAST) --fast --durations=10 -n 2 $(BY_MODULE) $(PYTEST_ARGS)

# Modules, and the tests in them, in an order of chance; a seed gives the same order again.
RUNS ?= 5
test-random: dev ## the whole suite RUNS times, in orders of chance (RUNS=5, SEED= for one of them again)
	@status=0; for run in $$(seq $(RUNS)); do \
	  seed=$(if $(SEED),$(SEED),$$(od -An -N3 -tu4 /dev/urandom | tr -d ' ')); \
	  echo "== run $$run of $(RUNS): SEED=$$seed"; \
	  $(BIN)/pytest -m "not long" -n $(PYTEST_WORKERS) $(BY_MODULE) -p randomly --randomly-seed=$$seed $(PYTEST_ARGS) || \
	    { status=1; echo "== again with: make test-random RUNS=1 SEED=$$seed"; }; \
	done; exit $$status

# Whatever the tests start is measured too: coverage follows into other processes.
coverage: dev ## the whole suite under coverage, and a table that says whether enough is covered: an hour (PYTEST_ARGS)
	@rm -rf build/coverage && mkdir -p build/coverage
	@status=0; \
	$(BIN)/coverage run -m pytest -m "not long" -n $(PYTEST_WORKERS) $(BY_MODULE) $(PYTEST_ARGS) || status=1; \
	$(BIN)/coverage combine --quiet && $(BIN)/coverage json --quiet && \
	$(BIN)/python tests/support/coverage_table.py build/coverage/report.json || status=1; \
	exit $$status

mutation: dev ## change the modules that decide, a little at a time: do their tests notice? (MUTATE="retry states")
	@PYTHONPATH=tests $(BIN)/python -m mutation $(MUTATE)

# Each part is a module of tests/torture with the option --minutes; its exit status says whether all was kept.
TORTURE ?= network kill
torture: dev ## attack reception at full size, then kill it 1,000 times: an hour (MINUTES=, TORTURE=part, STATE=file)
	@status=0; for part in $(TORTURE); do \
	  state=""; [ $$part = kill ] && state="$(if $(STATE),--state $(STATE))"; \
	  PYTHONPATH=tests $(BIN)/python -m torture.$$part $(if $(MINUTES),--minutes $(MINUTES)) $$state || status=1; \
	done; exit $$status

torture-cluster: peers dev ## kill processes and cut links of four hosts (network namespaces, as root): MINUTES=10, CLUSTER_ARGS
	@PYTHONPATH=tests $(BIN)/python -m torture.cluster $(if $(MINUTES),--minutes $(MINUTES)) $(CLUSTER_ARGS)

cluster-demo: peers dev ## the same in two minutes: fifty series through four hosts, as root (CLUSTER_ARGS)
	@PYTHONPATH=tests $(BIN)/python -m torture.cluster --minutes 1 --series 50 --pause 1 --cut 15 --outage 25 $(CLUSTER_ARGS)

container-check: peers dev ## run the Dockerfile's steps without an engine, and the service from it, as root: five minutes
	$(BIN)/pytest -m long tests/acceptance/test_container.py $(PYTEST_ARGS)

upgrade-trial: peers dev ## upgrade the home of the last release under load, go back and come again: two minutes
	$(BIN)/pytest -m long tests/acceptance/test_upgrade.py $(PYTEST_ARGS)

demo-model: dev ## train the demonstration bundle anew, from generated phantoms: half an hour on two cores
	$(BIN)/python -m hounsfield.model.train.demo --out model/bundled/ich-demo --seed 2

bench: peers dev ## all of these but bench-cluster beside their peers, and docs/performance.md with BENCH_ARGS="--write": half an hour
	@$(BIN)/python benchmarks/run.py $(BENCH_ARGS)

bench-reception: peers dev ## compare reception with Orthanc, DCMTK and pynetdicom: six minutes (BENCH_ARGS)
	@$(BIN)/python benchmarks/reception/run.py $(BENCH_ARGS)

bench-pixels: dev ## compare codecs and preprocessing chains, measure overlap and memory: three minutes (BENCH_ARGS)
	@$(BIN)/python benchmarks/pixels/run.py $(BENCH_ARGS)

bench-inference: dev ## compare engines and batches with the bare tf.function, measure overlap: two minutes (BENCH_ARGS)
	@$(BIN)/python benchmarks/inference/run.py $(BENCH_ARGS)

bench-results: peers dev ## time results from the last image into Orthanc, and their building: three minutes (BENCH_ARGS)
	@$(BIN)/python benchmarks/results/run.py $(BENCH_ARGS)

bench-end-to-end: peers dev ## from the last image to the report beside others with the same model: eight minutes (BENCH_ARGS)
	@$(BIN)/python benchmarks/end_to_end/run.py $(BENCH_ARGS)

bench-console: dev ## open pages and lists over 1,000 and 1,000,000 jobs: five minutes (BENCH_ARGS)
	@$(BIN)/python benchmarks/console/run.py $(BENCH_ARGS)

bench-cluster: peers dev ## a long past, several workers and a simulated network on PostgreSQL: twelve minutes (BENCH_ARGS)
	@$(BIN)/python benchmarks/cluster/run.py $(BENCH_ARGS)

docs: dev ## build the site into site/; every link and anchor is checked
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build
	@echo "site/index.html"

docs-serve: dev ## show the site on http://127.0.0.1:8000/ and anew whenever a page is saved
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs serve

dist: dev ## build sdist and wheel into dist/, the same bytes each time, and check them in a clean environment
	@rm -rf build dist
	@$(BIN)/python deploy/tools/build_dist.py dist
	@$(BIN)/python deploy/tools/check_dist.py dist

lock: $(VENV)/.release ## write constraints.txt and deploy/requirements from what .venv holds, then the licence list
	@$(BIN)/python deploy/tools/lock.py
	@$(BIN)/python deploy/tools/licences.py

check-lock: dev ## install the wheel from the hashed lock into a new environment: three minutes
	@$(BIN)/pytest -m long tests/integration/test_locked_installation.py

licences: dev ## write docs/licences.md; fails if a licence is unknown or refused
	@$(BIN)/python deploy/tools/licences.py

sbom: dev ## write the bill of materials (CycloneDX) into dist/
	@$(BIN)/python deploy/tools/sbom.py dist

audit: $(VENV)/.release ## ask whether a locked version has a known vulnerability (AUDIT_ARGS)
	@$(BIN)/python deploy/tools/audit.py $(AUDIT_ARGS)

release: dist sbom ## all files of a release in dist/, with SHA256SUMS to sign: deploy/release/RELEASE.md
	@cd dist && sha256sum -- *.whl *.tar.gz *.json > SHA256SUMS && cat SHA256SUMS

clean: ## remove what the other commands made
	rm -rf $(VENV) build dist site demo-output hounsfield-home *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
