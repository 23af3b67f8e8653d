PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check

.PHONY: install app test test-all coverage bench lint clean

install: $(VENV)/.app

$(VENV)/.app: pyproject.toml requirements.txt
	@command -v $(PYTHON) >/dev/null || { echo "survviz needs Python 3.11; set PYTHON=/path/to/python3.11"; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) torch==2.13.0
	$(PIP) --editable .
	@touch $@

$(VENV)/.test: $(VENV)/.app
	$(PIP) --editable '.[test]'
	@touch $@

app: install
	$(BIN)/streamlit run app.py

test: $(VENV)/.test
	$(BIN)/pytest -m "not slow and not gpu" -n 2 --dist loadgroup --durations=15

test-all: $(VENV)/.test
	$(BIN)/pytest -n 2 --dist loadgroup

coverage: $(VENV)/.test
	$(BIN)/pytest -m "not slow and not gpu" -n 2 --dist loadgroup --cov --cov-report=term --cov-fail-under=90

bench: $(VENV)/.test
	$(BIN)/python -m benchmarks

lint: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright

clean:
	rm -rf $(VENV) .pytest_cache .ruff_cache
