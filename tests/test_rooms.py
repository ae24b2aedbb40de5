# SPDX-License-Identifier: Apache-2.0
"""The ground plan: folders of core/pullfocus are rooms, imports run one way between them."""

import ast
import re
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pullfocus
import pytest

ROOT = Path(pullfocus.__file__).parent
GROUND = "ground floor"
DOOR = "front door"
"""``pullfocus/__init__.py``: it names what the API offers, and nobody imports from it."""


def imported(path: Path) -> set[str]:
    """Full names of the modules that a file imports, those for types alone too."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def room(path: Path) -> str:
    inner = path.relative_to(ROOT).parts
    if inner == ("__init__.py",):
        return DOOR
    return inner[0] if len(inner) > 1 else GROUND


def room_of_module(name: str) -> str:
    first = name.split(".")[1]
    return first if (ROOT / first).is_dir() else GROUND


def arrows() -> dict[str, set[str]]:
    """Which rooms a room imports from."""
    found: dict[str, set[str]] = {}
    for path in ROOT.rglob("*.py"):
        names = (name for name in imported(path) if name.startswith("pullfocus."))
        found.setdefault(room(path), set()).update(map(room_of_module, names))
    return {name: reached - {name} for name, reached in found.items()}


def test_imports_between_rooms_run_one_way():
    order = list(TopologicalSorter(arrows()).static_order())  # raises CycleError, and names it
    assert order.index("passes") < order.index("plate") < order.index("solve") < order.index("bake")
    assert arrows()["cli"] >= {"solve", "bake"}
    assert not [name for name, reached in arrows().items() if "cli" in reached]


def test_the_contract_of_passes_needs_the_standard_library_alone():
    files = [*(ROOT / "passes").glob("*.py"), ROOT / "errors.py"]
    foreign = {
        f"{path.name}: {name}"
        for path in files
        for name in imported(path)
        if name.split(".")[0] not in {*sys.stdlib_module_names, "pullfocus"}
    }
    assert len(files) > 3
    assert not foreign


def test_the_walk_in_development_md_is_the_one_that_imports_take():
    page = ROOT.parents[1] / "DEVELOPMENT.md"
    if not page.exists():  # installed without its source
        pytest.skip("no DEVELOPMENT.md beside the package")
    told = re.search(r"test_rooms.py`\): (cli -> .*?)\. `", page.read_text(), re.DOTALL)
    assert told
    floors = [set(re.findall(r"\w+", floor)) for floor in told[1].split("->")]
    level = {name: number for number, floor in enumerate(floors) for name in floor}
    beside = {"ground floor", "front door", "native", "hosts"}
    found = arrows()
    assert set(level) == set(found) - beside
    up = [
        f"{name} -> {other}"
        for name, reached in found.items()
        for other in reached
        if name in level and other in level and level[other] <= level[name]
    ]
    assert not up
