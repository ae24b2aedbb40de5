# SPDX-License-Identifier: Apache-2.0
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
BPY_VENV := .venv-bpy

.PHONY: setup demo test test-slow lint blender gizmos bench clean

setup: $(STAMP)

# pip runs again only when what is to be installed has changed
$(STAMP): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

demo: setup
	$(BIN)/pullfocus demo

test: setup
	$(BIN)/python -m pytest -m "not slow"

test-slow: setup
	$(BIN)/python -m pytest -m slow

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	MYPYPATH=core $(BIN)/mypy

# Blender as a Python module, to compare with; 0.8 GB, and this release of it wants Python 3.11
blender: $(BPY_VENV)/.installed

$(BPY_VENV)/.installed: constraints-bpy.txt
	test -x $(BPY_VENV)/bin/python || $(PYTHON) -m venv $(BPY_VENV)
	$(BPY_VENV)/bin/python -m pip install --quiet --constraint constraints-bpy.txt bpy
	touch $@

# the .gizmo files, from their descriptions; tests say whether they are current
gizmos: setup
	$(BIN)/python -m nuke_gizmo.build

bench: setup
	$(BIN)/python benchmarks/lens_blur.py

clean:
	rm -rf $(VENV) build dist demo .pytest_cache .mypy_cache .ruff_cache .hypothesis
