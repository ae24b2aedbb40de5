# SPDX-License-Identifier: Apache-2.0
"""The .blend files on the shelf are what `make assets` would write now."""

import ast

import pytest

from blender_assets.sources import ROOT, SOURCES, file_of, made_from, recorded, statements

_NO_NODE = {"passes", "errors"}
"""Modules that those of an asset import for types and complaints alone."""


@pytest.mark.parametrize("name", SOURCES)
def test_assets_are_current(name: str) -> None:
    assert recorded()[name]["made_from"] == made_from(name), "sources have changed: make assets"
    assert recorded()[name]["file"] == file_of(name), "the .blend is another: make assets"


@pytest.mark.parametrize("name", SOURCES)
def test_all_modules_that_build_an_asset_count(name: str) -> None:
    for module in SOURCES[name]:
        tree = ast.parse((ROOT / f"blender_addon/{module}.py").read_text())
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and node.level == 1:
                found = {node.module} if node.module else {one.name for one in node.names}
                assert found <= {*SOURCES[name], *_NO_NODE}, module


def test_a_changed_node_is_noticed_and_a_changed_comment_is_not() -> None:
    text = 'def add(tree):\n    """Add."""\n    tree.new("Blur", 1)  # soft\n'
    told = 'def add(tree):\n    """Add it."""\n\n    # so\n    tree.new("Blur", 1)\n'
    assert statements(told) == statements(text)
    assert statements(text.replace("1", "2")) != statements(text)
    assert '"Blur # 1"' in statements('new("Blur # 1")  # one\n')


def test_the_record_names_every_asset() -> None:
    found = {path.stem for path in (ROOT / "blender_addon/assets").glob("*.blend")}
    assert set(recorded()) == found == set(SOURCES)
