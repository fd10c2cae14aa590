PYTHON ?= python3
BIN := .venv/bin
# One thread a process: the tests run in two, and results then do not depend on how many cores there are.
ONE_THREAD := OMP_NUM_THREADS=1

.PHONY: env demo models test check format-check lint types contracts bench

env: .venv/made

.venv/made: pyproject.toml constraints.txt
	@echo "env: making .venv with the versions of constraints.txt (a few minutes the first time)"
	@$(PYTHON) -c 'import sys; sys.exit("latentprob needs Python 3.11 or newer; this is " + sys.version.split()[0] + ". Try: make PYTHON=python3.12 env") if sys.version_info < (3, 11) else None'
	@$(PYTHON) -m venv .venv
	@$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@
	@echo "env: .venv is ready"

demo: env
	@echo "demo: three models on real data; figures go to demo/"
	@$(ONE_THREAD) $(BIN)/latentprob demo

models: env
	@echo "models: the program of each model file, beside it"
	@$(BIN)/python -m latentprob.program.write models

test: env
	@echo "test: all tests, in two processes"
	@$(ONE_THREAD) $(BIN)/python -m pytest -n 2 --dist worksteal

check: format-check lint types contracts test

format-check: env
	@echo "check: format"
	@$(BIN)/ruff format --check .

lint: env
	@echo "check: lint"
	@$(BIN)/ruff check .

types: env
	@echo "check: types"
	@$(BIN)/mypy

contracts: env
	@echo "check: layers"
	@$(BIN)/lint-imports

bench: env
	@echo "bench: steps of the compiled program against hand-written Pyro and plain torch"
	@$(BIN)/python benchmarks/steps.py --json benchmarks/steps.json --markdown benchmarks/steps.md
	@echo "bench: whole fits against scikit-learn and others"
	@$(BIN)/python benchmarks/fits.py --json benchmarks/fits.json --markdown benchmarks/fits.md
	@echo "bench: the Swiss roll, unrolled"
	@$(BIN)/python benchmarks/swiss_roll.py
	@echo "bench: hidden Markov models against hmmlearn"
	@$(BIN)/python benchmarks/chains.py
