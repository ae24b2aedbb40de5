# SPDX-License-Identifier: Apache-2.0
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
BPY_VENV := .venv-bpy
BPY_PYTHON ?= $(shell command -v python3.11 || echo $(PYTHON))

.PHONY: setup demo test test-slow test-window lint docs-check blender extension gizmos assets wheels bench bench-gpu clean

setup: $(STAMP)

# pip runs again only when what is to be installed has changed
$(STAMP): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	$(BIN)/python -c "import pymatting"  # compiles itself once, half a minute
	touch $@

demo: setup
	$(BIN)/pullfocus demo

# with Blender where it can be had: its tests are skipped, and say so, where it cannot
test: setup
	@$(MAKE) --no-print-directory blender || echo "no Blender here: its tests will be skipped"
	$(BIN)/python -m pytest -m "not slow and not window"

# Blender with a window, worked by mouse and keyboard; pictures of every station in build/window.
# SUITE=trixie takes Blender 4.3, BLENDER=/path/to/blender yours; skipped, and says so, without
test-window: setup
	$(BIN)/python -m pytest -m window tests/window

test-slow: setup
	$(BIN)/python -m pytest -m "slow and not window"

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	MYPYPATH=core $(BIN)/mypy

# whether links, commands, options and files that the pages name are there; a test says it as well
docs-check: setup
	$(BIN)/python docs/check.py

# Blender as a Python module, to compare with; 0.8 GB, and this release of it wants Python 3.11
blender: $(BPY_VENV)/.installed

$(BPY_VENV)/.installed: constraints-bpy.txt
	test -x $(BPY_VENV)/bin/python || $(BPY_PYTHON) -m venv $(BPY_VENV)
	$(BPY_VENV)/bin/python -m pip install --quiet --constraint constraints-bpy.txt bpy
	touch $@

# the .gizmo files and docs/nuke_reference.md, from their descriptions; tests say whether they are current
gizmos: setup
	$(BIN)/python -m nuke_gizmo.build
	$(BIN)/python -m nuke_gizmo.reference

# dist/pullfocus-VERSION.zip, with Blender's own packager
extension: blender
	mkdir -p dist
	$(BPY_VENV)/bin/python $(BPY_VENV)/lib/python*/site-packages/bpy/*/scripts/addons_core/bl_pkg/cli/blender_ext.py \
		build --source-dir blender_addon --output-dir dist

# what the extension brings for Blender's asset shelves, built in Blender 5.2
assets: setup
	$(BIN)/python blender_assets/build.py

# dist/*.whl for Linux, macOS and Windows, kernels compiled, all from this machine
wheels: setup
	$(BIN)/python wheels/build.py

bench-gpu: setup
	$(BIN)/python benchmarks/gpu.py

bench: setup
	$(BIN)/python benchmarks/lens_blur.py

clean:
	rm -rf $(VENV) build dist demo .pytest_cache .mypy_cache .ruff_cache .hypothesis
