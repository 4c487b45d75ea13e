# make: what there is. make run and make test are all the set-up that a fresh machine needs.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
CONF ?=
PYTEST_ARGS ?=
BENCH_ARGS ?=
# More at a time than there are processors: most tests wait for timers of the protocol.
PYTEST_JOBS ?= 3

.DEFAULT_GOAL := help
.PHONY: help run build debug test test-root nightly soak lint bench bench-failover annotate docs clean

help: ## list these targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 12

build: ## make the virtual environment and build the extensions
	@contrib/bootstrap.sh $(PYTHON) $(VENV)

run: build ## run pyvrrpd on CONF=FILE in the foreground; without CONF, the demo
ifdef CONF
	@exec $(BIN)/pyvrrpd -n -l -D -f $(CONF)
else
	@exec $(BIN)/pyvrrp demo
endif

test: ## every test that this user may run (as root: all of them)
	@contrib/bootstrap.sh $(PYTHON) $(VENV) test
	@contrib/test-deps.sh
	@# By files: what a file's tests share is made once. Daemons are in real time: one that fails beside others has to
	@# pass alone.
	$(BIN)/python -m pytest -n $(PYTEST_JOBS) --dist loadfile $(PYTEST_ARGS) || { \
	    echo "*** what failed is run once more, alone; one that passes now is a fault of its test: report it ***"; \
	    $(BIN)/python -m pytest --last-failed --last-failed-no-failures none -x $(PYTEST_ARGS); }

test-root: ## only the tests that need root: namespaces, a real keepalived
	@contrib/bootstrap.sh $(PYTHON) $(VENV) test
	@contrib/test-deps.sh
	$(BIN)/python -m pytest -m root $(PYTEST_ARGS)

lint: ## ruff, cython-lint, mypy --strict, the stubs against what is compiled
	@contrib/bootstrap.sh $(PYTHON) $(VENV) test lint
	$(BIN)/ruff check
	PATH="$(abspath $(BIN)):$$PATH" $(BIN)/cython-lint vrrpcore pyvrrp/meter pyvrrp/metrics $(wildcard bench)
	$(BIN)/mypy
	$(BIN)/python -m mypy.stubtest vrrpcore pyvrrp.meter.loops pyvrrp.metrics.columns --concise --allowlist contrib/stubtest.txt --ignore-unused-allowlist

debug: ## unit and property tests and the fuzzers in a build with bounds checks and ASan, UBSan
	@contrib/debug.sh $(PYTHON) $(VENV) $(PYTEST_ARGS)

nightly: test annotate ## what takes longer than a test may
	@$(BIN)/pip install -q --disable-pip-version-check "atheris>=2.3" || echo "no atheris here: only our own fuzzing loop"
	@$(PYTHON) -m venv $(VENV)/api && $(VENV)/api/bin/pip install -q --disable-pip-version-check "schemathesis>=4" \
		|| echo "no schemathesis here: the API is not tried by its description"
	PYVRRP_NIGHTLY=1 $(BIN)/python -m pytest $(PYTEST_ARGS)

soak: build ## a pair of daemons under steady disturbance for PYVRRP_SOAK_S seconds (an hour), as root
	@contrib/bootstrap.sh $(PYTHON) $(VENV) test
	@contrib/test-deps.sh
	PYVRRP_SOAK_S=$${PYVRRP_SOAK_S:-3600} $(BIN)/python -m pytest -s tests/soak $(PYTEST_ARGS)

bench: ## measure; each figure beside its yardstick, JSON in .benchmarks/
	@contrib/bootstrap.sh $(PYTHON) $(VENV) test bench
	$(BIN)/python -m pytest bench --benchmark-autosave --benchmark-columns=median,iqr,rounds $(PYTEST_ARGS)

bench-failover: ## mass failover and start beside keepalived, every case five times: an hour, as root
	@contrib/bootstrap.sh $(PYTHON) $(VENV) test bench
	PYVRRP_BUILD=bench $(BIN)/python setup.py -q build_ext --build-lib build/bench --build-temp build/bench/tmp
	$(BIN)/python bench/failover.py $(BENCH_ARGS)

annotate: ## Cython's view of the C code; fails on a line without the GIL, or an inline function, that touches Python
	@contrib/bootstrap.sh $(PYTHON) $(VENV)
	$(BIN)/python contrib/annotate.py build/annotate

docs: ## write the generated documents anew
	@contrib/bootstrap.sh $(PYTHON) $(VENV)
	$(BIN)/python contrib/generate_docs.py docs man

clean: ## remove what was built
	rm -rf build *.egg-info .venv/.pyvrrp-* vrrpcore/*.c vrrpcore/*.so vrrpcore/*.html pyvrrp/_linux.c pyvrrp/_linux*.so \
	       pyvrrp/meter/*.c pyvrrp/meter/*.so pyvrrp/metrics/*.c pyvrrp/metrics/*.so
