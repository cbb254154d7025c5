# What a person does here. Every recipe works from a path with spaces, with or without a terminal.
# PYTHON=/path/to/python3.x chooses the interpreter that .venv is made with.
.PHONY: help demo test lint format clean

help:
	@echo "make demo    start an emulated lab on loopback, collect from it, say where the outputs are"
	@echo "make test    everything that is checked: lint, types, tests (with real routers where FRRouting is installed)"
	@echo "make lint    ruff and mypy only"
	@echo "make format  let ruff format and fix"
	@echo "make clean   remove .venv and caches; output/ stays"

demo:
	@tools/venv.sh run
	@tools/demo.sh

lint:
	@tools/venv.sh dev
	.venv/bin/python -m ruff check
	.venv/bin/python -m ruff format --check
	.venv/bin/python -m mypy

test: lint
	.venv/bin/python -m pytest -n auto --maxprocesses 4 --dist loadgroup

format:
	@tools/venv.sh dev
	.venv/bin/python -m ruff check --fix
	.venv/bin/python -m ruff format

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist
	find collector tests -name __pycache__ -type d -prune -exec rm -rf {} +
