# SPDX-License-Identifier: Apache-2.0
"""What the asset files were made from, so that a test can say when they are out of date.

`make assets` leaves built.json: for every .blend its own fingerprint, and that of the sources of
its node group. Comments, docstrings and empty lines do not count: they make no node.
"""

from __future__ import annotations

import ast
import hashlib
import io
import json
import tokenize
from pathlib import Path

ROOT = Path(__file__).parents[1]
ASSETS = ROOT / "blender_addon/assets"
RECORD = Path(__file__).with_name("built.json")
_SHARED = ("compat", "group_inputs", "layer_blur", "tree_builder")
SOURCES = {
    "lens": (*_SHARED, "group_views", "lens_group", "shot_group"),
    "shot": (*_SHARED, "group_views", "shot_asset", "shot_group"),
}
"""By asset, modules of blender_addon that build its node group; build.py counts as well."""


def made_from(name: str) -> str:
    """Return the fingerprint of an asset's sources as they are now."""
    total = hashlib.sha256()
    files = [ROOT / f"blender_addon/{module}.py" for module in sorted(SOURCES[name])]
    for path in (*files, Path(__file__).with_name("build.py")):
        text = path.read_text(encoding="utf-8")
        total.update(f"{path.name}\n{statements(text)}\n".encode())
    return total.hexdigest()


def statements(text: str) -> str:
    """Return Python without comments, docstrings and empty lines; every other character stays."""
    lines = text.splitlines()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            row, column = token.start
            lines[row - 1] = lines[row - 1][:column]
    for node in ast.walk(ast.parse(text)):
        body = getattr(node, "body", None)
        for one in body if isinstance(body, list) else []:
            if isinstance(one, ast.Expr) and isinstance(one.value, ast.Constant):
                assert one.end_lineno is not None
                for row in range(one.lineno, one.end_lineno + 1):
                    lines[row - 1] = ""
    return "\n".join(line.rstrip() for line in lines if line.strip())


def file_of(name: str) -> str:
    """Return the fingerprint of an asset's .blend as it lies there."""
    return hashlib.sha256((ASSETS / f"{name}.blend").read_bytes()).hexdigest()


def record() -> None:
    """Write down what the .blend files that lie there were made from: now."""
    found = {name: {"made_from": made_from(name), "file": file_of(name)} for name in SOURCES}
    RECORD.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def recorded() -> dict[str, dict[str, str]]:
    """Return what was written down."""
    return dict(json.loads(RECORD.read_text(encoding="utf-8")))
