# make: what there is. make run, make test: all the set-up a fresh machine needs.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
CONF ?=

.DEFAULT_GOAL := help
.PHONY: help run build debug test test-root test-deps nightly soak lint bench annotate docs clean

help: ## list these targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 12

build: ## make the virtual environment and build the extensions
	@contrib/bootstrap.sh $(PYTHON) $(VENV)

run: build ## run pyvrrpd on CONF=FILE in the foreground; without CONF, the demo
ifdef CONF
	exec $(BIN)/pyvrrpd -n -l -D -f $(CONF)
else
	exec $(BIN)/pyvrrp demo
endif

test: ## every test that this user may run (as root: all of them)
	@contrib/bootstrap.sh $(PYTHON) $(VENV) test
	@contrib/test-deps.sh
	$(BIN)/python -m pytest
