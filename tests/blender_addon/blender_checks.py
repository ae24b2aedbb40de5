# SPDX-License-Identifier: Apache-2.0
"""Runs in the Python of bpy: installs the extension, runs everything it does, writes down results.

    python blender_checks.py ORDER.json [CHECK ...]

Names of checks run only those. The order says where sources, passes, solve, clip and the Python of
pullfocus are. Every check writes what it found to ``results.json`` in the output folder; tests read
that.
"""

from __future__ import annotations

import importlib
import json
import sys
import time
import traceback
from pathlib import Path

import bpy
from blender_desk import CHECKS, ORDER, OUT, RESULTS

for part in ("blender_first", "blender_shots", "blender_jobs", "blender_files"):
    importlib.import_module(part)  # adds its checks to the list, in the order in which they run


def main() -> None:
    OUT.mkdir(parents=True, exist_ok=True)
    (OUT / "blend").mkdir(exist_ok=True)
    RESULTS["_passes"] = str(Path(ORDER["passes"]).parent)
    RESULTS["blender"] = bpy.app.version_string
    seconds = {}
    chosen = sys.argv[2:]
    for function in (f for f in CHECKS if not chosen or f.__name__ in chosen):
        began = time.perf_counter()
        try:
            RESULTS[function.__name__] = function()
        except Exception:
            RESULTS[function.__name__] = {"failed": traceback.format_exc()}
        seconds[function.__name__] = round(time.perf_counter() - began, 2)
    RESULTS["seconds"] = seconds
    (OUT / "results.json").write_text(json.dumps(RESULTS, indent=1, default=str))


if __name__ == "__main__":
    main()
